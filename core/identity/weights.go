package identity

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Weights are the policy by which records are scored: what each level of agreement says, in centibits (100 doubles the
// odds). They are estimated from data by package learn, journaled, and only then used: the fold counts in whole numbers
// alone (invariant 3).
//
// Two things may explain that records agree without being one person: chance, and a common household. A pair is scored
// by the explanation that fits better. Against a household, only what is personal counts: that a couple shares address,
// phone, mailbox and family name says nothing about which of the two it is.
type Weights struct {
	// Levels has what each level counts; that of Missing is 0.
	Levels [Fields][MaxLevels]int32
	// PriorStranger and PriorHousehold are the odds before anything is compared.
	PriorStranger, PriorHousehold int32
	// Auto and Review are the least scores at which records are merged without and with a person.
	Auto, Review int32
	// Common says what it is worth more or less when two records agree on a value that many have. Rare is what it is
	// worth more for every other value. Keys are those of CommonKey.
	Common map[string]int32
	Rare   [Fields]int32
	// Shared are e-mail addresses, phones and ids, in SharedKey's form, that are on too many different people's records
	// to say anything: the shop's own address, a switchboard.
	Shared map[string]bool
}

// CommonKey names a value of a field in a list of common values: the first given name, the family name as one word, the
// birthday as YYYYMMDD, the city as one word; all in Latin letters.
func CommonKey(f Field, value string) string { return f.String() + ":" + value }

// commonOf looks a record's values up.
func (w *Weights) commonOf(p *Profile) common {
	look := func(f Field, v string) (int32, bool) {
		if v == "" {
			return 0, false
		}
		if c, known := w.Common[CommonKey(f, v)]; known {
			return c, true
		}
		return w.Rare[f], false
	}
	var c common
	if len(p.given) > 0 {
		c.given, c.givenKnown = look(Given, p.given[0])
	}
	c.family, _ = look(Family, p.familyOne)
	if !p.birthday.Zero() {
		c.birthday, _ = look(Birthday, p.birthday.digits())
	}
	if len(p.places) > 0 {
		c.city, _ = look(Place, p.places[0].city)
	}
	return c
}

// Weigh takes what weights say about a profile's common values, for a profile that was prepared with others.
func (p *Profile) Weigh(w *Weights) { p.common = w.commonOf(p) }

// CommonValues gives the values of a profile that CommonKey may name.
func (p *Profile) CommonValues() []string {
	var out []string
	add := func(f Field, v string) {
		if v != "" {
			out = append(out, CommonKey(f, v))
		}
	}
	if len(p.given) > 0 {
		add(Given, p.given[0])
	}
	add(Family, p.familyOne)
	if !p.birthday.Zero() {
		add(Birthday, p.birthday.digits())
	}
	if len(p.places) > 0 {
		add(Place, p.places[0].city)
	}
	return out
}

// Score gives the score of a pair in centibits: the logarithm of the odds that the two are one person.
func (w *Weights) Score(a, b *Profile) int32 {
	l := Compare(a, b)
	return w.ScoreLevels(&l, a, b)
}

// ScoreLevels is Score where the profiles have been compared already.
func (w *Weights) ScoreLevels(l *Levels, a, b *Profile) int32 {
	stranger, household := w.explain(l, a, b)
	score := min(stranger, household)
	if score >= w.Auto && undecided(l, a, b) {
		return w.Auto - 1
	}
	return score
}

// explain gives the score of a pair against each of the two explanations.
func (w *Weights) explain(l *Levels, a, b *Profile) (stranger, household int32) {
	stranger, household = w.PriorStranger, w.PriorHousehold
	for f, level := range l {
		stranger += w.Levels[f][level]
		if Field(f).Personal() {
			household += w.Levels[f][level]
		}
	}
	if l[Birthday] == BirthdayYear { // partners are of an age: nearly the same birthday is another one
		household += w.Levels[Birthday][BirthdayDiffer] - w.Levels[Birthday][BirthdayYear]
	}
	if l[Family] == FamilyDiffer { // most of one person's records agree in it, not most households
		household += w.Levels[Family][FamilyDiffer]
	}
	c := Worth(l, a, b)
	if l[Given] == GivenDiffer && unlike(a.given[0], b.given[0]) { // twins share a birthday: it does not tell which of them it is
		household -= max(w.Levels[Birthday][l[Birthday]], 0)
		c[Birthday] = min(c[Birthday], 0)
	}
	return stranger + c[Given] + c[Family] + c[Birthday] + c[Place], household + c[Given] + c[Birthday]
}

// Worth gives what the agreement of two records is worth more or less because of how many people have the values that
// they agree on, by field.
func Worth(l *Levels, a, b *Profile) [Fields]int32 {
	var c [Fields]int32
	switch l[Given] {
	case GivenEqual:
		c[Given] = min(a.common.given, b.common.given)
	case GivenVariant, GivenSlip: // a rare form of a name, or a slip in it, is no rarer a name
		c[Given] = min(a.common.given, b.common.given, 0)
	}
	switch l[Family] {
	case FamilyEqual:
		c[Family] = a.common.family
	case FamilyVariant, FamilySlip:
		c[Family] = min(a.common.family, b.common.family, 0)
	}
	if l[Birthday] == BirthdayEqual {
		c[Birthday] = a.common.birthday
	}
	if l[Place] == PlaceEqual || l[Place] == PlaceCity {
		c[Place] = min(a.common.city, b.common.city)
	}
	return c
}

// Band is what a score leads to.
type Band uint8

// The bands.
const (
	Reject Band = iota // two people
	Review             // a person looks at it
	Auto               // one person
)

func (b Band) String() string { return [...]string{"reject", "review", "auto"}[b] }

// Band gives the band of a score.
func (w *Weights) Band(score int32) Band {
	switch {
	case score >= w.Auto:
		return Auto
	case score >= w.Review:
		return Review
	}
	return Reject
}

// Default gives weights for a jeweler's clients from what is usual for such data, until they have been learned from the
// hub's own records. population is about how many records there are.
func Default(population int) *Weights {
	w := &Weights{Auto: 650, Review: -100, PriorHousehold: 450}
	for n := max(population, 2); n > 1; n /= 2 {
		w.PriorStranger -= 100
	}
	for f := range Fields {
		for l := range usual[f].same {
			w.Levels[f][l+1] = log2(usual[f].same[l]) - log2(usual[f].stranger[l])
		}
	}
	w.Levels[Given][GivenSimilar] = min(w.Levels[Given][GivenSimilar], 220)
	w.Levels[Email][EmailNamed] = 0
	return w
}

// usual says how often each level is met, in millionths, among records of one person and of strangers.
var usual = [Fields]struct{ same, stranger []int64 }{
	Given:    {same: []int64{800000, 70000, 60000, 30000, 15000, 15000, 10000}, stranger: []int64{6000, 6000, 1500, 40000, 12000, 934000, 500}},
	Middle:   {same: []int64{700000, 200000, 50000, 50000}, stranger: []int64{20000, 50000, 20000, 910000}},
	Family:   {same: []int64{850000, 30000, 60000, 15000, 45000}, stranger: []int64{2000, 1000, 1500, 6000, 989500}},
	Name:     {same: []int64{600000, 220000, 110000, 50000, 20000}, stranger: []int64{100, 400, 2500, 17000, 980000}},
	Birthday: {same: []int64{850000, 20000, 60000, 40000, 15000, 15000}, stranger: []int64{60, 60, 400, 5000, 40000, 954480}},
	Gender:   {same: []int64{970000, 30000}, stranger: []int64{500000, 500000}},
	PersonID: {same: []int64{900000, 60000, 20000, 20000}, stranger: []int64{2, 20, 100, 999878}},
	Email:    {same: []int64{700000, 70000, 30000, 20000, 10000, 170000}, stranger: []int64{10, 20, 100, 400, 10000, 989470}},
	Phone:    {same: []int64{700000, 60000, 240000}, stranger: []int64{50, 50, 999900}},
	Street:   {same: []int64{600000, 60000, 80000, 50000, 50000, 30000, 130000}, stranger: []int64{60, 60, 60, 600, 1500, 10000, 987720}},
	Place:    {same: []int64{750000, 50000, 50000, 50000, 30000, 30000, 40000}, stranger: []int64{3000, 3000, 2000, 30000, 30000, 60000, 872000}},
	Other:    {same: []int64{500000, 200000, 100000, 100000, 100000}, stranger: []int64{50000, 50000, 50000, 100000, 750000}},
}

// Usual gives the usual shares of a field's levels in millionths, for the level after Missing first: of one person's
// records and of strangers'.
func Usual(f Field) (same, stranger []int64) { return usual[f].same, usual[f].stranger }

// log2 gives a hundred times the binary logarithm of a positive number, rounded down, in whole numbers.
func log2(n int64) int32 {
	whole := int32(0)
	x := uint64(n) << 20
	for x >= 2<<20 {
		x >>= 1
		whole += 100
	}
	x = uint64(n) << 20 >> (whole / 100)
	// x is in [1, 2) with 20 binary places; squaring gives one binary place of the logarithm after the other.
	fraction := uint64(0)
	for range 12 {
		x = x * x >> 20
		fraction <<= 1
		if x >= 2<<20 {
			x >>= 1
			fraction |= 1
		}
	}
	return whole + int32(fraction*100>>12)
}

// weightsJSON is how weights are journaled: by the names of fields and levels, so that an entry can be read and a later
// level added.
type weightsJSON struct {
	Levels         map[string]map[string]int32 `json:"levels"`
	PriorStranger  int32                       `json:"prior_stranger"`
	PriorHousehold int32                       `json:"prior_household"`
	Auto           int32                       `json:"auto"`
	Review         int32                       `json:"review"`
	Common         map[string]int32            `json:"common,omitempty"`
	Rare           map[string]int32            `json:"rare,omitempty"`
	Shared         []string                    `json:"shared,omitempty"`
}

// MarshalJSON writes weights by the names of fields and levels.
func (w *Weights) MarshalJSON() ([]byte, error) {
	j := weightsJSON{
		Levels: map[string]map[string]int32{}, PriorStranger: w.PriorStranger, PriorHousehold: w.PriorHousehold,
		Auto: w.Auto, Review: w.Review, Common: w.Common, Rare: map[string]int32{},
	}
	for f := range Fields {
		levels := map[string]int32{}
		for l := 1; l < LevelCount(f); l++ {
			levels[LevelName(f, Level(l))] = w.Levels[f][l]
		}
		j.Levels[f.String()] = levels
		if w.Rare[f] != 0 {
			j.Rare[f.String()] = w.Rare[f]
		}
	}
	for v := range w.Shared {
		j.Shared = append(j.Shared, v)
	}
	slices.Sort(j.Shared)
	return json.Marshal(j)
}

// UnmarshalJSON reads weights; a field or a level of another name is an error.
func (w *Weights) UnmarshalJSON(raw []byte) error {
	var j weightsJSON
	if err := json.Unmarshal(raw, &j); err != nil {
		return fmt.Errorf("identity: weights: %w", err)
	}
	*w = Weights{PriorStranger: j.PriorStranger, PriorHousehold: j.PriorHousehold, Auto: j.Auto, Review: j.Review, Common: j.Common}
	for field, levels := range j.Levels {
		f, err := ParseField(field)
		if err != nil {
			return err
		}
		for level, v := range levels {
			l, err := ParseLevel(f, level)
			if err != nil {
				return err
			}
			w.Levels[f][l] = v
		}
	}
	for field, v := range j.Rare {
		f, err := ParseField(field)
		if err != nil {
			return err
		}
		w.Rare[f] = v
	}
	for _, v := range j.Shared {
		if w.Shared == nil {
			w.Shared = make(map[string]bool)
		}
		w.Shared[v] = true
	}
	return nil
}
