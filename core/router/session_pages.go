package router

import (
	"fmt"
	"slices"
	"time"

	"github.com/goccy/go-json"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// A count of a whole place is compared and applied page by page, each a tick of its own, so that each entry writes a
// bounded amount.

const (
	dueCount  = "count/" // begins the name of a page that is due
	countRows = 100      // of one page
)

// The phases of the work on a count.
const (
	phaseExpected        = "expected"         // what should be there was seen, or is missing
	phaseSeen            = "seen"             // what was seen should be there, or is unexpected
	phaseApplyMissing    = "apply_missing"    //
	phaseApplyUnexpected = "apply_unexpected" //
	phaseApplyDiffering  = "apply_differing"  //
)

// compare begins the comparison of what was seen with what should be there.
func (f *fold) compare(s *canon.CountSession) {
	s.Run++
	s.Expected, s.Missing, s.Unexpected, s.Differing, s.Compared = 0, 0, 0, 0, false
	s.Phase, s.Next = phaseExpected, ""
	f.due(f.f.at, dueCount+s.ID)
}

// found is where the findings of the session's newest comparison are kept.
func found(s *canon.CountSession, state, item string) string {
	return fmt.Sprintf("%s%s/%s%d/%s", store.PrefixCounted, s.ID, state, s.Run, item)
}

// countPage does one page of the work on a count.
func (f *fold) countPage(id string) error {
	s, err := f.session(id)
	if err != nil || s == nil || s.Phase == "" {
		return err
	}
	var prefix string
	var step func(s *canon.CountSession, rest string, raw []byte) error
	next := ""
	switch s.Phase {
	case phaseExpected:
		prefix, step, next = store.IndexPrefix(store.IndexItemAt, s.Location), f.expected, phaseSeen
	case phaseSeen:
		prefix, step = store.PrefixCounted+s.ID+"/seen/", f.unexpected
	case phaseApplyMissing:
		prefix, step, next = found(s, "missing", ""), f.applyMissing, phaseApplyUnexpected
	case phaseApplyUnexpected:
		prefix, step, next = found(s, "unexpected", ""), f.applyUnexpected, phaseApplyDiffering
	case phaseApplyDiffering:
		prefix, step = found(s, "differing", ""), f.applyDiffering
	}
	from := ""
	if s.Next != "" {
		from = prefix + s.Next + "\x00"
	}
	var rests []string
	var raws [][]byte
	more := false
	err = f.tx.Scan(prefix, from, func(key string, raw []byte) (bool, error) {
		if more = len(rests) == countRows; more {
			return false, nil
		}
		rests, raws = append(rests, key[len(prefix):]), append(raws, slices.Clone(raw))
		return true, nil
	})
	if err != nil {
		return err
	}
	for i, rest := range rests {
		if err := step(s, rest, raws[i]); err != nil {
			return err
		}
		s.Next = rest
	}
	event := ""
	if !more {
		s.Phase, s.Next = next, ""
		if next == "" && s.Status == "submitted" {
			s.Compared, event = true, "compared"
		} else if next == "" {
			s.Applied, event = true, "applied"
		}
	}
	if s.Phase != "" {
		f.due(f.f.at, dueCount+s.ID)
	}
	return f.putSession(s, event)
}

// countable reports whether a piece in a state is at its place, so that who counts there sees it.
func countable(s canon.ItemStatus) bool {
	switch s {
	case canon.ItemInStock, canon.ItemReserved, canon.ItemBlocked, canon.ItemInRepair, canon.ItemReturned, canon.ItemQuarantine, canon.ItemAssembled:
		return true
	}
	return false
}

// seenOf adds up what was seen of an item in a session, and when it was seen last.
func (f *fold) seenOf(s *canon.CountSession, item *canon.Item) (quantity int64, seen bool, at time.Time, err error) {
	for _, id := range item.Nodes { // its listings may have been joined since
		err = f.tx.Scan(store.PrefixCounted+s.ID+"/seen/"+id+"/", "", func(_ string, raw []byte) (bool, error) {
			var l canon.CountLine
			if err := json.Unmarshal(raw, &l); err != nil {
				return false, err
			}
			quantity, seen = quantity+l.Quantity, true
			if l.At.After(at) {
				at = l.At
			}
			return true, nil
		})
		if err != nil {
			return 0, false, at, err
		}
	}
	return quantity, seen, at, nil
}

// expected compares one item that should be at the place with what was seen.
func (f *fold) expected(s *canon.CountSession, id string, _ []byte) error {
	item, err := f.item(id)
	if err != nil || item == nil {
		return err
	}
	believed := int64(0)
	for _, a := range item.Stock {
		if a.Location == s.Location {
			believed = a.OnHand
		}
	}
	if item.Serialized && !countable(item.Status) || believed <= 0 {
		return nil
	}
	s.Expected++
	quantity, seen, _, err := f.seenOf(s, item)
	if err != nil || seen {
		return err // whether a quantity is as it should be is looked at where it was seen
	}
	s.Missing++
	return f.save(found(s, "missing", item.ID), canon.CountLine{State: "missing", Item: item.ID, Quantity: quantity, Believed: believed, At: s.SubmittedAt})
}

// unexpected compares one scan with what should be at the place.
func (f *fold) unexpected(s *canon.CountSession, rest string, raw []byte) error {
	var line canon.CountLine
	if err := json.Unmarshal(raw, &line); err != nil {
		return err
	}
	item, err := f.item(line.Item)
	if err != nil || item == nil {
		return err
	}
	if item.Serialized {
		if item.Location == s.Location && countable(item.Status) {
			return nil
		}
		s.Unexpected++
		line.State, line.Status, line.Location = "unexpected", item.Status, item.Location
		return f.save(found(s, "unexpected", item.ID), line)
	}
	key := found(s, "differing", item.ID)
	if _, done, err := f.tx.Get(key); err != nil || done {
		return err // another scan of the same goods
	}
	line.State, line.Scanned, line.By = "differing", "", ""
	for _, a := range item.Stock {
		if a.Location == s.Location {
			line.Believed = a.OnHand
		}
	}
	if line.Quantity, _, line.At, err = f.seenOf(s, item); err != nil || line.Quantity == line.Believed {
		return err
	}
	s.Differing++
	return f.save(key, line)
}

// finding loads a finding of a comparison and its item as it is now; nil when that is no more.
func (f *fold) finding(raw []byte) (*canon.CountLine, *canon.Item, error) {
	line := new(canon.CountLine)
	if err := json.Unmarshal(raw, line); err != nil {
		return nil, nil, err
	}
	item, err := f.item(line.Item)
	return line, item, err
}

// applyMissing has what was not seen be missing, unless it was sold or found meanwhile.
func (f *fold) applyMissing(s *canon.CountSession, _ string, raw []byte) error {
	line, item, err := f.finding(raw)
	if err != nil || item == nil {
		return err
	}
	if !item.Serialized {
		return f.foundThen(line.At, item.Nodes[0], s.Location, 0, s.ID+"/"+item.ID)
	}
	if item.Location != s.Location || !countable(item.Status) {
		return nil
	}
	live, err := f.claimsOn(item)
	if err != nil {
		return err
	}
	for _, c := range live {
		if c.Kind == canon.ClaimAside {
			before := *c
			c.State, c.Placed = canon.ItemMissing, line.At
			return f.putClaim(&before, c)
		}
	}
	return f.putClaim(nil, &canon.Claim{
		Key: s.ID + "/" + item.ID, Kind: canon.ClaimAside, Connection: s.Channel, Node: item.Nodes[0], Item: item.ID, Location: s.Location,
		Quantity: 1, Net: 1, State: canon.ItemMissing, Document: s.ID, Placed: line.At, Since: f.f.pos, At: f.f.at,
	})
}

// applyUnexpected has a piece be where it was seen, if nobody has a claim to it: what is sold, lent or on its way is
// listed, and a person looks at it.
func (f *fold) applyUnexpected(s *canon.CountSession, _ string, raw []byte) error {
	line, item, err := f.finding(raw)
	if err != nil || item == nil || !item.Serialized {
		return err
	}
	lost := item.Status == canon.ItemMissing || item.Status == canon.ItemStolen || item.Status == canon.ItemWrittenOff
	if item.Holder != nil && !lost && !countable(item.Status) {
		return nil
	}
	return f.foundThen(line.At, item.Nodes[0], s.Location, 1, s.ID+"/"+item.ID)
}

// applyDiffering has a quantity be what was counted of it.
func (f *fold) applyDiffering(s *canon.CountSession, _ string, raw []byte) error {
	line, item, err := f.finding(raw)
	if err != nil || item == nil || item.Serialized {
		return err
	}
	return f.foundThen(line.At, item.Nodes[0], s.Location, line.Quantity, s.ID+"/"+item.ID)
}
