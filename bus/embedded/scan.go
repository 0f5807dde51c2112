package embedded

import (
	"crypto/sha256"
	"errors"
	"fmt"
)

// unknownFormat is met where the checksums hold but a newer program wrote the bytes: never damage, never torn.
type unknownFormat string

func (e unknownFormat) Error() string { return string(e) }

// scanner walks a segment group by group and checks everything: headers, checksums, offsets, times, the chain and
// the digests of personal sections. Opening and verifying use it; readers check less (see reader).
type scanner struct {
	seg *segment
	win window

	pos     int64 // where the next group begins
	next    uint64
	chain   [32]byte
	time    int64
	entries uint64
	last    groupHeader // newest good group; its pos is 0 when there was none
}

func newScanner(f File, seg *segment, limit int64) *scanner {
	h := &seg.header
	return &scanner{
		seg: seg, win: window{f: f, limit: limit, chunk: 256 << 10},
		pos: segmentHeaderSize, next: h.first, chain: h.chain, time: h.lastTime,
	}
}

// badGroup says where in a group the first fault is.
type badGroup struct {
	pos    int64
	offset uint64
	reason string
}

func (e *badGroup) Error() string {
	return fmt.Sprintf("at byte %d, batch %d: %s", e.pos, e.offset, e.reason)
}

// group checks the group at s.pos and steps over it. At the end of the file it returns false. The error is a
// *badGroup, an unknownFormat, or one of reading.
func (s *scanner) group() (bool, error) {
	if s.pos+groupHeaderSize > s.win.limit {
		return false, nil
	}
	b, err := s.win.at(s.pos, groupHeaderSize)
	if err != nil {
		return false, err
	}
	g, err := decodeGroupHeader(b, s.pos, s.seg.header.nonce)
	if err != nil {
		return false, s.bad(s.pos, s.next, err)
	}
	if g.first != s.next {
		return false, s.bad(s.pos, s.next, fmt.Errorf("group begins with batch %d", g.first))
	}
	next, chain, time, entries := s.next, s.chain, s.time, s.entries
	pos, end := s.pos+groupHeaderSize, s.pos+groupHeaderSize+int64(g.length)
	// Positions are noted only once the whole group is good: the index must not lead into a torn one.
	var points []point
	for i := uint32(0); i < g.batches; i++ {
		h, openDigest, n, err := s.frame(pos, end)
		if err == nil && h.offset != next {
			err = fmt.Errorf("frame has offset %d", h.offset)
		}
		if err == nil && h.time < time {
			err = errors.New("frame is older than the one before it")
		}
		if err == nil && h.link(chain, openDigest) != h.chain {
			err = errors.New("hash chain is broken")
		}
		if err != nil {
			return false, s.bad(pos, next, err)
		}
		points = append(points, point{h.offset, pos})
		next, chain, time = next+1, h.chain, h.time
		entries += uint64(h.entries)
		pos += n
	}
	if pos != end {
		return false, s.bad(pos, next, errors.New("bytes left over behind the group's last frame"))
	}
	for _, p := range points {
		s.seg.note(p.offset, p.pos)
	}
	s.next, s.chain, s.time, s.entries, s.last, s.pos = next, chain, time, entries, g, g.end()
	return true, nil
}

func (s *scanner) frame(pos, end int64) (h frameHeader, openDigest [32]byte, n int64, err error) {
	if end > s.win.limit || pos+frameHeaderSize > end {
		return h, openDigest, 0, errBeyond
	}
	b, err := s.win.at(pos, frameHeaderSize)
	if err != nil {
		return h, openDigest, 0, err
	}
	if h, err = decodeFrameHeader(b); err != nil {
		return h, openDigest, 0, err
	}
	n = h.size()
	if pos+n > end {
		return h, openDigest, 0, errBeyond
	}
	if b, err = s.win.at(pos, n); err != nil {
		return h, openDigest, 0, err
	}
	open, personal, err := checkedSections(&h, b)
	if err != nil {
		return h, openDigest, 0, err
	}
	if open, personal, err = unpacked(&h, open, personal); err != nil {
		return h, openDigest, 0, err
	}
	if _, err := decodeSections(&h, open, personal, true); err != nil {
		return h, openDigest, 0, err
	}
	return h, sha256.Sum256(open), n, nil
}

// checkedSections splits a frame's payload and holds it against the checksums.
func checkedSections(h *frameHeader, frame []byte) (open, personal []byte, err error) {
	open = frame[frameHeaderSize : frameHeaderSize+int64(h.openLen)]
	personal = frame[frameHeaderSize+int64(h.openLen) : h.size()]
	if checksum(open) != h.openCRC || checksum(personal) != h.personalCRC {
		return nil, nil, errors.New("payload fails its checksum")
	}
	return open, personal, nil
}

// bad turns a fault into a *badGroup, unless it is no damage: a failed read or a format of a newer program.
func (s *scanner) bad(pos int64, offset uint64, err error) error {
	var unknown unknownFormat
	if errors.As(err, &unknown) {
		return fmt.Errorf("segment %s at byte %d: %w", s.seg.place(), pos, err)
	}
	var read *readError
	if errors.As(err, &read) {
		return fmt.Errorf("segment %s: %w", s.seg.place(), err)
	}
	return &badGroup{pos: pos, offset: offset, reason: err.Error()}
}

// laterGroup looks for a group that was begun after what stands at pos was durable. A header alone is proof: it is
// written only after the fsync of all before its mark returned.
func (s *scanner) laterGroup(pos int64) (groupHeader, bool, error) {
	for p := alignUp(pos + 1); p+groupHeaderSize <= s.win.limit; p += groupAlign {
		b, err := s.win.at(p, groupHeaderSize)
		if err != nil {
			return groupHeader{}, false, err
		}
		if le.Uint32(b) != groupMagic {
			continue
		}
		g, err := decodeGroupHeader(b, p, s.seg.header.nonce)
		if err == nil && g.markPos > pos {
			return g, true, nil
		}
		var unknown unknownFormat
		if errors.As(err, &unknown) {
			return g, false, s.bad(p, s.next, err)
		}
	}
	return groupHeader{}, false, nil
}

// lastNonZero gives the position behind the last byte that is not zero, from s.pos on; s.pos when all are.
func (s *scanner) lastNonZero() (int64, error) {
	end := s.pos
	for p := s.pos; p < s.win.limit; p += groupAlign {
		n := min(groupAlign, s.win.limit-p)
		b, err := s.win.at(p, n)
		if err != nil {
			return 0, err
		}
		for _, c := range b {
			if c != 0 {
				end = p + n
				break
			}
		}
	}
	return end, nil
}
