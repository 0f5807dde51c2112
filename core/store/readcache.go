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

// maxDecoded bounds the bytes that the records of a decodedCache were made of.
const maxDecoded = 1 << 20

// decodedCache remembers what bytes were decoded to. It holds those bytes, so that their address stands for them as
// long as it has them: a record counts only for the very value that it was made of, whatever is written or rolled back.
type decodedCache struct {
	records map[string]decodedRecord
	size    int
}

type decodedRecord struct {
	raw    []byte
	record any
}

func newDecodedCache() *decodedCache { return &decodedCache{records: make(map[string]decodedRecord)} }

func (c *decodedCache) get(key string, raw []byte) any {
	if d, ok := c.records[key]; ok && len(raw) > 0 && len(d.raw) == len(raw) && &d.raw[0] == &raw[0] {
		return d.record
	}
	return nil
}

func (c *decodedCache) put(key string, raw []byte, record any) {
	c.size += len(key) + len(raw) + entryOverhead
	if c.size > maxDecoded {
		clear(c.records)
		c.size = len(key) + len(raw) + entryOverhead
	}
	c.records[key] = decodedRecord{raw, record}
}
