package hub

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jumpring/jumpring/bus/embedded"
	"github.com/jumpring/jumpring/core/api"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/reconcile"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// SABOTAGE. What is in this file breaks the hub on purpose, so that an auditor can be seen to notice. Nothing of it
// runs unless Options.Sabotage names it, which no configuration can do: `serve` takes it from an environment variable
// that the demo sets for the hub that it starts.
const (
	// SabotageDropWrite reports writes as applied that were never sent.
	SabotageDropWrite = "drop-write"
	// SabotageSkipFsync acknowledges facts that are only in memory; the end of the process takes the newest of them, as
	// a power failure takes unsynced pages.
	SabotageSkipFsync = "skip-fsync"
	// SabotageIgnoreHold takes a piece from whoever reserved it when somebody else asks for it.
	SabotageIgnoreHold = "ignore-hold"
	// SabotageEcho writes each value a second time, although the platform shows it already.
	SabotageEcho = "echo"
)

func (o *Options) checkSabotage() error {
	switch o.Sabotage {
	case "", SabotageDropWrite, SabotageSkipFsync, SabotageIgnoreHold, SabotageEcho:
		return nil
	}
	return fmt.Errorf("hub: sabotage %q is not known", o.Sabotage)
}

// applier gives what a connection's writer speaks to.
func (h *Hub) applier(link reconcile.Applier) reconcile.Applier {
	switch h.o.Sabotage {
	case SabotageDropWrite:
		return dropWrite{}
	case SabotageEcho:
		return echo{link}
	}
	return link
}

// dropWrite sends nothing and says that it did.
type dropWrite struct{}

func (dropWrite) Apply(_ context.Context, req *sdk.ApplyRequest) (*reconcile.ApplyResult, error) {
	res := &reconcile.ApplyResult{}
	for _, w := range req.Writes {
		res.Results = append(res.Results, reconcile.WriteResult{Key: w.Key, Status: sdk.StatusApplied})
	}
	return res, nil
}

// echo writes what a platform shows since the write before.
type echo struct{ reconcile.Applier }

func (e echo) Apply(ctx context.Context, req *sdk.ApplyRequest) (*reconcile.ApplyResult, error) {
	res, err := e.Applier.Apply(ctx, req)
	if err != nil {
		return nil, err
	}
	again := &sdk.ApplyRequest{}
	for _, w := range req.Writes {
		if w.Stock == nil {
			continue // an action: to do that twice would be another sabotage
		}
		stock := *w.Stock
		stock.Expect = stock.Want
		again.Writes = append(again.Writes, sdk.Write{Key: w.Key + "-echo", Ref: w.Ref, Stock: &stock})
	}
	if len(again.Writes) > 0 {
		_, err = e.Applier.Apply(ctx, again)
	}
	return res, err
}

// commands gives the hub that commands go to.
func (h *Hub) commands() api.Hub {
	if h.o.Sabotage == SabotageIgnoreHold {
		return ignoreHold{Doors{h}}
	}
	return Doors{h}
}

// ignoreHold ends a reservation that is in the way of a command, and carries the command out.
type ignoreHold struct{ Doors }

func (d ignoreHold) Do(ctx context.Context, actor string, cmd canon.Command) (canon.Outcome, error) {
	o, err := d.Doors.Do(ctx, actor, cmd)
	if err != nil || o.OK || o.Holder == nil || o.Holder.Kind != canon.ClaimReservation {
		return o, err
	}
	free := canon.Command{Key: cmd.Key + "-free", ID: cmd.ID + "-free", Release: &canon.Release{Reservation: o.Holder.Claim}}
	if _, err := d.Doors.Do(ctx, actor, free); err != nil {
		return o, err
	}
	cmd.Key, cmd.ID = cmd.Key+"-again", cmd.ID+"-again"
	return d.Doors.Do(ctx, actor, cmd)
}

// memoryKeeps is how long what was written stays in memory alone.
const memoryKeeps = 2 * time.Second

// forgetfulFS is a file layer whose syncs do nothing: what is written reaches the disk some time later, in order.
type forgetfulFS struct {
	embedded.FS
	mu    sync.Mutex
	cache map[string]*pages // by path
}

func newForgetfulFS() *forgetfulFS {
	return &forgetfulFS{FS: embedded.OS{}, cache: make(map[string]*pages)}
}

// Create implements embedded.FS.
func (f *forgetfulFS) Create(path string) (embedded.File, error) {
	f.mu.Lock()
	delete(f.cache, path)
	f.mu.Unlock()
	return f.file(path)(f.FS.Create(path))
}

// Open implements embedded.FS.
func (f *forgetfulFS) Open(path string) (embedded.File, error) {
	return f.file(path)(f.FS.Open(path))
}

// OpenWrite implements embedded.FS.
func (f *forgetfulFS) OpenWrite(path string) (embedded.File, error) {
	return f.file(path)(f.FS.OpenWrite(path))
}

// Rename implements embedded.FS.
func (f *forgetfulFS) Rename(from, to string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p := f.cache[from]; p != nil {
		delete(f.cache, from)
		f.cache[to] = p
	}
	return f.FS.Rename(from, to)
}

// SyncDir does nothing.
func (f *forgetfulFS) SyncDir(string) error { return nil }

func (f *forgetfulFS) file(path string) func(embedded.File, error) (embedded.File, error) {
	return func(file embedded.File, err error) (embedded.File, error) {
		if err != nil {
			return nil, err
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.cache[path] == nil {
			f.cache[path] = &pages{}
		}
		return &forgetfulFile{File: file, pages: f.cache[path]}, nil
	}
}

// pages are what was written to a file and has not reached the disk.
type pages struct {
	mu  sync.Mutex
	all []page // oldest first
}

type page struct {
	at   time.Time
	off  int64
	data []byte
}

type forgetfulFile struct {
	embedded.File
	pages *pages
}

// WriteAt keeps what is written, and lets what has been kept for long enough reach the disk.
func (f *forgetfulFile) WriteAt(b []byte, off int64) (int, error) {
	f.pages.mu.Lock()
	defer f.pages.mu.Unlock()
	f.pages.all = append(f.pages.all, page{at: time.Now(), off: off, data: append([]byte(nil), b...)})
	return len(b), f.writeBack(time.Now().Add(-memoryKeeps))
}

// writeBack writes the pages from before a moment; the lock is held.
func (f *forgetfulFile) writeBack(before time.Time) error {
	for len(f.pages.all) > 0 && f.pages.all[0].at.Before(before) {
		if _, err := f.File.WriteAt(f.pages.all[0].data, f.pages.all[0].off); err != nil {
			return err
		}
		f.pages.all = f.pages.all[1:]
	}
	return nil
}

// ReadAt shows what was written, whether it has reached the disk or not.
func (f *forgetfulFile) ReadAt(b []byte, off int64) (int, error) {
	f.pages.mu.Lock()
	defer f.pages.mu.Unlock()
	n, err := f.File.ReadAt(b, off)
	for _, p := range f.pages.all {
		from, to := max(p.off, off), min(p.off+int64(len(p.data)), off+int64(n))
		if from < to {
			copy(b[from-off:to-off], p.data[from-p.off:to-p.off])
		}
	}
	return n, err
}

// Sync does nothing, which is the sabotage.
func (f *forgetfulFile) Sync() error { return nil }
