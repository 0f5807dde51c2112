package ingress

import (
	"regexp"
	"slices"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/problem"
)

// Client registers a person as a till knows them.
type Client struct {
	ID string `json:"id" minLength:"1" maxLength:"200" doc:"The source's own id of the client" example:"C-204"`
	Person
	Tags           []string              `json:"tags,omitempty" maxItems:"100"`
	CreatedAt      string                `json:"created_at,omitempty" maxLength:"40" doc:"RFC 3339 with offset"`
	AcquiredBy     string                `json:"acquired_by,omitempty" maxLength:"100" doc:"How the person came" example:"walk-in"`
	Consents       []canon.StatedConsent `json:"consents,omitempty" maxItems:"50" doc:"Of each channel"`
	MarketingEmail string                `json:"marketing_email,omitempty" enum:"subscribed,unsubscribed,pending" doc:"The consent to e-mail"`
}

// Person is who somebody is, in the source's own words.
type Person struct {
	GivenName  string                  `json:"given_name,omitempty" maxLength:"200" example:"Amélie"`
	FamilyName string                  `json:"family_name,omitempty" maxLength:"200" example:"Martin"`
	Emails     []string                `json:"emails,omitempty" maxItems:"20"`
	Phones     []string                `json:"phones,omitempty" maxItems:"20"`
	Addresses  []Address               `json:"addresses,omitempty" maxItems:"20"`
	Locale     string                  `json:"locale,omitempty" maxLength:"35" doc:"BCP 47" example:"fr-FR"`
	Title      string                  `json:"title,omitempty" maxLength:"50" example:"Mme"`
	Middle     string                  `json:"middle_name,omitempty" maxLength:"200"`
	Suffix     string                  `json:"suffix,omitempty" maxLength:"50"`
	Preferred  string                  `json:"preferred_name,omitempty" maxLength:"200"`
	Phonetic   string                  `json:"phonetic_name,omitempty" maxLength:"200"`
	Company    string                  `json:"company,omitempty" maxLength:"200"`
	Contacts   []canon.StatedContact   `json:"contacts,omitempty" maxItems:"20" doc:"Ways to reach the person of which more is known"`
	External   []canon.ExternalAccount `json:"external_accounts,omitempty" maxItems:"20" doc:"What other systems know the person by"`
	Relations  []canon.StatedRelation  `json:"relations,omitempty" maxItems:"50"`
	Note       string                  `json:"note,omitempty" maxLength:"5000"`
	Birthday   string                  `json:"birthday,omitempty" maxLength:"10" doc:"YYYY-MM-DD, or MM-DD where the year is not known" example:"1988-06-02"`
}

// Address is a postal address.
type Address struct {
	Name       string `json:"name,omitempty" maxLength:"200"`
	Company    string `json:"company,omitempty" maxLength:"200"`
	Line1      string `json:"line1,omitempty" maxLength:"200"`
	Line2      string `json:"line2,omitempty" maxLength:"200"`
	City       string `json:"city,omitempty" maxLength:"200"`
	Region     string `json:"region,omitempty" maxLength:"200"`
	PostalCode string `json:"postal_code,omitempty" maxLength:"20"`
	Country    string `json:"country,omitempty" maxLength:"60" doc:"ISO 3166-1 alpha-2" example:"FR"`
	Phone      string `json:"phone,omitempty" maxLength:"40"`
}

func (p *Person) state() *canon.PersonState {
	if p == nil {
		return nil
	}
	s := &canon.PersonState{
		GivenName: p.GivenName, FamilyName: p.FamilyName, Emails: slices.Clone(p.Emails), Phones: slices.Clone(p.Phones),
		Locale: p.Locale, Birthday: p.Birthday, Title: p.Title, MiddleName: p.Middle, Suffix: p.Suffix, Preferred: p.Preferred, Phonetic: p.Phonetic,
		Company: p.Company, Contacts: p.Contacts, External: p.External, Relations: p.Relations, Note: p.Note,
	}
	for _, a := range p.Addresses {
		s.Addresses = append(s.Addresses, canon.AddressState{
			Name: a.Name, Company: a.Company, Line1: a.Line1, Line2: a.Line2, City: a.City, Region: a.Region, PostalCode: a.PostalCode,
			Country: a.Country, Phone: a.Phone,
		})
	}
	return s
}

func (m *Client) place() *string { return nil }

var birthdayRule = regexp.MustCompile(`^([0-9]{4}-)?(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$`)

func (m *Client) observe(version int64) ([]canon.Observation, []problem.Field) {
	var c checks
	state := &canon.CustomerState{Person: m.Person.state(), Tags: m.Tags, AcquiredBy: m.AcquiredBy, Consents: m.Consents, MarketingEmail: m.MarketingEmail}
	if m.CreatedAt != "" {
		t := c.instant("created_at", m.CreatedAt).In(time.UTC)
		state.CreatedAt = &t
	}
	if m.Birthday != "" && !birthdayRule.MatchString(m.Birthday) {
		c.add("birthday", "expected YYYY-MM-DD or MM-DD")
	}
	return []canon.Observation{{
		Kind: canon.KindCustomer, ExternalID: m.ID, Aspect: canon.AspectMain, SourceVersion: version, Customer: state,
	}}, c.wrong
}
