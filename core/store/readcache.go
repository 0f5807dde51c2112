package store

// maxCached bounds the bytes of each generation of a readCache.
const maxCached = 8 << 20

// readCache remembers what a base has, nil for a key that it does not have. When the newer of its two generations is
// full it becomes the older one, and what nobody has asked for since goes.
type readCache struct {
	newer, older map[string][]byte
	size         int // of newer, in bytes
}

func newReadCache() *readCache { return &readCache{newer: make(map[string][]byte)} }

func (c *readCache) get(key string) ([]byte, bool) {
	if v, ok := c.newer[key]; ok {
		return v, true
	}
	v, ok := c.older[key]
	if ok {
		c.put(key, v)
	}
	return v, ok
}

func (c *readCache) put(key string, value []byte) {
	if old, ok := c.newer[key]; ok {
		c.size -= len(key) + len(old) + entryOverhead
	}
	cost := len(key) + len(value) + entryOverhead
	if c.size+cost > maxCached {
		c.newer, c.older, c.size = make(map[string][]byte), c.newer, 0
	}
	c.newer[key] = value
	c.size += cost
}
