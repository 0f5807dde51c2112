package sdk

import (
	"context"
	"errors"
	"net"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	connectorv1 "github.com/jumpring/jumpring/plugins/proto"
)

// An older hub answers a question that it does not know with the id alone: the connector learns of it at once.
func TestAnOlderHubLacksServices(t *testing.T) {
	s := newServer(func() Connector { return nil }, hclog.NewNullLogger())
	l := bufconn.Listen(1 << 16)
	g := grpc.NewServer()
	connectorv1.RegisterConnectorServer(g, s)
	done := make(chan error, 1)
	go func() { done <- g.Serve(l) }()
	defer func() {
		g.Stop()
		require.NoError(t, <-done)
	}()
	conn, err := grpc.NewClient("passthrough:hub", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return l.Dial() }))
	require.NoError(t, err)
	defer conn.Close()
	hub, err := connectorv1.NewConnectorClient(conn).HostServices(t.Context())
	require.NoError(t, err)
	_, err = hub.Header()
	require.NoError(t, err)
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		for {
			question, err := hub.Recv()
			if err != nil || hub.Send(&connectorv1.HostServicesRequest{Id: question.GetId()}) != nil {
				return
			}
		}
	}()
	for what, ask := range map[string]func() error{
		"secret": func() error { _, _, err := s.host.Secret("a"); return err },
		"now":    func() error { _, err := s.host.Now(); return err },
		"load":   func() error { _, _, err := s.host.Load("a"); return err },
		"store":  func() error { return s.host.Store("a", nil) },
		"remove": func() error { return s.host.Remove("a") },
		"keys":   func() error { _, err := s.host.Keys(); return err },
		"count":  func() error { return s.host.Count("a", 1) },
	} {
		require.True(t, errors.Is(ask(), ErrNoService), what)
	}
	require.ErrorContains(t, s.host.RotateSecret("a", "b"), "has to be updated")
	require.False(t, (&OpenRequest{Services: s.host}).Now().IsZero(), "the machine's clock, then")
	require.NoError(t, hub.CloseSend())
	<-answered
}
