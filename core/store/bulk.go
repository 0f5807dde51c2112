package store

import (
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/pb"
	"github.com/dgraph-io/ristretto/v2/z"
)

// filler is a store that can be filled with keys in ascending order at once, several times faster than by commits.
type filler interface {
	// fill replaces everything that the store holds by what each hands over. Nothing of it has a mark. After an error the
	// store holds anything and must be wiped.
	fill(each func(put func(key, value []byte) error) error) error
}

// filling is how much is handed to Badger at a time.
const filling = 1 << 20

// fill implements filler: tables are built in order and put into the lowest level, past memtables and compaction.
func (b *Badger) fill(each func(put func(key, value []byte) error) error) (err error) {
	b.mu.Lock()
	db, closed := b.db, b.closed
	b.mu.Unlock()
	if closed {
		return ErrClosed
	}
	w := db.NewStreamWriter()
	defer func() {
		if err != nil {
			w.Cancel()
		}
	}()
	if err := w.Prepare(); err != nil {
		return fmt.Errorf("store: fill: %w", err)
	}
	page := z.NewBuffer(2*filling, "snapshot")
	defer func() { err = errors.Join(err, page.Release()) }()
	flush := func() error {
		defer page.Reset()
		if err := w.Write(page); err != nil {
			return fmt.Errorf("store: fill: %w", err)
		}
		return nil
	}
	var values packer
	grounded := false
	add := func(key, value []byte) error {
		badger.KVToBuffer(&pb.KV{Key: key, Value: value, Version: 1, StreamId: 1}, page)
		if page.LenNoPadding() < filling {
			return nil
		}
		values = packer{}
		return flush()
	}
	err = each(func(key, value []byte) error {
		if !grounded && string(key) > keyGround {
			grounded = true
			if err := add([]byte(keyGround), nil); err != nil {
				return err
			}
		}
		return add(key, values.pack(value))
	})
	if err == nil {
		err = flush()
	}
	if err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("store: fill: %w", err)
	}
	return nil
}
