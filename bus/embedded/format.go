package embedded

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// The layout is described in docs/journal-format.md; a change of it takes a new formatVersion.
const (
	formatVersion = 1

	// groupAlign is where commit groups begin: multiples of a disk sector, so that writing a group never rewrites
	// a sector that holds an acknowledged one.
	groupAlign = 512

	segmentHeaderSize = groupAlign
	groupHeaderSize   = 72
	frameHeaderSize   = 104

	segmentMagic uint64 = 0x4745534c4e4a524a // "JRJNLSEG"
	groupMagic   uint32 = 0x5052474a         // "JGRP"
	frameMagic   uint32 = 0x4d52464a         // "JFRM"
)

var (
	le         = binary.LittleEndian
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

func alignUp(pos int64) int64 { return (pos + groupAlign - 1) &^ (groupAlign - 1) }

// segmentHeader opens each file. Because a segment is made only when all before it is durable, a valid header also
// proves that the segment before was durable up to prevEnd.
type segmentHeader struct {
	journal [16]byte
	// nonce is in each group header of the file, so that bytes from outside that were journaled as data can never be
	// taken for a group.
	nonce     [16]byte
	first     uint64 // offset of the first batch
	created   int64  // Unix ns
	prevFirst uint64 // first offset of the segment before; 0 for the journal's first
	prevEnd   int64  // file position where the segment before ends
	chain     [32]byte
	lastTime  int64 // fold time of the batch before first
	size      int64
}

func (h *segmentHeader) encode() []byte {
	b := make([]byte, 0, segmentHeaderSize)
	b = le.AppendUint64(b, segmentMagic)
	b = le.AppendUint16(b, formatVersion)
	b = append(b, 0, 0, 0, 0, 0, 0)
	b = append(b, h.journal[:]...)
	b = append(b, h.nonce[:]...)
	b = le.AppendUint64(b, h.first)
	b = le.AppendUint64(b, uint64(h.created))
	b = le.AppendUint64(b, h.prevFirst)
	b = le.AppendUint64(b, uint64(h.prevEnd))
	b = append(b, h.chain[:]...)
	b = le.AppendUint64(b, uint64(h.lastTime))
	b = le.AppendUint64(b, uint64(h.size))
	b = b[:segmentHeaderSize]
	le.PutUint32(b[segmentHeaderSize-4:], checksum(b[:segmentHeaderSize-4]))
	return b
}

func decodeSegmentHeader(b []byte) (segmentHeader, error) {
	var h segmentHeader
	if len(b) < segmentHeaderSize {
		return h, errors.New("segment header is cut short")
	}
	if le.Uint64(b) != segmentMagic {
		return h, errors.New("not a journal segment: wrong magic")
	}
	if le.Uint32(b[segmentHeaderSize-4:]) != checksum(b[:segmentHeaderSize-4]) {
		return h, errors.New("segment header fails its checksum")
	}
	if v := le.Uint16(b[8:]); v != formatVersion {
		return h, unknownFormat(fmt.Sprintf("segment has format version %d, this program knows %d", v, formatVersion))
	}
	copy(h.journal[:], b[16:])
	copy(h.nonce[:], b[32:])
	h.first = le.Uint64(b[48:])
	h.created = int64(le.Uint64(b[56:]))
	h.prevFirst = le.Uint64(b[64:])
	h.prevEnd = int64(le.Uint64(b[72:]))
	copy(h.chain[:], b[80:])
	h.lastTime = int64(le.Uint64(b[112:]))
	h.size = int64(le.Uint64(b[120:]))
	if h.first == 0 || h.size < segmentHeaderSize {
		return h, errors.New("segment header has impossible values")
	}
	return h, nil
}

// groupHeader opens what one fsync covers. A group without batches is a mark: it only proves what lies before it.
type groupHeader struct {
	pos        int64  // its own file position
	first      uint64 // offset of its first batch, or of the next one to come
	batches    uint32
	length     uint32 // bytes of frames behind the header, padding not counted
	markOffset uint64 // newest batch that was durable before this group was written; 0 for none
	markPos    int64  // file position up to which this segment was durable then
	nonce      [16]byte
}

func (g *groupHeader) put(b []byte) {
	le.PutUint32(b, groupMagic)
	le.PutUint16(b[4:], formatVersion)
	le.PutUint16(b[6:], 0)
	le.PutUint64(b[8:], uint64(g.pos))
	le.PutUint64(b[16:], g.first)
	le.PutUint32(b[24:], g.batches)
	le.PutUint32(b[28:], g.length)
	le.PutUint64(b[32:], g.markOffset)
	le.PutUint64(b[40:], uint64(g.markPos))
	copy(b[48:], g.nonce[:])
	le.PutUint32(b[64:], 0)
	le.PutUint32(b[68:], checksum(b[:68]))
}

// end is the file position behind the group and its padding.
func (g *groupHeader) end() int64 { return alignUp(g.pos + groupHeaderSize + int64(g.length)) }

func decodeGroupHeader(b []byte, pos int64, nonce [16]byte) (groupHeader, error) {
	var g groupHeader
	if len(b) < groupHeaderSize {
		return g, errors.New("group header is cut short")
	}
	if le.Uint32(b) != groupMagic {
		return g, errors.New("no group header here")
	}
	if le.Uint32(b[68:]) != checksum(b[:68]) {
		return g, errors.New("group header fails its checksum")
	}
	g.pos = int64(le.Uint64(b[8:]))
	g.first = le.Uint64(b[16:])
	g.batches = le.Uint32(b[24:])
	g.length = le.Uint32(b[28:])
	g.markOffset = le.Uint64(b[32:])
	g.markPos = int64(le.Uint64(b[40:]))
	copy(g.nonce[:], b[48:])
	if g.pos != pos || g.nonce != nonce {
		return g, errors.New("group header belongs to another place")
	}
	if v := le.Uint16(b[4:]); v != formatVersion {
		return g, unknownFormat(fmt.Sprintf("group has format version %d, this program knows %d", v, formatVersion))
	}
	if g.markPos > g.pos || g.first == 0 || g.markOffset != g.first-1 || (g.batches == 0) != (g.length == 0) {
		return g, errors.New("group header has impossible values")
	}
	return g, nil
}

// genesis is the hash chain before the first batch.
func genesis(journal [16]byte) [32]byte {
	return sha256.Sum256(append([]byte("jumpring journal "), journal[:]...))
}

// CorruptError says that a journal holds bytes which were durable once and are damaged now. The journal does not go
// on by itself: what is lost has to be seen by a person.
type CorruptError struct {
	// Path is the segment file and Pos the byte position in it where the damage begins to show.
	Path string
	Pos  int64
	// Offset is the batch that was expected there.
	Offset uint64
	Reason string
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("journal is corrupt: %s at byte %d (batch %d): %s; run `jumpring verify` for the extent, then restore that file from a backup or replica",
		e.Path, e.Pos, e.Offset, e.Reason)
}
