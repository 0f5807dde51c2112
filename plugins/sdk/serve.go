package sdk

import (
	"context"
	"errors"
	"os"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	connectorv1 "github.com/jumpring/jumpring/plugins/proto"
)

// PluginName is the name under which a connector is dispensed.
const PluginName = "connector"

// Environment variables that the host sets for a connector's process, beside those of go-plugin.
const (
	EnvHostPID  = "JUMPRING_HOST_PID"  // the hub's process id: the connector ends when its parent is another one
	EnvLogLevel = "JUMPRING_LOG_LEVEL" // an hclog level, "info"
)

// Handshake is what host and connector know each other by. It tells a connector that it was not started by a person;
// it is no security measure, AutoMTLS is.
func Handshake() goplugin.HandshakeConfig {
	return goplugin.HandshakeConfig{
		ProtocolVersion:  ProtocolVersion,
		MagicCookieKey:   "JUMPRING_CONNECTOR",
		MagicCookieValue: "5e1cf0c6a9a24f0f8b2d7d6be8b0a6d14f3c92c1",
	}
}

// Serve runs a connector as this process and returns when the hub has ended it. newConnector is called at the start
// and again after each Close, so that a connector is opened once in its life. A panic in a call becomes an error of
// that call (CodePanic); a panic in a goroutine that the connector started ends the process, and the hub starts it
// anew.
//
// What the process writes to standard output or error goes to the hub's log; OpenRequest.Log is the better way.
func Serve(newConnector func() Connector) {
	log := hclog.New(&hclog.LoggerOptions{
		Output: os.Stderr, JSONFormat: true, Level: hclog.LevelFromString(os.Getenv(EnvLogLevel)), DisableTime: false,
	})
	stop := watchParent(os.Getenv(EnvHostPID), log)
	defer stop()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go ReturnIdleMemory(ctx)

	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig: Handshake(),
		VersionedPlugins: map[int]goplugin.PluginSet{
			ProtocolVersion: {PluginName: &servedPlugin{server: newServer(newConnector, log)}},
		},
		GRPCServer: newGRPCServer,
		Logger:     log.Named("go-plugin"),
	})
}

// newGRPCServer sizes buffers and windows for batches of deliveries of some kilobytes each.
func newGRPCServer(opts []grpc.ServerOption) *grpc.Server {
	return grpc.NewServer(append(opts,
		grpc.MaxRecvMsgSize(MaxMessageBytes), grpc.MaxSendMsgSize(MaxMessageBytes),
		grpc.ReadBufferSize(256<<10), grpc.WriteBufferSize(256<<10),
		grpc.InitialWindowSize(4<<20), grpc.InitialConnWindowSize(8<<20),
	)...)
}

// servedPlugin is the connector's side of go-plugin's plugin.
type servedPlugin struct {
	goplugin.NetRPCUnsupportedPlugin
	server *server
}

func (p *servedPlugin) GRPCServer(_ *goplugin.GRPCBroker, s *grpc.Server) error {
	connectorv1.RegisterConnectorServer(s, p.server)
	return nil
}

func (p *servedPlugin) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("a connector's process has no client side: the hub uses plugins/host")
}
