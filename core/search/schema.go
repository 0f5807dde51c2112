package search

import (
	"slices"
	"strings"
)

// Bounds of what is kept of one record. What is beyond them is not found by it; the record itself is whole.
const (
	maxRows  = 32   // of one table: stones, prices, attributes
	maxTerms = 96   // different words of text
	maxWord  = 64   // bytes of a word of text, or of a value of an attribute
	maxKeys  = 2048 // bytes of identifiers
)

// Field is an attribute that can be asked for.
type Field struct {
	// Name is what filters call it: "carat".
	Name string
	// Also are other names of it in filters.
	Also []string
	// What says what it is, with the unit.
	What string
	// Facet tells that answers count its values.
	Facet bool
	// Bands are the lower bounds of the bands in which a number is counted.
	Bands []int64
	// scale is an ordered vocabulary, from the first to the last step: a range of words is a range of it.
	scale []string
	// read reads one value of a filter; nil takes words as they are.
	read func(raw string) (value, error)
	// show writes a number of the field as a filter has it; nil for words.
	show func(n int64) string
	// coded fields have values under a code: the currency of prices, the code of custom attributes.
	coded bool
	// codeIn names the field that has the code.
	codeIn string
	// codeFirst writes the code before the value ("attr.collection:luna"), not behind it ("price:..9000 EUR").
	codeFirst bool

	table  int
	column int // of the table's words, or of its numbers
	code   int // the word column of a coded field's code
}

// value is what a value of a filter stands for: words, or a range of numbers.
type value struct {
	words  []string
	bounds Range
}

func (f *Field) number() bool { return f.show != nil }

// column is an attribute and where a row of a table has it. One of word, words and number is set.
type column[R any] struct {
	Field
	word   func(*R) string
	words  func(*R) []string
	number func(*R) int64
}

// shape is a table of records of type S.
type shape[S any] struct {
	fields         []*Field
	words, numbers int
	rows           func(*S) []row
}

// tableOf makes a table of the rows that a record has. The conditions of a query on its fields hold for one same row,
// unless apart is set.
func tableOf[S, R any](rowsOf func(*S) []R, columns ...column[R]) shape[S] {
	var s shape[S]
	for i := range columns {
		c := &columns[i]
		if c.number != nil {
			c.column, s.numbers = s.numbers, s.numbers+1
		} else {
			c.column, s.words = s.words, s.words+1
		}
		for k := range columns[:i] {
			if c.coded && columns[k].Name == c.codeIn {
				c.code = columns[k].column
			}
		}
		s.fields = append(s.fields, &c.Field)
	}
	s.rows = func(record *S) []row {
		found := rowsOf(record)
		if len(found) > maxRows {
			found = found[:maxRows]
		}
		out := make([]row, len(found))
		for i := range found {
			out[i] = row{words: make([]string, 0, s.words), numbers: make([]int64, 0, s.numbers)}
			for k := range columns {
				switch c := &columns[k]; {
				case c.number != nil:
					out[i].numbers = append(out[i].numbers, c.number(&found[i]))
				case c.words != nil:
					out[i].words = append(out[i].words, cellOf(c.words(&found[i])))
				default:
					out[i].words = append(out[i].words, short(c.word(&found[i])))
				}
			}
		}
		return out
	}
	return s
}

// cellOf makes one cell of several words.
func cellOf(words []string) string {
	if len(words) == 1 {
		return short(words[0])
	}
	if len(words) > maxRows {
		words = words[:maxRows]
	}
	out := make([]string, 0, len(words))
	for _, w := range words {
		if w = short(w); w != "" {
			out = append(out, w)
		}
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), separator)
}

// short leaves out what is too long to be a value that somebody picks, and what can't stand in a cell.
func short(s string) string {
	if len(s) > maxWord || strings.Contains(s, separator) {
		return ""
	}
	return s
}

// text is a text of a record and how much a word in it counts: 1 to 15.
type text struct {
	words  string
	weight uint8
	// hidden is a word that nobody types, but that spellings of one name have in common.
	hidden bool
}

// key is an identifier of a record: a kind and the value in its normal form.
type key struct {
	kind  byte
	value string
}

// schema says what of records of type S is searchable.
type schema[S any] struct {
	shapes []shape[S]
	texts  func(*S) []text
	keys   func(*S) []key
	fields map[string]*Field // by name and other names
}

func newSchema[S any](texts func(*S) []text, keys func(*S) []key, shapes ...shape[S]) *schema[S] {
	s := &schema[S]{shapes: shapes, texts: texts, keys: keys, fields: map[string]*Field{}}
	for t := range shapes {
		for _, f := range shapes[t].fields {
			f.table = t
			for _, name := range append([]string{f.Name}, f.Also...) {
				if s.fields[name] != nil {
					panic("search: two fields are called " + name)
				}
				s.fields[name] = f
			}
		}
	}
	return s
}

// list gives the fields in the order of the tables.
func (s *schema[S]) list() []*Field {
	var out []*Field
	for i := range s.shapes {
		out = append(out, s.shapes[i].fields...)
	}
	return out
}
