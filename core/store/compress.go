package store

import (
	_ "embed"
	"fmt"

	"github.com/klauspost/compress/s2"
)

// Values in Badger are compressed one by one against a dictionary of what records look like, since each byte costs
// several times on its way through log, memtable and tables. A record of 1 KB takes 150 to 300 bytes.
//
// dictionaryText is part of the format: whoever changes it raises valueFormat, and every view is made again.
//
//go:embed dictionary.txt
var dictionaryText []byte

// valueFormat is the version of all that follows; Badger refuses a folder of another one.
const valueFormat = 1

var dictionary = s2.MakeDict(dictionaryText, nil)

// A stored value begins with one of these, unless it is empty.
const (
	plainValue  = 0
	packedValue = 1
)

// Values of other lengths are stored as they are.
const (
	minPacked = 24
	maxPacked = 1 << 20
)

// packer makes stored values, many out of one allocation.
type packer struct{ room []byte }

// pack gives a value as it is stored. It keeps nothing of value.
func (p *packer) pack(value []byte) []byte {
	if len(value) == 0 {
		return nil
	}
	need := 1 + len(value)
	packable := len(value) >= minPacked && len(value) <= maxPacked
	if packable {
		need = 1 + s2.MaxEncodedLen(len(value))
	}
	if len(p.room) < need {
		p.room = make([]byte, max(need, 64<<10))
	}
	n := 0
	if packable {
		n = len(dictionary.Encode(p.room[1:need], value))
	}
	if p.room[0] = packedValue; n == 0 || n >= len(value) {
		p.room[0] = plainValue
		n = copy(p.room[1:], value)
	}
	stored := p.room[: 1+n : 1+n]
	p.room = p.room[1+n:]
	return stored
}

// loadStored gives the value that pack made, in memory of its own.
func loadStored(stored []byte) ([]byte, error) {
	switch {
	case len(stored) == 0:
		return []byte{}, nil
	case stored[0] == plainValue:
		return append([]byte{}, stored[1:]...), nil
	case stored[0] == packedValue:
		value, err := dictionary.Decode(nil, stored[1:])
		if err != nil {
			return nil, fmt.Errorf("%w: a value does not unpack: %w", ErrCorrupt, err)
		}
		return value, nil
	}
	return nil, fmt.Errorf("%w: a value of unknown form", ErrCorrupt)
}
