// Facts is the smallest connector, for the bench: it answers every poll with the same listings. Started with "bare" it is a
// go-plugin program without the SDK, which streams the same batches.
package main

import (
	"context"
	"encoding/json"
	"os"
	"strconv"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/jumpring/jumpring/core/canon"
	connectorv1 "github.com/jumpring/jumpring/plugins/proto"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// factsBatch is how many facts one answer has.
const factsBatch = 250

func main() {
	if len(os.Args) > 1 && os.Args[1] == "bare" {
		serveBare()
		return
	}
	sdk.Serve(func() sdk.Connector { return &factsConnector{facts: someFacts()} })
}

// someFacts gives a batch of listings as platforms show them.
func someFacts() []canon.Observation {
	out := make([]canon.Observation, factsBatch)
	for i := range out {
		id := strconv.Itoa(7_000_000_000_000 + i)
		out[i] = canon.Observation{
			Kind: canon.KindListing, ExternalID: "gid://shopify/ProductVariant/" + id, SourceVersion: int64(i + 1),
			Listing: &canon.ListingState{
				ProductID: "gid://shopify/Product/" + id, StockID: "gid://shopify/InventoryItem/" + id, Title: "Solitaire ring " + id, VariantTitle: "52",
				SKU: "RING-" + id, Serial: "SN-" + id, Status: "active", Metal: "18 Karat yellow gold",
			},
		}
	}
	return out
}

// factsConnector answers every poll with the same facts, which it encodes each time as any connector does.
type factsConnector struct{ facts []canon.Observation }

func (c *factsConnector) Describe(context.Context, *sdk.DescribeRequest) (*sdk.DescribeResponse, error) {
	return &sdk.DescribeResponse{Name: "facts", Version: "1", Kinds: []canon.Kind{canon.KindListing}, Streams: []sdk.Stream{{Name: "all"}}}, nil
}

func (c *factsConnector) Open(context.Context, *sdk.OpenRequest) (*sdk.OpenResponse, error) {
	return &sdk.OpenResponse{}, nil
}

func (c *factsConnector) Close(context.Context, *sdk.CloseRequest) (*sdk.CloseResponse, error) {
	return &sdk.CloseResponse{}, nil
}

// Check answers at once: the bench waits for it as for any first call.
func (c *factsConnector) Check(context.Context, *sdk.CheckRequest) (*sdk.CheckResponse, error) {
	return &sdk.CheckResponse{Account: "facts"}, nil
}

func (c *factsConnector) Poll(context.Context, *sdk.PollRequest) (*sdk.PollResponse, error) {
	return &sdk.PollResponse{Observations: c.facts, Cursor: []byte("c")}, nil
}

// bareFacts is a go-plugin program without anything else: it streams batches of the same facts, encoded as JSON each time.
type bareFacts struct {
	goplugin.NetRPCUnsupportedPlugin
	connectorv1.UnimplementedConnectorServer
	facts []canon.Observation
}

func (p *bareFacts) GRPCServer(_ *goplugin.GRPCBroker, s *grpc.Server) error {
	connectorv1.RegisterConnectorServer(s, p)
	return nil
}

func (p *bareFacts) GRPCClient(_ context.Context, _ *goplugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return connectorv1.NewConnectorClient(conn), nil
}

// HandleWebhook streams without end, whatever it is asked.
func (p *bareFacts) HandleWebhook(stream connectorv1.Connector_HandleWebhookServer) error {
	for {
		batch := &connectorv1.HandledDelivery{}
		for i := range p.facts {
			raw, err := json.Marshal(&p.facts[i])
			if err != nil {
				return err
			}
			batch.Observations = append(batch.Observations, &connectorv1.Observation{
				Kind: string(p.facts[i].Kind), ExternalId: p.facts[i].ExternalID, Data: raw,
			})
		}
		if err := stream.Send(&connectorv1.HandleWebhookResponse{Results: []*connectorv1.HandledDelivery{batch}}); err != nil {
			return err
		}
	}
}

// bareHandshake is what the bench starts it with.
var bareHandshake = goplugin.HandshakeConfig{ProtocolVersion: 1, MagicCookieKey: "JUMPRING_BENCH", MagicCookieValue: "bare"}

func serveBare() {
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig: bareHandshake, Plugins: goplugin.PluginSet{"facts": &bareFacts{facts: someFacts()}}, GRPCServer: goplugin.DefaultGRPCServer,
	})
}
