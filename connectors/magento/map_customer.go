package magento

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jumpring/jumpring/core/canon"
)

// groups are the names of the shop's customer groups.
type groups struct {
	at    time.Time
	names map[int64]string
}

// customerGroups gives the groups; nil where the caller may not see them, which hides them and is no error.
func (s *shop) customerGroups(ctx context.Context) *groups {
	s.mu.Lock()
	known := s.groups
	s.mu.Unlock()
	if known != nil && utcNow().Sub(known.at) < factsLife {
		return known
	}
	var out struct {
		Items []struct {
			ID   int64 `json:"id"`
			Code text  `json:"code"`
		} `json:"items"`
	}
	if _, err := s.client.get(ctx, "V1/customerGroups/search", search(maxSources).q, &out); err != nil {
		return known
	}
	g := &groups{at: utcNow(), names: map[int64]string{}}
	for _, x := range out.Items {
		g.names[x.ID] = clean(x.Code)
	}
	s.mu.Lock()
	s.groups = g
	s.mu.Unlock()
	return g
}

// observeCustomer translates a registered customer; the group is a tag. Guests exist only in their orders.
func observeCustomer(c *customer, g *groups) (canon.Observation, error) {
	if c.ID <= 0 {
		return canon.Observation{}, fmt.Errorf("the customer has no id")
	}
	p := &canon.PersonState{
		Title: clean(c.Prefix), GivenName: clean(c.First), MiddleName: clean(c.Middle), FamilyName: clean(c.Last), Suffix: clean(c.Suffix),
		Birthday: strings.TrimSuffix(clean(c.Birthday), " 00:00:00"), Emails: distinct(clean(c.Email)),
	}
	for i := range c.Addresses {
		p.Phones = distinct(append(p.Phones, clean(c.Addresses[i].Phone))...)
		p.Addresses = addAddress(p.Addresses, &c.Addresses[i])
	}
	st := &canon.CustomerState{Person: p}
	if t, ok := shopTime(c.CreatedAt); ok {
		st.CreatedAt = &t
	}
	if sub := c.Extension.Subscribed; sub != nil {
		st.MarketingEmail = "unsubscribed"
		if *sub {
			st.MarketingEmail = "subscribed"
		}
	}
	o := canon.Observation{Kind: canon.KindCustomer, ExternalID: idText(c.ID), SourceVersion: version(c.UpdatedAt), Customer: st}
	switch {
	case g == nil:
		o.Hidden = []string{"tags"}
	case g.names[c.GroupID] != "":
		st.Tags = []string{g.names[c.GroupID]}
	}
	return o, nil
}

// buyer is who bought, as the order says.
func buyer(o *order) *canon.PersonState {
	p := &canon.PersonState{GivenName: clean(o.First), FamilyName: clean(o.Last), Emails: distinct(clean(o.Email))}
	all := []*address{o.Billing}
	for i := range o.Extension.Assignments {
		all = append(all, o.Extension.Assignments[i].Shipping.Address)
	}
	for _, a := range all {
		if a == nil {
			continue
		}
		if p.GivenName == "" && p.FamilyName == "" {
			p.GivenName, p.FamilyName = clean(a.First), clean(a.Last)
		}
		p.Emails = distinct(append(p.Emails, clean(a.Email))...)
		p.Phones = distinct(append(p.Phones, clean(a.Phone))...)
		p.Addresses = addAddress(p.Addresses, a)
	}
	if p.GivenName == "" && p.FamilyName == "" && p.Emails == nil && p.Phones == nil && p.Addresses == nil {
		return nil
	}
	return p
}

func addAddress(list []canon.AddressState, a *address) []canon.AddressState {
	st := canon.AddressState{
		Name: strings.TrimSpace(clean(a.First) + " " + clean(a.Last)), Company: clean(a.Company), City: clean(a.City), Region: a.Region.name,
		PostalCode: clean(a.Postcode), Country: clean(a.Country), Phone: clean(a.Phone),
	}
	if len(a.Street) > 0 {
		st.Line1 = clean(a.Street[0])
	}
	if len(a.Street) > 1 {
		rest := make([]string, len(a.Street)-1)
		for i, l := range a.Street[1:] {
			rest[i] = clean(l)
		}
		st.Line2 = strings.Join(rest, ", ")
	}
	if st.Line1 == "" && st.City == "" && st.PostalCode == "" {
		return list
	}
	for _, o := range list {
		o.Phone = st.Phone
		if o == st {
			return list
		}
	}
	return append(list, st)
}

func distinct(all ...string) []string {
	var out []string
next:
	for _, s := range all {
		for _, o := range out {
			if strings.EqualFold(o, s) {
				continue next
			}
		}
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}
