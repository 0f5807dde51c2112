package access

import "errors"

var errNotJSON = errors.New("is not JSON")

// cutter copies JSON from src to dst and leaves out what plans hide. The bytes are the hub's own, as encoding/json wrote
// them; anything else is an error, and nothing of it gets out.
type cutter struct {
	src []byte
	at  int
	dst []byte
}

// space passes over white space and gives the next byte; 0 at the end.
func (c *cutter) space() byte {
	for c.at < len(c.src) {
		switch b := c.src[c.at]; b {
		case ' ', '\t', '\n', '\r':
			c.at++
		default:
			return b
		}
	}
	return 0
}

// value copies one value. With a nil plan it is copied as it is.
func (c *cutter) value(p *plan) error {
	switch b := c.space(); {
	case p != nil && b == '{':
		return c.object(p)
	case p != nil && b == '[' && p.elem != nil:
		return c.array(p.elem)
	}
	start := c.at
	if err := c.skip(); err != nil {
		return err
	}
	if p != nil && (c.src[start] == '[' || c.src[start] == '{') {
		return errNotJSON // of another shape than its type: nobody knows what is in it
	}
	c.dst = append(c.dst, c.src[start:c.at]...)
	return nil
}

func (c *cutter) object(p *plan) error {
	c.at++
	c.dst = append(c.dst, '{')
	for first := true; ; {
		switch c.space() {
		case '}':
			c.at++
			c.dst = append(c.dst, '}')
			return nil
		case ',':
			c.at++
			c.space()
		}
		start := c.at
		if err := c.text(); err != nil {
			return err
		}
		key := c.src[start:c.at]
		if c.space() != ':' {
			return errNotJSON
		}
		c.at++
		m, known := p.members[string(key[1:len(key)-1])]
		if p.elem != nil { // a map
			m, known = member{inner: p.elem}, true
		}
		if !known || m.hide {
			c.space()
			if err := c.skip(); err != nil {
				return err
			}
			continue
		}
		if !first {
			c.dst = append(c.dst, ',')
		}
		first = false
		c.dst = append(append(c.dst, key...), ':')
		if err := c.value(m.inner); err != nil {
			return err
		}
	}
}

func (c *cutter) array(elem *plan) error {
	c.at++
	c.dst = append(c.dst, '[')
	for first := true; ; first = false {
		switch c.space() {
		case ']':
			c.at++
			c.dst = append(c.dst, ']')
			return nil
		case ',':
			c.at++
		}
		if !first {
			c.dst = append(c.dst, ',')
		}
		if err := c.value(elem); err != nil {
			return err
		}
	}
}

// text passes over a string.
func (c *cutter) text() error {
	if c.at >= len(c.src) || c.src[c.at] != '"' {
		return errNotJSON
	}
	for c.at++; c.at < len(c.src); c.at++ {
		switch c.src[c.at] {
		case '\\':
			c.at++
		case '"':
			c.at++
			return nil
		}
	}
	return errNotJSON
}

// skip passes over one value, however deep it is.
func (c *cutter) skip() error {
	depth := 0
	for c.at < len(c.src) {
		switch c.src[c.at] {
		case '"':
			if err := c.text(); err != nil {
				return err
			}
		case '{', '[':
			depth++
			c.at++
			continue
		case '}', ']':
			depth--
			c.at++
		case ',', ':', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return errNotJSON
			}
			c.at++
			continue
		default: // a number, true, false or null
			for c.at < len(c.src) && !ends(c.src[c.at]) {
				c.at++
			}
		}
		if depth == 0 {
			return nil
		}
		if depth < 0 {
			return errNotJSON
		}
	}
	return errNotJSON
}

func ends(b byte) bool {
	switch b {
	case ',', '}', ']', ':', '"', '{', '[', ' ', '\t', '\n', '\r':
		return true
	}
	return false
}
