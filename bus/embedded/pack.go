package embedded

import (
	"errors"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// packer compresses the sections of batches. A nil one does not.
type packer struct {
	encoder *zstd.Encoder
}

// packFrom is the least payload that is worth packing, in bytes.
const packFrom = 256

func newPacker() (*packer, error) {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(256<<10),
		zstd.WithLowerEncoderMem(true), zstd.WithEncoderConcurrency(2), zstd.WithEncoderCRC(false))
	if err != nil {
		return nil, fmt.Errorf("journal: zstd: %w", err)
	}
	return &packer{encoder}, nil
}

// pack gives both sections packed, one behind the other, and the length of the first; false when that saves too
// little. Each is a zstd frame of its own, so that the personal one can be erased.
func (p *packer) pack(open, personal []byte) (packed []byte, openLen int, ok bool) {
	plain := len(open) + len(personal)
	if p == nil || plain < packFrom {
		return nil, 0, false
	}
	packed = p.encoder.EncodeAll(open, make([]byte, 0, plain))
	openLen = len(packed)
	if len(personal) > 0 {
		packed = p.encoder.EncodeAll(personal, packed)
	}
	return packed, openLen, len(packed) <= plain-plain/8
}

// maxUnpacked bounds what one section may unpack to, so that damaged or forged bytes can't take all memory.
const maxUnpacked = 256 << 20

// unpacker makes the one decoder of this process at its first use; it is stateless between calls.
var unpacker = sync.OnceValues(func() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(maxUnpacked), zstd.WithDecoderLowmem(true))
})

// unpacked gives the plain sections of a frame.
func unpacked(h *frameHeader, open, personal []byte) (plainOpen, plainPersonal []byte, err error) {
	switch h.codec {
	case codecNone:
		return open, personal, nil
	case codecZstd:
	default:
		return nil, nil, unknownFormat(fmt.Sprintf("frame has codec %d, this program knows %d and %d", h.codec, codecNone, codecZstd))
	}
	z, err := unpacker()
	if err != nil {
		return nil, nil, fmt.Errorf("journal: zstd: %w", err)
	}
	if plainOpen, err = z.DecodeAll(open, nil); err != nil {
		return nil, nil, errors.Join(sectionFault("open section does not unpack"), err)
	}
	if plainPersonal, err = z.DecodeAll(personal, nil); err != nil {
		return nil, nil, errors.Join(sectionFault("personal section does not unpack"), err)
	}
	return plainOpen, plainPersonal, nil
}
