package search

import (
	"strings"

	"github.com/jumpring/jumpring/core/normalize"
)

// separator parts the words of one cell: a record that has several values of one attribute.
const separator = "\x00"

// dict numbers words. A number is given out again when nothing refers to its word any more, so that values that change
// all the time do not add up. Number 0 is the empty word.
type dict struct {
	codes  map[string]uint32
	words  []string
	folded []string // the form in which words compare; of each part of a cell of several
	refs   []uint32
	free   []uint32
	// plain leaves folded empty: the words are in that form already.
	plain bool
}

func newDict(plain bool) *dict {
	return &dict{codes: map[string]uint32{"": 0}, words: []string{""}, folded: []string{""}, refs: []uint32{1}, plain: plain}
}

// take gives the number of a word and counts one reference to it.
func (d *dict) take(word string) uint32 {
	if code, ok := d.codes[word]; ok {
		d.refs[code]++
		return code
	}
	word = strings.Clone(word) // the word may be a part of a whole record
	code := uint32(len(d.words))
	if n := len(d.free); n > 0 {
		code, d.free = d.free[n-1], d.free[:n-1]
	} else {
		d.words, d.folded, d.refs = append(d.words, ""), append(d.folded, ""), append(d.refs, 0)
	}
	d.codes[word], d.words[code], d.refs[code] = code, word, 1
	if !d.plain {
		if d.folded[code] = foldCell(word); d.folded[code] == word {
			d.folded[code] = word // one string, not two
		}
	}
	return code
}

// drop gives a reference back.
func (d *dict) drop(code uint32) {
	if code == 0 {
		return
	}
	if d.refs[code]--; d.refs[code] == 0 {
		delete(d.codes, d.words[code])
		d.words[code], d.folded[code] = "", ""
		d.free = append(d.free, code)
	}
}

func foldCell(cell string) string {
	if !strings.Contains(cell, separator) {
		return fold(cell)
	}
	parts := strings.Split(cell, separator)
	for i := range parts {
		parts[i] = fold(parts[i])
	}
	return strings.Join(parts, separator)
}

// fold gives the form in which the words of filters compare: "In Stock", "in_stock" and "in-stock" are one.
func fold(s string) string { return normalize.Name(s) }

// parts calls fn for each word of a cell, with the form in which it compares.
func (d *dict) parts(code uint32, fn func(word, folded string)) {
	word, folded := d.words[code], d.folded[code]
	for {
		w, rest, more := strings.Cut(word, separator)
		f, restFolded, _ := strings.Cut(folded, separator)
		if w != "" {
			fn(w, f)
		}
		if !more {
			return
		}
		word, folded = rest, restFolded
	}
}
