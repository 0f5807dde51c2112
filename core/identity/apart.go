package identity

import (
	"math"
	"slices"
	"strings"

	"github.com/jumpring/jumpring/core/normalize"
)

// Never is what two records score that are two people's, whatever else they share: no cluster holds both.
const Never = math.MinInt32

// Apart reports whether two records name two people, who may share a house, a phone and a mailbox: by a personal number
// they are no one, and
//   - their given names are two that people have (Michael and Mary), no forms of one name and no slips of the pen: twins
//     share a birthday too;
//   - or they are a parent and a child of one name, by what follows it (Jr, Sr) or by birthdays that lie a generation apart;
//   - or their birthdays have nothing in common, their given names are not spelled alike and no contact point is shared;
//   - or each has a mailbox, and one is called after somebody else: michelle.d@ is not Mikhail's.
//
// Records of one person with such a pair exist (somebody goes by a middle name), but who merged them would merge twins
// and couples: a person decides.
func Apart(l *Levels, a, b *Profile) bool {
	if l[PersonID] == 1 || l[PersonID] == 2 {
		return false
	}
	if l[Given] == GivenDiffer && twoNames(a.roots, b.roots) || twoGenerations(a, b) {
		return true
	}
	if l[Birthday] == BirthdayDiffer && l[Given] != GivenEqual && !sharesContact(l) {
		return true
	}
	return l[Given] > GivenEqual && l[Email] > EmailLocal && !ownAgrees(l) && (twoNames(a.roots, b.mailRoots()) || twoNames(a.mailRoots(), b.roots) || twoNames(a.mailRoots(), b.mailRoots()))
}

// generation is by how many years parents are older than their children, at least.
const generation = 15

// twoGenerations reports whether two records are of a parent and a child, who may have one name.
func twoGenerations(a, b *Profile) bool {
	if a.generation != 0 && b.generation != 0 && a.generation != b.generation {
		return true
	}
	x, y := a.birthday, b.birthday
	if x.Year == 0 || y.Year == 0 || x.unset() || y.unset() || max(x.Year, y.Year)-min(x.Year, y.Year) < generation {
		return false
	}
	return compareBirthday(x, y) == BirthdayDiffer
}

// unset reports whether a date is what systems state where they know none.
func (d Date) unset() bool { return d.Month == 1 && d.Day == 1 && d.Year%10 == 0 }

// twoNames reports whether two sets of roots are of known names, and of none in common.
func twoNames(a, b []uint16) bool { return len(a) > 0 && len(b) > 0 && !meet(a, b) }

// sharesContact reports whether a mailbox or a phone is the same but for a slip.
func sharesContact(l *Levels) bool {
	return l[Email] != Missing && l[Email] <= EmailLocal || l[Phone] == 1 || l[Phone] == 2
}

// ownAgrees reports whether something agrees that is one person's own: a number, or most of a birthday.
func ownAgrees(l *Levels) bool {
	return l[PersonID] == 1 || l[PersonID] == 2 || l[Birthday] != Missing && l[Birthday] <= BirthdayPart
}

// Unclear reports whether nothing agrees that is one person's own: no number, no birthday, no mailbox. That all else agrees
// says then which household it is, and not who of it: father or son of one name, Samuel or Samantha by the name of Sam.
func Unclear(l *Levels) bool {
	return !ownAgrees(l) && (l[Email] == Missing || l[Email] > EmailLocal)
}

// undecided reports whether a pair is unclear, agrees by a given name that is short for several ("Sam": Samuel and
// Samantha), and each of the two has a mailbox of its own: no score merges them without a person.
func undecided(l *Levels, a, b *Profile) bool {
	return l[Email] > EmailLocal && (l[Given] == GivenEqual || l[Given] == GivenVariant) && Unclear(l) && (normalize.ManyNames(a.given[0]) || normalize.ManyNames(b.given[0]))
}

// mailRoots gives the roots of the given names that the mailboxes begin with, before a sign, a digit or the family name.
func (p *Profile) mailRoots() []uint16 {
	var out []uint16
	for i := range p.emails {
		word := p.emails[i].whole
		if end := strings.IndexFunc(word, func(r rune) bool { return r < 'a' || r > 'z' }); end >= 0 {
			word = word[:end]
		}
		if len(p.familyOne) > 2 {
			word = strings.TrimSuffix(word, p.familyOne)
		}
		if len(word) > 2 {
			out = append(out, normalize.GivenRoots(word)...)
		}
	}
	slices.Sort(out)
	return out
}

// Rank says which pairs are put together first, the highest first: those whose names agree before those whose names
// differ or only look alike, and within both by all that agrees, what a household shares included. So a person's
// records find each other before somebody's of the same house do.
func (w *Weights) Rank(l *Levels, a, b *Profile) int32 {
	stranger, _ := w.explain(l, a, b)
	if (l[Given] == GivenSimilar || l[Given] == GivenDiffer) && !ownAgrees(l) {
		return stranger
	}
	return stranger + agreed
}

// agreed is more than all fields together count for one person.
const agreed = 1 << 20
