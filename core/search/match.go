package search

import (
	"strings"
	"unicode/utf8"
)

// The ways in which a word of a text is met, the better ones greater.
const (
	metSlip   = 1 // but for a slip of the pen
	metSpelt  = 1 // in another spelling of the same name
	metBegins = 2
	metWhole  = 4
)

// maxWords bounds the words of a query.
const maxWords = 16

// matcher says how the words of a query are met by the words of texts.
type matcher struct {
	list []Word
	// hit has a bit for each word of the query that a term meets; how is the quality, by word and term.
	hit []uint16
	how []map[uint32]uint8
	// slips are the words that were met but for a slip of the pen.
	slips []bool
}

// match looks the words up among the terms. Slips of the pen are looked for where nothing else meets a word.
func (x *Index) match(words []Word) *matcher {
	if len(words) > maxWords {
		words = words[:maxWords]
	}
	m := &matcher{list: words, slips: make([]bool, len(words)), how: make([]map[uint32]uint8, len(words))}
	if len(words) == 0 {
		return m
	}
	m.hit = make([]uint16, len(x.terms.words))
	for i, w := range words {
		m.how[i] = map[uint32]uint8{}
		if w.Kind != 0 {
			continue
		}
		m.among(x, i, w)
	}
	return m
}

func (m *matcher) among(x *Index, i int, w Word) {
	text := fold(w.Text)
	if text == "" {
		return
	}
	note := func(code int, how uint8) {
		m.how[i][uint32(code)] = max(m.how[i][uint32(code)], how)
		m.hit[code] |= 1 << i
	}
	for code, term := range x.terms.words {
		switch {
		case term == text:
			note(code, metWhole)
		case !w.Whole && len(text) >= 2 && strings.HasPrefix(term, text):
			note(code, metBegins)
		}
	}
	for _, other := range spellings(text) {
		if code, ok := x.terms.codes[other]; ok {
			note(int(code), metSpelt)
		}
	}
	allowance := slipsOf(text)
	if len(m.how[i]) > 0 || w.Whole || allowance == 0 || w.Key != "" && x.hasKey(w) {
		return
	}
	var s slipper
	for code, term := range x.terms.words {
		if d := len(term) - len(text); d > 2*allowance || d < -2*allowance || strings.ContainsAny(term, "0123456789") {
			continue
		}
		if s.within(text, term, allowance) {
			note(code, metSlip)
			m.slips[i] = true
		}
	}
}

// hasKey tells whether any record has a word as an identifier: then it is no slip of the pen.
func (x *Index) hasKey(w Word) bool {
	for _, keys := range x.keys {
		if meets(keys, w.Kind, w.Key) != keyMissed {
			return true
		}
	}
	return false
}

// slipsOf is how many slips a word may have: none in short ones and numbers.
func slipsOf(word string) int {
	n := utf8.RuneCountInString(word)
	switch {
	case n < 4 || strings.ContainsAny(word, "0123456789"):
		return 0
	case n < 8:
		return 1
	}
	return 2
}

// read says how words were met that no record has as they stand.
func (m *matcher) read(x *Index) map[string]string {
	out := map[string]string{}
	for i, slip := range m.slips {
		if !slip {
			continue
		}
		best, most := "", uint32(0)
		for code := range m.how[i] {
			if n := x.terms.refs[code]; n > most || n == most && x.terms.words[code] < best {
				best, most = x.terms.words[code], n
			}
		}
		out[m.list[i].Text] = best
	}
	return out
}

// keyWeight makes an identifier count more than any word of a text.
const keyWeight = 60

// score adds up how well a record meets the words; 0 when it misses one.
func (m *matcher) score(x *Index, record uint32) int {
	var best [maxWords]int
	s := x.cells.spans[record]
	cells := x.cells.words[0].cells
	for i := s.start; i < s.start+s.rows; i++ {
		code := cells[i] & termMask
		hit := m.hit[code]
		for w := 0; hit != 0; w++ {
			if hit&1 != 0 {
				best[w] = max(best[w], int(m.how[w][code])*int(cells[i]>>weightShift))
			}
			hit >>= 1
		}
	}
	total := 0
	for i := range m.list {
		if k := m.list[i].Key; k != "" && best[i] < keyWeight {
			how := meets(x.keys[record], m.list[i].Kind, k)
			if m.list[i].Whole && how != keyWhole {
				how = keyMissed
			}
			best[i] = max(best[i], keyWeight*how)
		}
		if best[i] == 0 {
			return 0
		}
		total += best[i]
	}
	return total
}

// slipper measures slips of the pen; it keeps its memory from word to word.
type slipper struct {
	a, b []rune
	rows [3][]int
}

// within tells whether two words differ by at most n letters that are left out, added, changed or swapped with their
// neighbour (optimal string alignment).
func (s *slipper) within(a, b string, n int) bool {
	s.a, s.b = s.a[:0], s.b[:0]
	for _, r := range a {
		s.a = append(s.a, r)
	}
	for _, r := range b {
		s.b = append(s.b, r)
	}
	if d := len(s.a) - len(s.b); d > n || -d > n {
		return false
	}
	for i := range s.rows {
		if cap(s.rows[i]) <= len(s.b) {
			s.rows[i] = make([]int, len(s.b)+1, 2*len(s.b)+2)
		}
		s.rows[i] = s.rows[i][:len(s.b)+1]
	}
	two, one, now := s.rows[0], s.rows[1], s.rows[2]
	for k := range one {
		one[k] = k
	}
	for i := 1; i <= len(s.a); i++ {
		now[0] = i
		least := i
		for k := 1; k <= len(s.b); k++ {
			cost := 1
			if s.a[i-1] == s.b[k-1] {
				cost = 0
			}
			now[k] = min(one[k]+1, now[k-1]+1, one[k-1]+cost)
			if i > 1 && k > 1 && s.a[i-1] == s.b[k-2] && s.a[i-2] == s.b[k-1] {
				now[k] = min(now[k], two[k-2]+1)
			}
			least = min(least, now[k])
		}
		if least > n {
			return false
		}
		two, one, now = one, now, two
	}
	return one[len(s.b)] <= n
}
