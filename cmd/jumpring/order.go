package main

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

var orderColumns = []column{
	{"id", "id"},
	{"connection", "connection"},
	{"number", "number"},
	{"status", "status"},
	{"placed", "placed_at"},
	{"currency", "currency"},
	{"total (minor units)", "total.minor"},
	{"fulfilments", "fulfilments.status"},
	{"payments", "payments.status"},
	{"returns", "returns.status"},
}

var papersColumns = append(
	orderColumns,
	column{"fulfilment", "fulfilments.id"}, column{"payment", "payments.id"}, column{"return", "returns.id"},
)

var actionColumns = []column{
	{"key", "key"}, {"kind", "kind"}, {"connection", "connection"}, {"order", "order"}, {"state", "state"}, {"attempts", "attempts"}, {"code", "code"}, {"detail", "detail"},
}

var reservationColumns = []column{
	{"id", "id"}, {"item", "item"}, {"stage", "stage"}, {"live", "live"}, {"until", "until"}, {"ended", "ended"},
}

func newOrder(con *console) *cobra.Command {
	at := func(id, rest string) string { return "/v1/orders/" + url.PathEscape(id) + rest }
	list := &cobra.Command{Use: "list", Short: "List orders", Args: exactly(0)}
	query := filters(list, map[string]string{"connection": "where it was placed", "external_id": "the platform's id", "client": "any id of a client"})
	limit := list.Flags().Int("limit", 100, "how many at most; 0 for all")
	list.RunE = func(c *cobra.Command, _ []string) error {
		return con.listed(c, "/v1/orders", query(), *limit, orderColumns)
	}
	get := &cobra.Command{Use: "get ID", Short: "Show an order with its fulfilments, payments and returns", Args: exactly(1), RunE: func(c *cobra.Command, args []string) error {
		return con.shown(c, at(args[0], ""), papersColumns)
	}}
	actions := &cobra.Command{Use: "actions ID", Short: "List what was asked for at the order's platform, and how far it is", Args: exactly(1), RunE: func(c *cobra.Command, args []string) error {
		return con.listed(c, at(args[0], "/actions"), nil, 0, actionColumns)
	}}
	ask := func(use, short, path string, args int, body func(args []string) (map[string]any, error)) *cobra.Command {
		cmd := &cobra.Command{Use: use, Short: short, Args: exactly(args)}
		note := cmd.Flags().String("note", "", "why; the platform's staff reads it too")
		refund := cmd.Flags().String("refund", "auto", "how money goes back: auto, original, by_hand or none")
		reason := cmd.Flags().String("reason", "customer", "what the platform is told: inventory, customer, fraud or other")
		restock := cmd.Flags().Bool("restock", false, "the goods go back into the platform's stock")
		notify := cmd.Flags().Bool("notify", false, "the platform writes to the buyer, where it can be told")
		again := cmd.Flags().Bool("again", false, "what was sent before, with an outcome that nobody knows, did not happen")
		cmd.RunE = func(c *cobra.Command, args []string) error {
			b, err := body(args)
			if err != nil {
				return err
			}
			b["note"], b["refund"], b["reason"], b["restock"], b["notify"], b["again"] = *note, *refund, *reason, *restock, *notify, *again
			return con.posted(c, at(args[0], path), b, actionColumns)
		}
		return cmd
	}
	cancel := ask("cancel ID", "Cancel an order at its platform", "/cancel", 1, func([]string) (map[string]any, error) { return map[string]any{}, nil })
	refund := ask("refund ID LINE[=QUANTITY],…", "Give back at its platform what was paid for lines", "/refund", 2, func(args []string) (map[string]any, error) {
		lines, err := linesOf(args[1])
		return map[string]any{"lines": lines}, err
	})
	return group("order", "Orders with their fulfilments, payments and returns", list, get, newOrderStep(con), actions, cancel, refund, newTimeline(con, "orders"))
}

// linesOf reads LINE[=QUANTITY],….
func linesOf(words string) ([]map[string]any, error) {
	var lines []map[string]any
	for _, word := range strings.Split(words, ",") {
		id, quantity, stated := strings.Cut(word, "=")
		n := int64(1)
		if stated {
			var err error
			if n, err = strconv.ParseInt(quantity, 10, 64); err != nil || n < 1 {
				return nil, coded(exitUsage, fmt.Errorf("%q is no quantity", quantity))
			}
		}
		lines = append(lines, map[string]any{"id": id, "quantity": n})
	}
	return lines, nil
}

// given collects flags for the body of a step: those that were set.
type given struct {
	words map[string]*string
	flags map[string]*bool
}

func givenBy(cmd *cobra.Command, words, flags map[string]string) given {
	g := given{words: map[string]*string{}, flags: map[string]*bool{}}
	for name, what := range words {
		g.words[strings.ReplaceAll(name, "-", "_")] = cmd.Flags().String(name, "", what)
	}
	for name, what := range flags {
		g.flags[strings.ReplaceAll(name, "-", "_")] = cmd.Flags().Bool(name, false, what)
	}
	return g
}

func (g given) into(body map[string]any) {
	for name, v := range g.words {
		if *v != "" {
			body[name] = *v
		}
	}
	for name, v := range g.flags {
		if *v {
			body[name] = true
		}
	}
}

// amountOf reads "1250.00 EUR" into a body's amount.
func amountOf(words string, body map[string]any, name string) error {
	if words == "" {
		return nil
	}
	amount, currency, ok := strings.Cut(strings.TrimSpace(words), " ")
	if !ok {
		return coded(exitUsage, fmt.Errorf("%q is no amount; write it as \"1250.00 EUR\"", words))
	}
	body[name] = map[string]any{"amount": amount, "currency": currency}
	return nil
}

func newOrderStep(con *console) *cobra.Command {
	step := &cobra.Command{
		Use: "step ORDER fulfilment|payment|return EVENT", Args: exactly(3),
		Short: "Take a step of a document of an order: create, pick, ship, capture, request, receive, refund …",
	}
	g := givenBy(step, map[string]string{
		"id": "the document (default: a new one)", "item": "id of the goods of one line", "scanned": "what was read from the goods", "location": "one of the hub's locations",
		"carrier": "who takes the parcel", "tracking": "number of the parcel", "kind": "of a new payment: card, cash …", "payment": "the payment that a return's refund goes back by",
		"exchange": "the sale of what the client takes in place of the goods", "reference": "of a payment: the gateway's", "reason": "why",
	}, map[string]string{
		"identified": "who takes the goods was checked", "inspected": "a person looked at the goods", "certificate": "the goods' reports are there",
		"within-policy": "the return is in time and state", "approved": "a manager allows it",
	})
	lines := step.Flags().String("lines", "", "of a new fulfilment or return: LINE[=QUANTITY],… (default: all that are open)")
	amount := step.Flags().String("amount", "", "of the step, such as \"1250.00 EUR\" (default: what is open)")
	step.RunE = func(c *cobra.Command, args []string) error {
		body := map[string]any{"document": args[1], "event": args[2]}
		g.into(body)
		if *lines != "" {
			of, err := linesOf(*lines)
			if err != nil {
				return err
			}
			body["lines"] = of
		}
		if err := amountOf(*amount, body, "amount"); err != nil {
			return err
		}
		return con.posted(c, "/v1/orders/"+url.PathEscape(args[0])+"/documents", body, papersColumns)
	}
	return step
}

func newReservation(con *console) *cobra.Command {
	hold := &cobra.Command{Use: "make ITEM", Short: "Hold an item", Args: exactly(1)}
	span := hold.Flags().Duration("for", 15*time.Minute, "for how long")
	collect := hold.Flags().Bool("collect", false, "it is collected at a boutique, which confirms, picks and keeps it ready")
	quantity := hold.Flags().Int64("quantity", 1, "of a quantity SKU")
	whom := givenBy(hold, map[string]string{"location": "of a quantity SKU", "for-whom": "for a person to read"}, nil)
	hold.RunE = func(c *cobra.Command, args []string) error {
		body := map[string]any{"seconds": int64(span.Seconds()), "collect": *collect, "quantity": *quantity}
		whom.into(body)
		return con.posted(c, "/v1/items/"+url.PathEscape(args[0])+"/reservations", body, reservationColumns)
	}
	step := &cobra.Command{Use: "step RESERVATION EVENT", Short: "Take a step of one that is collected: confirm, refuse, pick, ready, extend, collect, cancel, restock", Args: exactly(2)}
	g := givenBy(step, map[string]string{"scanned": "what was read from the goods", "receipt": "of the sale"}, map[string]string{"identified": "who collects was checked", "paid": "the balance is settled"})
	keep := step.Flags().Duration("keep", 0, "of ready and extend: for how long the goods are kept, from now on")
	price := step.Flags().String("price", "", "of one, of collect: \"1250.00 EUR\"")
	step.RunE = func(c *cobra.Command, args []string) error {
		body := map[string]any{"event": args[1]}
		g.into(body)
		if s := int64(keep.Seconds()); s > 0 {
			body["seconds"] = s
		}
		if err := amountOf(*price, body, "price"); err != nil {
			return err
		}
		columns := reservationColumns
		if args[1] == "collect" {
			columns = orderColumns
		}
		return con.posted(c, "/v1/reservations/"+url.PathEscape(args[0])+"/step", body, columns)
	}
	release := &cobra.Command{Use: "release ITEM RESERVATION", Short: "End a reservation", Args: exactly(2), RunE: func(c *cobra.Command, args []string) error {
		return con.posted(c, "/v1/items/"+url.PathEscape(args[0])+"/reservations/"+url.PathEscape(args[1])+"/release", map[string]any{}, reservationColumns)
	}}
	return group("reservation", "Hold items, and have them collected at a boutique", hold, step, release)
}
