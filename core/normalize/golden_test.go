package normalize

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/jumpring/jumpring/core/canon"
)

// subjects are the functions that testdata/<name>.txt and the files in testdata/<name> have cases for: adding a case is
// adding a line, adding a source's list is adding a file. Each line is "input => output" or, where the
// words are not (fully) read, "input => output ! part of the error". Several inputs are parted by " | ". A line that
// begins with # is a comment. Input in double quotes is a Go string, for what can't be seen.
var subjects = map[string]func(in []string) (string, error){
	"money": func(in []string) (string, error) {
		m, err := Money(canon.StatedMoney{Amount: in[0], Currency: in[1]})
		if err != nil {
			return "", err
		}
		return fmt.Sprint(m.Minor, " ", m.Currency), nil
	},
	"minor": func(in []string) (string, error) {
		n, err := strconv.ParseInt(in[1], 10, 64)
		if err != nil {
			return "", err
		}
		m, err := MinorUnits(in[0], n, in[2])
		if err != nil {
			return "", err
		}
		return m.String(), nil
	},
	"date":     func(in []string) (string, error) { return Date(in[0]) },
	"birthday": func(in []string) (string, error) { return Birthday(in[0]) },
	"huid":     func(in []string) (string, error) { return okay(HUID(in[0])) },
	"grade":    func(in []string) (string, error) { return okay(Grade(in[0], at(in, 1))) },
	"fluorescence": func(in []string) (string, error) {
		strength, colour, ok := Fluorescence(in[0], at(in, 1))
		return okay(strings.TrimSpace(strength+" "+colour), ok)
	},
	"treatments": func(in []string) (string, error) {
		t, err := Treatments(in[0], at(in, 1))
		return strings.Join(t, " "), err
	},
	"locality": func(in []string) (string, error) {
		l, ok := LocalityOf(in[0])
		return okay(strings.TrimSpace(l.Country+" "+l.Region), ok)
	},
	"measurements": func(in []string) (string, error) {
		d, err := Measurements(in[0])
		if d == nil {
			return "", err
		}
		return fmt.Sprint(d.Length, " ", d.Width, " ", d.Depth), err
	},
	"plating": func(in []string) (string, error) {
		p, err := Plating(in[0])
		words := []string{string(p.Kind), string(p.Material), string(p.Colour)}
		if p.Fineness != 0 {
			words = append(words, strconv.FormatInt(p.Fineness, 10))
		}
		if p.Nanometres != 0 {
			words = append(words, strconv.FormatInt(p.Nanometres, 10)+"nm")
		}
		return strings.Join(strings.Fields(strings.Join(words, " ")), " "), err
	},
	"fancy": func(in []string) (string, error) {
		grade, ok := DiamondColour(in[0])
		if f := Fancy(grade); f != nil {
			return strings.Join([]string{f.Intensity, strings.Join(f.Overtones, "+"), f.Hue}, "/"), nil
		}
		return okay("", ok)
	},
	"ownership": func(in []string) (string, error) {
		o, err := Ownership(canon.StatedOwnership{Kind: in[0]})
		return string(o.Kind), err
	},
	"edition": func(in []string) (string, error) {
		e, err := Edition(canon.StatedEdition{Words: in[0]})
		if e.Number == 0 {
			return "", err
		}
		return fmt.Sprint(e.Number, "/", e.Size), err
	},
	"contact": func(in []string) (string, error) {
		c, err := Contact(canon.StatedContact{Kind: in[0], Value: at(in, 1)}, "FR")
		return strings.TrimSpace(string(c.Kind) + " " + c.Value), err
	},
	"consent": func(in []string) (string, error) {
		c, err := Consent(canon.StatedConsent{Channel: in[0], State: at(in, 1)})
		return strings.TrimSpace(c.Channel + " " + string(c.State)), err
	},
	"relation": func(in []string) (string, error) { return okay(RelationKind(in[0])) },
	"locale":   func(in []string) (string, error) { return okay(Locale(in[0])) },
	"attribute": func(in []string) (string, error) {
		def := canon.AttributeDef{Code: "x", Type: canon.AttributeType(in[0]), Unit: at(in, 1), Enum: []canon.AttributeValue{{Value: "wedding", Words: []string{"mariage"}}}}
		a, err := Attribute(&def, "x", at(in, 2))
		if a.Unread {
			return "", err
		}
		if a.Number != nil {
			return fmt.Sprint(a.Value, " ", *a.Number), err
		}
		return a.Value, err
	},
	"standard": func(in []string) (string, error) {
		assay, err := strconv.ParseInt(at(in, 1), 10, 64)
		return strconv.FormatInt(HighestStandard(canon.MetalKind(in[0]), assay), 10), err
	},
	"metal":  func(in []string) (string, error) { m, err := Metal(in...); return m.String(), err },
	"carat":  integer(Carat),
	"weight": integer(Weight),
	"phone":  func(in []string) (string, error) { return okay(Phone(in[0], at(in, 1))) },
	"email":  func(in []string) (string, error) { return okay(Email(in[0])) },
	"name":   func(in []string) (string, error) { return Name(in[0]), nil },
	"country": func(in []string) (string, error) {
		return okay(Country(in[0]))
	},
	"gtin":   func(in []string) (string, error) { return GTIN(in[0]) },
	"epc":    func(in []string) (string, error) { return EPC(in[0]) },
	"serial": func(in []string) (string, error) { return Serial(in[0]), nil },
	"certificate": func(in []string) (string, error) {
		c, err := Certificate(canon.StatedCert{Lab: in[0], Number: at(in, 1)})
		return c.Key(), err
	},
	"shape":   func(in []string) (string, error) { return okay(Shape(in[0], at(in, 1))) },
	"clarity": func(in []string) (string, error) { return okay(Clarity(in[0])) },
	"cut":     func(in []string) (string, error) { return okay(Cut(in[0])) },
	"colour":  func(in []string) (string, error) { return okay(DiamondColour(in[0])) },
	"ring": func(in []string) (string, error) {
		r, err := RingSize(in[0], at(in, 1))
		if r.CircumferenceTenths == 0 {
			return "", err
		}
		return fmt.Sprint(r.CircumferenceTenths), err
	},
}

func integer(f func(string) (int64, error)) func([]string) (string, error) {
	return func(in []string) (string, error) {
		n, err := f(in[0])
		if n == 0 && err != nil {
			return "", err
		}
		return strconv.FormatInt(n, 10), err
	}
}

var errNotOK = errors.New("not ok")

func okay(s string, ok bool) (string, error) {
	if !ok {
		return s, errNotOK
	}
	return s, nil
}

func at(in []string, i int) string {
	if i < len(in) {
		return in[i]
	}
	return ""
}

func TestGolden(t *testing.T) {
	for name, subject := range subjects {
		t.Run(name, func(t *testing.T) {
			files, err := filepath.Glob(filepath.Join("testdata", name, "*.txt"))
			if err != nil {
				t.Fatal(err)
			}
			cases := 0
			for _, path := range append(files, filepath.Join("testdata", name+".txt")) {
				cases += golden(t, path, subject)
			}
			if cases == 0 {
				t.Errorf("%s has no cases", name)
			}
		})
	}
}

// golden runs the cases of one file and gives how many there are.
func golden(t *testing.T, path string, subject func(in []string) (string, error)) (cases int) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	scanner := bufio.NewScanner(file)
	for line := 1; scanner.Scan(); line++ {
		if text := scanner.Text(); text != "" && !strings.HasPrefix(text, "#") {
			cases++
			goldenCase(t, fmt.Sprintf("%s:%d", path, line), text, subject)
		}
	}
	if err := scanner.Err(); err != nil {
		t.Fatal(err)
	}
	return cases
}

func goldenCase(t *testing.T, place, text string, subject func(in []string) (string, error)) {
	t.Helper()
	left, right, found := strings.Cut(text, " => ")
	if !found {
		t.Fatalf("%s: no => in %q", place, text)
	}
	var in []string
	for part := range strings.SplitSeq(left, "|") {
		part = strings.TrimSpace(part)
		if strings.HasPrefix(part, `"`) {
			var err error
			if part, err = strconv.Unquote(part); err != nil {
				t.Fatalf("%s: %v", place, err)
			}
		}
		in = append(in, part)
	}
	want, wantErr, refused := strings.Cut(right, "!")
	want, wantErr = strings.TrimSpace(want), strings.TrimSpace(wantErr)
	got, err := subject(in)
	switch {
	case got != want:
		t.Errorf("%s: %q is %q (%v), want %q", place, left, got, err, want)
	case refused && err == nil:
		t.Errorf("%s: %q is read without doubt, want the error %q", place, left, wantErr)
	case refused && !strings.Contains(err.Error(), wantErr):
		t.Errorf("%s: %q has the error %q, want %q", place, left, err, wantErr)
	case !refused && err != nil:
		t.Errorf("%s: %q has the error %v, want none", place, left, err)
	case refused && !errors.Is(err, ErrUnread) && !errors.Is(err, canon.ErrMoney) && !errors.Is(err, errNotOK):
		t.Errorf("%s: the error %q wraps no sentinel", place, err)
	}
}
