package intake

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// The back-off of pages that fail.
const (
	pageRetryFirst = 500 * time.Millisecond
	pageRetryMax   = 30 * time.Second
)

// maxRowErrors bounds the row errors that a report keeps; the count goes on.
const maxRowErrors = 10_000

// ErrBusy is returned by Sweep while another full read of the connection is under way.
var ErrBusy = errors.New("intake: a full read of this connection is under way")

// ErrStopped is returned when the connection stops before a full read is complete. It goes on at the next start.
var ErrStopped = errors.New("intake: the connection stopped before the full read was complete")

// ErrNoSnapshot is returned where the connector can't read everything.
var ErrNoSnapshot = errors.New("intake: the connector has no snapshot")

// Progress is how far a full read is. Rows are observations except levels, which come with their listing.
type Progress struct {
	Rows      int64  `json:"rows"`
	Total     int64  `json:"total,omitempty"` // 0 when not known
	RowErrors int64  `json:"row_errors,omitempty"`
	LastError string `json:"last_error,omitempty"` // of the page that is being retried
}

// Report tells what a full read brought.
type Report struct {
	ID         string    `json:"id"`
	StartedAt  time.Time `json:"started_at"`
	FinishedAt time.Time `json:"finished_at"`
	Resumed    bool      `json:"resumed,omitempty"` // it began before the hub's last start
	// Rows counts all of it, Kinds the observations by kind since the hub's start.
	Rows      int64                `json:"rows"`
	Kinds     map[canon.Kind]int64 `json:"kinds"`
	RowErrors []sdk.RowError       `json:"row_errors,omitempty"` // the first ten thousand since the hub's start
	Failed    int64                `json:"failed"`               // rows with errors, all of them
	// Missing are entities known before that it did not show; each is asked for at the platform.
	Missing int64 `json:"missing"`
	// Position is the newest entry of it. The view holds it.
	Position canon.Position `json:"position"`
}

// fullReads are the full reads of a connection: one at a time.
type fullReads struct {
	mu      sync.Mutex
	running *fullRead
	start   chan *fullRead
	handOff chan struct{} // closed when poll streams know where to begin
	once    sync.Once
}

// Page is what a sweep was shown and has not journaled yet.
type Page struct {
	Run       string    // id of the full read, a ULID
	StartedAt time.Time // of the full read
	First     bool      // the first page since the sweep began or went on
	Facts     []Fact
}

// fullRead is one run. Those with a before are sweeps.
type fullRead struct {
	before    func(p *Page) ([]bus.Entry, error)
	listeners []func(Progress)
	progress  Progress
	report    Report
	err       error
	began     bool // a page is journaled
	done      chan struct{}
}

func newFullReads() *fullReads {
	return &fullReads{start: make(chan *fullRead, 1), handOff: make(chan struct{})}
}

func (f *fullReads) waitHandOff(ctx context.Context) error {
	select {
	case <-f.handOff:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *fullReads) handedOff() { f.once.Do(func() { close(f.handOff) }) }

// request gives the run under way, or begins one.
func (f *fullReads) request(before func(*Page) ([]bus.Entry, error), listener func(Progress)) (*fullRead, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	run := f.running
	if run != nil && before != nil {
		return nil, ErrBusy
	}
	if run == nil {
		run = &fullRead{before: before, done: make(chan struct{})}
		f.running = run
		f.start <- run
	}
	if listener != nil {
		listener(run.progress)
		run.listeners = append(run.listeners, listener)
	}
	return run, nil
}

func (f *fullReads) report(run *fullRead, p Progress) {
	f.mu.Lock()
	defer f.mu.Unlock()
	run.progress = p
	for _, fn := range run.listeners {
		fn(p)
	}
}

func (f *fullReads) finish(run *fullRead, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	run.err = err
	f.running = nil
	close(run.done)
}

// end tells whoever waits that the connection has stopped.
func (f *fullReads) end() {
	f.mu.Lock()
	run := f.running
	f.mu.Unlock()
	if run != nil {
		f.finish(run, ErrStopped)
	}
}

// Import reads everything that the platform has, or joins the full read that is under way, and returns when it is
// complete and folded. progress, which may be nil, must not block. When ctx ends the read goes on without the caller.
func (c *Connection) Import(ctx context.Context, progress func(Progress)) (*Report, error) {
	return c.await(ctx, nil, progress)
}

// Sweep is Import with a look at each page before it is journaled; the entries that before gives are journaled ahead of
// the page's facts. It goes on where a sweep was cut off by the end of the hub, gives way to whatever else is asked of the
// platform, and leaves the connection's first import alone. It never joins a read that is under way: it returns ErrBusy.
func (c *Connection) Sweep(ctx context.Context, before func(p *Page) ([]bus.Entry, error), progress func(Progress)) (*Report, error) {
	return c.await(ctx, before, progress)
}

func (c *Connection) await(ctx context.Context, before func(*Page) ([]bus.Entry, error), progress func(Progress)) (*Report, error) {
	if !c.can[sdk.CanSnapshot] {
		return nil, ErrNoSnapshot
	}
	run, err := c.full.request(before, progress)
	if err != nil {
		return nil, err
	}
	select {
	case <-run.done:
		if run.err != nil {
			return nil, run.err
		}
		return &run.report, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("intake: the full read of %s goes on: %w", c.o.Name, ctx.Err())
	}
}

// runFullReads runs the initial snapshot when the connection never completed one, then those that are asked for.
func (c *Connection) runFullReads(ctx context.Context) error {
	conn, err := c.load()
	if err != nil {
		return err
	}
	if conn.Snapshot != nil {
		c.full.handedOff()
	}
	if conn.Snapshot == nil || !conn.Snapshot.Complete {
		if _, err := c.full.request(nil, nil); err != nil {
			return err
		}
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case run := <-c.full.start:
			err := c.readAll(ctx, run)
			if fatal(ctx, err) {
				return err
			}
			c.full.finish(run, err)
			if err != nil {
				c.log.Error("full read failed", "error", err)
			}
		}
	}
}

// readAll reads page after page. Each page's facts, the mark that tells where to go on and the cursors of the first
// page are one append, so that a hub that is killed goes on behind the last page that it journaled.
func (c *Connection) readAll(ctx context.Context, run *fullRead) error {
	epoch := c.status.now()
	conn, err := c.load()
	if err != nil {
		return err
	}
	mark := canon.SnapshotMark{ID: ulid.Make().String(), StartedAt: time.Now().UTC(), Sweep: run.before != nil}
	if old := resumable(conn, mark.Sweep); old != nil {
		mark, run.report.Resumed = *old, true
	}
	run.report.ID, run.report.StartedAt, run.report.Kinds = mark.ID, mark.StartedAt, make(map[canon.Kind]int64)
	c.status.updateSnapshot(func(s *SnapshotState) {
		*s = SnapshotState{ID: mark.ID, Running: true, Rows: mark.Rows, RowErrors: mark.RowErrors, StartedAt: mark.StartedAt}
	})
	defer c.status.updateSnapshot(func(s *SnapshotState) { s.Running = false })
	progress := Progress{Rows: mark.Rows, RowErrors: mark.RowErrors}
	retry := newBackOff(pageRetryFirst, pageRetryMax)
	for !mark.Complete {
		if err := c.gate.wait(ctx); err != nil {
			return err
		}
		if mark.Sweep {
			if err := c.giveWay(ctx); err != nil {
				return err
			}
		}
		err := c.readPage(ctx, run, conn, &mark, &progress)
		c.status.updateSnapshot(func(s *SnapshotState) {
			s.Rows, s.Total, s.RowErrors = mark.Rows, progress.Total, mark.RowErrors
			s.record(err)
		})
		if fatal(ctx, err) || errors.Is(err, errPageRefused) {
			return err
		}
		progress.LastError = ""
		if err != nil {
			wait := retry.NextBackOff()
			c.log.Warn("page of the full read failed", "rows", mark.Rows, "error", err, "retry_after", wait)
			progress.LastError = err.Error()
			c.full.report(run, progress)
			if err := sleep(ctx, wait); err != nil {
				return err
			}
			continue
		}
		retry.Reset()
		c.full.report(run, progress)
	}
	if !run.report.Resumed {
		c.status.snapshotCaughtUp(epoch)
	}
	run.report.Missing, err = c.confirmMissing(ctx, mark)
	run.report.Rows, run.report.Failed, run.report.FinishedAt = mark.Rows, mark.RowErrors, time.Now().UTC()
	return err
}

// errPageRefused is wrapped when the one who asked for the read can't go on with a page.
var errPageRefused = errors.New("intake: page refused")

// readPage reads and journals the page that mark points to and moves mark behind it.
func (c *Connection) readPage(ctx context.Context, run *fullRead, conn *canon.Connection, mark *canon.SnapshotMark, progress *Progress) error {
	first := len(mark.Page) == 0
	stamp := ReadStamp(c.o.Journal)
	call, cancel := context.WithTimeout(ctx, c.o.CallTimeout)
	defer cancel()
	res, err := c.o.Platform.Snapshot(call, &sdk.SnapshotRequest{Page: mark.Page, Limit: c.o.PageLimit})
	if err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	if !res.Complete && (len(res.Next) == 0 || slices.Equal(res.Next, mark.Page)) {
		return errors.New("snapshot: the connector is not complete but gave no next page")
	}
	var ahead []bus.Entry
	if run.before != nil {
		page := &Page{Run: mark.ID, StartedAt: mark.StartedAt, First: !run.began, Facts: res.Facts}
		if ahead, err = run.before(page); err != nil {
			return fmt.Errorf("%w: %w", errPageRefused, err)
		}
	}
	next := *mark
	next.Page, next.Complete = res.Next, res.Complete
	if res.Complete {
		next.Page = nil
	}
	for i := range res.Facts {
		if res.Facts[i].Kind != canon.KindLevel {
			next.Rows++
		}
	}
	next.RowErrors += int64(len(res.RowErrors))
	for _, k := range res.Kinds {
		if !slices.Contains(next.Kinds, k) {
			next.Kinds = append(slices.Clip(next.Kinds), k)
		}
	}
	receipt, err := c.journalPage(ctx, res, ahead, next, stamp, conn, first)
	if err != nil {
		return err
	}
	*mark, run.began = next, true
	if first {
		c.full.handedOff()
	}
	for i := range res.Facts {
		run.report.Kinds[res.Facts[i].Kind]++
	}
	if room := maxRowErrors - len(run.report.RowErrors); room > 0 {
		run.report.RowErrors = append(run.report.RowErrors, res.RowErrors[:min(room, len(res.RowErrors))]...)
	}
	run.report.Position = canon.Position{Offset: receipt.Offset}
	progress.Rows, progress.RowErrors = next.Rows, next.RowErrors
	progress.Total = max(progress.Total, res.Total)
	return nil
}

// journalPage journals a page and waits until it is folded: a full read goes no faster than the fold.
func (c *Connection) journalPage(ctx context.Context, res *SnapshotResult, ahead []bus.Entry, mark canon.SnapshotMark, stamp canon.Position, conn *canon.Connection, first bool) (bus.Receipt, error) {
	head := c.head(stamp, canon.Position{})
	facts, err := encode(res.Facts, func(*Fact) canon.Head { return head })
	if err != nil {
		return bus.Receipt{}, &journalError{err}
	}
	facts = append(ahead, facts...)
	var closing []bus.Entry
	add := func(typ canon.EntryType, data any) {
		e, failed := router.NewEntry(typ, head, data)
		err = errors.Join(err, failed)
		closing = append(closing, e)
	}
	if first {
		for _, s := range c.o.Describe.Streams {
			// A stream that is under way goes on where it is: its cursor is older, and this read may never complete.
			if cursor := res.Cursors[s.Name]; len(cursor) > 0 && len(conn.Cursors[s.Name]) == 0 {
				add(canon.EntryCursor, canon.Cursor{Stream: s.Name, Cursor: cursor})
			}
		}
	}
	add(canon.EntrySnapshot, mark)
	if err != nil {
		return bus.Receipt{}, &journalError{err}
	}
	receipt, err := appendFacts(ctx, c.o.Journal, bus.ClassBulk, facts, closing)
	if err != nil {
		return bus.Receipt{}, &journalError{err}
	}
	if err := c.o.Journal.WaitFolded(ctx, receipt.Offset); err != nil {
		return bus.Receipt{}, &journalError{err}
	}
	return receipt, nil
}
