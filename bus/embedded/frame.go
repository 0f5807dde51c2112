package embedded

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/jumpring/jumpring/bus"
)

const (
	codecNone = 0
	// codecZstd: both sections compressed, checksums over the stored bytes, chain and digests over the plain ones.
	codecZstd = 1

	saltSize   = 16
	digestSize = sha256.Size

	// minEntrySize is the least that an entry takes in the open section: three empty lengths and the mark for "no
	// personal section".
	minEntrySize = 4
)

// frameHeader opens one batch.
type frameHeader struct {
	codec       uint8
	class       bus.Class
	offset      uint64
	time        int64
	id          [16]byte
	keyID       uint64 // key that seals the personal section; 0 = not sealed
	entries     uint32
	openLen     uint32
	personalLen uint32
	openCRC     uint32
	personalCRC uint32
	chain       [32]byte // hash chain up to and with this batch
}

// size is the frame's length in bytes.
func (h *frameHeader) size() int64 {
	return frameHeaderSize + int64(h.openLen) + int64(h.personalLen)
}

func (h *frameHeader) put(b []byte) {
	le.PutUint32(b, frameMagic)
	b[4], b[5], b[6], b[7] = formatVersion, h.codec, uint8(h.class), 0
	le.PutUint64(b[8:], h.offset)
	le.PutUint64(b[16:], uint64(h.time))
	copy(b[24:], h.id[:])
	le.PutUint64(b[40:], h.keyID)
	le.PutUint32(b[48:], h.entries)
	le.PutUint32(b[52:], h.openLen)
	le.PutUint32(b[56:], h.personalLen)
	le.PutUint32(b[60:], h.openCRC)
	le.PutUint32(b[64:], h.personalCRC)
	copy(b[68:], h.chain[:])
	le.PutUint32(b[100:], checksum(b[:100]))
}

func decodeFrameHeader(b []byte) (frameHeader, error) {
	var h frameHeader
	if len(b) < frameHeaderSize {
		return h, errors.New("frame header is cut short")
	}
	if le.Uint32(b) != frameMagic {
		return h, errors.New("no frame here")
	}
	if le.Uint32(b[100:]) != checksum(b[:100]) {
		return h, errors.New("frame header fails its checksum")
	}
	if b[4] != formatVersion || b[7] != 0 {
		return h, unknownFormat(fmt.Sprintf("frame has format version %d and flags %#x, this program knows %d and none", b[4], b[7], formatVersion))
	}
	h.codec, h.class = b[5], bus.Class(b[6])
	h.offset = le.Uint64(b[8:])
	h.time = int64(le.Uint64(b[16:]))
	copy(h.id[:], b[24:])
	h.keyID = le.Uint64(b[40:])
	h.entries = le.Uint32(b[48:])
	h.openLen = le.Uint32(b[52:])
	h.personalLen = le.Uint32(b[56:])
	h.openCRC = le.Uint32(b[60:])
	h.personalCRC = le.Uint32(b[64:])
	copy(h.chain[:], b[68:])
	if h.offset == 0 || h.openLen > math.MaxInt32 || h.personalLen > math.MaxInt32 {
		return h, errors.New("frame header has impossible values")
	}
	return h, nil
}

// link is the hash chain after this frame: SHA-256 over the chain before it, the header fields that say what the
// frame is, and the digest of its open section. The personal section enters by the digests which the open section
// holds, so that its bytes can be sealed or erased and the chain still holds. Invariant 8.
func (h *frameHeader) link(before, openDigest [32]byte) [32]byte {
	var b [32 + 8 + 8 + 1 + 16 + 4 + 32]byte
	copy(b[:], before[:])
	le.PutUint64(b[32:], h.offset)
	le.PutUint64(b[40:], uint64(h.time))
	b[48] = uint8(h.class)
	copy(b[49:], h.id[:])
	le.PutUint32(b[65:], h.entries)
	copy(b[69:], openDigest[:])
	return sha256.Sum256(b[:])
}

// sectionSizes gives the bytes of both sections that encodeSections makes of entries.
func sectionSizes(entries []bus.Entry) (open, personal int) {
	for i := range entries {
		e := &entries[i]
		open += 1 + len(e.Type) + uvarintLen(len(e.Head)) + len(e.Head) + uvarintLen(len(e.Data)) + len(e.Data) + 1
		if len(e.Personal) > 0 {
			open += digestSize
			personal += saltSize + 4 + len(e.Personal)
		}
	}
	return open, personal
}

func uvarintLen(n int) int {
	l := 1
	for ; n >= 0x80; n >>= 7 {
		l++
	}
	return l
}

// encodeSections appends the open section and behind it the personal one. salts gives 16 random bytes for each
// entry with personal data: they keep the digest, which outlives an erasure, from being guessed back.
func encodeSections(b []byte, entries []bus.Entry, salt func([]byte)) []byte {
	open, personal := sectionSizes(entries)
	start := len(b)
	b = append(b, make([]byte, open+personal)...)
	o, p := b[start:start:start+open], b[start+open:start+open:start+open+personal]
	for i := range entries {
		e := &entries[i]
		o = append(o, uint8(len(e.Type)))
		o = append(o, e.Type...)
		o = binary.AppendUvarint(o, uint64(len(e.Head)))
		o = append(o, e.Head...)
		o = binary.AppendUvarint(o, uint64(len(e.Data)))
		o = append(o, e.Data...)
		if len(e.Personal) == 0 {
			o = append(o, 0)
			continue
		}
		record := len(p)
		p = p[:record+saltSize]
		salt(p[record:])
		p = le.AppendUint32(p, uint32(len(e.Personal)))
		p = append(p, e.Personal...)
		digest := sha256.Sum256(p[record:])
		o = append(o, 1)
		o = append(o, digest[:]...)
	}
	return b
}

// sectionFault says what is wrong with the payload of a frame.
type sectionFault string

func (f sectionFault) Error() string { return string(f) }

// decodeSections reads what encodeSections wrote, unpacked. The entries share memory with the sections. With digests set it
// also holds each personal record against its digest. It never allocates more than a small multiple of the input.
func decodeSections(h *frameHeader, open, personal []byte, digests bool) ([]bus.Entry, error) {
	if int64(h.entries)*minEntrySize > int64(len(open)) {
		return nil, sectionFault("more entries than bytes")
	}
	entries := make([]bus.Entry, h.entries)
	lastType := ""
	for i := range entries {
		e := &entries[i]
		var typ []byte
		var ok bool
		if len(open) == 0 {
			return nil, sectionFault("open section ends early")
		}
		if typ, open, ok = take(open[1:], uint64(open[0])); !ok {
			return nil, sectionFault("entry type is cut short")
		}
		if lastType != string(typ) {
			lastType = string(typ)
		}
		e.Type = lastType
		if e.Head, open, ok = takePrefixed(open); !ok {
			return nil, sectionFault("entry head is cut short")
		}
		if e.Data, open, ok = takePrefixed(open); !ok {
			return nil, sectionFault("entry data is cut short")
		}
		if len(open) == 0 {
			return nil, sectionFault("open section ends early")
		}
		kind := open[0]
		open = open[1:]
		switch kind {
		case 0:
			continue
		case 1:
		default:
			return nil, sectionFault("unknown kind of personal section")
		}
		var digest []byte
		if digest, open, ok = take(open, digestSize); !ok {
			return nil, sectionFault("personal digest is cut short")
		}
		if len(personal) < saltSize+4 {
			return nil, sectionFault("personal section ends early")
		}
		record := personal
		if e.Personal, personal, ok = take(personal[saltSize+4:], uint64(le.Uint32(personal[saltSize:]))); !ok || len(e.Personal) == 0 {
			return nil, sectionFault("personal record is cut short")
		}
		if digests && sha256.Sum256(record[:saltSize+4+len(e.Personal)]) != [32]byte(digest) {
			return nil, sectionFault("personal record does not match its digest")
		}
	}
	if len(open) != 0 || len(personal) != 0 {
		return nil, sectionFault("bytes left over behind the last entry")
	}
	return entries, nil
}

func takePrefixed(b []byte) (part, rest []byte, ok bool) {
	n, w := binary.Uvarint(b)
	if w <= 0 {
		return nil, nil, false
	}
	return take(b[w:], n)
}

// take cuts n bytes off; the part's capacity ends with it, so that an append by the reader cannot reach the rest.
func take(b []byte, n uint64) (part, rest []byte, ok bool) {
	if n > uint64(len(b)) {
		return nil, nil, false
	}
	return b[:n:n], b[n:], true
}
