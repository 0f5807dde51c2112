package hub

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"path/filepath"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/jumpring/jumpring/core/api"
	"github.com/jumpring/jumpring/core/audit"
)

// Where seals and the log of reads are in the data folder.
const (
	auditFolder = "audit"
	sealsFile   = "seals.jsonl"
	readsFile   = "reads.log"
)

// SealsPath gives the file of seals of a data folder, ReadsPath its log of reads.
func SealsPath(data string) string { return filepath.Join(data, auditFolder, sealsFile) }

// ReadsPath gives the log of reads of a data folder.
func ReadsPath(data string) string { return filepath.Join(data, auditFolder, readsFile) }

// AuditOptions say how history is sealed.
type AuditOptions struct {
	Every time.Duration // between two seals; 0 means 1 hour
	Copy  string        // a second file for the seals; empty for none
}

// readsEvery is how long a read may wait for the disk.
const readsEvery = time.Second

// auditor seals history and keeps who read what.
type auditor struct {
	hub    *Hub
	sealer *audit.Sealer
	every  time.Duration
	log    hclog.Logger
}

// openAudit opens seals and log.
func (h *Hub) openAudit(o AuditOptions) (*auditor, error) {
	reads, err := audit.OpenReads(ReadsPath(h.o.Data), time.Now)
	if err != nil {
		return nil, err
	}
	if o.Every == 0 {
		o.Every = time.Hour
	}
	h.auditor = &auditor{hub: h, every: o.Every, log: h.log.Named("audit"), sealer: h.Sealer(reads, o.Copy)}
	return h.auditor, nil
}

// Sealer gives what seals this hub's journal, signed with the key that its drift reports are signed with.
func (h *Hub) Sealer(reads *audit.Reads, copied string) *audit.Sealer {
	return &audit.Sealer{Journal: h.journal, Reads: reads, Key: h.driftKey, File: SealsPath(h.o.Data), Copy: copied, Now: time.Now}
}

// run seals and writes reads down until ctx ends; then once more.
func (a *auditor) run(ctx context.Context) {
	failed := func(err error) { a.log.Error("history was not sealed", "error", err) }
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(readsEvery)
		defer tick.Stop()
		for ctx.Err() == nil {
			select {
			case <-ctx.Done():
			case <-tick.C:
			}
			if _, err := a.sealer.Reads.Flush(); err != nil {
				a.log.Error("reads were not written down", "error", err)
			}
		}
	}()
	a.sealer.Run(ctx, a.every, failed)
	<-done
}

// Record implements api.Auditor.
func (a *auditor) Record(r audit.Read) error { return a.sealer.Reads.Record(r) }

// Seal implements api.Auditor.
func (a *auditor) Seal(ctx context.Context) (*audit.Seal, error) { return a.sealer.Seal(ctx) }

// Seals implements api.Auditor.
func (a *auditor) Seals() ([]audit.Seal, string, error) {
	seals, err := audit.Sealed(a.sealer.File)
	if err != nil {
		return nil, "", err
	}
	key, err := a.sealer.Key()
	if err != nil {
		return nil, "", err
	}
	public, _ := key.Public().(ed25519.PublicKey) // an Ed25519 key's is one
	return seals, base64.StdEncoding.EncodeToString(public), nil
}

// Reads implements api.Auditor.
func (a *auditor) Reads(ask audit.ReadsAsked) (audit.ReadsFound, error) {
	return a.sealer.Reads.List(ask)
}

// Prove implements api.Auditor.
func (a *auditor) Prove(ctx context.Context) (api.AuditProof, error) {
	if _, err := a.sealer.Reads.Flush(); err != nil {
		return api.AuditProof{}, err
	}
	seals, key, err := a.Seals()
	if err != nil {
		return api.AuditProof{}, err
	}
	out := api.AuditProof{At: time.Now().UTC(), Journal: a.hub.journal.End(), Seals: len(seals)}
	if n := len(seals); n > 0 {
		out.Through, out.Reads = seals[n-1].Offset, seals[n-1].Reads
	}
	err = audit.Verify(ctx, a.hub.journal, seals, key, ReadsPath(a.hub.o.Data))
	switch {
	case errors.Is(err, audit.ErrAltered), errors.Is(err, audit.ErrTruncated):
		out.Fault = err.Error()
	case err != nil:
		return out, err
	default:
		out.OK = true
	}
	return out, nil
}

// Entries implements api.Auditor.
func (a *auditor) Entries(ctx context.Context, from uint64, batches int) ([]api.AuditedBatch, error) {
	out := []api.AuditedBatch{}
	for from <= a.hub.journal.End() && len(out) < batches {
		read, err := a.hub.journal.ReadFrom(ctx, from, 1<<20)
		if err != nil {
			return nil, err
		}
		for i := range read {
			b := &read[i]
			if len(out) == batches {
				break
			}
			one := api.AuditedBatch{Offset: b.Offset, At: time.Unix(0, b.Time).UTC(), Hash: hex.EncodeToString(b.Hash[:])}
			for k := range b.Entries {
				one.Entries = append(one.Entries, api.AuditedEntry{Type: b.Entries[k].Type, Head: b.Entries[k].Head})
			}
			out, from = append(out, one), b.Offset+1
		}
		if len(read) == 0 {
			break
		}
	}
	return out, nil
}
