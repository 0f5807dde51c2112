package normalize

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
)

// stoneReading gathers what a stone's fields say, and one doubt for each field that could not be read.
type stoneReading struct {
	dialect string
	doubts  []error
}

func (r *stoneReading) doubt(field, raw string) {
	r.doubts = append(r.doubts, fmt.Errorf("%w: %s %.48q is not in the table of %s", ErrUnread, field, raw, field))
}

// word reads one field that has a table; an empty one says nothing.
func (r *stoneReading) word(field, raw string, into *string, by func(string) (string, bool)) {
	if strings.TrimSpace(raw) == "" {
		return
	}
	value, ok := by(raw)
	if !ok {
		r.doubt(field, raw)
	}
	*into = value
}

func (r *stoneReading) err(err error) {
	if err != nil {
		r.doubts = append(r.doubts, err)
	}
}

// Stone reads a stone field by field with the code lists of source. What a field can't be read as stays empty, its
// words in Raw; the error joins one reason for each such field and wraps ErrUnread. A kind that is not in the table
// keeps its own words, since the vocabulary of stones is open.
func Stone(source string, stated canon.StatedStone) (canon.Stone, error) {
	r := stoneReading{dialect: source}
	s := canon.Stone{Count: max(stated.Count, 1), Raw: stoneWords(&stated)}
	if stated.Count < 0 {
		r.err(fmt.Errorf("%w: %d stones", ErrUnread, stated.Count))
	}
	s.Kind, s.Variety = stoneKind(stated.Kind, stated.Variety)
	r.word("role", stated.Role, &s.Role, in(stoneRoles))
	r.word("shape", stated.Shape, &s.Shape, func(raw string) (string, bool) { return Shape(source, raw) })
	if s.Kind == "diamond" {
		r.word("colour", stated.Colour, &s.Colour, DiamondColour)
		r.word("clarity", stated.Clarity, &s.Clarity, Clarity)
		s.Fancy = Fancy(s.Colour)
	} else { // other stones have no common scale
		s.Colour, s.Clarity = strings.ToUpper(Name(stated.Colour)), strings.ToUpper(Name(stated.Clarity))
	}
	grade := func(raw string) (string, bool) { return Grade(source, raw) }
	r.word("cut", stated.Cut, &s.Cut, grade)
	r.word("polish", stated.Polish, &s.Polish, grade)
	r.word("symmetry", stated.Symmetry, &s.Symmetry, grade)
	r.fluorescence(&stated, &s)
	r.origin(&stated, &s)
	if strings.TrimSpace(stated.Carat) != "" {
		carat, err := Carat(stated.Carat)
		r.err(err)
		s.CaratThousandths = carat
	}
	if strings.TrimSpace(stated.Measurements) != "" {
		d, err := Measurements(stated.Measurements)
		r.err(err)
		s.Dimensions = d
	}
	if stated.Proportions != nil {
		p, err := Proportions(source, *stated.Proportions)
		r.err(err)
		s.Proportions = p
	}
	s.Certificate = compactNumber(stated.Certificate)
	t, err := Treatments(source, stated.Treatments)
	r.err(err)
	s.Treatments = t
	if strings.TrimSpace(stated.Locality) != "" {
		if l, ok := LocalityOf(stated.Locality); ok {
			s.Locality = &l
		} else {
			r.doubt("locality", stated.Locality)
		}
	}
	return s, errors.Join(r.doubts...)
}

func in(table map[string]string) func(string) (string, bool) {
	return func(raw string) (string, bool) { v, ok := table[compact(raw)]; return v, ok }
}

func (r *stoneReading) fluorescence(stated *canon.StatedStone, s *canon.Stone) {
	if strings.TrimSpace(stated.Fluorescence) != "" {
		strength, colour, ok := Fluorescence(r.dialect, stated.Fluorescence)
		if !ok {
			r.doubt("fluorescence", stated.Fluorescence)
		}
		s.Fluorescence, s.FluorescenceColour = strength, colour
	}
	if strings.TrimSpace(stated.FluorescenceColour) == "" {
		return
	}
	colour, ok := fluorescenceColours.read(r.dialect, stated.FluorescenceColour)
	switch {
	case !ok:
		r.doubt("fluorescence colour", stated.FluorescenceColour)
	case s.FluorescenceColour != "" && s.FluorescenceColour != colour:
		r.err(fmt.Errorf("%w: fluorescence %.32q and colour %.32q contradict each other", ErrUnread, stated.Fluorescence, stated.FluorescenceColour))
	default:
		s.FluorescenceColour = colour
	}
}

func (r *stoneReading) origin(stated *canon.StatedStone, s *canon.Stone) {
	r.word("origin", stated.Origin, &s.Origin, in(origins))
	r.word("growth", stated.Growth, &s.Growth, in(growths))
	if s.Growth == "" && s.Origin == "lab_grown" {
		s.Growth = growths[compact(stated.Origin)] // "CVD" stated as the origin
	}
	switch {
	case s.Growth != "" && s.Origin == "":
		s.Origin = "lab_grown"
	case s.Growth != "" && s.Origin == "natural":
		r.err(fmt.Errorf("%w: origin %.32q and growth %.32q contradict each other", ErrUnread, stated.Origin, stated.Growth))
		s.Origin, s.Growth = "", ""
	}
}

// stoneWords keeps the source's words, field by field.
func stoneWords(s *canon.StatedStone) string {
	return joinStated([]string{
		s.Kind, s.Variety, s.Role, s.Shape, s.Carat, s.Colour, s.Clarity, s.Cut, s.Polish, s.Symmetry, s.Fluorescence, s.FluorescenceColour, s.Measurements,
		s.Origin, s.Growth, s.Treatments, s.Locality,
	})
}

// Measurements reads a stone's size in millimetres into hundredths: "5.12 - 5.15 x 3.18 mm", "6.52×6.55×4.02", "7x5 mm".
func Measurements(raw string) (*canon.Dimensions, error) {
	s := strings.TrimSpace(fold(raw))
	s = strings.TrimSpace(strings.TrimSuffix(strings.TrimSuffix(s, "."), "mm"))
	fields := strings.FieldsFunc(strings.ReplaceAll(s, "mm", " "), func(r rune) bool { return strings.ContainsRune("x×*-–— ", r) })
	if len(fields) < 2 || len(fields) > 3 {
		return nil, fmt.Errorf("%w: measurements %.48q; write them as 5.12 - 5.15 x 3.18 mm", ErrUnread, raw)
	}
	var n [3]int64
	for i, f := range fields {
		d, rest, err := parseDecimal(f)
		if err != nil || rest != "" || d.times(100, 1) <= 0 || d.times(100, 1) > 20_000 {
			return nil, fmt.Errorf("%w: measurements %.48q; write them as 5.12 - 5.15 x 3.18 mm", ErrUnread, raw)
		}
		n[i] = d.times(100, 1)
	}
	return &canon.Dimensions{Length: n[0], Width: n[1], Depth: n[2]}, nil
}

// Proportions reads a stone's proportions: shares with or without a percent sign, angles with or without a degree sign.
// A share below 2 could be a fraction instead of a percentage and is not read. The words of the girdle are kept as they are.
func Proportions(source string, stated canon.StatedProportion) (*canon.Proportions, error) {
	p := canon.Proportions{Girdle: joinStated([]string{stated.Girdle})}
	var doubts []error
	for _, f := range []struct {
		name, raw, sign string
		into            *int64
		least, most     int64 // hundredths
	}{
		{"depth", stated.Depth, "%", &p.Depth, 200, 12_000},
		{"table", stated.Table, "%", &p.Table, 200, 10_000},
		{"crown angle", stated.CrownAngle, "°", &p.CrownAngle, 200, 9000},
		{"crown height", stated.CrownHeight, "%", &p.CrownHeight, 200, 5000},
		{"pavilion angle", stated.PavilionAngle, "°", &p.PavilionAngle, 200, 9000},
		{"pavilion depth", stated.PavilionDepth, "%", &p.PavilionDepth, 200, 10_000},
		{"star length", stated.StarLength, "%", &p.StarLength, 200, 10_000},
		{"lower half", stated.LowerHalf, "%", &p.LowerHalf, 200, 10_000},
	} {
		if strings.TrimSpace(f.raw) == "" {
			continue
		}
		d, rest, err := parseDecimal(f.raw)
		if err != nil || rest != "" && rest != f.sign && !(f.sign == "°" && (rest == "deg" || rest == "degrees")) {
			doubts = append(doubts, fmt.Errorf("%w: %s %.32q; write a number with %s", ErrUnread, f.name, f.raw, f.sign))
			continue
		}
		n := d.times(100, 1)
		if n < f.least || n > f.most {
			doubts = append(doubts, fmt.Errorf("%w: %s %.32q is no stone's", ErrUnread, f.name, f.raw))
			continue
		}
		*f.into = n
	}
	if strings.TrimSpace(stated.Culet) != "" {
		culet, ok := culets.read(source, stated.Culet)
		if !ok {
			doubts = append(doubts, fmt.Errorf("%w: culet %.32q is not in the table of culet", ErrUnread, stated.Culet))
		}
		p.Culet = culet
	}
	if p == (canon.Proportions{}) {
		return nil, errors.Join(doubts...)
	}
	return &p, errors.Join(doubts...)
}
