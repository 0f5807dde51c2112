package main

import (
	"net/url"
	"time"

	"github.com/spf13/cobra"
)

var creditColumns = []column{
	{"id", "id"}, {"kind", "kind"}, {"status", "status"}, {"balance (minor units)", "balance"}, {"held", "held"}, {"currency", "currency"}, {"client", "client"}, {"until", "until"},
}

var creditLineColumns = []column{
	{"key", "key"}, {"kind", "kind"}, {"amount (minor units)", "amount"}, {"of", "of"}, {"document", "document"}, {"reason", "reason"}, {"by", "by"}, {"at", "at"},
}

func newCredit(con *console) *cobra.Command {
	list := &cobra.Command{Use: "list", Short: "List gift cards and store credits", Args: exactly(0)}
	query := filters(list, map[string]string{"status": "issued, active, blocked, expired or cancelled"})
	list.RunE = func(c *cobra.Command, _ []string) error {
		return con.listed(c, "/v1/credits", query(), 0, creditColumns)
	}
	at := func(id, rest string) string { return "/v1/credits/" + url.PathEscape(id) + rest }
	show := &cobra.Command{Use: "show ID", Short: "Show a gift card or store credit", Args: exactly(1), RunE: func(c *cobra.Command, args []string) error {
		return con.shown(c, at(args[0], ""), creditColumns)
	}}
	lines := &cobra.Command{Use: "lines ID", Short: "List the lines that a balance is the sum of", Args: exactly(1), RunE: func(c *cobra.Command, args []string) error {
		return con.listed(c, at(args[0], "/lines"), nil, 0, creditLineColumns)
	}}
	issue := &cobra.Command{Use: "issue KIND AMOUNT CURRENCY", Short: "Issue a gift_card or a store_credit", Args: exactly(3)}
	client := issue.Flags().String("client", "", "whom it belongs to")
	paid := issue.Flags().Bool("paid", false, "it is paid for, or given: it can be spent at once")
	valid := issue.Flags().Duration("valid", 0, "until it expires (default: never)")
	issue.RunE = func(c *cobra.Command, args []string) error {
		body := map[string]any{"kind": args[0], "amount": map[string]any{"amount": args[1], "currency": args[2]}, "client": *client, "paid": *paid}
		if *valid >= time.Second {
			body["seconds"] = int64(valid.Seconds())
		}
		return con.posted(c, "/v1/credits", body, creditColumns)
	}
	step := func(event, short string, takesMoney bool) *cobra.Command {
		cmd := &cobra.Command{Use: event + " ID", Short: short, Args: exactly(1)}
		if takesMoney {
			cmd.Use, cmd.Args = event+" ID AMOUNT CURRENCY", exactly(3)
		}
		f := cmd.Flags()
		of := f.String("of", "", "the line that it is of")
		document := f.String("document", "", "the order or return that it pays or comes from")
		reason := f.String("reason", "", "why")
		approved := f.Bool("approved", false, "a manager allows it")
		stepPaid := f.Bool("paid", false, "it is paid for")
		stepValid := f.Duration("valid", 0, "of an extension: until it expires, from now on")
		cmd.RunE = func(c *cobra.Command, args []string) error {
			body := map[string]any{"of": *of, "document": *document, "reason": *reason, "approved": *approved, "paid": *stepPaid}
			if takesMoney {
				body["amount"] = map[string]any{"amount": args[1], "currency": args[2]}
			}
			if *stepValid >= time.Second {
				body["seconds"] = int64(stepValid.Seconds())
			}
			return con.posted(c, at(args[0], "/"+event), body, creditColumns)
		}
		return cmd
	}
	return group(
		"credit", "Gift cards and store credits", list, show, lines, issue, step("activate", "Make an issued gift card spendable", false), step("load", "Add to it", true),
		step("redeem", "Pay with it", true), step("refund", "Add the money of a return", true), step("authorize", "Hold an amount", true),
		step("capture", "Take what --of holds", false), step("release", "Free what --of holds", false), step("reverse", "Undo the line --of", false),
		step("adjust", "Correct the balance, up or (after --) down", true), step("block", "Block it", false), step("unblock", "Unblock it", false), step("cancel", "Cancel it", false),
		step("extend", "Bring an expired one back", false), newTimeline(con, "credits"),
	)
}
