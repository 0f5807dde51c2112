package router

import (
	"slices"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/policy"
)

// clientFields are the field groups of a client (core/policy names them), and how each is taken of a source.
var clientFields = []fieldGroup[canon.Client, *personNode]{
	{full: "client.name", value: nameOf, take: takeName},
	text(policy.Client, "preferred_name", func(c *canon.Client) *string { return &c.Preferred }, func(n *personNode) string { return n.details().Preferred }),
	text(policy.Client, "company", func(c *canon.Client) *string { return &c.Company }, func(n *personNode) string { return n.details().Company }),
	text(policy.Client, "locale", func(c *canon.Client) *string { return &c.Locale }, func(n *personNode) string { return n.says().Locale }),
	text(policy.Client, "birthday", func(c *canon.Client) *string { return &c.Birthday }, func(n *personNode) string { return n.says().Birthday }),
	{full: "client.contacts", value: contactsOf, take: takeContacts},
	{
		full: "client.addresses", value: func(c *canon.Client) any { return listOrNil(c.Addresses) },
		take: func(_ *fold, c *canon.Client, n *personNode, _ map[string]bool) {
			for _, a := range n.says().Addresses {
				if !slices.Contains(c.Addresses, a) {
					c.Addresses = append(c.Addresses, a)
				}
			}
		},
	},
	{full: "client.consents", value: consentsOf, take: takeConsents},
	{
		full: "client.external_accounts", value: func(c *canon.Client) any { return listOrNil(c.External) },
		take: func(_ *fold, c *canon.Client, n *personNode, _ map[string]bool) {
			for _, a := range n.details().External {
				if !slices.ContainsFunc(c.External, func(k canon.ExternalAccount) bool { return k.System == a.System && k.ID == a.ID }) {
					c.External = append(c.External, a)
				}
			}
		},
	},
	{
		full: "client.relations", value: func(c *canon.Client) any { return listOrNil(c.Relations) },
		take: func(_ *fold, c *canon.Client, n *personNode, _ map[string]bool) {
			for _, r := range n.details().Relations {
				c.Relations = withRelation(c.Relations, r)
			}
		},
	},
	{
		full: "client.tags", value: func(c *canon.Client) any { return listOrNil(c.Tags) },
		take: func(_ *fold, c *canon.Client, n *personNode, _ map[string]bool) {
			if n.Facts != nil {
				c.Tags = append(c.Tags, n.Facts.Tags...)
			}
		},
	},
	{
		full: "client.notes", value: func(c *canon.Client) any { return listOrNil(c.Notes) },
		take: func(_ *fold, c *canon.Client, n *personNode, _ map[string]bool) {
			if text := n.details().Note; text != "" {
				c.Notes = united(c.Notes, canon.Note{Connection: n.Connection, Text: text})
			}
		},
	},
	{full: "client.acquired", value: func(c *canon.Client) any { return pointerOrNil(c.Acquired) }, take: takeAcquired},
}

// voice says who states what a node says: an account, or a buyer, whose words count after every account's.
func (n *personNode) voice() policy.Source {
	v := policy.Source{Connection: n.Connection, Node: n.Node, Second: n.Account == nil}
	if n.Facts != nil && n.Facts.CreatedAt != nil {
		v.Created = *n.Facts.CreatedAt
	}
	return v
}

// says and details are what counts of a node's words; empty where it says nothing.
func (n *personNode) says() *person {
	if p := n.own(); p != nil {
		return p
	}
	return &person{}
}

func (n *personNode) details() *personDetails {
	if d := n.says().Details; d != nil {
		return d
	}
	return &personDetails{}
}

// takeName takes a name's parts from one source together.
func takeName(_ *fold, c *canon.Client, n *personNode, _ map[string]bool) {
	p := n.says()
	if c.GivenName+c.FamilyName != "" || p.Given+p.Family == "" {
		return
	}
	d := n.details()
	c.GivenName, c.FamilyName = p.Given, p.Family
	c.Title, c.MiddleName, c.Suffix, c.Phonetic = d.Title, d.Middle, d.Suffix, d.Phonetic
}

func nameOf(c *canon.Client) any {
	if c.GivenName+c.FamilyName == "" {
		return nil
	}
	parts := make(map[string]string)
	for field, v := range map[string]string{
		"title": c.Title, "given_name": c.GivenName, "middle_name": c.MiddleName, "family_name": c.FamilyName, "suffix": c.Suffix, "phonetic_name": c.Phonetic,
	} {
		if v != "" {
			parts[field] = v
		}
	}
	return parts
}

func takeContacts(_ *fold, c *canon.Client, n *personNode, _ map[string]bool) {
	p := n.says()
	c.Emails = append(c.Emails, p.Emails...)
	c.Phones = append(c.Phones, p.Phones...)
	for _, k := range n.details().Contacts {
		c.Contacts = withContact(c.Contacts, k)
	}
}

func contactsOf(c *canon.Client) any {
	if len(c.Emails)+len(c.Phones)+len(c.Contacts) == 0 {
		return nil
	}
	return struct {
		Emails   []string             `json:"emails,omitempty"`
		Phones   []string             `json:"phones,omitempty"`
		Contacts []canon.ContactPoint `json:"contacts,omitempty"`
	}{c.Emails, c.Phones, c.Contacts}
}

// takeConsents keeps the most restrictive of each channel and purpose of what it is given.
func takeConsents(_ *fold, c *canon.Client, n *personNode, _ map[string]bool) {
	c.MarketingEmail = stricter(c.MarketingEmail, n.Consent)
	if state := canon.ConsentState(n.Consent); state == canon.ConsentGiven || state == canon.ConsentPending || state == canon.ConsentWithdrawn {
		c.Consents = withConsent(c.Consents, canon.Consent{Channel: "email", Purpose: "marketing", State: state, Connection: n.Connection})
	}
	if n.Facts == nil {
		return
	}
	for _, k := range n.Facts.Consents {
		k.Connection = n.Connection
		c.Consents = withConsent(c.Consents, k)
		if k.Channel == "email" && k.Purpose == "marketing" {
			c.MarketingEmail = stricter(c.MarketingEmail, string(k.State))
		}
	}
}

func consentsOf(c *canon.Client) any {
	if c.MarketingEmail == "" && len(c.Consents) == 0 {
		return nil
	}
	return struct {
		MarketingEmail string          `json:"marketing_email,omitempty"`
		Consents       []canon.Consent `json:"consents,omitempty"`
	}{c.MarketingEmail, c.Consents}
}

// takeAcquired keeps the earliest time that is stated: by the source's own clock of its own past.
func takeAcquired(_ *fold, c *canon.Client, n *personNode, _ map[string]bool) {
	a := n.Facts
	if a != nil && a.CreatedAt != nil && (c.Acquired == nil || a.CreatedAt.Before(c.Acquired.At)) {
		c.Acquired = &canon.Acquisition{At: *a.CreatedAt, Connection: n.Connection, Source: a.Source}
	}
}
