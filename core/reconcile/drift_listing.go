package reconcile

import (
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// publicationOf gives what the hub means to show of a listing; nil where no publish rule is or was about it.
func publicationOf(r store.Reader, b *canon.Binding) (*canon.Publication, error) {
	if b.Kind != canon.KindListing || b.Aspect != canon.AspectMain {
		return nil, nil
	}
	return store.Load[canon.Publication](r, store.PublicationKey(b.Connection, canon.NodeID("itm", b.Connection, canon.KindListing, b.ExternalID)))
}

// wished gives the actions on a listing that are not over.
func wished(r store.Reader, p *canon.Publication) ([]*canon.Action, error) {
	var out []*canon.Action
	for _, key := range p.Open {
		a, err := store.Load[canon.Action](r, store.ActionKey(p.Connection, key))
		if err != nil {
			return nil, err
		}
		if a != nil {
			out = append(out, a)
		}
	}
	return out, nil
}

// listing compares what a listing shows with what the policy has it show; nil where there is nothing to tell.
func (c *comparison) listing(b *canon.Binding) (*canon.DriftRow, error) {
	p, err := publicationOf(c.v, b)
	if err != nil || p == nil {
		return nil, err
	}
	open, err := wished(c.v, p)
	if err != nil {
		return nil, err
	}
	row := &canon.DriftRow{Field: "listing", Cause: p.Version, Reason: p.Why}
	changes := func(fields []canon.FieldWish) {
		for _, f := range fields {
			row.Changes = append(row.Changes, canon.Change{Field: f.Field, Before: f.Shows, After: f.Should})
		}
	}
	switch {
	case p.State == canon.PublicationWritten:
		c.open = append(c.open, b.BindingKey)
		row.Drift, row.Reason = canon.DriftPending, "written, and not read back yet"
	case len(open) > 0:
		row.Drift = canon.DriftPending
		if c.changed(b) {
			row.Drift = canon.DriftManual
		}
		for _, a := range open {
			changes(a.Listing.Fields)
			if c.reach.acts(a.Kind) && a.State != canon.ActionParked {
				c.open = append(c.open, b.BindingKey)
			} else if !c.reach.stopped() {
				row.Reason = "the mode of " + string(a.Kind.Scope().Entity) + " is " + string(c.reach.action(a.Kind))
			}
		}
	case len(p.Refused) > 0:
		row.Drift, row.Reason = canon.DriftWrite, p.Refused[0].Code+" "+p.Refused[0].Detail
		if p.Refused[0].Status == "not_representable" {
			row.Drift = canon.DriftNotRepresentable
		}
	case len(p.Written) > 0 && len(p.Left) > 0:
		row.Drift = canon.DriftNotRepresentable
		changes(p.Left)
	default:
		for _, f := range p.Left {
			if f.Field == "price" { // told either way: the policy has it reported and not written
				changes([]canon.FieldWish{f})
				row.Drift, row.Held, row.Reason = canon.DriftManual, true, "left as it is: the policy does not write over it"
			}
		}
	}
	if row.Drift == "" {
		return nil, nil
	}
	return row, nil
}

// changed reports whether the sweep was shown a listing otherwise than it was known.
func (c *comparison) changed(b *canon.Binding) bool {
	for i := range c.run.Found {
		if row := &c.run.Found[i]; row.Kind == b.Kind && row.ExternalID == b.ExternalID {
			return true
		}
	}
	return false
}

// explainListing says of a listing that is what it should be again whether the hub wrote it back: then somebody had changed it at
// the platform.
func (c *comparison) explainListing(row *canon.DriftRow) error {
	p, err := publicationOf(c.v, &canon.Binding{BindingKey: canon.BindingKey{Connection: row.Connection, Kind: row.Kind, ExternalID: row.ExternalID, Aspect: canon.AspectMain}})
	if err == nil && p != nil && p.Await.Compare(c.run.Began) > 0 {
		row.Drift = canon.DriftManual
	}
	return err
}

// listingUnsettled reports whether what is written of a listing may still become what it should be by itself.
func listingUnsettled(r store.Reader, re *reach, b *canon.Binding) (bool, error) {
	p, err := publicationOf(r, b)
	if err != nil || p == nil {
		return false, err
	}
	if p.State == canon.PublicationWritten {
		return true, nil
	}
	open, err := wished(r, p)
	for _, a := range open {
		if re.acts(a.Kind) && a.State != canon.ActionParked {
			return true, nil
		}
	}
	return false, err
}
