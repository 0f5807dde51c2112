package report

import (
	"maps"
	"slices"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// clients counts who is known and who is new.
func clients(r store.Reader, a Ask, to *sums) error {
	fresh, before := make(map[string]int64), make(map[string]int64)
	err := each(r, store.TypeClient, func(c *canon.Client) error {
		since, channel := time.Time{}, ""
		if c.Acquired != nil {
			since, channel = c.Acquired.At, c.Acquired.Connection
		}
		if since.IsZero() {
			var err error
			if since, err = firstSeen(r, c.ID, c.Nodes); err != nil {
				return err
			}
		}
		if channel == "" && len(c.Accounts) > 0 {
			channel = c.Accounts[0].Connection
		}
		if !since.Before(a.To) {
			return nil
		}
		key := orNone(channel)
		if a.By == ByMonth {
			key = ""
			if a.within(since) {
				key = since.UTC().Format("2006-01")
			}
		}
		if a.within(since) {
			fresh[key]++
		} else {
			before[key]++
		}
		return nil
	})
	if err != nil {
		return err
	}
	if a.By == ByChannel {
		for _, key := range slices.Sorted(maps.Keys(before)) {
			to.add(Line{Key: key, Known: before[key]})
		}
		for _, key := range slices.Sorted(maps.Keys(fresh)) {
			to.add(Line{Key: key, New: fresh[key], Known: fresh[key]})
		}
		return nil
	}
	// Known of a month is a state, not a sum: it goes on from month to month, months without anybody among them.
	known := before[""]
	begin := time.Date(a.From.UTC().Year(), a.From.UTC().Month(), 1, 0, 0, 0, 0, time.UTC)
	for m := begin; m.Before(a.To); m = m.AddDate(0, 1, 0) {
		key := m.Format("2006-01")
		known += fresh[key]
		to.add(Line{Key: key, New: fresh[key], Known: known})
	}
	return nil
}
