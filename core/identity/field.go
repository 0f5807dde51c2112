package identity

import "fmt"

// Field is what two people's records are compared by.
type Field uint8

// The fields. Personal ones are a person's own; the others are shared by those who live together, so their agreement
// says nothing about who of a household it is.
const (
	Given Field = iota
	Middle
	Family
	Name // of somebody or something in one piece, a company's
	Birthday
	Gender
	PersonID // a number that one person has: social security, loyalty, an account
	Email
	Phone
	Street
	Place // postal code, city and region together, since one follows from the other
	Other // any other words
	Fields
)

var fieldNames = [Fields]string{"given", "middle", "family", "name", "birthday", "gender", "person_id", "email", "phone", "street", "place", "other"}

func (f Field) String() string { return fieldNames[f] }

// Personal reports whether a field is one person's own.
func (f Field) Personal() bool {
	switch f {
	case Given, Middle, Name, Birthday, Gender, PersonID:
		return true
	}
	return false
}

// Level says how well two values of one field agree. Missing means that one side states none; the levels of each
// field are in levelNames, the best first.
type Level uint8

// Missing is the level of a field that one side or both do not state.
const Missing Level = 0

// MaxLevels is one more than the highest level of any field.
const MaxLevels = 9

// The levels of a given name.
const (
	GivenEqual   Level = iota + 1
	GivenVariant       // a nickname, another transliteration, one of several given names
	GivenSlip          // one slip of the pen that makes no other common name
	GivenInitial
	GivenSimilar // looks alike, but may be another name: Mario and Maria
	GivenDiffer
	GivenSwapped // the family name of the other side, and the other way round
)

// The levels of a family name.
const (
	FamilyEqual Level = iota + 1
	FamilyVariant
	FamilySlip
	FamilySimilar
	FamilyDiffer
)

// The levels of a birthday.
const (
	BirthdayEqual   Level = iota + 1
	BirthdaySwapped       // day and month
	BirthdaySlip          // one digit
	BirthdayPart          // two of year, month and day
	BirthdayYear          // the year alone, or two digits apart
	BirthdayDiffer
)

// The levels of an e-mail address.
const (
	EmailEqual Level = iota + 1
	EmailSlip
	EmailLocal // the same mailbox at another provider
	EmailSimilar
	EmailNamed // two mailboxes called after the same name, as namesakes have them: this says nothing beyond the name
	EmailDiffer
)

// The levels of a street address.
const (
	StreetEqual   Level = iota + 1 // number and words
	StreetWords                    // words; one side has no number
	StreetSlip                     // words nearly, and the number
	StreetAlike                    // half of the words, and the number
	StreetNumber                   // another number in the same street
	StreetSimilar                  //
	StreetDiffer
)

// The levels of a place.
const (
	PlaceEqual  Level = iota + 1 // postal code and city, as far as stated
	PlaceCode                    // the postal code with another city
	PlaceSlip                    // a slip in the code, the city equal or not stated
	PlaceCity                    // the city, no code
	PlaceTown                    // the city with another code
	PlaceRegion                  // the region alone
	PlaceDiffer
)

var levelNames = [Fields][]string{
	Given:    {"missing", "equal", "variant", "slip", "initial", "similar", "differ", "swapped"},
	Middle:   {"missing", "equal", "initial", "similar", "differ"},
	Family:   {"missing", "equal", "variant", "slip", "similar", "differ"},
	Name:     {"missing", "equal", "most", "much", "some", "differ"},
	Birthday: {"missing", "equal", "day_month_swapped", "slip", "part", "year", "differ"},
	Gender:   {"missing", "equal", "differ"},
	PersonID: {"missing", "equal", "slip", "similar", "differ"},
	Email:    {"missing", "equal", "slip", "mailbox", "similar", "namesake", "differ"},
	Phone:    {"missing", "equal", "slip", "differ"},
	Street:   {"missing", "equal", "words", "slip", "alike", "other_number", "similar", "differ"},
	Place:    {"missing", "equal", "code", "slip", "city", "city_other_code", "region", "differ"},
	Other:    {"missing", "equal", "most", "much", "some", "differ"},
}

// LevelCount is how many levels a field has, Missing among them.
func LevelCount(f Field) int { return len(levelNames[f]) }

// LevelName is the name of a level in reports and policies.
func LevelName(f Field, l Level) string { return levelNames[f][l] }

// Levels is how two records agree, field by field.
type Levels [Fields]Level

// ParseField finds a field by its name.
func ParseField(name string) (Field, error) {
	for f, n := range fieldNames {
		if n == name {
			return Field(f), nil
		}
	}
	return 0, fmt.Errorf("identity: there is no field %q", name)
}

// ParseLevel finds a level of a field by its name.
func ParseLevel(f Field, name string) (Level, error) {
	for l, n := range levelNames[f] {
		if n == name {
			return Level(l), nil
		}
	}
	return 0, fmt.Errorf("identity: field %s has no level %q", f, name)
}
