package sdk

import (
	"errors"
	"time"

	connectorv1 "github.com/jumpring/jumpring/plugins/proto"
)

// ErrNoService is returned by Services where the hub is older than the connector and does not know the question.
var ErrNoService = errors.New("the hub does not know this service: it has to be updated")

// Services are what the hub does for a connector beside Host. A method asks the hub and waits for its answer, some tens
// of microseconds where nothing is written; none may be called before Open. Values and counts are the connection's own:
// no other connection sees them, whatever key it uses.
type Services interface {
	// Secret gives the present value of one of the connection's secrets, as it was configured or rotated last.
	Secret(key string) (value string, ok bool, err error)
	// Now gives the hub's time. In a replay of recorded traffic it is the time of the recording: take it, and not
	// time.Now, where a request to the platform carries the present.
	Now() (time.Time, error)
	// Load gives a value that Store kept, in this process or one before it.
	Load(key string) (value []byte, ok bool, err error)
	// Store keeps a value of at most 1 MiB under a key of at most 60 bytes and returns when it is sealed and durable. It is
	// in the hub's backups. It is no place for cursors, which the hub keeps with the facts they belong to.
	Store(key string, value []byte) error
	// Remove takes a value away; a key that there is not is no error.
	Remove(key string) error
	// Keys lists what Store kept, in order.
	Keys() ([]string, error)
	// Count adds to a counter that operators see as jumpring_connector_total{connection, name}. A name has lower case
	// letters, digits and "_", at most 60; a connection has at most 100 of them. A count starts at 0 with the hub.
	Count(name string, add float64) error
}

// Now gives the time of the hub that opened the connector, and the machine's where there is none, as in a unit test. See
// Services.Now.
func (r *OpenRequest) Now() time.Time {
	if r.Services != nil {
		if at, err := r.Services.Now(); err == nil {
			return at
		}
	}
	return time.Now()
}

// Secret implements Services.
func (h *hostLink) Secret(key string) (string, bool, error) {
	a, err := h.answer(&connectorv1.HostServicesResponse{
		Ask: &connectorv1.HostServicesResponse_GetSecret{GetSecret: &connectorv1.GetSecretRequest{Key: key}},
	})
	if err == nil && a.GetGetSecret() == nil {
		err = ErrNoService
	}
	return a.GetGetSecret().GetValue(), a.GetGetSecret().GetFound(), err
}

// Now implements Services.
func (h *hostLink) Now() (time.Time, error) {
	a, err := h.answer(&connectorv1.HostServicesResponse{Ask: &connectorv1.HostServicesResponse_Now{Now: &connectorv1.NowRequest{}}})
	switch {
	case err != nil:
		return time.Time{}, err
	case a.GetNow() == nil:
		return time.Time{}, ErrNoService
	}
	return time.Unix(0, a.GetNow().GetUnixNanos()).UTC(), nil
}

// Load implements Services.
func (h *hostLink) Load(key string) ([]byte, bool, error) {
	a, err := h.answer(&connectorv1.HostServicesResponse{
		Ask: &connectorv1.HostServicesResponse_LoadValue{LoadValue: &connectorv1.LoadValueRequest{Key: key}},
	})
	switch {
	case err != nil:
		return nil, false, err
	case a.GetLoadValue() == nil:
		return nil, false, ErrNoService
	}
	return a.GetLoadValue().GetValue(), a.GetLoadValue().GetFound(), said(a.GetLoadValue().GetError())
}

// Store implements Services.
func (h *hostLink) Store(key string, value []byte) error {
	return h.store(&connectorv1.StoreValueRequest{Key: key, Value: value})
}

// Remove implements Services.
func (h *hostLink) Remove(key string) error {
	return h.store(&connectorv1.StoreValueRequest{Key: key, Remove: true})
}

func (h *hostLink) store(request *connectorv1.StoreValueRequest) error {
	a, err := h.answer(&connectorv1.HostServicesResponse{Ask: &connectorv1.HostServicesResponse_StoreValue{StoreValue: request}})
	switch {
	case err != nil:
		return err
	case a.GetStoreValue() == nil:
		return ErrNoService
	}
	return said(a.GetStoreValue().GetError())
}

// Keys implements Services.
func (h *hostLink) Keys() ([]string, error) {
	a, err := h.answer(&connectorv1.HostServicesResponse{Ask: &connectorv1.HostServicesResponse_ListValues{ListValues: &connectorv1.ListValuesRequest{}}})
	switch {
	case err != nil:
		return nil, err
	case a.GetListValues() == nil:
		return nil, ErrNoService
	}
	return a.GetListValues().GetKeys(), said(a.GetListValues().GetError())
}

// Count implements Services.
func (h *hostLink) Count(name string, add float64) error {
	a, err := h.answer(&connectorv1.HostServicesResponse{
		Ask: &connectorv1.HostServicesResponse_Count{Count: &connectorv1.CountRequest{Name: name, Add: add}},
	})
	switch {
	case err != nil:
		return err
	case a.GetCount() == nil:
		return ErrNoService
	}
	return said(a.GetCount().GetError())
}
