package router

import (
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// lease takes, renews or gives up a lease. Whoever asks names the entry that the lease was as it was seen: of several that
// saw the same one the first in the journal gets it, and no clock is asked (invariant 3).
func (f *fold) lease(ft *fact) error {
	var ask canon.LeaseAsked
	if err := decodeInto(ft, &ask); err != nil {
		return err
	}
	if ask.Name == "" || ask.Node == "" {
		return faultf("lease.malformed", "a lease needs a name and a node")
	}
	key := store.PrefixLease + ask.Name
	l, err := store.Load[canon.Lease](f.tx, key)
	if err != nil {
		return err
	}
	var seen canon.Position
	if l != nil {
		seen = l.Position
	}
	if ask.Seen != seen {
		return nil // another one was faster, or the asker was away for too long
	}
	next := canon.Lease{Name: ask.Name, Node: ask.Node, Term: ft.pos, Position: ft.pos}
	if l != nil && l.Node == ask.Node && l.Run == ask.Run {
		next.Term = l.Term
	}
	next.Run, next.Address = ask.Run, ask.Address
	if ask.Release {
		next.Node, next.Run, next.Address = "", "", ""
	}
	if err := f.save(key, next); err != nil {
		return err
	}
	if l != nil && l.Node == next.Node && l.Run == next.Run {
		return nil // renewed: no news for a person
	}
	event := "lease.taken"
	if ask.Release {
		event = "lease.released"
	}
	return f.row(canon.Row{Entity: "lease:" + ask.Name, Type: "lease", Event: event})
}

// holds tells whether a lease is held as an entry says: what a node appends after it lost its lease has no effect, however
// long it was on its way.
func (f *fold) holds(g *canon.LeaseGuard) (bool, error) {
	l, err := store.Load[canon.Lease](f.tx, store.PrefixLease+g.Name)
	return l != nil && l.Node != "" && l.Term == g.Term, err
}

// HeldLease gives a lease as the view has it; nil when it was never taken.
func HeldLease(r store.Reader, name string) (*canon.Lease, error) {
	return store.Load[canon.Lease](r, store.PrefixLease+name)
}
