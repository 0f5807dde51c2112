package search

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jumpring/jumpring/core/canon"
)

// document is the searchable part of a record.
type document struct {
	id string
	// created sorts records by when the hub first knew them; it does not change.
	created canon.Position
	rows    [][]row // by table
	texts   []text
	keys    []key
}

// document reads a record.
func (s *schema[S]) document(id string, created canon.Position, record *S) document {
	d := document{id: id, created: created, texts: s.texts(record), keys: s.keys(record), rows: make([][]row, len(s.shapes))}
	for i := range s.shapes {
		d.rows[i] = s.shapes[i].rows(record)
	}
	return d
}

// Index holds the searchable part of records. Any number of goroutines may ask while one changes it.
type Index struct {
	mu     sync.RWMutex
	fields map[string]*Field
	list   []*Field
	tables []*table
	// terms are the words of the texts: one column whose rows are the words of a record, with their weights in the
	// upper bits.
	terms   *dict
	cells   *table
	ids     []string          // by record; empty where it is free
	starts  [][2]uint64       // how the ids begin
	at      map[string]uint32 // by id
	keys    []string          // by record: see keysOf
	created []canon.Position
	free    []uint32
	// sorts says which fields the sort orders go by; set once.
	carat, price *Field
	// kinds are the kinds of its identifiers; region is the default one of phone numbers.
	kinds, region string
	moves         moves
	position      canon.Position // every change up to it is in the index
}

const (
	weightShift = 28
	termMask    = 1<<weightShift - 1
)

func newIndex[S any](s *schema[S], kinds, region string) *Index {
	x := &Index{kinds: kinds, region: region, fields: s.fields, list: s.list(), terms: newDict(true), cells: newTable(0, 0), at: map[string]uint32{}}
	x.cells.words = []wordColumn{{}} // its cells are set by setTerms, which counts the references
	for i := range s.shapes {
		x.tables = append(x.tables, newTable(s.shapes[i].words, s.shapes[i].numbers))
	}
	x.moves.now.Start = time.Now().UnixNano()
	x.carat, x.price = s.fields["carat"], s.fields["price"]
	return x
}

// Len is how many records it holds.
func (x *Index) Len() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.at)
}

// change makes changes that searches see at once and together.
func (x *Index) change(put []document, remove []string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.moves.now.Step++
	for i := range put {
		x.put(&put[i])
	}
	for _, id := range remove {
		x.remove(id)
	}
}

// put takes a record in, or its new state.
func (x *Index) put(d *document) {
	record, known := x.at[d.id]
	var was sortKeys
	if known {
		was = x.sortKeysOf(record)
	} else {
		record = x.place(d.id)
		x.created[record] = d.created
	}
	for i, t := range x.tables {
		t.put(record, d.rows[i])
	}
	x.keys[record] = keysOf(d.keys)
	x.setTerms(record, termsOf(d.texts))
	if known {
		if is := x.sortKeysOf(record); !is.equal(&was) {
			x.moves.note(x.ids[record], was)
		}
	}
}

// remove takes a record out.
func (x *Index) remove(id string) {
	record, known := x.at[id]
	if !known {
		return
	}
	x.moves.note(x.ids[record], x.sortKeysOf(record)) // it may come back
	for _, t := range x.tables {
		t.put(record, nil)
	}
	x.setTerms(record, nil)
	delete(x.at, id)
	x.ids[record], x.keys[record], x.created[record] = "", "", canon.Position{}
	x.free = append(x.free, record)
}

func (x *Index) place(id string) uint32 {
	var record uint32
	if n := len(x.free); n > 0 {
		record, x.free = x.free[n-1], x.free[:n-1]
	} else {
		record = uint32(len(x.ids))
		x.ids, x.keys, x.created = append(x.ids, ""), append(x.keys, ""), append(x.created, canon.Position{})
		x.starts = append(x.starts, [2]uint64{})
	}
	id = strings.Clone(id)
	x.ids[record], x.at[id], x.starts[record] = id, record, startOf(id)
	return record
}

// term is a word of a record's texts with the greatest weight of the texts that have it.
type term struct {
	word   string
	weight uint8
}

func termsOf(texts []text) []term {
	var out []term
	for _, t := range texts {
		words := []string{t.words}
		if !t.hidden {
			words = strings.Fields(fold(t.words))
		}
		for _, w := range words {
			if len(w) > maxWord {
				continue
			}
			i := slices.IndexFunc(out, func(o term) bool { return o.word == w })
			switch {
			case i >= 0:
				out[i].weight = max(out[i].weight, t.weight)
			case len(out) < maxTerms:
				out = append(out, term{w, t.weight})
			}
		}
	}
	return out
}

func (x *Index) setTerms(record uint32, list []term) {
	t := x.cells
	for uint32(len(t.spans)) <= record {
		t.spans = append(t.spans, span{})
	}
	was := t.spans[record]
	cells := t.words[0].cells
	for i := was.start; i < was.start+was.rows; i++ {
		x.terms.drop(cells[i] & termMask)
	}
	if n := uint32(len(list)); n != was.rows {
		t.release(was)
		t.spans[record] = span{t.reserve(n), n}
	}
	start := t.spans[record].start
	for i, w := range list {
		t.words[0].cells[start+uint32(i)] = x.terms.take(w.word) | uint32(w.weight)<<weightShift
	}
}

// keysOf puts identifiers into one string that is looked through: \x00, the kind, the value; and \x00 at the end.
func keysOf(keys []key) string {
	var b strings.Builder
	for _, k := range keys {
		if k.value == "" || strings.Contains(k.value, separator) || b.Len()+len(k.value)+3 > maxKeys {
			continue
		}
		b.WriteString(separator)
		b.WriteByte(k.kind)
		b.WriteString(k.value)
	}
	if b.Len() == 0 {
		return ""
	}
	b.WriteString(separator)
	return b.String()
}

// The ways in which an identifier is met, the better ones greater.
const (
	keyMissed = iota
	keyEnds   // its end is meant: the last digits of a report
	keyBegins
	keyWhole
)

// leastEnd is the fewest characters by whose end an identifier is found.
const leastEnd = 4

// meets tells how a record's identifiers have a value: as a whole, as a beginning or as an end. kind 0 is any. The
// number of a certificate stands behind its laboratory and a slash.
func meets(keys string, kind byte, v string) int {
	best := keyMissed
	for from := 0; ; {
		i := strings.Index(keys[from:], v)
		if i < 0 {
			return best
		}
		i += from
		from = i + 1
		if i < 2 {
			continue
		}
		at := strings.LastIndexByte(keys[:i], 0)
		if at < 0 || at+1 >= i || kind != 0 && keys[at+1] != kind {
			continue
		}
		begins := at+2 == i || keys[at+1] == keyCertificate && keys[i-1] == '/'
		ends := i+len(v) < len(keys) && keys[i+len(v)] == 0
		switch {
		case begins && ends:
			return keyWhole
		case begins:
			best = max(best, keyBegins)
		case ends && len(v) >= leastEnd:
			best = max(best, keyEnds)
		}
	}
}
