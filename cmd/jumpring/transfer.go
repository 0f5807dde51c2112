package main

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

var transferColumns = []column{
	{"id", "id"},
	{"status", "status"},
	{"from", "from"},
	{"to", "to"},
	{"reference", "reference"},
	{"due", "due"},
	{"items", "lines.item"},
	{"state of each", "lines.status"},
	{"received", "lines.received"},
	{"missing", "lines.missing"},
}

// posted sends one step and shows the record that it gives.
func (c *console) posted(cmd *cobra.Command, path string, body any, columns []column) error {
	hub, err := c.remote()
	if err != nil {
		return err
	}
	v, err := hub.post(cmd.Context(), path, body)
	if err != nil {
		return err
	}
	return c.record(columns, v)
}

func newTransfer(con *console) *cobra.Command {
	list := &cobra.Command{Use: "list", Short: "List transfers", Args: exactly(0)}
	query := filters(list, map[string]string{"status": "requested, approved, picked, in_transit, part_received, received, investigated, closed or cancelled"})
	list.RunE = func(c *cobra.Command, _ []string) error {
		return con.listed(c, "/v1/transfers", query(), 0, transferColumns)
	}
	show := &cobra.Command{Use: "show ID", Short: "Show a transfer", Args: exactly(1), RunE: func(c *cobra.Command, args []string) error {
		return con.shown(c, "/v1/transfers/"+url.PathEscape(args[0]), transferColumns)
	}}
	request := &cobra.Command{Use: "request FROM TO ITEM[=QUANTITY],…", Short: "Ask for goods to go from one place to another", Args: exactly(3)}
	reference := request.Flags().String("reference", "", "the house's own number of the transfer")
	request.RunE = func(c *cobra.Command, args []string) error {
		var lines []map[string]any
		for _, good := range strings.Split(args[2], ",") {
			item, quantity, stated := strings.Cut(good, "=")
			line := map[string]any{"item": item}
			if stated {
				n, err := strconv.ParseInt(quantity, 10, 64)
				if err != nil || n < 1 {
					return coded(exitUsage, fmt.Errorf("%q is no quantity", quantity))
				}
				line["quantity"] = n
			}
			lines = append(lines, line)
		}
		return con.posted(c, "/v1/transfers", map[string]any{"from": args[0], "to": args[1], "lines": lines, "reference": *reference}, transferColumns)
	}
	at := func(id, event string) string { return "/v1/transfers/" + url.PathEscape(id) + "/" + event }
	handle := func(event, short string) *cobra.Command {
		cmd := &cobra.Command{Use: event + " ID SCANNED", Short: short, Args: exactly(2)}
		item := cmd.Flags().String("item", "", "id of the goods (default: found by what was read)")
		quantity := cmd.Flags().Int64("quantity", 0, "of a quantity SKU (default: all that are open)")
		cmd.RunE = func(c *cobra.Command, args []string) error {
			body := map[string]any{"scanned": args[1], "item": *item}
			if *quantity != 0 {
				body["quantity"] = *quantity
			}
			return con.posted(c, at(args[0], event), body, transferColumns)
		}
		return cmd
	}
	ship := &cobra.Command{Use: "ship ID SEAL", Short: "Send a picked transfer on its way; not by who approved it", Args: exactly(2)}
	within := ship.Flags().Duration("within", 72*time.Hour, "what has not arrived by then is missing")
	ship.RunE = func(c *cobra.Command, args []string) error {
		return con.posted(c, at(args[0], "ship"), map[string]any{"seal": args[1], "seconds": int64(within.Seconds())}, transferColumns)
	}
	decide := func(event, short string) *cobra.Command {
		cmd := &cobra.Command{Use: event + " ID", Short: short, Args: exactly(1)}
		reason := cmd.Flags().String("reason", "", "why")
		approved := cmd.Flags().Bool("approved", false, "a manager allows it")
		cmd.RunE = func(c *cobra.Command, args []string) error {
			return con.posted(c, at(args[0], event), map[string]any{"reason": *reason, "approved": *approved}, transferColumns)
		}
		return cmd
	}
	return group(
		"transfer", "Move goods between the house's places", list, show, request, decide("approve", "Approve a transfer"),
		handle("pick", "Pick goods by what was read from them"), ship, handle("receive", "Take goods in that arrived"),
		decide("miss", "Report what has not arrived as missing"), decide("close", "Close a transfer"), decide("cancel", "Cancel one that was not shipped"),
		newTimeline(con, "transfers"),
	)
}

// newMove states what becomes of goods.
func newMove(con *console) *cobra.Command {
	move := &cobra.Command{
		Use: "move ID EVENT", Short: "State what becomes of goods: repair, finish, damage, restock, return, miss, find, report_stolen, write_off, melt, scrap …", Args: exactly(2),
	}
	f := move.Flags()
	words := map[string]*string{}
	for name, what := range map[string]string{
		"location": "of a quantity SKU, or where a piece was found", "claim": "of a quantity SKU: which of what was set aside", "scanned": "what was read from the piece",
		"reference": "of the police, the insurer, the vendor's document", "component": "the piece that it goes into",
	} {
		words[name] = f.String(name, "", what)
	}
	flags := map[string]*bool{}
	for name, what := range map[string]string{
		"inspected": "a person looked at it", "certificate": "its report is there", "approved": "a manager allows it", "within-policy": "the return is within the house's policy",
	} {
		flags[strings.ReplaceAll(name, "-", "_")] = f.Bool(name, false, what)
	}
	quantity := f.Int64("quantity", 0, "of a quantity SKU")
	move.RunE = func(c *cobra.Command, args []string) error {
		body := map[string]any{"event": args[1]}
		for name, v := range words {
			body[name] = *v
		}
		for name, v := range flags {
			body[name] = *v
		}
		if *quantity != 0 {
			body["quantity"] = *quantity
		}
		return con.posted(c, "/v1/items/"+url.PathEscape(args[0])+"/move", body, itemColumns)
	}
	return move
}
