package main

import (
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

var consignmentColumns = []column{
	{"id", "id"},
	{"kind", "kind"},
	{"party", "party"},
	{"reference", "reference"},
	{"until", "until"},
	{"items", "lines.item"},
	{"state of each", "lines.status"},
	{"owed (minor units)", "lines.payable.minor"},
	{"due", "lines.due"},
	{"overdue", "lines.overdue"},
}

func newConsignment(con *console) *cobra.Command {
	list := &cobra.Command{Use: "list", Short: "List consignments", Args: exactly(0), RunE: func(c *cobra.Command, _ []string) error {
		return con.listed(c, "/v1/consignments", nil, 0, consignmentColumns)
	}}
	at := func(id, rest string) string { return "/v1/consignments/" + url.PathEscape(id) + rest }
	show := &cobra.Command{Use: "show ID", Short: "Show a consignment", Args: exactly(1), RunE: func(c *cobra.Command, args []string) error {
		return con.shown(c, at(args[0], ""), consignmentColumns)
	}}
	receive := &cobra.Command{Use: "receive PARTY ITEM[=\"AMOUNT CURRENCY\"],…", Short: "Take pieces of somebody else in for sale, with what is owed for each", Args: exactly(2)}
	g := givenBy(receive, map[string]string{"kind": "consigned or memo_in", "reference": "the house's own number of the document"}, map[string]string{"inspected": "a person looked at them"})
	terms := receive.Flags().Duration("terms", 30*24*time.Hour, "after a sale until what is owed has to be paid out")
	receive.RunE = func(c *cobra.Command, args []string) error {
		body := map[string]any{"party": args[0], "terms": int64(terms.Seconds())}
		g.into(body)
		var pieces []map[string]any
		for _, word := range strings.Split(args[1], ",") {
			item, payable, _ := strings.Cut(word, "=")
			piece := map[string]any{"item": item}
			if err := amountOf(payable, piece, "payable"); err != nil {
				return err
			}
			pieces = append(pieces, piece)
		}
		body["pieces"] = pieces
		return con.posted(c, "/v1/consignments", body, consignmentColumns)
	}
	step := func(event, short string) *cobra.Command {
		cmd := &cobra.Command{Use: event + " ID [ITEM]", Short: short, Args: cobra.RangeArgs(1, 2)}
		g := givenBy(cmd, map[string]string{"scanned": "what was read from the piece"}, map[string]string{"approved": "a manager allows it"})
		span := cmd.Flags().Duration("for", 90*24*time.Hour, "of offer: until what was not sold has to go back")
		amount := cmd.Flags().String("amount", "", "of pay_out, such as \"900 EUR\" (default: what is owed)")
		cmd.RunE = func(c *cobra.Command, args []string) error {
			body := map[string]any{"event": event}
			g.into(body)
			if len(args) > 1 {
				body["item"] = args[1]
			}
			if event == "offer" {
				body["seconds"] = int64(span.Seconds())
			}
			if err := amountOf(*amount, body, "amount"); err != nil {
				return err
			}
			return con.posted(c, at(args[0], "/step"), body, consignmentColumns)
		}
		return cmd
	}
	return group(
		"consignment", "Pieces that others let the house sell", list, show, receive, step("offer", "Put pieces on sale"), step("give_back", "Give a piece back"),
		step("convert", "Make a piece the house's own"), step("donate", "Give a piece away"), step("pay_out", "Pay out what is owed for a sold piece"), newTimeline(con, "consignments"),
	)
}
