package router

import (
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/identity"
	"github.com/jumpring/jumpring/core/lifecycle"
	"github.com/jumpring/jumpring/core/normalize"
	"github.com/jumpring/jumpring/core/store"
)

// maxScans is how many scans one command brings.
const maxScans = 500

func (f *fold) session(id string) (*canon.CountSession, error) {
	return store.Load[canon.CountSession](f.tx, store.RecordKey(store.TypeCount, id))
}

// putSession saves a count session; event is what happened to it, empty for nothing that its timeline shows.
func (f *fold) putSession(s *canon.CountSession, event string) error {
	s.Version, s.UpdatedAt = f.f.pos, f.f.at
	if err := f.save(store.RecordKey(store.TypeCount, s.ID), s); err != nil {
		return err
	}
	if event == "" {
		return nil
	}
	return f.row(canon.Row{Entity: s.ID, Type: store.TypeCount, Event: "count." + event, Location: s.Location})
}

// countSession takes one step of a count session, or refuses it.
func (f *fold) countSession(cmd *canon.Command) (*canon.Outcome, error) {
	ask := cmd.Count
	s, status := &canon.CountSession{ID: cmd.ID}, 201
	if ask.Event == "open" {
		if !contains(f.settings.Locations, ask.Location) {
			return refuse(422, "location.unknown", "the house has no place %.64q", ask.Location), nil
		}
		s.Location, s.Reference, s.Channel, s.OpenedBy, s.OpenedAt = ask.Location, ask.Reference, ask.Channel, f.f.head.Actor, f.f.at
	} else {
		var err error
		if s, err = f.session(ask.Session); err != nil {
			return nil, err
		}
		if s == nil {
			return refuse(404, "count.unknown", "no count session has the id %.64q", ask.Session), nil
		}
		status = 200
	}
	if ask.Event == "complete" && !s.Compared && s.Status == "submitted" {
		return refuse(409, "count.comparing", "what was seen is still being compared: ask again in a moment"), nil
	}
	if ask.Event == "complete" && s.SubmittedBy == f.f.head.Actor && discrepancies(s) > 0 {
		return refuse(409, "approval.second_person", "somebody else than who submitted the count completes it"), nil
	}
	facts := &lifecycle.Facts{Now: f.f.at.Unix(), Approved: ask.Approved, Actor: f.f.head.Actor, Discrepancies: discrepancies(s)}
	row, refusal := decideAs(&lifecycle.CountMachine, lifecycle.State(s.Status), ask.Event, actor(cmd), facts)
	if refusal != nil {
		return refused(refusal), nil
	}
	event := string(row.To)
	switch ask.Event {
	case "see":
		if len(ask.Scans) == 0 || len(ask.Scans) > maxScans {
			return refuse(422, "count.scans", "bring 1 to %d scans at once", maxScans), nil
		}
		event = ""
		for _, scan := range ask.Scans {
			if err := f.keepScan(s, canon.CountLine{Scanned: scan.Scanned, Quantity: max(scan.Quantity, 1), By: f.f.head.Actor, At: f.f.at}, "", cmd.ID); err != nil {
				return nil, err
			}
		}
	case "submit":
		s.SubmittedBy, s.SubmittedAt = f.f.head.Actor, f.f.at
		f.compare(s)
	case "recount":
		s.Compared, s.Phase, s.Next = false, "", ""
	case "complete":
		s.CompletedBy, s.Phase, s.Next = f.f.head.Actor, phaseApplyMissing, ""
		f.due(f.f.at, dueCount+s.ID)
	}
	s.Status = string(row.To)
	if err := f.putSession(s, event); err != nil {
		return nil, err
	}
	return done(status, s)
}

// sessionScan takes a scan that a device reported. One that comes when its session takes none any more is parked: a
// person recounts and replays it, or lets it be.
func (f *fold) sessionScan(b *canon.Binding, st *canon.CountState) error {
	s, err := f.session(st.Session)
	if err != nil {
		return err
	}
	if s == nil {
		return faultf("count.unknown", "no count session has the id %.64q", st.Session)
	}
	if s.Status != "open" {
		return faultf("count.closed", "the count session is %s: open it for a recount and replay this, or discard it", s.Status)
	}
	read := st.EPC
	for _, other := range []string{st.Serial, st.SKU} {
		if read == "" {
			read = other
		}
	}
	line := canon.CountLine{Scanned: read, Quantity: st.Quantity, By: b.Connection, At: st.CountedAt.UTC()}
	if err := f.keepScan(s, line, b.Connection, canon.NodeID("cnt", b.Connection, canon.KindCount, b.ExternalID)); err != nil {
		return err
	}
	return f.putSession(s, "")
}

// keepScan keeps one scan of a session, under what it is of and where it came from: the same scan again counts once.
func (f *fold) keepScan(s *canon.CountSession, line canon.CountLine, connection, source string) error {
	n, err := f.scanned(connection, line.Scanned)
	if err != nil {
		return err
	}
	key := store.PrefixCounted + s.ID + "/unknown/" + store.Part(line.Scanned)
	line.State = "unknown"
	if n != nil {
		item, err := f.item(n.Item)
		if err != nil {
			return err
		}
		line.State, line.Item = "seen", n.Item
		key = store.PrefixCounted + s.ID + "/seen/" + n.Item + "/" + source
		if item != nil && item.Serialized {
			line.Quantity = 1
			key = store.PrefixCounted + s.ID + "/seen/" + n.Item + "/" // however often it was read
		}
	}
	was, err := store.Load[canon.CountLine](f.tx, key)
	if err != nil {
		return err
	}
	if was == nil {
		s.Scans++
		if n == nil {
			s.Unknown++
		}
	} else if connection == "" && line.State == "seen" && key[len(key)-1] != '/' {
		line.Quantity += was.Quantity // several scans of one SKU in one command
	}
	return f.save(key, line)
}

// scanned finds what was read from goods, whatever kind of key it is.
func (f *fold) scanned(connection, read string) (*listingNode, error) {
	n, _, err := f.resolveLine(connection, &canon.OrderLine{Serial: read, EPC: read, SKU: read})
	if err != nil || n != nil {
		return n, err
	}
	if huid, ok := normalize.HUID(read); ok {
		ids, err := f.scan(indexNodeKey+"huid", huid, identity.Crowd+1)
		if err != nil {
			return nil, err
		}
		if n, err := f.onlyItem(ids); err != nil || n != nil {
			return n, err
		}
	}
	cert, err := normalize.Certificate(canon.StatedCert{Number: read})
	if err != nil || cert.Number == "" {
		return nil, nil
	}
	ids, err := f.scan(store.IndexNumber, cert.Number, 2)
	if err != nil || len(ids) != 1 {
		return nil, err // of two laboratories with one number nobody knows which
	}
	return f.listingNode(ids[0])
}

func discrepancies(s *canon.CountSession) int64 {
	return s.Missing + s.Unexpected + s.Differing + s.Unknown
}
