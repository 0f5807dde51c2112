// Package lifecycle has the rules of claims, stock and states. It is pure: state and fact in, state out.
package lifecycle

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/jumpring/jumpring/core/canon"
)

// Holder says which claim holds a piece. Invariant 4: at most one. The claim that held it before goes on to hold it as
// long as it lives; a free piece goes to the live claim that was journaled first. Nil when none lives.
func Holder(before string, claims []*canon.Claim) *canon.Claim {
	var first *canon.Claim
	for _, c := range claims {
		if !c.Live() {
			continue
		}
		if c.Key == before {
			return c
		}
		if first == nil || earlier(c, first) {
			first = c
		}
	}
	return first
}

func earlier(a, b *canon.Claim) bool {
	if c := a.Since.Compare(b.Since); c != 0 {
		return c < 0
	}
	return a.Key < b.Key
}

// Live gives the claims that count, sorted by key.
func Live(claims []*canon.Claim) []*canon.Claim {
	var live []*canon.Claim
	for _, c := range claims {
		if c.Live() {
			live = append(live, c)
		}
	}
	slices.SortFunc(live, func(a, b *canon.Claim) int { return cmp.Compare(a.Key, b.Key) })
	return live
}

// PieceStatus gives the status of a piece from its live claims and whether it is in the house. A sale outranks what was
// set aside, that a transfer, that a memo, and a memo a reservation, whoever holds the piece, so that the status does not
// depend on the order of events. Of two words on what was set aside the later in the piece's life counts.
func PieceStatus(live []*canon.Claim, custody Custody) canon.ItemStatus {
	status, rank := canon.ItemStatus(""), 0
	for _, c := range live {
		s, r := claimed(c)
		if r > rank {
			status, rank = s, r
		}
	}
	if rank > 0 {
		return status
	}
	switch custody {
	case CustodyIn:
		return canon.ItemInStock
	case CustodyOut:
		return canon.ItemUnavailable
	}
	return canon.ItemUnknown
}

// asideRank orders what goods are set aside as, the gravest last.
var asideRank = []canon.ItemStatus{
	canon.ItemReturned, canon.ItemQuarantine, canon.ItemInRepair, canon.ItemAssembled, canon.ItemMissing, canon.ItemStolen,
	canon.ItemWrittenOff, canon.ItemToVendor, canon.ItemScrapped, canon.ItemMelted,
}

// claimed is what a live claim makes of a piece, and how much that outranks.
func claimed(c *canon.Claim) (canon.ItemStatus, int) {
	switch {
	case c.Kind == canon.ClaimSale:
		return canon.ItemSold, 100
	case c.Kind == canon.ClaimAside:
		return c.State, 10 + slices.Index(asideRank, c.State)
	case c.Kind == canon.ClaimTransfer && c.To != "":
		return canon.ItemInTransit, 4
	case c.Kind == canon.ClaimMemo:
		return canon.ItemOnMemo, 3
	case c.Kind == canon.ClaimTransfer:
		return canon.ItemReserved, 2
	}
	return canon.ItemReserved, 1
}

// Custody is whether a piece is in the house.
type Custody uint8

// The answers.
const (
	CustodyUnknown Custody = iota // sources disagree, or none has said
	CustodyIn
	CustodyOut
)

// DoubleClaim gives the case of a piece with more than one live claim; nil when there is none. It is a function of the
// live claims and the holder alone.
func DoubleClaim(item string, live []*canon.Claim, holder string) *canon.Case {
	if len(live) < 2 {
		return nil
	}
	c := &canon.Case{
		ID: CaseID(canon.CaseDoubleClaim, item), Kind: canon.CaseDoubleClaim, Open: true, Subject: item,
		Summary: fmt.Sprintf("%d claims on one piece", len(live)),
	}
	advised := advise(live, holder)
	shown := live
	if len(live) > maxShownClaims {
		c.Claims, shown = int64(len(live)), firstAndLast(live, holder, advised)
	}
	for _, cl := range shown {
		what := string(cl.Kind)
		if cl.Kind == canon.ClaimAside {
			what = string(cl.State)
		}
		text := fmt.Sprintf("%s %s by %s", what, cl.Key, cl.Connection)
		if !cl.Placed.IsZero() {
			text += ", sold " + cl.Placed.Format(time.RFC3339)
		}
		if cl.HandedOver {
			text += ", goods handed over"
		}
		c.Evidence = append(c.Evidence, canon.Evidence{
			Claim: cl.Key, Connection: cl.Connection, Text: text, Position: cl.Since.String(), Holds: cl.Key == holder,
		})
		p := canon.Proposal{ID: "keep:" + cl.Key, Kind: canon.ProposeSwap, Advised: cl.Key == advised, Text: proposalText(cl, live)}
		switch {
		case cl.HandedOver:
			p.Kind = canon.ProposeReassign
		case cl.Key == holder:
			p.Kind = canon.ProposeKeep
		}
		c.Proposals = append(c.Proposals, p)
	}
	return c
}

// maxShownClaims is how many claims a case names, beside the one that holds the piece and the one that is advised.
const maxShownClaims = 20

// firstAndLast gives the first and the last claims by when the goods were sold, and those with the keys that are never
// left out, sorted by key: whatever came first in the journal, the same of the same claims.
func firstAndLast(live []*canon.Claim, always ...string) []*canon.Claim {
	byTime := slices.Clone(live)
	slices.SortFunc(byTime, func(a, b *canon.Claim) int { return cmp.Or(a.When().Compare(b.When()), cmp.Compare(a.Key, b.Key)) })
	var shown []*canon.Claim
	for i, c := range byTime {
		if i < maxShownClaims/2 || i >= len(byTime)-maxShownClaims/2 || slices.Contains(always, c.Key) {
			shown = append(shown, c)
		}
	}
	slices.SortFunc(shown, func(a, b *canon.Claim) int { return cmp.Compare(a.Key, b.Key) })
	return shown
}

// advise gives the claim that keeps the piece by the rules: where the goods were handed over they stay, else with who
// holds it.
func advise(live []*canon.Claim, holder string) string {
	best := holder
	for _, cl := range live {
		if cl.HandedOver && (cl.Key == holder || !leftWith(live, best)) {
			best = cl.Key
		}
	}
	return best
}

func leftWith(live []*canon.Claim, key string) bool {
	return slices.ContainsFunc(live, func(c *canon.Claim) bool { return c.Key == key && c.HandedOver })
}

// proposalText words what keeping one claim means. Goods that have left with a client outrank an order on paper.
func proposalText(keep *canon.Claim, live []*canon.Claim) string {
	others := 0
	handed := false
	for _, c := range live {
		if c.Key != keep.Key {
			others++
			handed = handed || c.HandedOver
		}
	}
	switch {
	case keep.HandedOver:
		return fmt.Sprintf("Assign the piece to %s, where the goods were handed over; cancel and refund the other %d", keep.Key, others)
	case handed:
		return fmt.Sprintf("Keep %s, although the goods were handed over elsewhere; refund the other %d", keep.Key, others)
	}
	return fmt.Sprintf("Keep %s; cancel and refund the other %d", keep.Key, others)
}

// maxProposed is how many orders a case of an oversold SKU proposes to cancel.
const maxProposed = 20

// ProposeCancelling adds to the case of an oversold SKU which orders could be cancelled: the latest that were not handed
// over. Those that together make up what is missing are advised.
func ProposeCancelling(c *canon.Case, item *canon.Item, claims []*canon.Claim) {
	var may []*canon.Claim
	for _, cl := range claims {
		if cl.Kind == canon.ClaimSale && cl.Live() && !cl.HandedOver {
			may = append(may, cl)
		}
	}
	slices.SortFunc(may, func(a, b *canon.Claim) int { return cmp.Or(b.When().Compare(a.When()), cmp.Compare(b.Key, a.Key)) })
	missing := int64(0)
	for _, a := range item.Stock {
		missing += max(-a.Available, 0)
	}
	for _, cl := range may {
		if cl.Yields {
			missing -= cl.Net // it is being cancelled already
		}
	}
	for _, cl := range may[:min(len(may), maxProposed)] {
		p := canon.Proposal{ID: "cancel:" + cl.Key, Kind: canon.ProposeCancel, Text: fmt.Sprintf("Cancel and refund %s by %s (%d pieces)", cl.Key, cl.Connection, cl.Net)}
		if !cl.Yields && missing > 0 {
			p.Advised = true
			missing -= cl.Net
		}
		c.Proposals = append(c.Proposals, p)
	}
}

// CaseID derives a case's id from what it is about, so that one cause has one case.
func CaseID(kind canon.CaseKind, subject string) string {
	return canon.NodeID("cas", string(kind), "", subject)
}
