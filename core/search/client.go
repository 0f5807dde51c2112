package search

import (
	"strings"

	"github.com/jumpring/jumpring/core/canon"
)

// people says what of a client can be asked for. Everything here but the consent and the connections is of class
// personal: who may not see personal data does not search clients at all (see Live.Clients).
var people = newSchema(clientTexts, clientKeys,
	tableOf(func(c *canon.Client) []canon.Client { return []canon.Client{*c} },
		column[canon.Client]{Field: Field{Name: "city", What: "City of an address", Facet: true}, words: func(c *canon.Client) []string {
			return ofAddresses(c, func(a *canon.Address) string { return a.City })
		}},
		column[canon.Client]{Field: Field{Name: "country", What: "Country of an address, ISO 3166-1", Facet: true, read: readCountry}, words: func(c *canon.Client) []string {
			return ofAddresses(c, func(a *canon.Address) string { return a.Country })
		}},
		column[canon.Client]{Field: Field{Name: "postcode", Also: []string{"zip"}, What: "Postal code of an address"}, words: func(c *canon.Client) []string {
			return ofAddresses(c, func(a *canon.Address) string { return a.PostalCode })
		}},
		column[canon.Client]{Field: Field{Name: "given_name", What: "Given name"}, word: func(c *canon.Client) string { return c.GivenName }},
		column[canon.Client]{Field: Field{Name: "family_name", Also: []string{"surname"}, What: "Family name"}, word: func(c *canon.Client) string { return c.FamilyName }},
		column[canon.Client]{Field: Field{Name: "birthday", What: "Birthday"}, word: func(c *canon.Client) string { return c.Birthday }},
		column[canon.Client]{Field: Field{Name: "locale", What: "Language, BCP 47"}, word: func(c *canon.Client) string { return c.Locale }},
		column[canon.Client]{Field: Field{Name: "marketing", What: "Consent to marketing by e-mail", Facet: true}, word: func(c *canon.Client) string { return c.MarketingEmail }},
		column[canon.Client]{Field: Field{Name: "tag", What: "Tag", Facet: true}, words: func(c *canon.Client) []string { return c.Tags }},
		column[canon.Client]{Field: Field{Name: "company", What: "Company"}, word: func(c *canon.Client) string { return c.Company }},
		column[canon.Client]{Field: Field{Name: "known_at", Also: []string{"connection"}, What: "Connection that knows the client", Facet: true}, words: func(c *canon.Client) []string {
			out := make([]string, len(c.Accounts))
			for i := range c.Accounts {
				out[i] = c.Accounts[i].Connection
			}
			return out
		}},
	),
)

func ofAddresses(c *canon.Client, get func(*canon.Address) string) []string {
	var out []string
	for i := range c.Addresses {
		out = append(out, get(&c.Addresses[i]))
	}
	return out
}

func clientTexts(c *canon.Client) []text {
	names := []string{c.GivenName, c.MiddleName, c.FamilyName, c.Preferred}
	var out []text
	for _, name := range names {
		out = append(out, text{words: name, weight: 8})
	}
	for _, name := range names {
		for _, word := range strings.Fields(fold(name)) {
			for _, other := range spellings(word) {
				out = append(out, text{words: other, weight: 8, hidden: true})
			}
		}
	}
	out = append(out, text{words: c.Phonetic, weight: 4}, text{words: c.Company, weight: 4}, text{words: c.Title, weight: 1})
	for i := range c.Addresses {
		a := &c.Addresses[i]
		out = append(out, text{words: a.City, weight: 2}, text{words: a.PostalCode, weight: 1}, text{words: a.Name, weight: 2}, text{words: a.Company, weight: 2},
			text{words: a.Line1, weight: 1}, text{words: a.Line2, weight: 1})
	}
	for _, tag := range c.Tags {
		out = append(out, text{words: tag, weight: 1})
	}
	return out
}

func clientKeys(c *canon.Client) []key {
	out := []key{{keyID, upper(c.ID)}}
	for _, e := range c.Emails {
		out = append(out, key{keyEmail, upper(e)})
	}
	for _, p := range c.Phones {
		out = append(out, key{keyPhone, p})
	}
	for _, p := range c.Contacts {
		switch p.Kind {
		case canon.ContactEmail:
			out = append(out, key{keyEmail, upper(p.Value)})
		default:
			out = append(out, key{keyPhone, p.Value})
		}
	}
	for _, a := range c.External {
		out = append(out, key{keyAccount, upper(a.ID)})
	}
	for _, a := range c.Accounts {
		out = append(out, key{keyAccount, upper(a.ExternalID)})
	}
	return out
}
