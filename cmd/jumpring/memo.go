package main

import (
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

var memoColumns = []column{
	{"id", "id"}, {"status", "status"}, {"party", "party"}, {"reference", "reference"}, {"until", "until"}, {"items", "lines.item"}, {"state of each", "lines.status"}, {"claims", "lines.claim"},
}

func newMemo(con *console) *cobra.Command {
	list := &cobra.Command{Use: "list", Short: "List memos", Args: exactly(0)}
	query := filters(list, map[string]string{"status": "issued, part_settled, overdue, settled or returned"})
	list.RunE = func(c *cobra.Command, _ []string) error { return con.listed(c, "/v1/memos", query(), 0, memoColumns) }
	show := &cobra.Command{Use: "show ID", Short: "Show a memo", Args: exactly(1), RunE: func(c *cobra.Command, args []string) error {
		return con.shown(c, "/v1/memos/"+url.PathEscape(args[0]), memoColumns)
	}}
	post := func(c *cobra.Command, path string, body any) error {
		hub, err := con.remote()
		if err != nil {
			return err
		}
		v, err := hub.post(c.Context(), path, body)
		if err != nil {
			return err
		}
		return con.record(memoColumns, v)
	}
	lend := &cobra.Command{Use: "lend ITEM,ITEM… PARTY", Short: "Lend pieces to a client or another house", Args: exactly(2)}
	days := lend.Flags().Int64("days", 7, "for how many days")
	reference := lend.Flags().String("reference", "", "the house's own number of the memo")
	lend.RunE = func(c *cobra.Command, args []string) error {
		return post(c, "/v1/memos", map[string]any{
			"items": strings.Split(args[0], ","), "party": args[1], "seconds": *days * int64(24*time.Hour/time.Second), "reference": *reference,
		})
	}
	back := &cobra.Command{Use: "take-back ID ITEM SCANNED", Short: "Take a lent piece back, by what was read from it", Args: exactly(3)}
	inspected := back.Flags().Bool("inspected", false, "a person looked at it")
	back.RunE = func(c *cobra.Command, args []string) error {
		return post(c, "/v1/memos/"+url.PathEscape(args[0])+"/take-back", map[string]any{"item": args[1], "scanned": args[2], "inspected": *inspected})
	}
	extend := &cobra.Command{Use: "extend ID", Short: "Give a memo more time, from now on", Args: exactly(1)}
	more := extend.Flags().Int64("days", 7, "for how many days")
	extend.RunE = func(c *cobra.Command, args []string) error {
		return post(c, "/v1/memos/"+url.PathEscape(args[0])+"/extend", map[string]any{"seconds": *more * int64(24*time.Hour/time.Second)})
	}
	return group("memo", "Lend pieces and take them back", list, show, lend, back, extend)
}
