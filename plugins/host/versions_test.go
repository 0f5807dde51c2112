package host

import (
	"context"
	"errors"
	"testing"

	goplugin "github.com/hashicorp/go-plugin"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	connectorv1 "github.com/jumpring/jumpring/plugins/proto"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// serveVersions serves a connector that speaks some versions of the protocol, in the words of an SDK that knows nothing of
// what was added to version 1 since its first day: it describes no actions and asks the hub for nothing but rotation.
func serveVersions(least, most int) {
	sets := map[int]goplugin.PluginSet{}
	for v := least; v <= most; v++ {
		sets[v] = goplugin.PluginSet{sdk.PluginName: versionedPlugin{server: &versionedServer{least: least, most: most}}}
	}
	goplugin.Serve(&goplugin.ServeConfig{HandshakeConfig: sdk.Handshake(), VersionedPlugins: sets, GRPCServer: goplugin.DefaultGRPCServer})
}

type versionedPlugin struct {
	goplugin.NetRPCUnsupportedPlugin
	server *versionedServer
}

func (p versionedPlugin) GRPCServer(_ *goplugin.GRPCBroker, s *grpc.Server) error {
	connectorv1.RegisterConnectorServer(s, p.server)
	return nil
}

func (versionedPlugin) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("no client side")
}

type versionedServer struct {
	connectorv1.UnimplementedConnectorServer
	least, most int
}

func (s *versionedServer) Describe(context.Context, *connectorv1.DescribeRequest) (*connectorv1.DescribeResponse, error) {
	return &connectorv1.DescribeResponse{
		Name: "other", Version: "1.0.0", ProtocolMin: int32(s.least), ProtocolMax: int32(s.most), Capabilities: []string{"poll", "a-capability-of-tomorrow"},
		Kinds: []string{"listing"}, Streams: []*connectorv1.Stream{{Name: "all", IntervalMillis: 1000}},
	}, nil
}

func (s *versionedServer) Open(context.Context, *connectorv1.OpenRequest) (*connectorv1.OpenResponse, error) {
	return &connectorv1.OpenResponse{}, nil
}

func (s *versionedServer) Close(context.Context, *connectorv1.CloseRequest) (*connectorv1.CloseResponse, error) {
	return &connectorv1.CloseResponse{}, nil
}

func (s *versionedServer) Poll(context.Context, *connectorv1.PollRequest) (*connectorv1.PollResponse, error) {
	return &connectorv1.PollResponse{Cursor: []byte("c1")}, nil
}

// HostServices asks what no hub knows, as a connector of a later protocol would, and ends when it is answered.
func (s *versionedServer) HostServices(stream connectorv1.Connector_HostServicesServer) error {
	if err := stream.SendHeader(metadata.MD{}); err != nil {
		return err
	}
	if s.most > sdk.ProtocolVersion {
		if err := stream.Send(&connectorv1.HostServicesResponse{Id: 77}); err != nil {
			return err
		}
	}
	for {
		if _, err := stream.Recv(); err != nil {
			return nil // the hub ended it
		}
	}
}

// versioned launches a connector that speaks these versions.
func versioned(t *testing.T, mode string) *Connection {
	t.Helper()
	spec := testSpec(t)
	spec.Command = []string{spec.Command[0], mode}
	return launch(t, spec)
}

func TestConnectorsOfOtherVersionsOfTheProtocol(t *testing.T) {
	for mode, what := range map[string]string{
		"speaks-this": "one that was built before the protocol grew",
		"speaks-both": "one of the next version that still speaks this one",
	} {
		c := versioned(t, mode)
		ready(t, c)
		got, err := c.Poll(context.Background(), &sdk.PollRequest{Stream: "all"})
		require.NoError(t, err, what)
		require.Equal(t, "c1", string(got.Cursor))
		_, err = c.Discover(context.Background(), &sdk.DiscoverRequest{})
		require.ErrorIs(t, err, ErrUnsupported, what)
		about, err := c.Describe(context.Background())
		require.NoError(t, err)
		require.Empty(t, about.Actions)
	}

	c := versioned(t, "speaks-next")
	eventually(t, "refused", func() bool { return c.Status().State == StateBroken })
	s := c.Status()
	require.Equal(t, CodeProtocol, s.LastCode, s.LastError)
	require.Zero(t, s.Restarts, "another start would end the same")
	_, err := c.Poll(context.Background(), &sdk.PollRequest{Stream: "all"})
	require.ErrorIs(t, err, ErrProtocol)
}

// A question of tomorrow is answered with its id alone, so that who asks does not wait for ever.
func TestAQuestionThatTheHubDoesNotKnowIsAnswered(t *testing.T) {
	c := versioned(t, "speaks-this")
	answer := c.answer(&connectorv1.HostServicesResponse{Id: 77})
	require.EqualValues(t, 77, answer.GetId())
	require.Nil(t, answer.GetAnswer())
}
