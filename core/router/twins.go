package router

import (
	"slices"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/identity"
	"github.com/jumpring/jumpring/core/lifecycle"
	"github.com/jumpring/jumpring/core/store"
)

// Two pieces of the house with one grading report: one of them is not what it says, or a person set a listing apart that
// is the same piece. Neither is sold before somebody has looked.

// reportKeys are the reports that name a live piece, sorted.
func reportKeys(it *canon.Item) []string {
	if it == nil || !it.Serialized || !liveStatus(it.Status) {
		return nil
	}
	var keys []string
	for _, c := range it.Certificates {
		if c.Lab != "" {
			keys = append(keys, c.Key())
		}
	}
	slices.Sort(keys)
	return keys
}

// liveStatus reports whether a piece in a state may be sold, or may come to be. A sold piece that is bought back and listed
// anew has its report again.
func liveStatus(s canon.ItemStatus) bool {
	switch s {
	case canon.ItemSold, canon.ItemRetired, canon.ItemMelted, canon.ItemScrapped, canon.ItemToVendor, canon.ItemUnavailable:
		return false
	}
	return true
}

// twins gives the ids of other live pieces with a report of this one, sorted. A number that is on many names nothing.
func (f *fold) twins(item *canon.Item) ([]string, error) {
	var out []string
	for _, key := range reportKeys(item) {
		ids, err := f.scan(store.IndexCertificate, key, identity.Crowd+1)
		if err != nil {
			return nil, err
		}
		if len(ids) > identity.Crowd {
			continue
		}
		for _, id := range ids {
			if id == item.ID || contains(out, id) {
				continue
			}
			other, err := store.Peek[canon.Item](f.tx, store.RecordKey(store.TypeItem, id), nil)
			if err != nil {
				return nil, err
			}
			if contains(reportKeys(other), key) {
				out = append(out, id)
			}
		}
	}
	slices.Sort(out)
	return out, nil
}

// twinsChanged marks the pieces for a new state that have a report which an item has or had, where one became or ceased to
// be a live piece's.
func (f *fold) twinsChanged(before, item *canon.Item) error {
	was, is := reportKeys(before), reportKeys(item)
	if slices.Equal(was, is) {
		return nil
	}
	own := ""
	if item != nil {
		own = item.ID
	}
	for _, key := range slices.Concat(was, is) {
		if contains(was, key) && contains(is, key) {
			continue
		}
		ids, err := f.scan(store.IndexCertificate, key, identity.Crowd+1)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(ids, func(id string) bool { return id != own }) {
			continue // nobody else has it
		}
		for _, id := range ids {
			f.dirty[id], f.reported[id] = true, true
		}
	}
	return nil
}

// reportCase opens a case while live pieces share a report, and closes it otherwise. It stands on the smallest id of them.
func (f *fold) reportCase(before, item *canon.Item) error {
	id := lifecycle.CaseID(canon.CaseReport, item.ID)
	if len(item.SameReport) == 0 || item.SameReport[0] < item.ID {
		if before == nil || len(before.SameReport) == 0 {
			return nil
		}
		return f.closeCase(id, "no other live piece has the report")
	}
	c := &canon.Case{
		ID: id, Kind: canon.CaseReport, Open: true, Subject: item.ID,
		Summary: "live pieces state the same grading report; none of them is sold before one is corrected, matched or taken out",
	}
	for _, other := range append([]string{item.ID}, item.SameReport...) {
		c.Evidence = append(c.Evidence, canon.Evidence{Text: "piece " + other})
	}
	return f.openCase(c)
}
