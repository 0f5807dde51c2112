package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/jumpring/jumpring/core/hub"
	"github.com/jumpring/jumpring/core/store"
)

// verified is what verify found.
type verified struct {
	OK      bool   `json:"ok"`
	Journal uint64 `json:"journal_end"` // offset of its newest batch
	// From is the batch from which on the journal's bytes, hash chain and effect were checked.
	From    uint64         `json:"checked_from"`
	Batches uint64         `json:"checked_batches"`
	View    digests        `json:"view"`
	Rebuilt *digests       `json:"rebuilt,omitempty"` // of a view made anew from the journal alone
	Records map[string]int `json:"records"`
}

func newVerify(con *console) *cobra.Command {
	var scope string
	var only, fromZero bool
	cmd := &cobra.Command{
		Use: "verify", Short: "Prove that the view is what the journal says, on the data folder of a stopped hub", Args: exactly(0),
		Long: "Check the journal's bytes and hash chain, fold it anew beside the view, and compare both digests. That begins at the\nnewest snapshot; with --from-zero at the first batch, through the archive. Exits 1 when something differs. The hub must\nbe stopped. A journal that nodes share is read from the brokers, beside nodes that go on.",
		RunE: func(c *cobra.Command, _ []string) error {
			if scope != "" && scope != string(store.ScopeState) && scope != string(store.ScopeGolden) {
				return coded(exitUsage, fmt.Errorf("--scope %q: use state or golden", scope))
			}
			cfg, err := con.configuration()
			if err != nil {
				return err
			}
			h, err := con.offline(c.Context(), cfg)
			if err != nil {
				return err
			}
			j := journalOf(h)
			found := verified{Journal: j.End()}
			err = con.journal(c.Context(), h, j, fromZero, &found)
			if err != nil {
				return errors.Join(err, h.Close())
			}
			err = con.fold(c.Context(), "view", j, h.Store())
			if err == nil {
				found.View, found.Records, err = digestsOf(c.Context(), h.Store())
			}
			if err == nil && !only {
				found.Rebuilt, err = con.rebuilt(c.Context(), cfg.Data, h, j, fromZero)
			}
			if err = errors.Join(err, h.Close()); err != nil {
				return err
			}
			found.OK = found.Rebuilt == nil || *found.Rebuilt == found.View
			if err := con.verified(found, scope); err != nil {
				return err
			}
			if !found.OK {
				return coded(exitFailed, errors.New("the view is not what the journal says: run `jumpring rebuild`, and keep a copy of the folder for whoever looks into it"))
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&scope, "scope", "", "print one digest alone: state or golden")
	cmd.Flags().BoolVar(&fromZero, "from-zero", false, "from the first batch on, through the archive")
	cmd.Flags().BoolVar(&only, "digest-only", false, "digests of the view, without folding the journal anew")
	return cmd
}

// journal checks the journal's bytes.
func (c *console) journal(ctx context.Context, h *hub.Hub, j upTo, fromZero bool, found *verified) error {
	from := uint64(1)
	if !fromZero {
		_, mark, ok, err := h.NewestSnapshot(ctx)
		if err != nil {
			return err
		}
		if ok {
			from = mark.Position.Offset
		}
	}
	if h.Local() == nil {
		return c.stream(ctx, j, from, found)
	}
	bar := c.progress("journal")
	defer bar.end()
	rep, err := h.Local().VerifyProgress(ctx, from, func(last uint64) { bar.at(int64(last), int64(found.Journal)) })
	if err != nil {
		return err
	}
	if rep.Fault != nil {
		return coded(exitFailed, rep.Fault)
	}
	bar.done()
	found.From, found.Batches = rep.First, rep.Batches
	return nil
}

// rebuilt folds the journal into a view of its own beside the hub's, from the newest snapshot or from zero, and gives its
// digests.
func (c *console) rebuilt(ctx context.Context, data string, h *hub.Hub, j upTo, fromZero bool) (*digests, error) {
	dir, err := os.MkdirTemp(data, "verify-*")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	s, err := store.Open(store.Options{Dir: dir})
	if err != nil {
		return nil, err
	}
	if !fromZero {
		path, _, ok, findErr := h.NewestSnapshot(ctx)
		if err = findErr; err == nil && ok {
			bar := c.progress("snapshot")
			err = store.LoadSnapshot(ctx, path, s, bar.at)
			bar.end()
		}
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	err = c.fold(ctx, "journal anew", j, s)
	var d digests
	if err == nil {
		d, _, err = digestsOf(ctx, s)
	}
	return &d, errors.Join(err, s.Close())
}

func (c *console) verified(v verified, scope string) error {
	if scope != "" && c.format != "json" {
		digest := v.View.State
		if scope == string(store.ScopeGolden) {
			digest = v.View.Golden
		}
		_, err := fmt.Fprintln(c.out, digest)
		return err
	}
	raw, err := decodedOf(v)
	if err != nil {
		return err
	}
	return c.record([]column{
		{"ok", "ok"},
		{"journal end", "journal_end"},
		{"checked from", "checked_from"},
		{"batches checked", "checked_batches"},
		{"state digest", "view.state"},
		{"golden digest", "view.golden"},
		{"state, anew", "rebuilt.state"},
		{"golden, anew", "rebuilt.golden"},
	}, raw)
}
