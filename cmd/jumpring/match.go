package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"

	"github.com/spf13/cobra"
)

var matchColumns = []column{
	{"connection", "connection"}, {"listing_id", "listing_id"}, {"sku", "sku"}, {"title", "title"}, {"reason", "reason"}, {"candidates", "candidates"}, {"decision", "decision"},
}

func newMatch(con *console) *cobra.Command {
	export := &cobra.Command{Use: "export NAME", Short: "Write the listings of a connection that could not be joined, to be filled", Args: exactly(1)}
	file := export.Flags().String("file", "", "file to write (CSV); the output where it is left out")
	export.RunE = func(c *cobra.Command, args []string) error {
		path := "/v1/connections/" + url.PathEscape(args[0]) + "/matches"
		if *file == "" && con.format != "csv" {
			return con.listed(c, path, nil, 0, matchColumns)
		}
		hub, err := con.remote()
		if err != nil {
			return err
		}
		raw, _, err := hub.call(c.Context(), http.MethodGet, path+"?format=csv", nil)
		if err != nil {
			return err
		}
		if *file != "" {
			return os.WriteFile(*file, raw, 0o600)
		}
		_, err = con.out.Write(raw)
		return err
	}
	fill := &cobra.Command{
		Use: "import NAME FILE", Short: "Take the decisions of a filled match list", Args: exactly(2),
		Long: "Take the decisions of a filled match list: the column decision has an item's id, new (an item of its own), none (kept\nunbound) or undo (the decision that was made is taken back). A row without a decision decides nothing. FILE may be -.",
		RunE: func(c *cobra.Command, args []string) error {
			raw, err := con.read(args[1])
			if err != nil {
				return coded(exitUsage, err)
			}
			hub, err := con.remote()
			if err != nil {
				return err
			}
			path := "/v1/connections/" + url.PathEscape(args[0]) + "/matches"
			var v any
			if json.Valid(raw) { // a list of rows, as `match export --output json` writes it
				var rows []struct {
					Connection string `json:"connection"`
					ListingID  string `json:"listing_id"`
					Decision   string `json:"decision"`
				}
				if err := json.Unmarshal(raw, &rows); err != nil {
					return coded(exitUsage, fmt.Errorf("%s is no list of rows with listing_id and decision", args[1]))
				}
				v, err = hub.post(c.Context(), path, map[string]any{"rows": rows})
			} else {
				v, err = hub.post(c.Context(), path, raw)
			}
			if err != nil {
				return err
			}
			if err := con.record([]column{{"applied", "applied"}, {"skipped", "skipped"}}, v); err != nil {
				return err
			}
			refused, _ := lookup(v, "refused").([]any)
			for _, r := range refused {
				con.say("%s: %s", printable(cell(lookup(r, "listing_id"))), printable(cell(lookup(r, "problem.detail"))))
			}
			if len(refused) > 0 {
				return coded(exitRefused, errors.New("some decisions were refused"))
			}
			return nil
		},
	}
	return group("match", "Join by hand what could not be joined", export, fill)
}
