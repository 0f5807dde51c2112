package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	history "github.com/jumpring/jumpring/core/audit"
	"github.com/jumpring/jumpring/core/hub"
)

// proof is what `audit verify` found.
type proof struct {
	OK      bool   `json:"ok"`
	Journal uint64 `json:"journal_end"`
	Batches uint64 `json:"checked_batches"`
	Seals   int    `json:"seals"`
	Through uint64 `json:"sealed_through"` // offset of the newest seal
	Fault   string `json:"fault,omitempty"`
}

func newAudit(con *console) *cobra.Command {
	return group("audit", "Seal history, export it, and prove that nothing is missing", newAuditVerify(con), newAuditExport(con), newAuditSeal(con))
}

var sealColumns = []column{{"number", "number"}, {"batch", "offset"}, {"hash chain", "hash"}, {"batch of", "time"}, {"sealed at", "at"}, {"reads", "reads"}, {"key", "key"}}

func newAuditSeal(con *console) *cobra.Command {
	var list bool
	cmd := &cobra.Command{
		Use: "seal", Short: "Seal the journal's end now", Args: exactly(0),
		Long: "Have the running hub sign its journal's end and the log of reads, as it does by itself on a schedule. --list shows the\nseals that there are, and the key. Keep key and seals where nobody who can change the data folder can change them.",
		RunE: func(c *cobra.Command, _ []string) error {
			hub, err := con.remote()
			if err != nil {
				return err
			}
			if list {
				v, err := hub.get(c.Context(), "/v1/audit/seals")
				if err != nil {
					return err
				}
				seals, _ := lookup(v, "seals").([]any)
				con.say("key: %s", cell(lookup(v, "key")))
				return con.table(sealColumns, seals, v)
			}
			v, err := hub.post(c.Context(), "/v1/audit/seals", nil)
			if err != nil {
				return err
			}
			return con.record(sealColumns, v)
		},
	}
	cmd.Flags().BoolVar(&list, "list", false, "show the seals instead")
	return cmd
}

func newAuditExport(con *console) *cobra.Command {
	var from uint64
	cmd := &cobra.Command{
		Use: "export", Short: "Write out who brought what into the journal and when, with the hash chain", Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			hub, err := con.remote()
			if err != nil {
				return err
			}
			batches, err := hub.list(c.Context(), "/v1/audit/entries", url.Values{"from": {fmt.Sprint(from)}}, 0)
			if err != nil {
				return err
			}
			if con.format == "json" {
				return con.json(batches)
			}
			head := []string{"batch", "at", "type", "actor", "connection", "cause", "hash chain"}
			var rows [][]string
			for _, b := range batches {
				entries, _ := lookup(b, "entries").([]any)
				for _, e := range entries {
					rows = append(rows, []string{
						cell(lookup(b, "offset")), cell(lookup(b, "at")), cell(lookup(e, "type")), cell(lookup(e, "head.actor")),
						cell(lookup(e, "head.connection")), cell(lookup(e, "head.cause")), cell(lookup(b, "hash")),
					})
				}
			}
			return con.rows(head, rows)
		},
	}
	cmd.Flags().Uint64Var(&from, "from", 1, "offset of the first batch")
	return cmd
}

func newAuditVerify(con *console) *cobra.Command {
	var seals, key string
	cmd := &cobra.Command{
		Use: "verify", Short: "Prove journal and log of reads against the seals, on the data folder of a stopped hub", Args: exactly(0),
		Long: "Check the journal's hash chain from the first batch on, through the archive, and that every batch and every read that a seal\nnames is still there. Use --seals with the copy that is kept elsewhere, and --key with the key as it was noted: who can change\nthe data folder can change the seals in it. Exits 1 when history is missing or altered. The hub must be stopped.",
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := con.configuration()
			if err != nil {
				return err
			}
			if seals == "" {
				seals = hub.SealsPath(cfg.Data)
			}
			if raw, err := base64.StdEncoding.DecodeString(key); err != nil || key != "" && len(raw) != 32 {
				return coded(exitUsage, errors.New("--key is no public key in base64; `jumpring audit seal --list` shows it"))
			}
			h, err := con.offline(c.Context(), cfg)
			if err != nil {
				return err
			}
			found := verified{Journal: h.Journal().End()}
			err = con.journal(c.Context(), h, upTo{h.Journal(), h.Journal().End()}, true, &found)
			out := proof{Journal: found.Journal, Batches: found.Batches}
			if err == nil {
				var list []history.Seal
				if list, err = history.Sealed(seals); err == nil {
					if out.Seals = len(list); len(list) > 0 {
						out.Through = list[len(list)-1].Offset
					}
					err = history.Verify(c.Context(), h.Journal(), list, key, hub.ReadsPath(cfg.Data))
				}
			}
			if errors.Is(err, history.ErrTruncated) || errors.Is(err, history.ErrAltered) {
				out.Fault, err = err.Error(), nil
			}
			if err = errors.Join(err, h.Close()); err != nil {
				return err
			}
			out.OK = out.Fault == ""
			raw, err := decodedOf(out)
			if err != nil {
				return err
			}
			if err := con.record([]column{{"ok", "ok"}, {"journal end", "journal_end"}, {"batches checked", "checked_batches"}, {"seals", "seals"}, {"sealed through", "sealed_through"}, {"fault", "fault"}}, raw); err != nil {
				return err
			}
			if !out.OK {
				return coded(exitFailed, errors.New(strings.TrimSpace(out.Fault)+"; keep the folder as it is, and restore a backup that has what is missing"))
			}
			if out.Seals == 0 {
				con.say("there are no seals: the chain is whole, but nothing says where it ended")
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&seals, "seals", "", "file of seals (default: the one in the data folder)")
	cmd.Flags().StringVar(&key, "key", "", "public key that the seals must be signed with, in base64")
	return cmd
}
