package store

// maxKnown bounds what cells hold, in bytes: values, and once more those that were decoded.
const maxKnown = 16 << 20

// cell is what is known of a key.
type cell struct {
	key     string
	value   []byte // nil when there is no such key
	record  any    // what value was decoded to; nil when it was not
	written uint64 // the number of the Tx that wrote it last
	asked   bool   // for, since cells were last bounded
}

// cells remember what a base has and what a Tx has written over it.
type cells struct {
	known map[string]*cell
	size  int
}

func newCells() *cells { return &cells{known: make(map[string]*cell)} }

// get gives the cell of a key; nil where nothing is known of it.
func (s *cells) get(key string) *cell {
	c := s.known[key]
	if c != nil {
		c.asked = true
	}
	return c
}

// add makes the cell of a key of which nothing is known.
func (s *cells) add(key string, value []byte) *cell {
	c := &cell{key: key, value: value}
	s.known[key] = c
	s.size += c.cost()
	return c
}

// set changes what a cell has. A record is what the value was decoded to, or nil.
func (s *cells) set(c *cell, value []byte, record any) {
	s.size -= c.cost()
	c.value, c.record = value, record
	s.size += c.cost()
}

func (s *cells) drop(c *cell) {
	s.size -= c.cost()
	delete(s.known, c.key)
}

// bound drops what nobody has asked for since the last time, once there is too much. pinned cells stay.
func (s *cells) bound(pinned func(c *cell) bool) {
	if s.size <= maxKnown {
		return
	}
	for range 2 { // the second time everything, if all was asked for
		for _, c := range s.known {
			if !c.asked && !pinned(c) {
				s.drop(c)
			}
			c.asked = false
		}
		if s.size <= maxKnown/2 {
			return
		}
	}
}

// cost is what a cell counts towards maxKnown.
func (c *cell) cost() int {
	n := len(c.key) + len(c.value) + cellOverhead
	if c.record != nil {
		n += len(c.value)
	}
	return n
}

// cellOverhead is about what a cell takes beside its key and value.
const cellOverhead = 128
