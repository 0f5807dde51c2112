package embedded

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/jumpring/jumpring/bus"
)

// MessageOverhead is by how much a Message is longer than the sections of its entries.
const MessageOverhead = frameHeaderSize

// Message is a frame that travels by itself, for journals that are not files. What a frame says of the batch before it is
// what its appender knew when it was sent: Link and Chain are those of an earlier batch, not always of the last one.
type Message struct {
	Class bus.Class
	// ID names the append.
	ID [16]byte
	// Time is the appender's clock, Unix nanoseconds.
	Time int64
	// Link is an earlier batch that the appender knew, 0 for none, and Chain the hash chain with it.
	Link  uint64
	Chain [32]byte

	header   frameHeader
	digest   [32]byte // of the open section
	open     []byte
	personal []byte
}

// MessageSize gives the encoded size of entries.
func MessageSize(entries []bus.Entry) int {
	open, personal := sectionSizes(entries)
	return frameHeaderSize + open + personal
}

// EncodeEntries makes a message of entries, whose header Seal fills in. Room for lead bytes is left before it.
func EncodeEntries(lead int, entries []bus.Entry) ([]byte, error) {
	if len(entries) == 0 {
		return nil, errors.New("journal: a batch needs at least one entry")
	}
	for i := range entries {
		if len(entries[i].Type) > 255 {
			return nil, fmt.Errorf("journal: type of entry %d has %d bytes, at most 255 are allowed", i, len(entries[i].Type))
		}
	}
	openLen, personalLen := sectionSizes(entries)
	b := make([]byte, lead+frameHeaderSize, lead+frameHeaderSize+openLen+personalLen)
	b = encodeSections(b, entries, randomBytes)
	frame := b[lead:]
	open, personal := frame[frameHeaderSize:frameHeaderSize+openLen], frame[frameHeaderSize+openLen:]
	h := frameHeader{
		codec: codecNone, offset: 1, entries: uint32(len(entries)), openLen: uint32(openLen), personalLen: uint32(personalLen),
		openCRC: checksum(open), personalCRC: checksum(personal),
	}
	h.put(frame)
	return b, nil
}

// Seal writes the message's header over the one that EncodeEntries left.
func (m *Message) Seal(frame []byte) error {
	h, err := decodeFrameHeader(frame)
	if err != nil {
		return err
	}
	// A frame in a file has its own offset; a message does not know its own, and has that behind the link.
	h.class, h.id, h.time, h.offset, h.chain = m.Class, m.ID, m.Time, m.Link+1, m.Chain
	h.put(frame)
	return nil
}

// ReadMessage reads a message and checks it whole, but for the personal digests.
func ReadMessage(frame []byte) (*Message, error) {
	h, err := decodeFrameHeader(frame)
	if err != nil {
		return nil, err
	}
	if h.codec != codecNone {
		return nil, unknownFormat(fmt.Sprintf("message has codec %d, this program knows %d", h.codec, codecNone))
	}
	if h.size() != int64(len(frame)) {
		return nil, fmt.Errorf("message has %d bytes, its header says %d", len(frame), h.size())
	}
	open, personal, err := checkedSections(&h, frame)
	if err != nil {
		return nil, err
	}
	return &Message{
		Class: h.class, ID: h.id, Time: h.time, Link: h.offset - 1, Chain: h.chain,
		header: h, digest: sha256.Sum256(open), open: open, personal: personal,
	}, nil
}

// Entries decodes the entries. They share memory with the frame.
func (m *Message) Entries() ([]bus.Entry, error) {
	return decodeSections(&m.header, m.open, m.personal, false)
}

// ChainAfter is the hash chain after this message as the batch with an offset and a fold time. Invariant 8.
func (m *Message) ChainAfter(before [32]byte, offset uint64, time int64) [32]byte {
	h := m.header
	h.offset, h.time = offset, time
	return h.link(before, m.digest)
}
