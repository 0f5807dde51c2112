package hosttest

import (
	"context"
	"errors"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/jumpring/jumpring/core/canon"
	connectorv1 "github.com/jumpring/jumpring/plugins/proto"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// serveRaw serves what the SDK would not let an author send.
func serveRaw(fault string) {
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig: sdk.Handshake(),
		VersionedPlugins: map[int]goplugin.PluginSet{
			sdk.ProtocolVersion: {sdk.PluginName: rawPlugin{server: &rawServer{fault: fault}}},
		},
		GRPCServer: func(o []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(o, grpc.MaxSendMsgSize(1<<30))...)
		},
	})
}

type rawPlugin struct {
	goplugin.NetRPCUnsupportedPlugin
	server *rawServer
}

func (p rawPlugin) GRPCServer(_ *goplugin.GRPCBroker, s *grpc.Server) error {
	connectorv1.RegisterConnectorServer(s, p.server)
	return nil
}

func (rawPlugin) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("no client side")
}

type rawServer struct {
	connectorv1.UnimplementedConnectorServer
	fault string
}

func (s *rawServer) Describe(context.Context, *connectorv1.DescribeRequest) (*connectorv1.DescribeResponse, error) {
	return &connectorv1.DescribeResponse{
		Name: s.fault, Version: "1.0.0", ProtocolMin: 1, ProtocolMax: 1, Capabilities: []string{string(sdk.CanPoll)},
		Kinds: []string{string(canon.KindListing)}, Streams: []*connectorv1.Stream{{Name: Stream, IntervalMillis: 50}},
	}, nil
}

func (s *rawServer) Open(context.Context, *connectorv1.OpenRequest) (*connectorv1.OpenResponse, error) {
	return &connectorv1.OpenResponse{}, nil
}

func (s *rawServer) Close(context.Context, *connectorv1.CloseRequest) (*connectorv1.CloseResponse, error) {
	return &connectorv1.CloseResponse{}, nil
}

func (s *rawServer) HostServices(stream connectorv1.Connector_HostServicesServer) error {
	if err := stream.SendHeader(nil); err != nil {
		return err
	}
	<-stream.Context().Done()
	return nil
}

func (s *rawServer) Poll(context.Context, *connectorv1.PollRequest) (*connectorv1.PollResponse, error) {
	if s.fault == Huge {
		return &connectorv1.PollResponse{Cursor: []byte("huge"), Observations: []*connectorv1.Observation{{
			Kind: string(canon.KindListing), ExternalId: "huge", Data: make([]byte, 100<<20),
		}}}, nil
	}
	// The same listing as the good connection's, in its name, with a title that would be seen.
	return &connectorv1.PollResponse{Cursor: []byte("stolen"), Observations: []*connectorv1.Observation{{
		Kind: string(canon.KindListing), ExternalId: StolenListing,
		Data: []byte(`{"connection":"good","kind":"listing","external_id":"` + StolenListing +
			`","source_version":99,"head":{"connection":"good"},"listing":{"title":"Stolen","sku":"STOLEN"}}`),
	}}}, nil
}
