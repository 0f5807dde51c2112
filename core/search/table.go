package search

// span is where the rows of a record are in a table.
type span struct{ start, rows uint32 }

// table holds rows of one kind. A record has any number of them, next to each other; the conditions of a query about
// one table hold for one and the same row ("1 ct of colour F" is one stone).
type table struct {
	words   []wordColumn
	numbers [][]int64
	spans   []span // by record
	size    uint32
	free    map[uint32][]uint32 // starts of spans that are not used, by their length
}

type wordColumn struct {
	dict  *dict
	cells []uint32
}

// row is what a record brings for a row: its words and numbers in the order of the table's columns.
type row struct {
	words   []string
	numbers []int64
}

func newTable(words, numbers int) *table {
	t := &table{free: map[uint32][]uint32{}, words: make([]wordColumn, words), numbers: make([][]int64, numbers)}
	for i := range t.words {
		t.words[i].dict = newDict(false)
	}
	return t
}

// put replaces the rows of a record.
func (t *table) put(record uint32, rows []row) {
	for uint32(len(t.spans)) <= record {
		t.spans = append(t.spans, span{})
	}
	was := t.spans[record]
	for i := was.start; i < was.start+was.rows; i++ {
		for c := range t.words {
			t.words[c].dict.drop(t.words[c].cells[i])
			t.words[c].cells[i] = 0
		}
	}
	n := uint32(len(rows))
	if n != was.rows {
		t.release(was)
		t.spans[record] = span{t.reserve(n), n}
	}
	at := t.spans[record].start
	for i := range rows {
		for c := range t.words {
			t.words[c].cells[at+uint32(i)] = t.words[c].dict.take(rows[i].words[c])
		}
		for c := range t.numbers {
			t.numbers[c][at+uint32(i)] = rows[i].numbers[c]
		}
	}
}

func (t *table) release(s span) {
	if s.rows > 0 {
		t.free[s.rows] = append(t.free[s.rows], s.start)
	}
}

func (t *table) reserve(n uint32) uint32 {
	if n == 0 {
		return 0
	}
	if list := t.free[n]; len(list) > 0 {
		at := list[len(list)-1]
		t.free[n] = list[:len(list)-1]
		return at
	}
	at := t.size
	t.size += n
	for c := range t.words {
		t.words[c].cells = append(t.words[c].cells, make([]uint32, n)...)
	}
	for c := range t.numbers {
		t.numbers[c] = append(t.numbers[c], make([]int64, n)...)
	}
	return at
}
