package changes

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
)

func row(typ, event, location string) canon.Row {
	return canon.Row{
		Entity: "itm_1", Type: typ, Event: event, Location: location, At: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Actor: "till-1",
		Position: canon.Position{Offset: 42, Index: 3},
	}
}

func TestRoutingKeysHaveThreeWordsWhateverIsInThem(t *testing.T) {
	for want, r := range map[string]canon.Row{
		"item.changed.boutique-paris":             row("item", "item.changed", "boutique-paris"),
		"item.changed.-":                          row("item", "item.changed", ""),
		"item.changed.%2D":                        row("item", "item.changed", "-"),
		"case.opened:double_claim.-":              row("case", "case.opened:double_claim", ""),
		"connection.live.-":                       row("connection", "connection.live", ""),
		"item.sold.rue%20de%20la%20Paix%2E%23%2A": row("item", "sold", "rue de la Paix.#*"),
		"order.a%2Eb.-":                           row("order", "order.a.b", ""),
	} {
		require.Equal(t, want, RoutingKey(r))
	}
	long, other := RoutingKey(row("item", "item.changed", strings.Repeat("é", 300))), RoutingKey(row("item", "item.changed", strings.Repeat("é", 301)))
	require.LessOrEqual(t, len(long), 255)
	require.Equal(t, 2, strings.Count(long, "."))
	require.NotEqual(t, long, other, "places that differ past the bound are told apart")
}

func TestAnEventHasAnIDForEverAndIsRedacted(t *testing.T) {
	r := row("item", "item.changed", "paris")
	r.Changes = []canon.Change{
		{Field: "status", Before: json.RawMessage(`"in_stock"`), After: json.RawMessage(`"sold"`)},
		{Field: "cost", Before: json.RawMessage(`{"minor":7777}`), After: json.RawMessage(`{"minor":8888}`)},
	}
	msg, ok, err := Encode("jumpring.changes", "j1", access.RoleRead, r, 2)
	require.NoError(t, err)
	require.True(t, ok)
	require.JSONEq(t, `{"specversion":"1.0","id":"42.3.2","source":"/jumpring/j1","type":"jumpring.item.changed.v1","subject":"itm_1",
		"time":"2026-03-01T12:00:00Z","datacontenttype":"application/json","actor":"till-1","position":"42.3",
		"data":{"entity":"itm_1","type":"item","event":"item.changed","at":"2026-03-01T12:00:00Z","actor":"till-1","position":"42.3","location":"paris",
			"changes":[{"field":"status","before":"in_stock","after":"sold"},{"field":"cost"}]}}`, string(msg.Publishing.Body))
	require.Equal(t, "42.3.2", msg.Publishing.MessageId)
	require.Equal(t, "item.changed.paris", msg.Key)
	require.NotNil(t, r.Changes[1].Before, "the row that was given stays as it was")
	again, _, err := Encode("jumpring.changes", "j1", access.RoleRead, r, 2)
	require.NoError(t, err)
	require.Equal(t, msg, again)

	whole, _, err := Encode("jumpring.changes", "j1", access.RoleManager, r, 2)
	require.NoError(t, err)
	require.Contains(t, string(whole.Publishing.Body), "7777")

	_, ok, err = Encode("x", "j1", access.RoleRead, row("client", "client.changed", ""), 0)
	require.NoError(t, err)
	require.False(t, ok, "who may not read clients does not hear of them")
	_, ok, err = Encode("x", "j1", access.RoleManager, row("client", "client.changed", ""), 0)
	require.NoError(t, err)
	require.True(t, ok)

	r.Changes[0].After = json.RawMessage(`"` + strings.Repeat("x", maxEvent) + `"`)
	big, _, err := Encode("x", "j1", access.RoleRead, r, 2)
	require.NoError(t, err)
	require.Less(t, len(big.Publishing.Body), 2000)
	require.Contains(t, string(big.Publishing.Body), `"truncated":"true"`)
	require.Contains(t, string(big.Publishing.Body), `"field":"status"`)
}
