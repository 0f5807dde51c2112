// Package alarm tells people outside when a hub needs them. What is wrong is looked at again and again; a Book turns looks
// into alarms that are raised once, repeated as configured and cleared once; a Keeper tells them by webhook, mail or command.
// Messages are made of the hub's own words, names and figures: no secret and no personal datum is in them (invariant 7).
package alarm

import (
	"slices"
	"strings"
	"time"
)

// Kind is what an alarm is about.
type Kind string

// The kinds.
const (
	Stale       Kind = "connection.stale"
	Fuse        Kind = "connection.fuse"
	Failing     Kind = "connection.failing" // its connector crashes again and again, or never starts
	Credential  Kind = "connection.credential"
	Drift       Kind = "connection.drift"
	Parked      Kind = "parked"
	Disk        Kind = "disk"
	Certificate Kind = "certificate"
	Backup      Kind = "backup"
	Lease       Kind = "lease"
	Journal     Kind = "journal" // refuses what comes in
	Clock       Kind = "clock"
	Undelivered Kind = "alarm.undelivered" // another way of telling fails
	Test        Kind = "test"
)

// Kinds lists what alarms may be about.
func Kinds() []Kind {
	return []Kind{Stale, Fuse, Failing, Credential, Drift, Parked, Disk, Certificate, Backup, Lease, Journal, Clock, Undelivered}
}

// Verdict is what one look says.
type Verdict int

// The verdicts. Between the two thresholds of a figure neither side counts: a standing alarm stands, and none is raised.
const (
	Good Verdict = iota
	Between
	Bad
)

// Signal is what was found about one thing.
type Signal struct {
	Kind    Kind
	Subject string // a connection, a folder, a way of telling; empty for the hub itself
	Verdict Verdict
	What    string // what is wrong, in the hub's own words
	Do      string
}

// Level judges a figure with two thresholds: from raise on it is bad, up to clear it is good.
func Level(v, raise, clear int64) Verdict {
	switch {
	case v >= raise:
		return Bad
	case v <= clear:
		return Good
	}
	return Between
}

// Times say how fast alarms come and go.
type Times struct {
	After  time.Duration // something must be bad for so long
	Clear  time.Duration // and good again for so long
	Repeat time.Duration // a standing alarm is told again; 0 for never
}

// Alarm is one thing that is, or was, wrong.
type Alarm struct {
	ID        string          `json:"id" doc:"Of this raising; what is told about it carries it"`
	Kind      Kind            `json:"kind"`
	Subject   string          `json:"subject,omitempty"`
	What      string          `json:"what"`
	Do        string          `json:"do,omitempty"`
	RaisedAt  time.Time       `json:"raised_at"`
	ClearedAt time.Time       `json:"cleared_at,omitzero"`
	Told      map[string]Told `json:"told,omitempty" doc:"By way of telling"`
	// GoodSince is when it was found well again, while it still stands.
	GoodSince time.Time `json:"good_since,omitzero"`
}

// Told is what one way has told of an alarm.
type Told struct {
	Raised  time.Time `json:"raised,omitzero"`
	Last    time.Time `json:"last,omitzero" doc:"When it was told or repeated last"`
	Times   int       `json:"times" doc:"How often it was told"`
	Cleared time.Time `json:"cleared,omitzero"`
}

// Stands reports whether it is not over.
func (a *Alarm) Stands() bool { return a.ClearedAt.IsZero() }

// pending is something that is bad and no alarm yet.
type pending struct {
	Since time.Time `json:"since"`
}

// kept is how many alarms that are over a book remembers.
const kept = 100

// Book is all alarms. It is pure: who asks brings the time and what was found. The zero value is an empty book.
type Book struct {
	Alarms  []*Alarm           `json:"alarms"` // the oldest first
	Pending map[string]pending `json:"pending,omitempty"`
}

func keyOf(k Kind, subject string) string { return string(k) + " " + subject }

// standing gives the alarm that stands for a thing; nil for none.
func (b *Book) standing(key string) *Alarm {
	for _, a := range b.Alarms {
		if a.Stands() && keyOf(a.Kind, a.Subject) == key {
			return a
		}
	}
	return nil
}

// Look takes in what was found at one look, and reports whether the book changed. What is not among the signals any more,
// such as a connection that was taken away, is good.
func (b *Book) Look(now time.Time, t Times, signals []Signal) (changed bool) {
	if b.Pending == nil {
		b.Pending = map[string]pending{}
	}
	seen := map[string]bool{}
	for i := range signals {
		s := &signals[i]
		key := keyOf(s.Kind, s.Subject)
		seen[key] = true
		changed = b.take(now, t, key, s) || changed
	}
	for key := range b.Pending {
		if !seen[key] {
			delete(b.Pending, key)
			changed = true
		}
	}
	for _, a := range b.Alarms {
		if key := keyOf(a.Kind, a.Subject); a.Stands() && !seen[key] && a.Kind != Test {
			changed = b.take(now, t, key, &Signal{Kind: a.Kind, Subject: a.Subject}) || changed
		}
	}
	return b.forget() || changed
}

func (b *Book) take(now time.Time, t Times, key string, s *Signal) (changed bool) {
	a := b.standing(key)
	p, waits := b.Pending[key]
	switch {
	case a != nil && s.Verdict == Good:
		if a.GoodSince.IsZero() {
			a.GoodSince, changed = now, true
		}
		if now.Sub(a.GoodSince) >= t.Clear {
			a.ClearedAt, a.GoodSince, changed = now, time.Time{}, true
		}
	case a != nil && s.Verdict == Bad:
		changed = !a.GoodSince.IsZero() || a.What != s.What
		a.GoodSince, a.What, a.Do = time.Time{}, s.What, s.Do
	case a != nil:
		changed = !a.GoodSince.IsZero()
		a.GoodSince = time.Time{}
	case s.Verdict != Bad:
		delete(b.Pending, key)
		changed = waits
	case !waits && t.After > 0:
		b.Pending[key] = pending{Since: now}
		changed = true
	case !waits || now.Sub(p.Since) >= t.After:
		delete(b.Pending, key)
		b.raise(now, s)
		changed = true
	}
	return changed
}

func (b *Book) raise(now time.Time, s *Signal) {
	b.Alarms = append(b.Alarms, &Alarm{
		ID:   strings.Join([]string{string(s.Kind), s.Subject, now.UTC().Format("20060102T150405.000000Z")}, "/"),
		Kind: s.Kind, Subject: s.Subject, What: s.What, Do: s.Do, RaisedAt: now, Told: map[string]Told{},
	})
}

// forget drops the oldest alarms that are over.
func (b *Book) forget() bool {
	over := 0
	for _, a := range b.Alarms {
		if !a.Stands() {
			over++
		}
	}
	before := len(b.Alarms)
	b.Alarms = slices.DeleteFunc(b.Alarms, func(a *Alarm) bool {
		drop := over > kept && !a.Stands()
		if drop {
			over--
		}
		return drop
	})
	return len(b.Alarms) != before
}

// Phase is which news of an alarm a notice is.
type Phase string

// The phases.
const (
	Raised   Phase = "raised"
	Repeated Phase = "repeated"
	Cleared  Phase = "cleared"
)

// Notice is what is told.
type Notice struct {
	// ID is the same however often it is sent: a receiver knows by it what it has already.
	ID        string    `json:"id"`
	Phase     Phase     `json:"phase"`
	Kind      Kind      `json:"kind"`
	Subject   string    `json:"subject,omitempty"`
	What      string    `json:"what"`
	Do        string    `json:"do,omitempty"`
	RaisedAt  time.Time `json:"raised_at"`
	ClearedAt time.Time `json:"cleared_at,omitzero"`
	Hub       string    `json:"hub,omitempty"` // its node or public address

	alarm *Alarm
}

// Title is one line about it.
func (n *Notice) Title() string {
	title := string(n.Phase) + ": " + string(n.Kind)
	if n.Subject != "" {
		title += " " + n.Subject
	}
	if n.Hub != "" {
		title += " (" + n.Hub + ")"
	}
	return title
}

// Due gives what a way has to tell next; nil when it has told everything. An alarm that was over before it could be told is
// not told. takes says which kinds the way is for.
func (b *Book) Due(way string, now time.Time, repeat time.Duration, takes func(Kind) bool) *Notice {
	for _, a := range b.Alarms {
		told := a.Told[way]
		phase := Phase("")
		switch {
		case !takes(a.Kind):
		case a.Stands() && told.Times == 0:
			phase = Raised
		case a.Stands() && repeat > 0 && now.Sub(told.Last) >= repeat:
			phase = Repeated
		case !a.Stands() && told.Times > 0 && told.Cleared.IsZero():
			phase = Cleared
		}
		if phase == "" {
			continue
		}
		n := &Notice{Phase: phase, Kind: a.Kind, Subject: a.Subject, What: a.What, Do: a.Do, RaisedAt: a.RaisedAt, ClearedAt: a.ClearedAt, alarm: a}
		n.ID = strings.Join([]string{a.ID, string(phase)}, "/")
		if phase == Repeated {
			n.ID += "/" + now.UTC().Truncate(repeat).Format("20060102T150405Z")
		}
		return n
	}
	return nil
}

// Told notes that a way has told something.
func (b *Book) Told(way string, n *Notice, now time.Time) {
	told := n.alarm.Told[way]
	if n.Phase == Cleared {
		told.Cleared = now
	} else {
		if told.Raised.IsZero() {
			told.Raised = now
		}
		told.Last, told.Times = now, told.Times+1
	}
	if n.alarm.Told == nil {
		n.alarm.Told = map[string]Told{}
	}
	n.alarm.Told[way] = told
}
