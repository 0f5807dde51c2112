package canon

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// Position is the place of one entry in the journal: the offset of its batch and its index inside the batch. It is
// also the version of every record that the entry wrote. The zero Position is before the first entry; offsets
// start at 1.
type Position struct {
	Offset uint64
	Index  uint32
}

// IsZero reports whether p is before the first entry.
func (p Position) IsZero() bool { return p.Offset == 0 && p.Index == 0 }

// Compare returns -1, 0 or 1 as p is before, at or after q.
func (p Position) Compare(q Position) int {
	switch {
	case p.Offset < q.Offset:
		return -1
	case p.Offset > q.Offset:
		return 1
	case p.Index < q.Index:
		return -1
	case p.Index > q.Index:
		return 1
	}
	return 0
}

// String gives "offset.index", such as "1042.3".
func (p Position) String() string { return string(p.append(make([]byte, 0, 31))) }

// append writes p in at most 31 bytes.
func (p Position) append(to []byte) []byte {
	to = strconv.AppendUint(to, p.Offset, 10)
	return strconv.AppendUint(append(to, '.'), uint64(p.Index), 10)
}

// SortKey gives 24 hexadecimal digits that sort as positions do.
func (p Position) SortKey() string {
	var raw [12]byte
	binary.BigEndian.PutUint64(raw[:], p.Offset)
	binary.BigEndian.PutUint32(raw[8:], p.Index)
	return hex.EncodeToString(raw[:])
}

// ParsePosition reads what String wrote; "" is the zero Position.
func ParsePosition(s string) (Position, error) {
	if s == "" {
		return Position{}, nil
	}
	a, b, _ := strings.Cut(s, ".")
	off, err := strconv.ParseUint(a, 10, 64)
	if err != nil {
		return Position{}, fmt.Errorf("position %q: want OFFSET.INDEX such as 1042.3", s)
	}
	var idx uint64
	if b != "" {
		if idx, err = strconv.ParseUint(b, 10, 32); err != nil {
			return Position{}, fmt.Errorf("position %q: want OFFSET.INDEX such as 1042.3", s)
		}
	}
	return Position{Offset: off, Index: uint32(idx)}, nil
}

// MarshalText implements encoding.TextMarshaler.
func (p Position) MarshalText() ([]byte, error) { return p.append(make([]byte, 0, 31)), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *Position) UnmarshalText(b []byte) error {
	q, err := ParsePosition(string(b))
	if err != nil {
		return err
	}
	*p = q
	return nil
}
