package identity

import (
	"slices"
	"strings"

	"github.com/jumpring/jumpring/core/normalize"
)

// Facts are what one source states of a person or a company, before it is prepared for comparison. Anything may be
// missing.
type Facts struct {
	Given, Middle, Family string
	// Name is a name in one piece that can't be told apart: a company's.
	Name      string
	Birthday  Date
	Gender    string
	PersonIDs []string
	Emails    []string // normalized where they can be
	Phones    []string // E.164, or the digits as stated
	Addresses []Where
	Other     []string
}

// Where is an address: its line with or without the house number, city, postal code, and region or country.
type Where struct{ Line, City, PostalCode, Region string }

// Date is a day; a part that is not known is 0.
type Date struct{ Year, Month, Day int }

// Zero reports whether nothing of the date is known.
func (d Date) Zero() bool { return d == Date{} }

// Profile is a person's node prepared for comparison: Latin letters, name roots, skeletons, parts of addresses.
type Profile struct {
	Node      string
	given     []string // words
	roots     []uint16 // of the first word
	near      []uint16 // roots that the first word may be a slip of
	givenKey  string   // skeleton of the first word
	middle    string
	family    []string
	familyOne string // the words as one
	familyKey string
	familyIn  []string // the skeletons of its words of four letters and more
	name      []string
	// generation tells a parent from a child of the same name: 1 is the elder, 2 the younger; 0 is not stated.
	generation int
	birthday   Date
	gender     byte
	ids        []string
	emails     []mail
	phones     []string // the last nine digits
	places     []place
	other      []string
	common     common
}

type mail struct {
	whole, local string
	letters      string // of the local part
	named        bool   // the mailbox is called after the person, as a namesake's is at another provider
}

type place struct {
	numbers, names []string
	line           string // names as one
	city, cityKey  string
	code, region   string
}

// common tells which values of a record many people have.
type common struct {
	given, family, birthday, city int32 // what equality is worth more or less, in centibits
	givenKnown                    bool  // the given name is one that many have
}

// NewProfile prepares a node's facts. Values that weights know as shared by many are left out; which names are common
// comes from there too.
func NewProfile(node string, f *Facts, w *Weights) *Profile {
	p := &Profile{Node: node, birthday: f.Birthday}
	var behind int
	p.given, p.generation = normalize.Generation(strings.Fields(normalize.Latin(f.Given)))
	p.middle = normalize.Latin(f.Middle)
	if p.middle == "" && len(p.given) > 1 {
		p.middle = p.given[1]
	}
	if p.family, behind = normalize.Generation(strings.Fields(normalize.Latin(f.Family))); behind != 0 {
		p.generation = behind
	}
	if len(p.given) > 0 {
		p.roots = normalize.GivenRoots(p.given[0])
		p.near = normalize.NearGivenRoots(p.given[0])
		p.givenKey = normalize.Skeleton(p.given[0])
	}
	p.familyOne = strings.Join(p.family, "")
	p.familyKey = normalize.Skeleton(p.familyOne)
	for _, part := range p.family {
		if len(part) > 3 {
			p.familyIn = append(p.familyIn, normalize.Skeleton(part))
		}
	}
	p.name = nameWords(f.Name)
	if g := normalize.Latin(f.Gender); g != "" {
		p.gender = g[0]
	}
	for _, id := range f.PersonIDs {
		if id = letterDigits(id); len(id) >= 4 && !w.Shared[id] {
			p.ids = append(p.ids, id)
		}
	}
	for _, e := range f.Emails {
		whole := strings.ToLower(strings.TrimSpace(e))
		if whole == "" || w.Shared[whole] {
			continue
		}
		local, _, _ := strings.Cut(whole, "@")
		m := mail{whole: whole, local: letterDigits(local)}
		m.letters = strings.Trim(m.local, "0123456789")
		m.named = len(m.local)-len(m.letters) < 3 && p.mailboxNamed(m.letters)
		p.emails = append(p.emails, m)
	}
	for _, ph := range f.Phones {
		if d := digits(ph); len(d) >= 5 && !w.Shared[d] {
			p.phones = append(p.phones, d)
		}
	}
	slices.Sort(p.phones)
	p.phones = slices.Compact(p.phones)
	for i := range f.Addresses {
		a := &f.Addresses[i]
		pl := place{city: normalize.Latin(a.City), code: normalize.PostalCode(a.PostalCode), region: normalize.Latin(a.Region)}
		pl.numbers, pl.names = normalize.Street(a.Line)
		pl.line = strings.Join(pl.names, "")
		pl.city = strings.ReplaceAll(pl.city, " ", "")
		pl.cityKey = normalize.Skeleton(pl.city)
		if !slices.ContainsFunc(p.places, pl.equal) {
			p.places = append(p.places, pl)
		}
	}
	for _, o := range f.Other {
		p.other = append(p.other, nameWords(o)...)
	}
	if w.Common != nil {
		p.common = w.commonOf(p)
	}
	return p
}

// mailboxNamed reports whether a mailbox has the beginning of one of the names in it, as spelled or as it sounds.
func (p *Profile) mailboxNamed(letters string) bool {
	spelled := normalize.Skeleton(letters)
	names := [...][2]string{{letters, p.familyOne}, {spelled, p.familyKey}, {letters, strings.Join(p.given, "")}, {spelled, p.givenKey}}
	return slices.ContainsFunc(names[:], func(n [2]string) bool {
		return len(n[1]) >= 3 && strings.Contains(n[0], n[1][:min(len(n[1]), 4)])
	})
}

func (a place) equal(b place) bool {
	return a.line == b.line && a.city == b.city && a.code == b.code && a.region == b.region && slices.Equal(a.numbers, b.numbers)
}

// SharedKey gives the form in which a weights' list of shared values has an e-mail address, phone or id.
func SharedKey(f Field, value string) string {
	switch f {
	case Email:
		return strings.ToLower(strings.TrimSpace(value))
	case Phone:
		return digits(value)
	}
	return letterDigits(value)
}

// digits gives the last nine digits of a number: what stays when the country code is stated or not.
func digits(s string) string {
	var b []byte
	for i := range len(s) {
		if s[i] >= '0' && s[i] <= '9' {
			b = append(b, s[i])
		}
	}
	return string(b[max(0, len(b)-9):])
}

func letterDigits(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9', r >= 'a' && r <= 'z', r > 0x7f:
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return -1
	}, s)
}

// nameWords are the words of a name in one piece, without those that say nothing.
func nameWords(raw string) []string {
	var out []string
	for _, w := range strings.Fields(normalize.Latin(raw)) {
		switch w {
		case "the", "a", "of", "and", "at", "in", "on", "inc", "ltd", "llc", "co", "corp", "gmbh", "sa", "srl", "und", "et", "mr", "mrs", "ms", "dr":
			continue
		}
		out = append(out, w)
	}
	return out
}
