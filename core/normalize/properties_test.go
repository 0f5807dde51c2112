package normalize

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/jumpring/jumpring/core/canon"
	"pgregory.net/rapid"
)

// again lists each reading with how its result is written back: a value that was read without doubt must be read from
// its own canonical form as itself.
var again = map[string]func(raw string) (first, second string, read bool){
	"metal": func(raw string) (string, string, bool) {
		m, err := Metal(raw)
		n, err2 := Metal(m.String())
		return m.String(), fmt.Sprint(n.String(), errText(err2)), err == nil
	},
	"carat": func(raw string) (string, string, bool) {
		n, err := Carat(raw)
		m, err2 := Carat(fmt.Sprintf("%d.%03d ct", n/1000, n%1000))
		return fmt.Sprint(n), fmt.Sprint(m, errText(err2)), err == nil
	},
	"weight": func(raw string) (string, string, bool) {
		n, err := Weight(raw)
		m, err2 := Weight(fmt.Sprint(n, " mg"))
		return fmt.Sprint(n), fmt.Sprint(m, errText(err2)), err == nil
	},
	"phone": func(raw string) (string, string, bool) {
		n, ok := Phone(raw, "FR")
		m, ok2 := Phone(n, "US")
		return n, fmt.Sprint(m, okText(ok2)), ok
	},
	"email": func(raw string) (string, string, bool) {
		n, ok := Email(raw)
		m, ok2 := Email(n)
		return n, fmt.Sprint(m, okText(ok2)), ok
	},
	"name":   func(raw string) (string, string, bool) { n := Name(raw); return n, Name(n), true },
	"serial": func(raw string) (string, string, bool) { n := Serial(raw); return n, Serial(n), true },
	"lab":    func(raw string) (string, string, bool) { n := Lab(raw); return n, Lab(n), true },
	"country": func(raw string) (string, string, bool) {
		n, ok := Country(raw)
		m, ok2 := Country(n)
		return n, fmt.Sprint(m, okText(ok2)), ok
	},
	"gtin": func(raw string) (string, string, bool) {
		n, err := GTIN(raw)
		m, err2 := GTIN(n)
		return n, fmt.Sprint(m, errText(err2)), err == nil
	},
	"epc": func(raw string) (string, string, bool) {
		n, err := EPC(raw)
		m, err2 := EPC(n)
		return n, fmt.Sprint(m, errText(err2)), err == nil
	},
	"certificate": func(raw string) (string, string, bool) {
		c, err := Certificate(canon.StatedCert{Number: raw})
		d, err2 := Certificate(canon.StatedCert{Lab: c.Lab, Number: c.Number})
		return c.Key(), fmt.Sprint(d.Key(), errText(err2)), err == nil
	},
	"shape":   vocabulary(func(raw string) (string, bool) { return Shape("rapnet", raw) }),
	"clarity": vocabulary(Clarity),
	"cut":     vocabulary(Cut),
	"colour":  vocabulary(DiamondColour),
	"ring": func(raw string) (string, string, bool) {
		r, err := RingSize(raw, "us")
		s, err2 := RingSize(fmt.Sprintf("%d.%d mm", r.CircumferenceTenths/10, r.CircumferenceTenths%10), "")
		return fmt.Sprint(r.CircumferenceTenths), fmt.Sprint(s.CircumferenceTenths, errText(err2)), err == nil
	},
}

func vocabulary(f func(string) (string, bool)) func(string) (string, string, bool) {
	return func(raw string) (string, string, bool) {
		v, ok := f(raw)
		w, ok2 := f(v)
		return v, fmt.Sprint(w, okText(ok2)), ok
	}
}

func errText(err error) string {
	if err != nil {
		return " with " + err.Error()
	}
	return ""
}

func okText(ok bool) string {
	if !ok {
		return " not ok"
	}
	return ""
}

// fragments make words that come close to what the tables know.
var fragments = []string{
	"18", "k", "K", "750", "925", "gold", "Gold", "or", "jaune", "yellow", "white", "platinum", "Pt", "silver", "plated", "two", "tone", "/", "1000", "-", " ", ",", ".", "0", "5", "51", "ct", "pts", "g", "mg", "dwt", "oz t",
	"GIA", "IGI", "LG", "no", "report", "#", ":", "2141438171", "@", "example", ".com", "müller", "<", ">", "+33", "0033", "142685300", "US", "UK", "EU", "mm", "N", "½", "1/2", "é", "ß", "İ", "ﬁ", "\u200b", "\u0301", "\x00", "\xff",
	"urn:epc:id:sgtin:", "0614141.812345.", "6789", "https://", "id.gs1.org", "/01/", "80614141123458", "/21/", "30", "3074257BF7194E4000001A85", "4006381333931", "Fancy", "Intense", "D", "VVS", "1", "EX", "Very Good", "round",
}

func TestReadingTheCanonicalFormChangesNothing(t *testing.T) {
	for name, f := range again {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				raw := rapid.OneOf(
					rapid.Map(rapid.SliceOfN(rapid.SampledFrom(fragments), 0, 7), func(parts []string) string { return strings.Join(parts, "") }),
					rapid.Map(rapid.SliceOfN(rapid.SampledFrom(fragments), 0, 5), func(parts []string) string { return strings.Join(parts, " ") }),
					rapid.String(),
				).Draw(rt, "raw")
				if first, second, read := f(raw); read && first != second {
					rt.Fatalf("%q is %q, which is read as %q", raw, first, second)
				}
			})
		})
	}
}

func TestSameMetalInEverySpelling(t *testing.T) {
	spellings := []string{"18k", "750", "18 Karat yellow gold", "Au750", "18ct YG", "or jaune 18 carats", "Gelbgold 750"}
	for _, a := range spellings {
		for _, b := range spellings {
			m, errM := Metal(a)
			n, errN := Metal(b)
			if errM != nil || errN != nil || !m.Agrees(n) {
				t.Errorf("%q (%v, %v) and %q (%v, %v) should be the same metal", a, m, errM, b, n, errN)
			}
		}
	}
	yellow, _ := Metal("18k yellow gold")
	for _, other := range []string{"18k white gold", "14k yellow gold", "Pt950", "925"} {
		if m, err := Metal(other); err != nil || m.Agrees(yellow) {
			t.Errorf("%q (%v, %v) should not be the same metal as %v", other, m, err, yellow)
		}
	}
	if m, _ := Metal("18K  Yellow gold"); m.Raw != "18K Yellow gold" {
		t.Errorf("the raw words are %q", m.Raw)
	}
}

func TestStoneKeepsWhatItReadsAndSaysWhatItDoesNot(t *testing.T) {
	s, err := Stone("rapnet", canon.StatedStone{Kind: "Diamant", Shape: "P", Carat: "0,51 ct", Colour: "f", Clarity: "VS-1", Cut: "VG", Origin: "Lab-Grown"})
	want := canon.Stone{Kind: "diamond", Shape: "PEAR", CaratThousandths: 510, Colour: "F", Clarity: "VS1", Cut: "VERY_GOOD", Origin: "lab_grown", Count: 1, Raw: "Diamant P 0,51 ct f VS-1 VG Lab-Grown"}
	if err != nil || !reflect.DeepEqual(s, want) {
		t.Errorf("the stone is %+v, %v; want %+v", s, err, want)
	}
	s, err = Stone("", canon.StatedStone{Kind: "Sapphire", Shape: "blob", Carat: "1/2 ct", Colour: "Royal Blue", Count: 3})
	if s.Kind != "sapphire" || s.Shape != "" || s.CaratThousandths != 0 || s.Colour != "ROYAL BLUE" || s.Count != 3 {
		t.Errorf("the stone is %+v", s)
	}
	if err == nil || !strings.Contains(err.Error(), `shape "blob"`) || !strings.Contains(err.Error(), "trade size") {
		t.Errorf("the error %v should name the shape and the carat", err)
	}
}

// FuzzEveryReading looks for a text on which a function panics, gives invalid UTF-8, or disagrees with itself.
func FuzzEveryReading(f *testing.F) {
	for _, s := range fragments {
		f.Add(s)
	}
	f.Add("18 Karat yellow gold, 0.750")
	f.Add("GIA Report No. 2141438171")
	f.Fuzz(func(t *testing.T, raw string) {
		for name, reading := range again {
			first, second, read := reading(raw)
			if read && first != second {
				t.Errorf("%s: %q is %q, which is read as %q", name, raw, first, second)
			}
			if utf8.ValidString(raw) && !utf8.ValidString(first) {
				t.Errorf("%s: %q gives invalid UTF-8 %q", name, raw, first)
			}
		}
	})
}
