package stream

// states is how many of the newest messages' states are kept: what links may point to, and where reads may begin.
const states = 8192

// cache keeps the newest messages for the fold, and the states of more of them.
type cache struct {
	limit int // bytes
	bytes int
	held  []held // consecutive
	ring  [states]state
}

type held struct {
	msg message
	at  state
}

// overhead is what a message costs beside its body, about.
const overhead = 400

func (c *cache) add(msg message, at state) {
	c.ring[at.offset%states] = at
	c.held = append(c.held, held{msg, at})
	c.bytes += len(msg.body) + overhead
	drop := 0
	for c.bytes > c.limit && drop < len(c.held)-1 {
		c.bytes -= len(c.held[drop].msg.body) + overhead
		c.held[drop] = held{}
		drop++
	}
	c.held = c.held[drop:]
}

// first is the offset of the oldest message that is held; 0 when there is none.
func (c *cache) first() uint64 {
	if len(c.held) == 0 {
		return 0
	}
	return c.held[0].at.offset
}

// state gives the state at an offset, if it is known.
func (c *cache) state(offset uint64) (state, bool) {
	s := c.ring[offset%states]
	return s, s.offset == offset && s.chain != [32]byte{}
}
