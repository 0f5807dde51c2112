package router

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/normalize"
)

// personDetails is what few sources say of a person beside names and contact points.
type personDetails struct {
	Title     string                  `json:"title,omitempty"`
	Middle    string                  `json:"middle,omitempty"`
	Suffix    string                  `json:"suffix,omitempty"`
	Preferred string                  `json:"preferred,omitempty"`
	Phonetic  string                  `json:"phonetic,omitempty"`
	Company   string                  `json:"company,omitempty"`
	Contacts  []canon.ContactPoint    `json:"contacts,omitempty"`
	External  []canon.ExternalAccount `json:"external,omitempty"`
	Relations []canon.Relation        `json:"relations,omitempty"`
	Note      string                  `json:"note,omitempty"`
	Flags     []string                `json:"flags,omitempty"`
}

// accountFacts is what a customer's record says beside the person.
type accountFacts struct {
	Tags      []string        `json:"tags,omitempty"`
	CreatedAt *time.Time      `json:"created_at,omitempty"`
	Source    string          `json:"source,omitempty"`
	Consents  []canon.Consent `json:"consents,omitempty"`
	Flags     []string        `json:"flags,omitempty"`
}

// readDetails reads what few sources say; nil when this one says none of it. E-mails and phones among the contact points go
// to those of p as well.
func readDetails(p *person, connection string, st *canon.PersonState, region string) *personDetails {
	var flags []string
	if locale, ok := normalize.Locale(p.Locale); ok {
		p.Locale = locale
	} else if p.Locale != "" {
		flags = append(flags, "locale.unreadable")
	}
	if p.Birthday != "" {
		if day, err := normalize.Birthday(p.Birthday); err == nil {
			p.Birthday = day
		} else {
			flags = append(flags, "birthday.unreadable")
		}
	}
	d := &personDetails{
		Title: strings.TrimSpace(st.Title), Middle: strings.TrimSpace(st.MiddleName), Suffix: strings.TrimSpace(st.Suffix), Preferred: strings.TrimSpace(st.Preferred),
		Phonetic: strings.TrimSpace(st.Phonetic), Company: strings.TrimSpace(st.Company), Note: strings.TrimSpace(st.Note),
	}
	for _, c := range st.Contacts {
		read, err := normalize.Contact(c, region)
		if err != nil {
			flags = append(flags, "contact.unreadable")
		} else if read.Kind == canon.ContactEmail {
			p.Emails = append(p.Emails, read.Value)
		} else if read.Kind == canon.ContactPhone {
			p.Phones = append(p.Phones, read.Value)
		}
		d.Contacts = append(d.Contacts, read)
	}
	for _, a := range st.External {
		if a.System = strings.TrimSpace(a.System); a.System != "" && a.ID != "" {
			d.External = append(d.External, a)
		}
	}
	for _, r := range st.Relations {
		kind, ok := normalize.RelationKind(r.Kind)
		read := canon.Relation{Kind: kind, Name: strings.TrimSpace(r.Name), Discreet: r.Discreet}
		if !ok {
			read.Kind, read.Raw = "other", strings.TrimSpace(r.Kind)
		}
		if r.CustomerID != "" {
			read.Node = canon.NodeID("cli", connection, canon.KindCustomer, r.CustomerID)
		}
		if read.Node != "" || read.Name != "" {
			d.Relations = append(d.Relations, read)
		}
	}
	slices.Sort(flags)
	d.Flags = slices.Compact(flags)
	if d.empty() {
		return nil
	}
	return d
}

func (d *personDetails) empty() bool {
	return d.Title+d.Middle+d.Suffix+d.Preferred+d.Phonetic+d.Company+d.Note == "" &&
		len(d.Contacts)+len(d.External)+len(d.Relations)+len(d.Flags) == 0
}

// readFacts reads what a customer's record says beside the person; nil when it says nothing.
func readFacts(st *canon.CustomerState) *accountFacts {
	if st == nil || len(st.Tags)+len(st.Consents) == 0 && st.CreatedAt == nil && st.AcquiredBy == "" {
		return nil
	}
	a := &accountFacts{Tags: normalize.Tags(st.Tags), Source: strings.TrimSpace(st.AcquiredBy)}
	if st.CreatedAt != nil {
		at := st.CreatedAt.UTC()
		a.CreatedAt = &at
	}
	for _, c := range st.Consents {
		read, err := normalize.Consent(c)
		if err != nil {
			a.Flags = []string{"consent.unreadable"}
		}
		if read.Channel != "" {
			a.Consents = append(a.Consents, read)
		}
	}
	return a
}

// sortClient gives lists that were put together an order that does not depend on who stated what, and notes what could
// not be read.
func sortClient(c *canon.Client, members []*personNode, unread map[string]bool) {
	flags := sortedKeys(unread)
	for _, n := range members {
		if n.Facts != nil {
			flags = append(flags, n.Facts.Flags...)
		}
		if p := n.own(); p != nil && p.Details != nil {
			flags = append(flags, p.Details.Flags...)
		}
	}
	slices.Sort(flags)
	c.Flags = slices.Compact(flags)
	if len(c.Flags) == 0 {
		c.Flags = nil
	}
	slices.Sort(c.Tags)
	c.Tags = slices.Compact(c.Tags)
	slices.SortFunc(c.Contacts, func(a, b canon.ContactPoint) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Value, b.Value), cmp.Compare(a.Raw, b.Raw))
	})
	slices.SortFunc(c.External, func(a, b canon.ExternalAccount) int {
		return cmp.Or(cmp.Compare(a.System, b.System), cmp.Compare(a.ID, b.ID))
	})
	slices.SortFunc(c.Relations, func(a, b canon.Relation) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Node, b.Node), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Raw, b.Raw))
	})
	slices.SortFunc(c.Notes, func(a, b canon.Note) int {
		return cmp.Or(cmp.Compare(a.Connection, b.Connection), cmp.Compare(a.Text, b.Text))
	})
	slices.SortFunc(c.Consents, func(a, b canon.Consent) int {
		return cmp.Or(cmp.Compare(a.Channel, b.Channel), cmp.Compare(a.Purpose, b.Purpose))
	})
}

func withConsent(list []canon.Consent, c canon.Consent) []canon.Consent {
	for i := range list {
		if list[i].Channel == c.Channel && list[i].Purpose == c.Purpose {
			if c.State.Stricter(list[i].State) {
				list[i] = c
			}
			return list
		}
	}
	return append(list, c)
}

func withContact(list []canon.ContactPoint, c canon.ContactPoint) []canon.ContactPoint {
	for i := range list {
		k := &list[i]
		if k.Kind == c.Kind && k.Value == c.Value && k.Raw == c.Raw {
			first(&k.Label, c.Label)
			k.Verified, k.Preferred = k.Verified || c.Verified, k.Preferred || c.Preferred
			return list
		}
	}
	return append(list, c)
}

func withRelation(list []canon.Relation, r canon.Relation) []canon.Relation {
	for i := range list {
		k := &list[i]
		if k.Kind == r.Kind && k.Node == r.Node && k.Name == r.Name && k.Raw == r.Raw {
			k.Discreet = k.Discreet || r.Discreet // a surprise is kept if anyone asks for it
			return list
		}
	}
	return append(list, r)
}
