// Package trial measures identity on labelled records: a seeded generator of a jeweler's clients as several systems
// know them, a reader of CSV files with a truth label, and the report on both.
package trial

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/jumpring/jumpring/core/identity"
)

// Record is a client as one system knows them, with the truth that the measured code never sees.
type Record struct {
	Node  string
	Facts identity.Facts
	// Person is the same for all records of one person.
	Person string
	// Partner is the person with whom they share a household; empty without one.
	Partner string
	errors  int // fields with an error
}

// The shares of what makes records hard, in percent.
const (
	manyErrors    = 25 // of records: two or more fields have an error
	inCouples     = 10 // of records: the person is one of a couple in the data
	sharedPhones  = 5  // of records: the phone is an office's or a shop's
	withoutEmail  = 15 // of records
	movedHouse    = 8  // of persons with several records
	secondMailbox = 30 // of persons
)

// Generate makes n records from a seed: the same seed gives the same records.
func Generate(n int, seed uint64) []Record {
	g := &generator{rng: rand.New(rand.NewPCG(seed, 0x6a756d70)), mailboxes: make(map[string]bool)}
	for range 40 {
		g.offices = append(g.offices, g.phone())
	}
	for len(g.out) < n {
		one := g.person(nil)
		// Couples have about twice the records of a single, so that a twentieth of the households makes a tenth of the records.
		if g.chance(inCouples) && len(g.out)+4 < n && len(g.out)%2 == 0 {
			two := g.person(one)
			g.records(one, two.id, 1+g.rng.IntN(2))
			g.records(two, one.id, 1+g.rng.IntN(2))
			continue
		}
		g.records(one, "", 1+g.times())
	}
	g.out = g.out[:n]
	g.rng.Shuffle(n, func(i, k int) { g.out[i], g.out[k] = g.out[k], g.out[i] })
	for i := range g.out {
		g.out[i].Node = fmt.Sprintf("cli_%07d", i)
	}
	return g.out
}

type generator struct {
	rng       *rand.Rand
	offices   []string
	mailboxes map[string]bool
	out       []Record
	persons   int
}

// human is the truth about one person.
type human struct {
	id             string
	given, family  []string // forms
	emails         []string
	phones         []string
	homes          []identity.Where
	birthday       identity.Date
	loyalty        string
	statesBirthday bool
	moved          bool
}

func (g *generator) chance(percent int) bool { return g.rng.IntN(100) < percent }

func pick[T any](g *generator, list []T) T { return list[g.rng.IntN(len(list))] }

// frequent picks with the first much more often than the last, as names are.
func frequent[T any](g *generator, list []T) T {
	x := g.rng.Float64()
	return list[int(math.Pow(x, 1.8)*float64(len(list)))]
}

func (g *generator) times() int {
	switch x := g.rng.IntN(100); {
	case x < 45:
		return 0
	case x < 75:
		return 1
	case x < 90:
		return 2
	case x < 97:
		return 3
	}
	return 4
}

func (g *generator) surname() string {
	if g.chance(35) {
		return frequent(g, families)
	}
	s := pick(g, heads)
	if g.chance(30) {
		s += pick(g, middles)
	}
	return s + pick(g, tails)
}

// person makes somebody; with a partner, somebody who lives with them.
func (g *generator) person(partner *human) *human {
	g.persons++
	h := &human{id: fmt.Sprint("p", g.persons), birthday: identity.Date{Year: 1935 + g.rng.IntN(70), Month: 1 + g.rng.IntN(12), Day: 1 + g.rng.IntN(28)}}
	h.statesBirthday = g.chance(60)
	russian := g.chance(4)
	woman := g.chance(50)
	if partner != nil {
		woman = !strings.HasPrefix(partner.id, "w")
	}
	switch {
	case russian && woman:
		h.given = pick(g, cyrillicWomen)
	case russian:
		h.given = pick(g, cyrillic)
	case woman:
		h.given = frequent(g, women)
	default:
		h.given = frequent(g, men)
	}
	if woman {
		h.id = "w" + h.id
	}
	h.family = []string{g.surname()}
	if russian {
		stem, ending := pick(g, cyrillicStems), pick(g, cyrillicEndings)
		h.family = []string{stem[0] + ending[0]}
		for _, s := range stem[1:] {
			h.family = append(h.family, s+ending[1+g.rng.IntN(len(ending)-1)])
		}
	}
	h.homes = []identity.Where{g.home()}
	h.phones = []string{g.phone()}
	if g.chance(20) {
		h.phones = append(h.phones, g.phone())
	}
	if partner != nil {
		for h.given[0] == partner.given[0] {
			h.given = frequent(g, women)
		}
		h.homes = partner.homes
		if g.chance(85) {
			h.family = partner.family
		}
		if g.chance(70) {
			h.phones = partner.phones
		}
		h.birthday.Year = partner.birthday.Year - 5 + g.rng.IntN(10)
	}
	h.emails = []string{g.email(h)}
	if g.chance(secondMailbox) {
		h.emails = append(h.emails, g.email(h))
	}
	if partner != nil && g.chance(40) {
		h.emails = partner.emails
	}
	if g.chance(movedHouse) {
		h.moved = true
		h.homes = append([]identity.Where{g.home()}, h.homes...)
	}
	if g.chance(30) {
		h.loyalty = fmt.Sprintf("L%08d", g.rng.IntN(1e8))
	}
	return h
}

func (g *generator) phone() string { return fmt.Sprintf("+44%d%09d", 1+g.rng.IntN(7), g.rng.IntN(1e9)) }

func (g *generator) home() identity.Where {
	city := frequent(g, cities)
	return identity.Where{
		Line: fmt.Sprintf("%d %s %s", 1+int(math.Pow(g.rng.Float64(), 2)*240), pick(g, streets), pick(g, kinds)),
		City: city, PostalCode: fmt.Sprintf("%05d", 10000+(len(city)*7919+int(city[0])*331+int(city[1])*97)%80000+g.rng.IntN(60)), Region: "GB",
	}
}

func (g *generator) email(h *human) string {
	given, family := latinWord(h.given), latinWord(h.family)
	var local string
	switch g.rng.IntN(6) {
	case 0:
		local = given + "." + family
	case 1:
		local = given[:1] + family
	case 2:
		local = family + fmt.Sprint(h.birthday.Year%100)
	case 3:
		local = given + family + fmt.Sprint(g.rng.IntN(100))
	case 4:
		local = pick(g, heads) + pick(g, tails) + fmt.Sprint(g.rng.IntN(1000))
	default:
		local = given + fmt.Sprint(g.rng.IntN(10000))
	}
	address := local + "@" + pick(g, mailers)
	for g.mailboxes[address] { // a provider gives an address once
		local += fmt.Sprint(g.rng.IntN(100))
		address = local + "@" + pick(g, mailers)
	}
	g.mailboxes[address] = true
	return address
}

// latinWord is the form of a name that is in Latin letters.
func latinWord(forms []string) string {
	for _, f := range forms {
		if f[0] < 0x80 {
			return f
		}
	}
	return "x"
}

// records adds a person as several systems know them.
func (g *generator) records(h *human, partner string, n int) {
	for range n {
		f := identity.Facts{Given: h.given[0], Family: pick(g, h.family)}
		if len(h.given) > 1 && g.chance(25) {
			f.Given = pick(g, h.given[1:])
		}
		if !g.chance(withoutEmail) {
			f.Emails = []string{pick(g, h.emails)}
		}
		if !g.chance(25) {
			f.Phones = []string{pick(g, h.phones)}
		}
		if g.chance(sharedPhones) {
			f.Phones = []string{pick(g, g.offices)}
		}
		home := h.homes[0]
		if h.moved {
			home = pick(g, h.homes)
		}
		if !g.chance(12) {
			f.Addresses = []identity.Where{home}
		}
		if h.statesBirthday && !g.chance(25) {
			f.Birthday = h.birthday
		}
		if h.loyalty != "" && g.chance(50) {
			f.PersonIDs = []string{h.loyalty}
		}
		if len(f.Emails)+len(f.Phones)+len(f.Addresses) == 0 { // nobody keeps a client whom nothing reaches
			f.Emails, f.Phones = h.emails[:1], h.phones[:1]
		}
		errors := 0
		switch {
		case g.chance(manyErrors):
			errors = 2 + g.rng.IntN(2)
		case g.chance(35):
			errors = 1
		}
		errors = g.spoil(&f, errors)
		g.out = append(g.out, Record{Facts: f, Person: h.id, Partner: partner, errors: errors})
	}
}

// spoil puts errors into as many fields, as far as there are, and gives how many it did.
func (g *generator) spoil(f *identity.Facts, fields int) (spoilt int) {
	asked := fields
	for _, field := range g.rng.Perm(7) {
		if fields == 0 {
			return asked
		}
		done := true
		switch {
		case field == 0:
			f.Given = g.misspell(f.Given)
		case field == 1:
			f.Family = g.misspell(f.Family)
		case field == 2 && len(f.Emails) > 0:
			f.Emails = []string{g.misspell(f.Emails[0])}
		case field == 3 && len(f.Phones) > 0:
			f.Phones = []string{g.misdial(f.Phones[0])}
		case field == 4 && len(f.Addresses) > 0:
			a := f.Addresses[0]
			a.Line = g.misspell(a.Line)
			f.Addresses = []identity.Where{a}
		case field == 5 && len(f.Addresses) > 0:
			a := f.Addresses[0]
			if g.chance(50) {
				a.PostalCode = g.misdial(a.PostalCode)
			} else {
				a.City = g.misspell(a.City)
			}
			f.Addresses = []identity.Where{a}
		case field == 6 && !f.Birthday.Zero():
			f.Birthday = g.misdate(f.Birthday)
		default:
			done = false
		}
		if done {
			fields--
		}
	}
	if fields > 0 && g.chance(20) {
		f.Given, f.Family = f.Family, f.Given
		fields--
	}
	return asked - fields
}

// misspell makes one or two slips of the pen.
func (g *generator) misspell(s string) string {
	r := []rune(s)
	for range 1 + g.rng.IntN(5)/4 {
		if len(r) < 3 {
			break
		}
		i := 1 + g.rng.IntN(len(r)-1)
		letter := rune('a' + g.rng.IntN(26))
		switch g.rng.IntN(5) {
		case 0:
			r[i] = letter
		case 1:
			r = append(r[:i], r[i+1:]...)
		case 2:
			r = append(r[:i], append([]rune{letter}, r[i:]...)...)
		case 3:
			r[i-1], r[i] = r[i], r[i-1]
		default:
			r = append(r[:i], append([]rune{r[i]}, r[i:]...)...)
		}
	}
	return string(r)
}

func (g *generator) misdial(s string) string {
	b := []byte(s)
	i := len(b) - 1 - g.rng.IntN(min(4, len(b)-1))
	if g.chance(50) {
		b[i] = byte('0' + g.rng.IntN(10))
	} else {
		b[i-1], b[i] = b[i], b[i-1]
	}
	return string(b)
}

func (g *generator) misdate(d identity.Date) identity.Date {
	switch g.rng.IntN(3) {
	case 0:
		if d.Day <= 12 {
			d.Month, d.Day = d.Day, d.Month
			return d
		}
		d.Day = 1 + g.rng.IntN(28)
	case 1:
		d.Year += 1 - 2*g.rng.IntN(2)
	default:
		d.Day = 1 + g.rng.IntN(28)
	}
	return d
}
