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
//   - their given names are two that people have (Michael and Mary), no forms of one name and no slips of the pen;
//   - or their birthdays have nothing in common, their given names are not spelled alike and no contact point is shared;
//   - or each has a mailbox, and one is called after somebody else: michelle.d@ is not Mikhail's.
//
// Records of one person with such a pair exist (somebody goes by a middle name), but who merged them would merge twins
// and couples: a person decides.
func Apart(l *Levels, a, b *Profile) bool {
	if l[PersonID] == 1 || l[PersonID] == 2 {
		return false
	}
	if l[Given] == GivenDiffer && twoNames(a.roots, b.roots) {
		return true
	}
	if l[Birthday] == BirthdayDiffer && l[Given] != GivenEqual && !sharesContact(l) {
		return true
	}
	return l[Given] > GivenEqual && l[Email] > EmailLocal && !ownAgrees(l) && (twoNames(a.roots, b.mailRoots()) || twoNames(a.mailRoots(), b.roots) || twoNames(a.mailRoots(), b.mailRoots()))
}

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
