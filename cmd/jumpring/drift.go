package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"

	"github.com/spf13/cobra"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/reconcile"
)

// driftColumns are what a row of drift shows.
var driftColumns = []column{
	{"connection", "connection"},
	{"kind", "kind"},
	{"external id", "external_id"},
	{"item", "item_id"},
	{"sku", "sku"},
	{"location", "location"},
	{"field", "field"},
	{"known", "known"},
	{"read", "read"},
	{"shows", "shows"},
	{"should", "should"},
	{"drift", "drift"},
	{"reason", "reason"},
}

func newDrift(con *console) *cobra.Command {
	c := &cobra.Command{
		Use: "drift [NAME]", Short: "Read a connection, or all, and compare with what is known and what it should show; exits 1 when something differs", Args: atMost(1),
		RunE: func(c *cobra.Command, args []string) error {
			path, what := "/v1/drift", "drift"
			if len(args) == 1 {
				path, what = path+"?connection="+url.QueryEscape(args[0]), "drift of "+args[0]
			}
			v, err := con.job(c.Context(), path, what, nil)
			if err != nil {
				return err
			}
			reports, _ := lookup(v, "drift").([]any)
			return con.driftRows(reports)
		},
	}
	c.AddCommand(newDriftRepair(con), newDriftShow(con), newDriftVerify(con), newDriftKey(con))
	return c
}

// driftRows shows the rows of some reports, and says what was put right.
func (c *console) driftRows(reports []any) error {
	var rows []any
	levels, more := int64(0), int64(0)
	for _, r := range reports {
		some, _ := lookup(r, "rows").([]any)
		rows = append(rows, some...)
		levels += number(lookup(r, "levels"))
		more += number(lookup(r, "more"))
	}
	if err := c.table(driftColumns, rows, reports); err != nil {
		return err
	}
	for _, r := range reports {
		put, _ := lookup(r, "repaired_counts").(map[string]any)
		for cause, n := range put {
			c.say("%s: %s found and put right: %s", cell(lookup(r, "connection")), cause, cell(n))
		}
		if lookup(r, "seal") != nil {
			c.say("%s: signed at position %s (%s)", cell(lookup(r, "connection")), cell(lookup(r, "position")), cell(lookup(r, "at")))
		}
	}
	c.say("%d differences, %d levels compared", int64(len(rows))+more, levels)
	if len(rows) > 0 {
		return coded(exitFailed, errors.New("there is drift"))
	}
	return nil
}

func newDriftShow(con *console) *cobra.Command {
	kept := false
	c := &cobra.Command{
		Use: "show [NAME]", Short: "Show the newest report, without reading anything; with --output json to keep it in a file", Args: atMost(1),
		RunE: func(c *cobra.Command, args []string) error {
			hub, err := con.remote()
			if err != nil {
				return err
			}
			q := url.Values{}
			if len(args) == 1 {
				q.Set("connection", args[0])
			}
			if kept {
				q.Set("kept", "true")
			}
			v, err := hub.get(c.Context(), "/v1/drift?"+q.Encode())
			if err != nil {
				return err
			}
			reports, _ := lookup(v, "reports").([]any)
			return con.table([]column{
				{"connection", "connection"},
				{"at", "at"},
				{"position", "position"},
				{"rows", "rows"},
				{"repaired", "repaired_counts"},
				{"levels", "levels"},
				{"signed by", "seal.key"},
			}, counted(reports), reports)
		},
	}
	c.Flags().BoolVar(&kept, "kept", false, "show every report that is kept")
	return c
}

// counted puts the number of rows into reports that are shown as lines.
func counted(reports []any) []any {
	out := make([]any, 0, len(reports))
	for _, r := range reports {
		line := map[string]any{}
		for _, name := range []string{"connection", "at", "position", "repaired_counts", "levels", "seal"} {
			line[name] = lookup(r, name)
		}
		rows, _ := lookup(r, "rows").([]any)
		line["rows"] = int64(len(rows)) + number(lookup(r, "more"))
		out = append(out, line)
	}
	return out
}

func newDriftKey(con *console) *cobra.Command {
	return &cobra.Command{
		Use: "key", Short: "Show the public key that this hub signs reports without rows with", Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			hub, err := con.remote()
			if err != nil {
				return err
			}
			v, err := hub.get(c.Context(), "/v1/drift/key")
			if err != nil {
				return err
			}
			return con.table([]column{{"key", "key"}}, []any{v}, v)
		},
	}
}

// maxReportFile is the largest file of reports that is read, in bytes.
const maxReportFile = 64 << 20

func newDriftVerify(con *console) *cobra.Command {
	key := ""
	c := &cobra.Command{
		Use: "verify FILE", Short: "Check that a hub signed the reports in a file, and that they have no rows; exits 1 when it did not", Args: exactly(1),
		Long: "Check that a hub signed the reports in a file, and that they have no rows. The file is what drift or drift show gives\n" +
			"with --output json. The key is asked of the hub, or given with --key: then no hub is needed.",
		RunE: func(c *cobra.Command, args []string) error {
			reports, err := readReports(args[0])
			if err != nil {
				return coded(exitUsage, err)
			}
			if key == "" {
				hub, err := con.remote()
				if err != nil {
					return err
				}
				v, err := hub.get(c.Context(), "/v1/drift/key")
				if err != nil {
					return err
				}
				key = cell(lookup(v, "key"))
			}
			for i := range reports {
				r := &reports[i]
				if err := reconcile.VerifySeal(r, key); err != nil {
					return coded(exitFailed, fmt.Errorf("%s at %s: %w", r.Connection, r.Position, err))
				}
				con.say("%s: nothing differed at position %s of journal %s (%s); %d levels, state %.12s", r.Connection, r.Position, r.Journal, r.At.Format("2006-01-02 15:04:05 MST"), r.Levels, r.State)
			}
			return nil
		},
	}
	c.Flags().StringVar(&key, "key", "", "the hub's public key, in base64, as drift key shows it")
	return c
}

// readReports reads one report, a list of them, or what /v1/drift and a job answer.
func readReports(path string) ([]canon.DriftReport, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	raw, err := io.ReadAll(io.LimitReader(f, maxReportFile))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var list []canon.DriftReport
	if json.Unmarshal(raw, &list) == nil && len(list) > 0 {
		return list, nil
	}
	var one struct {
		canon.DriftReport
		Reports []canon.DriftReport `json:"reports"`
		Drift   []canon.DriftReport `json:"drift"`
	}
	if err := json.Unmarshal(raw, &one); err != nil {
		return nil, fmt.Errorf("%s holds no drift report: write one with jumpring drift show --output json", path)
	}
	list = append(one.Reports, one.Drift...)
	if one.Connection != "" {
		list = append(list, one.DriftReport)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s holds no drift report: write one with jumpring drift show --output json", path)
	}
	return list, nil
}

// newDriftRepair puts one row right.
func newDriftRepair(con *console) *cobra.Command {
	cmd := &cobra.Command{Use: "repair CONNECTION", Short: "Put one row right: a level is written again, whatever the policy is; anything else is read anew", Args: exactly(1)}
	binding := cmd.Flags().String("binding", "", "external id of the row")
	kind := cmd.Flags().String("kind", "level", "kind of the row")
	cmd.RunE = func(c *cobra.Command, args []string) error {
		if *binding == "" {
			return coded(exitUsage, errors.New("name the row by --binding, its external id"))
		}
		return con.posted(c, "/v1/drift/"+url.PathEscape(args[0])+"/repair", map[string]any{"binding": *binding, "kind": *kind}, []column{
			{"connection", "connection"}, {"kind", "kind"}, {"binding", "binding"}, {"does", "does"}, {"shows", "shows"}, {"should", "should"},
		})
	}
	return cmd
}
