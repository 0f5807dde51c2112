package policy

import (
	"cmp"
	"slices"
	"time"

	"github.com/jumpring/jumpring/core/canon"
)

// Source is who states values of a record.
type Source struct {
	Connection string
	// Node is the node id of what states them. It derives from the key, never from arrival.
	Node string
	// Created is when the source made its record, by its own word; zero where it does not say.
	Created time.Time
	// Second tells that it counts after every other source whatever the rule is: a buyer's words on an order come after
	// what accounts say.
	Second bool
}

// Statement is what a source states of one field group.
type Statement struct {
	Source
	// Value is what it states, normalized, as anything that marshals to JSON; nil where it states nothing.
	Value any
	// Means is Value as it is compared with another's, where that is not the same: of prices, the amount by currency.
	Means any
	// Restricts is how much the value restricts, for PolicyRestrictive.
	Restricts int
}

func (s *Statement) meaning() any {
	if s.Means != nil {
		return s.Means
	}
	return s.Value
}

// Role is what became of a source's statement.
type Role string

// The roles.
const (
	Counts  Role = "counts"      // it is the value, or one of those that make it up
	Agrees  Role = "agrees"      // it does not count, and states nothing else than what counts
	Differs Role = "differs"     // it does not count, and states something else
	Silent  Role = "states none" // it states nothing
	LeftOut Role = "left out"    // the rule takes nothing from it
)

// Decision is who counts for a field group.
type Decision struct {
	// Counts are the places of the statements that make up the value, the strongest first.
	Counts []int
	Roles  []Role // of each statement
}

// Losing lists the places of the statements that differ from what counts.
func (d *Decision) Losing() []int {
	var out []int
	for i, r := range d.Roles {
		if r == Differs {
			out = append(out, i)
		}
	}
	return out
}

// Decide says whose statements make up the value of a group. The statements come in the default order. What it answers
// depends on the rule and on what is stated, never on the order in which it arrived (invariant 3).
func Decide(r *canon.PolicyRule, stated []Statement) Decision {
	d := Decision{Roles: make([]Role, len(stated))}
	for i := range stated {
		switch {
		case r.Policy == canon.PolicyIgnore, r.Others == canon.OthersIgnore && !slices.Contains(r.Authority, stated[i].Connection):
			d.Roles[i] = LeftOut
		case stated[i].Value == nil:
			d.Roles[i] = Silent
		default:
			d.Counts = append(d.Counts, i)
		}
	}
	slices.SortStableFunc(d.Counts, func(a, b int) int { return compare(r, &stated[a], &stated[b]) })
	if len(d.Counts) == 0 {
		return d
	}
	if r.Policy == canon.PolicyAuthority || r.Policy == canon.PolicyFirst {
		rest := d.Counts[1:]
		d.Counts = d.Counts[:1:1]
		for _, i := range rest {
			d.Roles[i] = Agrees
			if Contradict(stated[d.Counts[0]].meaning(), stated[i].meaning()) {
				d.Roles[i] = Differs
			}
		}
	}
	for _, i := range d.Counts {
		d.Roles[i] = Counts
	}
	return d
}

// compare orders two statements, the stronger first; 0 leaves them in the default order.
func compare(r *canon.PolicyRule, a, b *Statement) int {
	switch {
	case r.Policy == canon.PolicyRestrictive && a.Restricts != b.Restricts:
		return cmp.Compare(b.Restricts, a.Restricts)
	case a.Second != b.Second:
		if a.Second {
			return 1
		}
		return -1
	}
	if c := cmp.Compare(rank(r, a.Connection), rank(r, b.Connection)); c != 0 {
		return c
	}
	if r.Policy != canon.PolicyFirst {
		return 0
	}
	return CompareFirst(&a.Source, &b.Source)
}

// rank is a connection's place in the rule's order of authority; who is not named comes after all who are.
func rank(r *canon.PolicyRule, connection string) int {
	if i := slices.Index(r.Authority, connection); i >= 0 && r.Policy != canon.PolicyFirst {
		return i
	}
	return len(r.Authority)
}

// CompareFirst orders sources by when they made their records, by their own word and those that say nothing last, then by
// node id. A source's clock is believed about its own past alone: that it was first, never that it is newer.
func CompareFirst(a, b *Source) int {
	switch {
	case a.Created.IsZero() != b.Created.IsZero():
		if a.Created.IsZero() {
			return 1
		}
		return -1
	case !a.Created.Equal(b.Created):
		return a.Created.Compare(b.Created)
	}
	return cmp.Compare(a.Node, b.Node)
}
