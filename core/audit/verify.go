package audit

import (
	"context"
	"encoding/hex"
	"fmt"

	"github.com/jumpring/jumpring/bus"
)

type batchReader interface {
	ReadFrom(ctx context.Context, from uint64, maxBytes int) ([]bus.Batch, error)
}

// Verify proves a journal and a log of reads against seals. key is the public key that they must be signed with, in base64;
// empty takes the one that the seals name, which proves nothing against somebody who can write seals anew. readsPath is the
// log of reads; empty leaves it out. What does not hold is an error that wraps ErrTruncated or ErrAltered.
func Verify(ctx context.Context, j Journal, seals []Seal, key, readsPath string) error {
	var before *Seal
	for i := range seals {
		s := &seals[i]
		if key == "" {
			key = s.Key
		}
		if err := s.check(before, key); err != nil {
			return err
		}
		before = s
		if s.Journal != j.ID() {
			return fmt.Errorf("%w: seal %d is of another journal", ErrAltered, s.Number)
		}
		if s.Offset > j.End() {
			return fmt.Errorf("%w: the journal ends at batch %d, and seal %d of %s says that batch %d was there", ErrTruncated, j.End(), s.Number, s.At.Format("2006-01-02 15:04:05 MST"), s.Offset)
		}
		batch, err := batchAt(ctx, j, s.Offset)
		if err != nil {
			return err
		}
		if hex.EncodeToString(batch.Hash[:]) != s.Hash {
			return fmt.Errorf("%w: batch %d is not the one of seal %d", ErrAltered, s.Offset, s.Number)
		}
	}
	if readsPath == "" {
		return nil
	}
	return verifyReads(readsPath, seals)
}

// batchAt reads one batch.
func batchAt(ctx context.Context, j batchReader, offset uint64) (*bus.Batch, error) {
	batches, err := j.ReadFrom(ctx, offset, 1)
	if err != nil {
		return nil, fmt.Errorf("audit: batch %d: %w", offset, err)
	}
	if len(batches) == 0 || batches[0].Offset != offset {
		return nil, fmt.Errorf("%w: batch %d can't be read", ErrTruncated, offset)
	}
	return &batches[0], nil
}
