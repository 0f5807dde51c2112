package embedded

import (
	"bytes"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus"
)

// sealedFrame makes a frame with right checksums around any two sections.
func sealedFrame(entries uint32, open, personal []byte) []byte {
	h := frameHeader{
		class: bus.ClassPoll, offset: 1, time: 1, entries: entries,
		openLen: uint32(len(open)), personalLen: uint32(len(personal)), openCRC: checksum(open), personalCRC: checksum(personal),
	}
	b := make([]byte, frameHeaderSize, h.size())
	h.put(b)
	return append(append(b, open...), personal...)
}

// decodeFrame does what readers do with bytes from a file.
func decodeFrame(b []byte) ([]bus.Entry, error) {
	h, err := decodeFrameHeader(b)
	if err != nil {
		return nil, err
	}
	if h.size() > int64(len(b)) {
		return nil, errBeyond
	}
	open, personal, err := checkedSections(&h, b[:h.size()])
	if err != nil {
		return nil, err
	}
	return decodeSections(&h, open, personal, true)
}

func FuzzFrame(f *testing.F) {
	zero := func(b []byte) { clear(b) }
	for _, entries := range [][]bus.Entry{
		{{Type: "observation", Head: []byte(`{"a":1}`), Data: []byte(`{}`), Personal: []byte(`{"e":"x"}`)}},
		{{}, {Type: "t"}, {Personal: []byte("p")}},
		{{Data: bytes.Repeat([]byte("x"), 300)}},
	} {
		sections := encodeSections(nil, entries, zero)
		open, _ := sectionSizes(entries)
		f.Add(uint32(len(entries)), uint16(open), sections)
	}
	f.Add(uint32(1<<31), uint16(9), bytes.Repeat([]byte{0xff}, 40))
	f.Fuzz(func(t *testing.T, count uint32, split uint16, b []byte) {
		// Rubbish as it is, and rubbish whose checksums hold, which gets as far as the sections.
		if _, err := decodeFrame(b); err == nil && len(b) < frameHeaderSize {
			t.Fatal("a frame was made of too few bytes")
		}
		at := min(int(split), len(b))
		frame := sealedFrame(count, b[:at], b[at:])
		entries, err := decodeFrame(frame)
		if err != nil {
			return
		}
		if len(entries)*minEntrySize > at {
			t.Fatalf("%d entries of %d bytes", len(entries), at)
		}
		total := 0
		for i := range entries {
			total += len(entries[i].Type) + len(entries[i].Head) + len(entries[i].Data) + len(entries[i].Personal)
		}
		if total > len(b) {
			t.Fatalf("%d bytes of entries from %d bytes", total, len(b))
		}
		again := encodeSections(nil, entries, zero)
		open, _ := sectionSizes(entries)
		back, err := decodeFrame(sealedFrame(count, again[:open], again[open:]))
		if err != nil || !equalEntries(back, entries) {
			t.Fatalf("what was decoded does not survive encoding: %v", err)
		}
	})
}

func equalEntries(a, b []bus.Entry) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Type != b[i].Type || !bytes.Equal(a[i].Head, b[i].Head) ||
			!bytes.Equal(a[i].Data, b[i].Data) || !bytes.Equal(a[i].Personal, b[i].Personal) {
			return false
		}
	}
	return true
}

func TestRubbishAllocatesNoMoreThanItsSizeWarrants(t *testing.T) {
	frame := sealedFrame(1<<31, bytes.Repeat([]byte{0}, 1000), nil)
	const runs = 100
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		_, err := decodeFrame(frame)
		require.Error(t, err)
	}
	runtime.ReadMemStats(&after)
	require.Less(t, (after.TotalAlloc-before.TotalAlloc)/runs, uint64(len(frame)))
}

func TestTheChainSurvivesAnErasureOfPersonalData(t *testing.T) {
	entries := []bus.Entry{{Type: "x", Data: []byte("d"), Personal: []byte("secret")}}
	r, s := &request{class: bus.ClassPoll}, &request{class: bus.ClassPoll}
	open, _ := sectionSizes(entries)
	r.encode(entries, open, nil)
	require.NotContains(t, string(r.payload[:open]), "secret")
	before := r.frame.link([32]byte{}, r.openDigest)
	clear(r.payload[open:])
	require.Equal(t, before, r.frame.link([32]byte{}, r.openDigest), "the chain covers the digest, not the bytes")

	// The digest gives nothing away: with another salt the same data has another one.
	s.encode(entries, open, nil)
	require.NotEqual(t, r.payload[:open], s.payload[:open])
}

func TestEveryFieldOfAFrameIsInTheChain(t *testing.T) {
	base := frameHeader{offset: 1, time: 2, class: 3, entries: 4}
	link := base.link([32]byte{}, [32]byte{})
	for name, change := range map[string]func(h *frameHeader, before, open *[32]byte){
		"offset":       func(h *frameHeader, _, _ *[32]byte) { h.offset++ },
		"time":         func(h *frameHeader, _, _ *[32]byte) { h.time++ },
		"class":        func(h *frameHeader, _, _ *[32]byte) { h.class++ },
		"entries":      func(h *frameHeader, _, _ *[32]byte) { h.entries++ },
		"batch id":     func(h *frameHeader, _, _ *[32]byte) { h.id[15]++ },
		"chain before": func(_ *frameHeader, before, _ *[32]byte) { before[0]++ },
		"open section": func(_ *frameHeader, _, open *[32]byte) { open[31]++ },
	} {
		h := base
		var before, open [32]byte
		change(&h, &before, &open)
		require.NotEqual(t, link, h.link(before, open), name)
	}
}
