package csv

import (
	"bytes"
	stdcsv "encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// split cuts a text and gives each record's text, with "!" before the ones that have a problem.
func split(t *testing.T, r io.Reader, comma byte) []string {
	t.Helper()
	s := newSplitter(r, comma, 0, 1)
	var out []string
	offset := int64(0)
	for {
		rec, err := s.next()
		if errors.Is(err, io.EOF) {
			return out
		} else if err != nil {
			t.Fatal(err)
		}
		if rec.offset < offset || rec.end != rec.offset+int64(len(rec.raw)) {
			t.Fatalf("a record from %d to %d with %d bytes follows one that ends at %d", rec.offset, rec.end, len(rec.raw), offset)
		}
		offset = rec.end
		mark := ""
		if rec.problem != "" {
			mark = "!"
		}
		out = append(out, mark+string(rec.raw))
	}
}

func TestSplit(t *testing.T) {
	long := strings.Repeat("x", maxRecord+10)
	for _, c := range []struct {
		name, in string
		want     []string
	}{
		{"lines", "a,b\nc,d\n", []string{"a,b\n", "c,d\n"}},
		{"no last line end", "a,b\nc,d", []string{"a,b\n", "c,d"}},
		{"carriage returns", "a,b\r\n\"c\"\r\n", []string{"a,b\r\n", "\"c\"\r\n"}},
		{"line end in quotes", "a,\"b\nc\",d\ne\n", []string{"a,\"b\nc\",d\n", "e\n"}},
		{"doubled quotes", "\"a \"\"b\"\"\n\"\"\",c\nd\n", []string{"\"a \"\"b\"\"\n\"\"\",c\n", "d\n"}},
		{"quote in text", "Chain 18\",b\nc\n", []string{"Chain 18\",b\n", "c\n"}},
		{"never closed", "a,\"b\nc\nd\n", []string{"!a,\"b\n", "c\n", "d\n"}},
		{"never closed, last line", "a,\"b", []string{"!a,\"b"}},
		{"closed by another row's quote", "a,\"b\nc,\"d\",e\nf\n", []string{"!a,\"b\n", "c,\"d\",e\n", "f\n"}},
		{"too long", "a\n" + long + "\nb\n", []string{"a\n", "!" + long[:maxRecord], "b\n"}},
		{"empty", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			for how, r := range map[string]io.Reader{"at once": strings.NewReader(c.in), "in small reads": iotest.HalfReader(strings.NewReader(c.in)), "with the end at once": iotest.DataErrReader(strings.NewReader(c.in))} {
				if diff := cmp.Diff(c.want, split(t, r, ',')); diff != "" {
					t.Errorf("%s: the records differ (- want, + got):\n%.500s", how, diff)
				}
			}
		})
	}
}

func TestCommaOf(t *testing.T) {
	for header, want := range map[string]byte{"a,b,c": ',', "a;b;c": ';', "a\tb": '\t', "a": ',', "\"a;b;c\",d": ',', "price, gross;net;tax": ';', "": ','} {
		if got := commaOf([]byte(header)); got != want {
			t.Errorf("the fields of %q are parted by %q, want %q", header, got, want)
		}
	}
}

// FuzzRows compares the splitter and the row parser with the standard library's on everything that the latter can read,
// and looks for lost bytes on the rest.
func FuzzRows(f *testing.F) {
	for _, s := range []string{"a,b\nc,d\n", "a,\"b\nc\",d\n", "\"a \"\"b\"\"\",c", "a,\"b\nc\n", "\"a\"b,c\n", "\r\n\n\"\"\n", "x\"y,z\n", "\xff,\"\xfe\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1<<16 {
			return
		}
		records := split(t, strings.NewReader(text), ',')
		var joined strings.Builder
		var rows [][]string
		sound := true
		for _, r := range records {
			raw, bad := strings.CutPrefix(r, "!")
			if bad && !strings.HasPrefix(text[joined.Len():], r) {
				sound = false
			} else {
				raw = r
			}
			joined.WriteString(raw)
			if len(strings.Trim(raw, "\r\n")) == 0 {
				continue
			}
			values, err := fields([]byte(raw), ',')
			if err != nil {
				sound = false
				continue
			}
			rows = append(rows, values)
		}
		if joined.String() != text {
			t.Fatalf("the records of %q are %q", text, records)
		}
		std := stdcsv.NewReader(bytes.NewReader([]byte(text)))
		std.FieldsPerRecord = -1
		want, err := std.ReadAll()
		// Carriage returns and quotes in unquoted text are read differently on purpose.
		if err != nil || strings.Contains(text, "\r") || !sound {
			return
		}
		if !slices.EqualFunc(rows, want, slices.Equal[[]string]) {
			t.Fatalf("%q is %q, the standard library reads %q", text, rows, want)
		}
	})
}
