package stream

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/bus/embedded"
	"github.com/jumpring/jumpring/core/canon"
)

// A message is a head of 40 bytes and a frame. The head is
//
//	magic "JRSB", format version, 3 bytes of zero
//	the journal's id, 16 bytes
//	fold time of the batch that the frame links to, Unix nanoseconds, 8 bytes
//	CRC-32C of these 32 bytes, 4 bytes of zero
//
// and the message at offset 0 is
//
//	magic "JRSG", format version, 3 bytes of zero
//	the journal's id, 16 random bytes
//	CRC-32C of these 24 bytes
//
// Numbers are little-endian.
const (
	formatVersion = 1
	batchMagic    = "JRSB"
	genesisMagic  = "JRSG"
	headSize      = 40
	genesisSize   = 28
)

var (
	le         = binary.LittleEndian
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// state is what a reader has computed up to and with the message at offset.
type state struct {
	offset uint64
	chain  [32]byte
	time   int64
}

// newGenesis makes the first message of a stream.
func newGenesis() []byte {
	b := make([]byte, genesisSize)
	copy(b, genesisMagic)
	b[4] = formatVersion
	_, _ = rand.Read(b[8:24]) // never fails, says its documentation
	le.PutUint32(b[24:], crc32.Checksum(b[:24], castagnoli))
	return b
}

// readGenesis gives the journal's id and the state before the first batch.
func readGenesis(b []byte) (id string, first state, err error) {
	if len(b) != genesisSize || string(b[:4]) != genesisMagic || le.Uint32(b[24:]) != crc32.Checksum(b[:24], castagnoli) {
		return "", state{}, errors.New("its first message is not that of a journal")
	}
	if b[4] != formatVersion {
		return "", state{}, fmt.Errorf("it has format version %d, this program knows %d", b[4], formatVersion)
	}
	return hex.EncodeToString(b[8:24]), state{chain: sha256.Sum256(append([]byte("jumpring stream "), b[8:24]...))}, nil
}

// encode makes a message of entries that seal completes.
func encode(entries []bus.Entry) ([]byte, error) { return embedded.EncodeEntries(headSize, entries) }

// seal completes a message with what is known when it is sent.
func seal(b []byte, journal string, class bus.Class, id [16]byte, time int64, known state) error {
	copy(b, batchMagic)
	b[4] = formatVersion
	if _, err := hex.Decode(b[8:24], []byte(journal)); err != nil {
		return fmt.Errorf("stream: the journal's id: %w", err)
	}
	le.PutUint64(b[24:], uint64(known.time))
	le.PutUint32(b[32:], crc32.Checksum(b[:32], castagnoli))
	m := embedded.Message{Class: class, ID: id, Time: time, Link: known.offset, Chain: known.chain}
	return m.Seal(b[headSize:])
}

// kind of a message.
type kind uint8

const (
	isBatch   kind = iota
	isVoid         // a second first message: two nodes made the stream at once
	isForeign      // nothing that a hub wrote for this journal
)

// message is one message of the stream.
type message struct {
	kind kind
	body []byte
	m    *embedded.Message
	link state // what its appender knew
}

// parse reads a message of a journal. What no hub wrote for it is no error, damage to what one wrote is.
func parse(journal string, body []byte) (message, error) {
	if _, _, err := readGenesis(body); err == nil {
		return message{kind: isVoid, body: body}, nil
	}
	if len(body) < headSize || string(body[:4]) != batchMagic {
		return message{kind: isForeign, body: body}, nil
	}
	if body[4] != formatVersion {
		return message{}, fmt.Errorf("message has format version %d, this program knows %d", body[4], formatVersion)
	}
	if le.Uint32(body[32:]) != crc32.Checksum(body[:32], castagnoli) {
		return message{}, errors.New("the head of the message fails its checksum")
	}
	if hex.EncodeToString(body[8:24]) != journal {
		// A node that lost its stream sends what it had left into the one that was made in its place.
		return message{kind: isForeign, body: body}, nil
	}
	m, err := embedded.ReadMessage(body[headSize:])
	if err != nil {
		return message{}, err
	}
	link := state{offset: m.Link, chain: m.Chain, time: int64(le.Uint64(body[24:]))}
	return message{kind: isBatch, body: body, m: m, link: link}, nil
}

// after gives the state with this message behind s.
func (m *message) after(s state) state {
	next := state{offset: s.offset + 1, time: s.time}
	if m.kind == isBatch {
		next.time = max(s.time, m.m.Time) // fold time never goes back, whatever the appenders' clocks show
		next.chain = m.m.ChainAfter(s.chain, next.offset, next.time)
		return next
	}
	digest := sha256.Sum256(m.body)
	next.chain = sha256.Sum256(append(append(s.chain[:], byte(m.kind)), digest[:]...))
	return next
}

// batch gives the batch of a message whose state is s. Its entries share memory with the message.
func (m *message) batch(s state) (bus.Batch, error) {
	b := bus.Batch{Offset: s.offset, Time: s.time, Class: bus.ClassBulk, Hash: s.chain}
	switch m.kind {
	case isVoid:
		return b, nil
	case isForeign:
		// Invariant 6: it is parked, and what comes behind it goes on.
		head, err := json.Marshal(canon.Head{Actor: "bus"})
		if err != nil {
			return b, err
		}
		data, err := json.Marshal(canon.Malformed{Reason: "a message in the journal's stream that no hub wrote for this journal: take the permission to write to it from everybody else", Size: len(m.body)})
		if err != nil {
			return b, err
		}
		b.Entries = []bus.Entry{{Type: string(canon.EntryMalformed), Head: head, Data: data}}
		return b, nil
	}
	entries, err := m.m.Entries()
	b.Class, b.ID, b.Entries = m.m.Class, m.m.ID, entries
	return b, err
}
