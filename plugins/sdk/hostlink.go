package sdk

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"google.golang.org/grpc/metadata"

	connectorv1 "github.com/jumpring/jumpring/plugins/proto"
)

// hostAnswerLimit is how long the hub may take to make a secret durable.
const hostAnswerLimit = 30 * time.Second

// hostLink is the connector's end of HostServices: it sends questions and matches the answers by id.
type hostLink struct {
	mu      sync.Mutex // guards the fields and orders sends
	stream  connectorv1.Connector_HostServicesServer
	lastID  uint64
	waiting map[uint64]chan *connectorv1.HostServicesRequest
}

func newHostLink() *hostLink {
	return &hostLink{waiting: map[uint64]chan *connectorv1.HostServicesRequest{}}
}

// RotateSecret implements Host.
func (h *hostLink) RotateSecret(key, value string) error {
	traffic().addSecrets(value)
	a, err := h.answer(&connectorv1.HostServicesResponse{
		Ask: &connectorv1.HostServicesResponse_RotateSecret{RotateSecret: &connectorv1.RotateSecretRequest{Key: key, Value: value}},
	})
	switch {
	case err != nil:
		return fmt.Errorf("the rotated secret may not be durable: %w", err)
	case a.GetRotateSecret() == nil:
		return errors.New("the hub does not know how to keep a rotated secret: it has to be updated")
	}
	return said(a.GetRotateSecret().GetError())
}

// answer asks the hub and waits for what it says.
func (h *hostLink) answer(question *connectorv1.HostServicesResponse) (*connectorv1.HostServicesRequest, error) {
	id, answer, err := h.ask(question)
	if err != nil {
		return nil, err
	}
	timer := time.NewTimer(hostAnswerLimit)
	defer timer.Stop()
	select {
	case a, ok := <-answer:
		if !ok {
			return nil, errors.New("the hub left before it answered")
		}
		return a, nil
	case <-timer.C:
		h.mu.Lock()
		delete(h.waiting, id)
		h.mu.Unlock()
		return nil, errors.New("the hub did not answer in time")
	}
}

// said makes an error of the hub's words; nil where it had none.
func said(words string) error {
	if words == "" {
		return nil
	}
	return errors.New(words)
}

func (h *hostLink) ask(question *connectorv1.HostServicesResponse) (uint64, <-chan *connectorv1.HostServicesRequest, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stream == nil {
		return 0, nil, errors.New("the hub does not listen for the connector's questions")
	}
	h.lastID++
	question.Id = h.lastID
	answer := make(chan *connectorv1.HostServicesRequest, 1)
	h.waiting[h.lastID] = answer
	if err := h.stream.Send(question); err != nil {
		delete(h.waiting, h.lastID)
		return 0, nil, err
	}
	return h.lastID, answer, nil
}

// serve reads answers until the hub ends the stream.
func (h *hostLink) serve(stream connectorv1.Connector_HostServicesServer) error {
	h.mu.Lock()
	h.stream = stream
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.stream == stream {
			h.stream = nil
			for id, answer := range h.waiting {
				close(answer)
				delete(h.waiting, id)
			}
		}
	}()
	// The header tells the hub that questions can be asked from now on.
	if err := stream.SendHeader(metadata.MD{}); err != nil {
		return err
	}
	for {
		a, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		h.mu.Lock()
		if answer, ok := h.waiting[a.GetId()]; ok {
			delete(h.waiting, a.GetId())
			answer <- a
		}
		h.mu.Unlock()
	}
}

// HostServices keeps the way back to the hub open.
func (s *server) HostServices(stream connectorv1.Connector_HostServicesServer) error {
	return s.host.serve(stream)
}
