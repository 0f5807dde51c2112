package identity

import (
	"slices"
	"strings"

	"github.com/jumpring/jumpring/core/normalize"
)

// Compare says how two profiles agree, field by field. It is symmetric.
func Compare(a, b *Profile) Levels {
	var l Levels
	l[Given], l[Family] = compareGiven(a, b), compareFamily(a, b)
	if l[Given] >= GivenSimilar && l[Family] >= FamilySimilar && swapped(a, b) {
		l[Given], l[Family] = GivenSwapped, Missing
	}
	l[Middle] = compareMiddle(a.middle, b.middle)
	l[Name] = compareWords(a.name, b.name)
	l[Birthday] = compareBirthday(a.birthday, b.birthday)
	if a.gender != 0 && b.gender != 0 {
		l[Gender] = 1
		if a.gender != b.gender {
			l[Gender] = 2
		}
	}
	l[PersonID] = compareIDs(a.ids, b.ids)
	l[Email] = compareEmails(a.emails, b.emails)
	if l[Email] == EmailSlip && l[Family] > FamilyVariant && (a.namedMail() || b.namedMail()) && !misspelt(a, b) {
		l[Email] = EmailNamed // it differs as the names do
	}
	l[Phone] = comparePhones(a.phones, b.phones)
	l[Street], l[Place] = comparePlaces(a.places, b.places)
	l[Other] = compareWords(a.other, b.other)
	return l
}

func compareGiven(a, b *Profile) Level {
	if len(a.given) == 0 || len(b.given) == 0 {
		return Missing
	}
	x, y := a.given[0], b.given[0]
	if x == y {
		if len(x) == 1 {
			return GivenInitial
		}
		return GivenEqual
	}
	if len(x) == 1 || len(y) == 1 {
		if x[0] == y[0] {
			return GivenInitial
		}
		return GivenDiffer
	}
	if len(a.given) > 1 || len(b.given) > 1 {
		for _, v := range a.given {
			if len(v) > 2 && slices.Contains(b.given, v) {
				return GivenVariant
			}
		}
		if strings.Join(a.given, "") == strings.Join(b.given, "") {
			return GivenEqual
		}
	}
	if a.givenKey == b.givenKey || meet(a.roots, b.roots) {
		return GivenVariant
	}
	if ending(x, y) {
		return GivenDiffer
	}
	// Two names that are known to be two are at best one slip apart.
	known := a.common.givenKnown && b.common.givenKnown || len(a.roots) > 0 && len(b.roots) > 0
	l := compareLetters(x, y, known)
	if len(a.near) > 0 && len(b.roots) > 0 && !meet(a.near, b.roots) || len(b.near) > 0 && len(a.roots) > 0 && !meet(a.roots, b.near) {
		return GivenDiffer // a slip, but in another name
	}
	if l == GivenDiffer && (meet(a.near, b.roots) || meet(a.roots, b.near)) {
		return GivenSimilar // a slip in a nickname
	}
	return l
}

// meet reports whether two sorted lists have an element in common.
func meet(a, b []uint16) bool {
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] == b[0]:
			return true
		case a[0] < b[0]:
			a = a[1:]
		default:
			b = b[1:]
		}
	}
	return false
}

// compareLetters tells a slip of the pen from another name. The last letter often tells a man's name from a woman's
// (Mario and Maria, Paul and Paula), so a difference there is no slip; nor is one between two names that many have.
func compareLetters(x, y string, known bool) Level {
	shorter := min(len(x), len(y))
	d := distance(x, y, 2)
	if known {
		if d == 1 && shorter >= 3 && x[len(x)-1] == y[len(y)-1] {
			return GivenSimilar
		}
		return GivenDiffer
	}
	lastX, lastY := x[len(x)-1], y[len(y)-1]
	switch {
	case lastX == lastY:
		if d == 1 && shorter >= 3 || d == 2 && shorter >= 6 {
			return GivenSlip
		}
	case d == 1 && shorter >= 4 && (len(x) == len(y) && x[len(x)-2] != y[len(y)-2] || !vowel(lastX) && !vowel(lastY) || len(x) == len(y) && vowel(lastX) != vowel(lastY)):
		return GivenSlip
	}
	if d <= 2 && shorter >= 4 || shorter >= 3 && jaroWinkler(x, y) >= 860 {
		return GivenSimilar
	}
	return GivenDiffer
}

// unlike reports whether two names have so little in common that no slips of the pen made one of the other.
func unlike(x, y string) bool {
	return min(len(x), len(y)) >= 4 && x[0] != y[0] && distance(x, y, 3) > 3 && jaroWinkler(x, y) < 650
}

// ending reports whether two names differ in nothing but the vowel at their end, or in having one.
func ending(x, y string) bool {
	if len(x) > len(y) {
		x, y = y, x
	}
	last := y[len(y)-1]
	if len(x) < len(y) {
		return x == y[:len(y)-1] && (last == 'a' || last == 'e' || last == 'o')
	}
	return x[:len(x)-1] == y[:len(y)-1] && vowel(last) && vowel(x[len(x)-1])
}

func vowel(c byte) bool { return strings.IndexByte("aeiouy", c) >= 0 }

func compareFamily(a, b *Profile) Level {
	if a.familyOne == "" || b.familyOne == "" {
		return Missing
	}
	x, y := a.familyOne, b.familyOne
	if x == y {
		return FamilyEqual
	}
	if a.familyKey == b.familyKey {
		return FamilyVariant
	}
	if len(a.family) > 1 || len(b.family) > 1 {
		for _, v := range a.familyIn {
			if slices.Contains(b.familyIn, v) {
				return FamilyVariant
			}
		}
	}
	shorter := min(len(x), len(y))
	d := distance(x, y, 2)
	if x[0] == y[0] && (d == 1 && shorter >= 3 || d == 2 && shorter >= 8) {
		return FamilySlip
	}
	if d <= 2 && shorter >= 4 || shorter >= 3 && jaroWinkler(x, y) >= 840 {
		return FamilySimilar
	}
	return FamilyDiffer
}

// swapped reports whether each side's given name is the other's family name.
func swapped(a, b *Profile) bool {
	if len(a.given) == 0 || len(b.given) == 0 || a.familyOne == "" || b.familyOne == "" {
		return false
	}
	x, y := strings.Join(a.given, ""), strings.Join(b.given, "")
	near := func(v, w string) bool { return len(v) > 2 && len(w) > 2 && distance(v, w, 1) <= 1 }
	return near(x, b.familyOne) && near(y, a.familyOne)
}

func compareMiddle(x, y string) Level {
	switch {
	case x == "" || y == "":
		return Missing
	case x == y:
		return 1
	case x[0] == y[0] && (len(x) == 1 || len(y) == 1):
		return 2
	case len(x) > 2 && len(y) > 2 && jaroWinkler(x, y) >= 850:
		return 3
	}
	return 4
}

func compareBirthday(a, b Date) Level {
	if a.Zero() || b.Zero() {
		return Missing
	}
	if a == b {
		return BirthdayEqual
	}
	if a.Year == 0 || b.Year == 0 || a.Month == 0 || b.Month == 0 || a.Day == 0 || b.Day == 0 {
		same, differs := 0, 0
		for _, p := range [3][2]int{{a.Year, b.Year}, {a.Month, b.Month}, {a.Day, b.Day}} {
			switch {
			case p[0] == 0 || p[1] == 0:
			case p[0] == p[1]:
				same++
			default:
				differs++
			}
		}
		switch {
		case same+differs == 0:
			return Missing
		case differs == 0 && same == 2:
			return BirthdayPart
		case differs == 0:
			return BirthdayYear
		}
		return BirthdayDiffer
	}
	if a.Year == b.Year && a.Month == b.Day && a.Day == b.Month {
		return BirthdaySwapped
	}
	switch d := distance(a.digits(), b.digits(), 2); {
	case d == 1:
		return BirthdaySlip
	case a.Year == b.Year && a.Month == b.Month, a.Year == b.Year && a.Day == b.Day, a.Month == b.Month && a.Day == b.Day:
		return BirthdayPart
	case d == 2 || a.Year == b.Year:
		return BirthdayYear
	}
	return BirthdayDiffer
}

func (d Date) digits() string {
	b := [8]byte{}
	for i, n := 7, d.Year*10000+d.Month*100+d.Day; i >= 0; i, n = i-1, n/10 {
		b[i] = byte('0' + n%10)
	}
	return string(b[:])
}

func compareIDs(a, b []string) Level {
	best := Missing
	for _, x := range a {
		for _, y := range b {
			l := Level(4)
			switch d := distance(x, y, 2); {
			case d == 0:
				return 1
			case d == 1 && len(x) > 5:
				l = 2
			case d == 2 && len(x) > 6:
				l = 3
			}
			if best == Missing || l < best {
				best = l
			}
		}
	}
	return best
}

// namedMail reports whether a mailbox is called after the person.
func (p *Profile) namedMail() bool {
	return slices.ContainsFunc(p.emails, func(m mail) bool { return m.named })
}

// longMailbox is from how many letters on a mailbox is seldom a namesake's.
const longMailbox = 13

// misspelt reports whether a mailbox that is called after a family name, with a number (smith69@) or with a given name
// (jo.smithson@), is spelt on one side as neither the family name beside it nor the other mailbox: that is a slip of the
// pen, and no namesake's mailbox.
func misspelt(a, b *Profile) bool {
	for i := range a.emails {
		for k := range b.emails {
			x, y := &a.emails[i], &b.emails[k]
			if n := x.number(); n == y.number() && (n != "" || min(len(x.letters), len(y.letters)) >= longMailbox) && compareEmail(x, y) == EmailSlip && (!a.afterFamily(x) || !b.afterFamily(y)) {
				return true
			}
		}
	}
	return false
}

// number gives what of a mailbox follows its first letters.
func (m *mail) number() string { return strings.TrimLeft(m.local, "abcdefghijklmnopqrstuvwxyz") }

// afterFamily reports whether a mailbox has the whole family name in it, as spelt or as it sounds.
func (p *Profile) afterFamily(m *mail) bool {
	return strings.Contains(m.letters, p.familyOne) || strings.Contains(normalize.Skeleton(m.letters), p.familyKey)
}

func compareEmails(a, b []mail) Level {
	best := Missing
	for i := range a {
		for k := range b {
			l := compareEmail(&a[i], &b[k])
			if best == Missing || l < best {
				best = l
			}
		}
	}
	return best
}

func compareEmail(a, b *mail) Level {
	if a.whole == b.whole {
		return EmailEqual
	}
	limit := 1
	if min(len(a.whole), len(b.whole)) >= 14 {
		limit = 2
	}
	near := min(len(a.local), len(b.local)) >= 5 && (distance(a.local, b.local, 2) <= 2 || jaroWinkler(a.local, b.local) >= 920)
	numbered := a.letters == b.letters && a.local != b.local
	switch {
	case near && (numbered || (a.named || b.named) && distance(a.whole, b.whole, limit) > limit):
		return EmailNamed
	case min(len(a.whole), len(b.whole)) >= 8 && distance(a.whole, b.whole, limit) <= limit:
		return EmailSlip
	case a.local == b.local && len(a.local) >= 5:
		return EmailLocal
	case near:
		return EmailSimilar
	}
	return EmailDiffer
}

func comparePhones(a, b []string) Level {
	best := Missing
	for _, x := range a {
		for _, y := range b {
			l := Level(3)
			switch {
			case x == y, len(x) != len(y) && min(len(x), len(y)) >= 7 && (strings.HasSuffix(x, y) || strings.HasSuffix(y, x)):
				return 1
			case distance(x, y, 1) == 1:
				l = 2
			}
			if best == Missing || l < best {
				best = l
			}
		}
	}
	return best
}

// comparePlaces compares the two addresses that agree best: people move, and have several.
func comparePlaces(a, b []place) (street, where Level) {
	best := 0
	for i := range a {
		for k := range b {
			s, w := compareStreet(&a[i], &b[k]), compareWhere(&a[i], &b[k])
			if s == Missing && w == Missing {
				continue
			}
			rank := apart(s, w)
			if best == 0 || rank < best {
				best, street, where = rank, s, w
			}
		}
	}
	return street, where
}

// apart orders pairs of levels: the less, the better they agree.
func apart(s, w Level) int {
	known := func(l Level) int {
		if l == Missing {
			return 4
		}
		return int(l)
	}
	return (known(s)+known(w))<<8 | known(s)<<4 | known(w)
}

func compareStreet(a, b *place) Level {
	if a.line == "" || b.line == "" {
		if len(a.numbers) == 0 || len(b.numbers) == 0 || a.line != b.line {
			return Missing
		}
	}
	none := len(a.numbers) == 0 || len(b.numbers) == 0
	number := !none && slices.ContainsFunc(a.numbers, func(n string) bool { return slices.Contains(b.numbers, n) })
	words := 1000
	if a.line != b.line {
		if words = wordsAlike(a.names, b.names); words < 850 && len(a.line) > 5 && len(b.line) > 5 && distance(a.line, b.line, 2) <= 2 {
			words = 900
		}
	}
	switch {
	case words >= 980 && number:
		return StreetEqual
	case words >= 930 && none:
		return StreetWords
	case words >= 850 && number:
		return StreetSlip
	case words >= 450 && number:
		return StreetAlike
	case words >= 930:
		return StreetNumber
	case words >= 600:
		return StreetSimilar
	}
	return StreetDiffer
}

func compareWhere(a, b *place) Level {
	code, city := a.code != "" && b.code != "", a.city != "" && b.city != ""
	sameCity := city && (a.city == b.city || a.cityKey == b.cityKey || distance(a.city, b.city, 2) <= 2 && min(len(a.city), len(b.city)) > 4)
	switch {
	case code && a.code == b.code && (!city || sameCity):
		return PlaceEqual
	case code && a.code == b.code:
		return PlaceCode
	case code && distance(a.code, b.code, 1) == 1 && (!city || sameCity):
		return PlaceSlip
	case city && !code && sameCity:
		return PlaceCity
	case sameCity:
		return PlaceTown
	case code || city:
		return PlaceDiffer
	case a.region == "" || b.region == "":
		return Missing
	case a.region == b.region:
		return PlaceRegion
	}
	return PlaceDiffer
}

func compareWords(a, b []string) Level {
	if len(a) == 0 || len(b) == 0 {
		return Missing
	}
	if slices.Equal(a, b) || strings.Join(a, "") == strings.Join(b, "") {
		return 1
	}
	switch s := wordsAlike(a, b); {
	case s >= 960:
		return 1
	case s >= 800:
		return 2
	case s >= 600:
		return 3
	case s >= 350:
		return 4
	}
	return 5
}
