package ingress

import (
	"fmt"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/problem"
)

// Count reports what was counted at a location. Each line is a count of its own; of two counts of the same goods at
// the same location the later one stands.
type Count struct {
	CountedAt string      `json:"counted_at" maxLength:"40" doc:"RFC 3339 with offset" example:"2026-03-01T20:15:00+01:00"`
	Location  string      `json:"location,omitempty" maxLength:"100" doc:"One of the hub's locations; the token's own where it is left out" example:"boutique-paris"`
	Session   string      `json:"session,omitempty" maxLength:"100" doc:"A count session that is open: the lines are scans of it, and change no stock before it is completed"`
	Lines     []CountLine `json:"lines" minItems:"1" maxItems:"500"`
}

// CountLine is what was counted of one SKU, or one piece that was seen (or missed, with quantity 0).
type CountLine struct {
	Serial   string `json:"serial,omitempty" maxLength:"200"`
	EPC      string `json:"epc,omitempty" maxLength:"200"`
	SKU      string `json:"sku,omitempty" maxLength:"200" example:"CHAIN-45"`
	Quantity int64  `json:"quantity" minimum:"0" maximum:"1000000" example:"7"`
}

func (n *Count) place() *string { return &n.Location }

func (n *Count) observe(version int64) ([]canon.Observation, []problem.Field) {
	var c checks
	at := c.instant("counted_at", n.CountedAt)
	if n.Location == "" {
		c.add("location", "is missing")
	}
	if version == 0 {
		version = at.UnixMicro() // the count's own time orders counts of the same goods
	}
	out := make([]canon.Observation, 0, len(n.Lines))
	seen := map[string]bool{}
	for i, l := range n.Lines {
		path := fmt.Sprintf("lines[%d]", i)
		c.key(path, l.Serial, l.EPC, l.SKU)
		id := n.Location + "/" + countKey(l)
		if n.Session != "" {
			id = n.Session + "/" + countKey(l)
		}
		if seen[id] {
			c.add(path, "counts the same goods as another line")
		}
		seen[id] = true
		out = append(out, canon.Observation{
			Kind: canon.KindCount, ExternalID: id, Aspect: canon.AspectMain, SourceVersion: version,
			Count: &canon.CountState{Session: n.Session, Location: n.Location, SKU: l.SKU, Serial: l.Serial, EPC: l.EPC, Quantity: l.Quantity, CountedAt: at.In(time.UTC)},
		})
	}
	return out, c.wrong
}

// countKey names what a line counts by the most telling key that it has.
func countKey(l CountLine) string {
	switch {
	case l.EPC != "":
		return "epc:" + l.EPC
	case l.Serial != "":
		return "serial:" + l.Serial
	}
	return "sku:" + l.SKU
}
