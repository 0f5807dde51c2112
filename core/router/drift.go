package router

import (
	"strconv"

	"github.com/goccy/go-json"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// keptReports is how many drift reports of a connection the view keeps; the journal has them all.
const keptReports = 20

// maxSwept is how many holds one report looks through, so that an entry writes a bounded amount.
const maxSwept = 2 * canon.MaxDriftRows

// driftPage keeps what a page of a sweep found. Where a sweep ended without a report, because its hub was killed and the
// platform does not know its page any more, the next one takes over what it found: that was folded and would not be found
// again. What was shown counts from the newest full read alone.
func (f *fold) driftPage(ft *fact) error {
	var p canon.DriftPage
	if err := decodeInto(ft, &p); err != nil {
		return err
	}
	name := ft.head.Connection
	if c, err := f.connection(name); err != nil || c == nil {
		if err == nil {
			err = faultf("drift.no_connection", "a sweep of an unknown connection")
		}
		return err
	}
	key := store.PrefixSweep + name
	run, err := copyOf(store.Peek[canon.DriftRun](f.tx, key, nil))
	if err != nil {
		return err
	}
	if run == nil {
		run = &canon.DriftRun{Connection: name}
	}
	if run.Run != p.Run {
		run.Run, run.StartedAt, run.Began = p.Run, p.StartedAt, p.Began
	}
	room := max(canon.MaxDriftRows-len(run.Found), 0)
	taken := min(room, len(p.Found))
	run.Found = append(run.Found[:len(run.Found):len(run.Found)], p.Found[:taken]...)
	run.More += int64(len(p.Found) - taken)
	for _, h := range p.Holds {
		if err := f.save(holdKey(name, h.ExternalID), h); err != nil {
			return err
		}
	}
	return f.save(key, run)
}

// driftReport keeps a report, drops the oldest beyond those that are kept, and ends the sweep.
func (f *fold) driftReport(ft *fact) error {
	var r canon.DriftReport
	if err := decodeInto(ft, &r); err != nil {
		return err
	}
	name := ft.head.Connection
	if r.Connection != name || r.Position.IsZero() {
		return faultf("drift.report", "the report is not of the connection that sent it, or has no position")
	}
	f.tx.Delete(store.PrefixSweep + name)
	if err := f.save(store.ReportKey(name, r.Position), r); err != nil {
		return err
	}
	var keys []string
	err := f.tx.Scan(store.PrefixReport+name+"/", "", func(key string, _ []byte) (bool, error) {
		keys = append(keys, key)
		return true, nil
	})
	if err != nil {
		return err
	}
	for i := 0; i < len(keys)-keptReports; i++ {
		f.tx.Delete(keys[i])
	}
	if err := f.endHolds(name); err != nil {
		return err
	}
	rows := int64(len(r.Rows)) + r.More
	return f.row(canon.Row{
		Entity: "connection:" + name, Type: "connection", Event: "connection.drift",
		Changes: []canon.Change{{Field: "drift_rows", After: json.RawMessage(strconv.FormatInt(rows, 10))}},
	})
}

// endHolds drops the holds of levels that show what they should again.
func (f *fold) endHolds(connection string) error {
	prefix := store.PrefixHold + connection + "/"
	var over []string
	seen := 0
	err := f.tx.Scan(prefix, "", func(key string, _ []byte) (bool, error) {
		b, err := f.levelBinding(connection, key[len(prefix):])
		if err != nil {
			return false, err
		}
		if b == nil || !b.Wants.Differs() {
			over = append(over, key)
		}
		seen++
		return seen < maxSwept, nil
	})
	for _, key := range over {
		f.tx.Delete(key)
	}
	return err
}

func holdKey(connection, level string) string { return store.PrefixHold + connection + "/" + level }

// Held reports whether a level waits for a person before it is written: a sweep found it changed at the platform, the
// connection's policy is to report that, and nothing has changed since.
func Held(r store.Reader, b *canon.Binding) (bool, error) {
	if !b.Wants.Differs() {
		return false, nil
	}
	h, err := store.Load[canon.DriftHold](r, holdKey(b.Connection, b.ExternalID))
	if err != nil || h == nil {
		return false, err
	}
	return h.Shows == b.Wants.Shows && h.Should == *b.Wants.Quantity, nil
}
