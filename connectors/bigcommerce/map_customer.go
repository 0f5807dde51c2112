package bigcommerce

import (
	"fmt"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
)

// observeCustomer translates a registered customer; the group is a tag. Guests exist only in their orders.
func observeCustomer(c *customer, f *facts) (canon.Observation, error) {
	if c.ID <= 0 {
		return canon.Observation{}, fmt.Errorf("the customer has no id")
	}
	p := &canon.PersonState{
		GivenName: clean(c.First), FamilyName: clean(c.Last), Company: clean(c.Company), Emails: distinct(clean(c.Email)), Phones: distinct(clean(c.Phone)), Note: clean(c.Notes),
	}
	for i := range c.Addresses {
		a := &c.Addresses[i]
		p.Phones = distinct(append(p.Phones, clean(a.Phone))...)
		p.Addresses = addAddress(p.Addresses, canon.AddressState{
			Name: strings.TrimSpace(clean(a.First) + " " + clean(a.Last)), Company: clean(a.Company), Line1: clean(a.Line1), Line2: clean(a.Line2), City: clean(a.City),
			Region: clean(a.State), PostalCode: clean(a.Zip), Country: clean(a.Country), Phone: clean(a.Phone),
		})
	}
	o := canon.Observation{Kind: canon.KindCustomer, ExternalID: idText(c.ID), SourceVersion: version(c.Modified), Customer: &canon.CustomerState{Person: p, CreatedAt: momentPtr(c.Created)}}
	switch {
	case c.GroupID > 0 && f.groups == nil:
		o.Hidden = []string{"tags"}
	case c.GroupID > 0:
		o.Customer.Tags = f.groupNames([]int64{c.GroupID})
	}
	return o, nil
}

// buyer is who bought, as the order says.
func (o *order) buyer() *canon.PersonState {
	b := &o.Billing
	p := &canon.PersonState{GivenName: clean(b.First), FamilyName: clean(b.Last), Company: clean(b.Company), Emails: distinct(clean(b.Email)), Phones: distinct(clean(b.Phone)), Locale: clean(o.Locale)}
	p.Addresses = addAddress(p.Addresses, b.state("billing"))
	for i := range o.Consignments.Shipping {
		to := &o.Consignments.Shipping[i].address
		p.Phones = distinct(append(p.Phones, clean(to.Phone))...)
		p.Addresses = addAddress(p.Addresses, to.state("shipping"))
	}
	if p.GivenName == "" && p.FamilyName == "" && p.Company == "" && p.Emails == nil && p.Phones == nil && p.Addresses == nil {
		return nil
	}
	return p
}

func (a *address) state(kind string) canon.AddressState {
	country := clean(a.Country)
	if country == "" {
		country = clean(a.CountryN)
	}
	return canon.AddressState{
		Kind: kind, Name: strings.TrimSpace(clean(a.First) + " " + clean(a.Last)), Company: clean(a.Company), Line1: clean(a.Street1), Line2: clean(a.Street2), City: clean(a.City),
		Region: clean(a.State), PostalCode: clean(a.Zip), Country: country, Phone: clean(a.Phone),
	}
}

// addAddress adds an address that is none of those that are there, whatever it is used for.
func addAddress(list []canon.AddressState, a canon.AddressState) []canon.AddressState {
	if a.Line1 == "" && a.City == "" && a.PostalCode == "" {
		return list
	}
	for _, o := range list {
		o.Kind, o.Phone = a.Kind, a.Phone
		if o == a {
			return list
		}
	}
	return append(list, a)
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
