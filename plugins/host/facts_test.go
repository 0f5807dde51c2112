package host

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/jumpring/jumpring/core/canon"
	connectorv1 "github.com/jumpring/jumpring/plugins/proto"
	"github.com/jumpring/jumpring/plugins/sdk"
)

func TestFactsOutOfBoundsAreRefused(t *testing.T) {
	good := func() *connectorv1.Observation {
		return &connectorv1.Observation{Kind: "order", ExternalId: "1", Data: []byte("{}")}
	}
	_, err := (&Connection{redact: newRedactor(nil)}).decodeFact(good())
	require.NoError(t, err)
	for name, spoil := range map[string]func(*connectorv1.Observation){
		"unknown kind":       func(o *connectorv1.Observation) { o.Kind = "till" },
		"no id":              func(o *connectorv1.Observation) { o.ExternalId = "" },
		"long id":            func(o *connectorv1.Observation) { o.ExternalId = strings.Repeat("1", maxExternalID+1) },
		"no data":            func(o *connectorv1.Observation) { o.Data = nil },
		"data not an object": func(o *connectorv1.Observation) { o.Data = []byte("[]") },
		"large data":         func(o *connectorv1.Observation) { o.Data = append([]byte("{"), make([]byte, maxData)...) },
		"large person":       func(o *connectorv1.Observation) { o.Personal = make([]byte, maxPersonal+1) },
	} {
		o := good()
		spoil(o)
		_, err := (&Connection{redact: newRedactor(nil)}).decodeFact(o)
		require.Error(t, err, name)
	}
	for _, kind := range canon.Kinds() {
		require.True(t, knownKind(kind), kind)
	}
}

func TestClipCutsAtACharacter(t *testing.T) {
	require.Equal(t, "né", clip("né", 3))
	require.Equal(t, "n…", clip("née", 2))
	require.Equal(t, "…", clip("\xbf\xbf\xbf", 2), "what is no text is dropped")
}

// Whatever a connector sends, the host gives a result within its bounds or a typed error.
func FuzzDecodeHandled(f *testing.F) {
	for _, h := range []*connectorv1.HandledDelivery{
		{Id: 1, Verdict: "accepted", Observations: []*connectorv1.Observation{{Kind: "order", ExternalId: "1", Data: []byte("{}")}}},
		{Id: 2, Verdict: "ignored", Status: 204},
		{Id: 3, Verdict: "bad_signature", Touched: []*connectorv1.Ref{{Kind: "level", ExternalId: "1"}}},
		{Id: 4, Verdict: "challenge", Status: 999, ContentType: "a\r\nb"},
	} {
		seed, err := proto.Marshal(&connectorv1.HandleWebhookResponse{Results: []*connectorv1.HandledDelivery{h}})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(seed)
	}
	c := &Connection{spec: Spec{Connection: "fuzz"}, redact: newRedactor(map[string]string{"a": testSecret})}
	f.Fuzz(func(t *testing.T, b []byte) {
		var batch connectorv1.HandleWebhookResponse
		if proto.Unmarshal(b, &batch) != nil {
			return
		}
		for _, h := range batch.GetResults() {
			got, err := c.decodeHandled(h)
			if err != nil {
				require.ErrorIs(t, err, ErrBadAnswer)
				continue
			}
			require.NotContains(t, got.Reason, testSecret)
			require.NotContains(t, got.ContentType, "\n")
			if got.Verdict != sdk.VerdictAccepted {
				require.Empty(t, got.Facts)
				require.Empty(t, got.Touched)
			}
			for _, fact := range got.Facts {
				require.True(t, knownKind(fact.Kind))
				require.NotEmpty(t, fact.ExternalID)
			}
		}
	})
}
