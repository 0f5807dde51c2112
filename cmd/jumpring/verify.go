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
	OK      bool           `json:"ok"`
	Journal uint64         `json:"journal_end"` // offset of its newest batch
	View    digests        `json:"view"`
	Rebuilt *digests       `json:"rebuilt,omitempty"` // of a view made anew from the journal alone
	Records map[string]int `json:"records"`
}

func newVerify(con *console) *cobra.Command {
	var scope string
	var only bool
	cmd := &cobra.Command{
		Use: "verify", Short: "Prove that the view is what the journal says, on the data folder of a stopped hub", Args: exactly(0),
		Long: "Read the whole journal with its hash chain, fold it anew beside the view, and compare both digests. Exits 1 when they\ndiffer. The hub must be stopped.",
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
			found := verified{Journal: h.Journal().End()}
			err = con.fold(c.Context(), "view", h.Journal(), h.Store())
			if err == nil {
				found.View, found.Records, err = digestsOf(c.Context(), h.Store())
			}
			if err == nil && !only {
				found.Rebuilt, err = con.rebuilt(c.Context(), cfg.Data, h)
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
	cmd.Flags().BoolVar(&only, "digest-only", false, "digests of the view, without folding the journal anew")
	return cmd
}

// rebuilt folds the journal into a view of its own beside the hub's and gives its digests.
func (c *console) rebuilt(ctx context.Context, data string, h *hub.Hub) (*digests, error) {
	dir, err := os.MkdirTemp(data, "verify-*")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	s, err := store.Open(store.Options{Dir: dir})
	if err != nil {
		return nil, err
	}
	err = c.fold(ctx, "journal anew", h.Journal(), s)
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
		{"state digest", "view.state"},
		{"golden digest", "view.golden"},
		{"state, anew", "rebuilt.state"},
		{"golden, anew", "rebuilt.golden"},
	}, raw)
}
