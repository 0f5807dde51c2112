package woocommerce

import (
	"fmt"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
)

// observeCustomer translates a registered customer. Guests exist only in their orders.
func observeCustomer(c *customer) (canon.Observation, error) {
	if c.ID <= 0 {
		return canon.Observation{}, fmt.Errorf("the customer has no id")
	}
	p := &canon.PersonState{
		GivenName: firstOf(c.FirstName, c.Billing.FirstName), FamilyName: firstOf(c.LastName, c.Billing.LastName),
		Emails: distinct(clean(c.Email), clean(c.Billing.Email)), Phones: distinct(clean(c.Billing.Phone), clean(c.Shipping.Phone)),
		Addresses: addresses(&c.Billing, &c.Shipping),
	}
	st := &canon.CustomerState{Person: p}
	if t, ok := gmtTime(c.DateCreatedGMT); ok {
		st.CreatedAt = &t
	}
	return canon.Observation{Kind: canon.KindCustomer, ExternalID: idText(c.ID), SourceVersion: version(c.DateModifiedGMT), Customer: st}, nil
}

// buyer is who bought, as the order says.
func buyer(o *order) *canon.PersonState {
	p := &canon.PersonState{
		GivenName: clean(o.Billing.FirstName), FamilyName: clean(o.Billing.LastName),
		Emails: distinct(clean(o.Billing.Email)), Phones: distinct(clean(o.Billing.Phone), clean(o.Shipping.Phone)),
		Addresses: addresses(&o.Billing, &o.Shipping), Note: clean(o.CustomerNote),
	}
	if p.GivenName == "" && p.FamilyName == "" && p.Emails == nil && p.Phones == nil && p.Addresses == nil && p.Note == "" {
		return nil
	}
	return p
}

func addresses(all ...*address) []canon.AddressState {
	var out []canon.AddressState
	for _, a := range all {
		s := canon.AddressState{
			Name:    strings.TrimSpace(clean(a.FirstName) + " " + clean(a.LastName)),
			Company: clean(a.Company), Line1: clean(a.Address1), Line2: clean(a.Address2), City: clean(a.City),
			Region: clean(a.State), PostalCode: clean(a.Postcode), Country: clean(a.Country), Phone: clean(a.Phone),
		}
		if s.Line1 == "" && s.City == "" && s.PostalCode == "" {
			continue
		}
		known := false
		for _, o := range out {
			o.Phone = s.Phone
			known = known || o == s
		}
		if !known {
			out = append(out, s)
		}
	}
	return out
}

func firstOf(all ...text) string {
	for _, t := range all {
		if s := clean(t); s != "" {
			return s
		}
	}
	return ""
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
