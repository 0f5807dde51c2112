package router

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/lifecycle"
	"github.com/jumpring/jumpring/core/normalize"
	"github.com/jumpring/jumpring/core/store"
)

const (
	dueMemo       = "memo/" // begins the name of a memo's deadline
	maxMemoLines  = 100
	maxMemoTime   = 366 * 24 * 3600 // seconds
	maxExtensions = 3
)

// actor is what the door says that a command's sender acts as.
func actor(cmd *canon.Command) lifecycle.Actor {
	switch cmd.Role {
	case "admin", "manager":
		return lifecycle.Manager
	case "device":
		return lifecycle.Device
	}
	return lifecycle.Consultant
}

func refused(r *lifecycle.Refusal) *canon.Outcome {
	status := 409
	if r.Code == lifecycle.RefusedActor {
		status = 403
	}
	return refuse(status, r.Code, "%s", r.Reason)
}

func (f *fold) memo(id string) (*canon.Memo, error) {
	return store.Load[canon.Memo](f.tx, store.RecordKey(store.TypeMemo, id))
}

// lend holds pieces for whom they are lent to, all of them or none.
func (f *fold) lend(cmd *canon.Command) (*canon.Outcome, error) {
	l := cmd.Lend
	if l.Seconds < 1 || l.Seconds > maxMemoTime {
		return refuse(422, "reservation.duration", "seconds must be from 1 to %d (a year)", maxMemoTime), nil
	}
	if len(l.Items) == 0 || len(l.Items) > maxMemoLines {
		return refuse(422, "memo.lines", "a memo has 1 to %d pieces", maxMemoLines), nil
	}
	if made, err := f.memo(cmd.ID); err != nil || made != nil {
		if err == nil {
			err = faultf("command.malformed", "another command has the same id")
		}
		return nil, err
	}
	until := f.f.at.Add(time.Duration(l.Seconds) * time.Second)
	m := &canon.Memo{ID: cmd.ID, Party: l.Party, Reference: l.Reference, Channel: l.Channel, IssuedAt: f.f.at, Until: until}
	facts := lifecycle.Facts{Now: f.f.at.Unix(), Until: until.Unix(), Client: strings.TrimSpace(l.Party), Actor: l.Channel}
	draft, no := lifecycle.MemoMachine.Decide("", "draft", actor(cmd), &facts)
	if no != nil {
		return refused(no), nil
	}
	issue, no := lifecycle.MemoMachine.Decide(draft.To, "issue", actor(cmd), &facts)
	if no != nil {
		return refused(no), nil
	}
	m.Status = string(issue.To)
	items, out, err := f.lendable(l.Items)
	if err != nil || out != nil {
		return out, err
	}
	for i, item := range items {
		c := &canon.Claim{
			Key: fmt.Sprintf("%s/%d", cmd.ID, i+1), Kind: canon.ClaimMemo, Connection: l.Channel, Node: item.ID, Item: item.ID, Location: item.Location,
			Quantity: 1, Net: 1, HandedOver: true, Document: m.ID, ForWhom: l.Party, Until: &until, Since: f.f.pos, At: f.f.at,
		}
		if err := f.putClaim(nil, c); err != nil {
			return nil, err
		}
		m.Lines = append(m.Lines, canon.MemoLine{Item: item.ID, Claim: c.Key, Status: "out"})
	}
	f.due(until, dueMemo+m.ID)
	if err := f.putMemo(m, "memo.issued"); err != nil {
		return nil, err
	}
	return done(201, m)
}

// lendable gives the pieces of a memo, or why they can't all be lent. Nothing is written before all of them can.
func (f *fold) lendable(ids []string) ([]*canon.Item, *canon.Outcome, error) {
	items := make([]*canon.Item, 0, len(ids))
	taken := make(map[string]bool) // pieces of this memo
	tied := make(map[string]bool)  // what shares a component with one of them
	for _, id := range ids {
		item, out, err := f.find(id)
		if err != nil || out != nil {
			return nil, out, err
		}
		switch {
		case !item.Serialized:
			return nil, refuse(422, "memo.quantity", "%s is a quantity of a SKU: only pieces are lent", item.ID), nil
		case taken[item.ID]:
			return nil, refuse(422, "memo.lines", "%s is there twice", item.ID), nil
		case tied[item.ID]:
			return nil, refuse(409, "item.component_held", "%s shares a component with another piece of the memo", item.ID), nil
		}
		if out := f.takeable(item, 1, item.Location, nil); out != nil {
			return nil, out, nil
		}
		taken[item.ID] = true
		if f.components {
			kin, err := f.kin(item, crowdedComponent)
			if err != nil {
				return nil, nil, err
			}
			for _, k := range kin {
				tied[k.ID] = true
			}
		}
		items = append(items, item)
	}
	return items, nil, nil
}

// putMemo saves a memo and what happened to it.
func (f *fold) putMemo(m *canon.Memo, event string) error {
	m.Version, m.UpdatedAt = f.f.pos, f.f.at
	if err := f.save(store.RecordKey(store.TypeMemo, m.ID), m); err != nil {
		return err
	}
	return f.row(canon.Row{Entity: m.ID, Type: store.TypeMemo, Event: event, Channel: m.Channel})
}

// takeBack ends the hold of a lent piece that came back.
func (f *fold) takeBack(cmd *canon.Command) (*canon.Outcome, error) {
	t := cmd.TakeBack
	m, err := f.memo(t.Memo)
	if err != nil {
		return nil, err
	}
	if m == nil {
		return refuse(404, "memo.unknown", "no memo has the id %q", t.Memo), nil
	}
	item, out, err := f.find(t.Item)
	if err != nil || out != nil {
		return out, err
	}
	line, err := f.memoLine(m, item.ID)
	if err != nil {
		return nil, err
	}
	if line == nil || line.Status != "out" {
		return refuse(409, "memo.line", "the piece is not out under this memo"), nil
	}
	facts := lifecycle.Facts{Scanned: t.Scanned, Inspected: t.Inspected, LinesOpen: openLines(m) - 1}
	if names(item, t.Scanned) {
		facts.Expected = t.Scanned
	}
	row, no := lifecycle.MemoMachine.Decide(lifecycle.State(m.Status), "take_back", actor(cmd), &facts)
	if no != nil {
		return refused(no), nil
	}
	c, err := f.claim(line.Claim)
	if err != nil {
		return nil, err
	}
	c.Back = append(slices.Clip(c.Back), canon.Return{At: f.f.at, Quantity: 1})
	if err := f.endClaim(c, "returned"); err != nil {
		return nil, err
	}
	at := f.f.at
	line.Status, line.At, m.Status = "returned", &at, string(row.To)
	if err := f.putMemo(m, "memo."+m.Status); err != nil {
		return nil, err
	}
	return done(200, m)
}

// names reports whether what was read from a piece is a name of it.
func names(item *canon.Item, scanned string) bool {
	if code := normalize.Serial(scanned); code != "" && (code == normalize.Serial(item.Serial) || code == normalize.SKU(item.SKU) || code == item.HUID) {
		return true
	}
	if epc, err := normalize.EPC(scanned); err == nil && item.EPC != "" && epc == item.EPC {
		return true
	}
	cert, err := normalize.Certificate(canon.StatedCert{Number: scanned})
	for _, c := range item.Certificates {
		if err == nil && c.Number == cert.Number && (cert.Lab == "" || cert.Lab == c.Lab) {
			return true
		}
	}
	return false
}

// memoLine gives the line that is of an item now: its listings may have been joined to others since it was lent.
func (f *fold) memoLine(m *canon.Memo, item string) (*canon.MemoLine, error) {
	for i := range m.Lines {
		c, err := f.claim(m.Lines[i].Claim)
		if err != nil {
			return nil, err
		}
		if c != nil && c.Item == item {
			return &m.Lines[i], nil
		}
	}
	return nil, nil
}

func openLines(m *canon.Memo) int64 {
	var n int64
	for _, l := range m.Lines {
		if l.Status == "out" {
			n++
		}
	}
	return n
}

// extendMemo gives a memo more time.
func (f *fold) extendMemo(cmd *canon.Command) (*canon.Outcome, error) {
	e := cmd.ExtendMemo
	m, err := f.memo(e.Memo)
	if err != nil {
		return nil, err
	}
	if m == nil {
		return refuse(404, "memo.unknown", "no memo has the id %q", e.Memo), nil
	}
	if e.Seconds < 1 || e.Seconds > maxMemoTime {
		return refuse(422, "reservation.duration", "seconds must be from 1 to %d (a year)", maxMemoTime), nil
	}
	until := f.f.at.Add(time.Duration(e.Seconds) * time.Second)
	facts := lifecycle.Facts{Now: f.f.at.Unix(), Until: until.Unix(), Extensions: m.Extended, MaxExtensions: maxExtensions}
	row, no := lifecycle.MemoMachine.Decide(lifecycle.State(m.Status), "extend", actor(cmd), &facts)
	if no != nil {
		return refused(no), nil
	}
	m.Until, m.Extended, m.Status = until, m.Extended+1, string(row.To)
	for _, l := range m.Lines {
		c, err := f.claim(l.Claim)
		if err != nil {
			return nil, err
		}
		if c == nil || !c.Live() {
			continue
		}
		before := *c
		c.Until = &until
		if err := f.putClaim(&before, c); err != nil {
			return nil, err
		}
	}
	f.due(until, dueMemo+m.ID)
	if err := f.putMemo(m, "memo.extended"); err != nil {
		return nil, err
	}
	return done(200, m)
}

// settleMemo notes on a claim's memo that its piece was sold to whom it was lent.
func (f *fold) settleMemo(c *canon.Claim) error {
	m, err := f.memo(c.Document)
	if err != nil || m == nil {
		return err
	}
	for i := range m.Lines {
		if m.Lines[i].Claim == c.Key {
			at := f.f.at
			m.Lines[i].Status, m.Lines[i].At = "invoiced", &at
		}
	}
	row, no := lifecycle.MemoMachine.Decide(lifecycle.State(m.Status), "settle_line", lifecycle.Consultant, &lifecycle.Facts{LinesOpen: openLines(m)})
	if no != nil {
		return faultf("memo.state", "a claim of memo %s was live, but the memo is %s", m.ID, m.Status)
	}
	m.Status = string(row.To)
	return f.putMemo(m, "memo."+m.Status)
}

// memoDue marks a memo whose time is over. Its pieces stay held: they are not in the house.
func (f *fold) memoDue(id string) error {
	m, err := f.memo(id)
	if err != nil || m == nil || m.Until.After(f.f.at) {
		return err
	}
	row, no := lifecycle.MemoMachine.Decide(lifecycle.State(m.Status), "fall_due", lifecycle.Timer, &lifecycle.Facts{Now: f.f.at.Unix(), Until: m.Until.Unix()})
	if no != nil {
		return nil // it is settled
	}
	m.Status = string(row.To)
	return f.putMemo(m, "memo.overdue")
}
