package embedded

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
)

// Report is what a verification found.
type Report struct {
	// Journal is the journal's id.
	Journal string
	// First and Last are the offsets of the first and last good batch that was checked; 0 when there was none. The
	// walk begins with the segment that holds the offset asked for, so First may be smaller than that.
	First, Last uint64
	// Batches and Entries were checked and are good.
	Batches, Entries uint64
	// Hash is the hash chain up to and with Last.
	Hash [32]byte
	// TornBytes is the length of a torn tail behind the last good group. It was never acknowledged and is cut off when
	// the journal is opened; only VerifyDir can meet one.
	TornBytes int64
	// Fault is the first damage; nil when there is none. Nothing behind it was checked.
	Fault *CorruptError
}

// Verify checks every frame from the segment that holds batch from up to the durable mark: checksums, offsets, times,
// the hash chain and the digests of the personal sections. Damage is in the report; the error is for what kept the
// check from running. Appends and reads go on meanwhile.
func (j *Journal) Verify(ctx context.Context, from uint64) (Report, error) {
	return j.VerifyProgress(ctx, from, func(uint64) {})
}

// VerifyProgress is Verify that tells, after each commit group, the newest batch that is good.
func (j *Journal) VerifyProgress(ctx context.Context, from uint64, progress func(last uint64)) (Report, error) {
	if err := j.closedErr(); err != nil {
		return Report{}, err
	}
	j.view.mu.RLock()
	segs, endPos := j.view.segs, j.view.endPos
	j.view.mu.RUnlock()
	return verify(ctx, j.opts.FS, segs, from, endPos, progress)
}

// VerifyDir checks a journal that is not open, or an archive folder. It changes nothing but the folder's lock file.
// fsys nil is OS.
func VerifyDir(ctx context.Context, fsys FS, dir string, from uint64) (rep Report, err error) {
	if fsys == nil {
		fsys = OS{}
	}
	lock, err := fsys.Lock(filepath.Join(dir, lockName))
	if err != nil {
		return rep, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	segs, err := listSegments(fsys, dir)
	if rep.Fault, err = asFault(err); err != nil || rep.Fault != nil {
		return rep, err
	}
	if len(segs) == 0 {
		return rep, fmt.Errorf("journal: %s holds no segment", dir)
	}
	return verify(ctx, fsys, segs, from, -1, func(uint64) {})
}

// verify walks segments. endPos is the durable end in the last one; negative when only the bytes can tell.
func verify(ctx context.Context, fsys FS, segs []*segment, from uint64, endPos int64, progress func(last uint64)) (Report, error) {
	var rep Report
	start := 0
	for start+1 < len(segs) && segs[start+1].header.first <= from {
		start++
	}
	first := segs[start].header
	rep.Journal, rep.Hash = hex.EncodeToString(first.journal[:]), first.chain
	if first.first == 1 && first.chain != genesis(first.journal) {
		rep.Fault = &CorruptError{Path: segs[start].place(), Offset: 1, Reason: "hash chain does not begin with the journal's id"}
		return rep, nil
	}
	for i := start; i < len(segs); i++ {
		limit := endPos
		if i+1 < len(segs) {
			limit = segs[i+1].header.prevEnd
		}
		err := rep.segment(ctx, fsys, segs[i], limit, progress)
		if err == nil && i+1 < len(segs) {
			err = rep.joint(segs[i], &segs[i+1].header)
		}
		if rep.Fault, err = asFault(err); err != nil || rep.Fault != nil {
			return rep, err
		}
	}
	return rep, nil
}

// asFault takes damage out of an error.
func asFault(err error) (*CorruptError, error) {
	var corrupt *CorruptError
	if errors.As(err, &corrupt) {
		return corrupt, nil
	}
	return nil, err
}

// segment checks one file up to limit; with a negative one, up to where a torn tail may begin.
func (rep *Report) segment(ctx context.Context, fsys FS, seg *segment, limit int64, progress func(last uint64)) (err error) {
	f, err := seg.open(fsys)
	if err != nil {
		return fmt.Errorf("open segment: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	mayTear := limit < 0
	if mayTear {
		limit = seg.header.size
	}
	s := newScanner(f, seg, limit)
	defer func() { rep.add(s) }()
	for s.pos < limit {
		if err := ctx.Err(); err != nil {
			return err
		}
		ok, err := s.group()
		var bad *badGroup
		switch {
		case ok:
			progress(s.next - 1)
			continue
		case err == nil:
			return nil
		case mayTear && errors.As(err, &bad):
			end, err := s.tail()
			rep.TornBytes = end - s.pos
			return err
		case errors.As(err, &bad):
			return &CorruptError{Path: seg.place(), Pos: bad.pos, Offset: bad.offset, Reason: bad.reason}
		default:
			return err
		}
	}
	return nil
}

func (rep *Report) add(s *scanner) {
	first := s.seg.header.first
	if s.next > first {
		if rep.First == 0 {
			rep.First = first
		}
		rep.Last = s.next - 1
	}
	rep.Batches += s.next - first
	rep.Entries += s.entries
	rep.Hash = s.chain
}

// joint checks that a segment goes on where the one before ended.
func (rep *Report) joint(seg *segment, next *segmentHeader) error {
	if rep.Hash == next.chain && (rep.Last == next.first-1 || rep.Last == 0 && seg.header.first == next.first) {
		return nil
	}
	return &CorruptError{
		Path: seg.place(), Pos: next.prevEnd, Offset: rep.Last + 1,
		Reason: fmt.Sprintf("the next segment begins with batch %d and another hash chain", next.first),
	}
}
