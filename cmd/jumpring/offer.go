package main

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
)

var offerColumns = []column{
	{"id", "id"},
	{"status", "status"},
	{"name", "name"},
	{"currency", "currency"},
	{"priority", "priority"},
	{"connections", "connections"},
	{"locations", "locations"},
	{"groups", "groups"},
	{"from", "from"},
	{"until", "until"},
	{"prices", "prices"},
	{"percent off (hundredths)", "percent"},
	{"off (minor units)", "off"},
}

// scopeFlags are the flags that say where, for whom and when an offer applies.
func scopeFlags(cmd *cobra.Command) func(name, currency string) map[string]any {
	f := cmd.Flags()
	priority := f.Int64("priority", 0, "the higher counts")
	connections, locations, groups := f.StringSlice("connection", nil, "where it applies (default: everywhere)"), f.StringSlice("location", nil, "at which places"), f.StringSlice("group", nil, "for clients of which tags")
	from, until := f.String("from", "", "RFC 3339 (default: at once)"), f.String("until", "", "RFC 3339 (default: for ever)")
	return func(name, currency string) map[string]any {
		return map[string]any{
			"name": name, "currency": currency, "priority": *priority, "connections": *connections, "locations": *locations, "groups": *groups, "from": *from, "until": *until,
		}
	}
}

// offerCommands are what price lists and promotions have in common.
func offerCommands(con *console, path, states string, steps map[string]string) []*cobra.Command {
	list := &cobra.Command{Use: "list", Short: "List them", Args: exactly(0)}
	query := filters(list, map[string]string{"status": states})
	list.RunE = func(c *cobra.Command, _ []string) error { return con.listed(c, path, query(), 0, offerColumns) }
	show := &cobra.Command{Use: "show ID", Short: "Show one", Args: exactly(1), RunE: func(c *cobra.Command, args []string) error {
		return con.shown(c, path+"/"+url.PathEscape(args[0]), offerColumns)
	}}
	out := []*cobra.Command{list, show, newTimeline(con, strings.TrimPrefix(path, "/v1/"))}
	for event, short := range steps {
		cmd := &cobra.Command{Use: event + " ID", Short: short, Args: exactly(1)}
		approved := cmd.Flags().Bool("approved", false, "a manager allows it")
		cmd.RunE = func(c *cobra.Command, args []string) error {
			return con.posted(c, path+"/"+url.PathEscape(args[0])+"/"+event, map[string]any{"approved": *approved}, offerColumns)
		}
		out = append(out, cmd)
	}
	return out
}

// pricesOf reads ITEM=AMOUNT arguments; ITEM= takes the item off the list.
func pricesOf(args []string) ([]map[string]any, error) {
	prices := make([]map[string]any, len(args))
	for i, a := range args {
		item, amount, ok := strings.Cut(a, "=")
		if !ok {
			return nil, coded(exitUsage, fmt.Errorf("%q is not ITEM=AMOUNT", a))
		}
		prices[i] = map[string]any{"item": item, "amount": amount}
	}
	return prices, nil
}

func newPriceList(con *console) *cobra.Command {
	const path = "/v1/price-lists"
	draft := &cobra.Command{Use: "draft NAME CURRENCY [ITEM=AMOUNT…]", Short: "Draft a price list", Args: cobra.MinimumNArgs(2)}
	scope := scopeFlags(draft)
	draft.RunE = func(c *cobra.Command, args []string) error {
		prices, err := pricesOf(args[2:])
		if err != nil {
			return err
		}
		return con.posted(c, path, map[string]any{"list": scope(args[0], args[1]), "prices": prices}, offerColumns)
	}
	set := &cobra.Command{Use: "set ID ITEM=AMOUNT…", Short: "Name prices of a drafted list; ITEM= takes one off", Args: cobra.MinimumNArgs(2), RunE: func(c *cobra.Command, args []string) error {
		prices, err := pricesOf(args[1:])
		if err != nil {
			return err
		}
		return con.posted(c, path+"/"+url.PathEscape(args[0])+"/edit", map[string]any{"prices": prices}, offerColumns)
	}}
	prices := &cobra.Command{Use: "prices ID", Short: "List the prices that it names", Args: exactly(1), RunE: func(c *cobra.Command, args []string) error {
		return con.listed(c, path+"/"+url.PathEscape(args[0])+"/prices", nil, 0, []column{{"item", "item"}, {"amount (minor units)", "minor"}, {"currency", "currency"}, {"by", "by"}, {"at", "at"}})
	}}
	return group("price-list", "Prices by channel, place and group of clients, for a time", append(offerCommands(con, path, "draft, scheduled, active, suspended, expired, replaced or discarded", map[string]string{
		"approve": "Approve a draft of somebody else's", "discard": "Discard a draft", "withdraw": "Take a scheduled one back to a draft", "activate": "Have one count, if its time has come",
		"suspend": "Have one not count for now", "replace": "End one",
	}), draft, set, prices)...)
}

func newPromotion(con *console) *cobra.Command {
	const path = "/v1/promotions"
	draft := &cobra.Command{Use: "draft NAME CURRENCY", Short: "Draft a promotion", Args: exactly(2)}
	scope := scopeFlags(draft)
	f := draft.Flags()
	percent, off := f.Int64("percent", 0, "hundredths of a percent off"), f.Int64("off", 0, "minor units off, instead of a share")
	skus, brands, categories := f.StringSlice("sku", nil, "what it is on (default: everything)"), f.StringSlice("brand", nil, "brands that it is on"), f.StringSlice("category", nil, "categories that it is on")
	draft.RunE = func(c *cobra.Command, args []string) error {
		body := map[string]any{"promotion": scope(args[0], args[1]), "skus": *skus, "brands": *brands, "categories": *categories}
		if *percent != 0 {
			body["percent"] = *percent
		}
		if *off != 0 {
			body["off"] = *off
		}
		return con.posted(c, path, body, offerColumns)
	}
	return group("promotion", "What is taken off prices, for a time", append(offerCommands(con, path, "draft, scheduled, running, paused, ended or discarded", map[string]string{
		"approve": "Approve a draft of somebody else's", "discard": "Discard a draft", "withdraw": "Take a scheduled one back to a draft", "start": "Have one run, if its time has come",
		"pause": "Have one not count for now", "stop": "End one",
	}), draft)...)
}

// newPrice says what an item costs and why.
func newPrice(con *console) *cobra.Command {
	price := &cobra.Command{Use: "price ID", Short: "Say what an item costs somewhere, and which rule says so", Args: exactly(1)}
	query := filters(price, map[string]string{
		"connection": "where it is asked", "location": "one of the hub's locations", "currency": "ISO 4217", "group": "a tag of clients", "client": "any id of a client",
	})
	price.RunE = func(c *cobra.Command, args []string) error {
		return con.shown(c, "/v1/items/"+url.PathEscape(args[0])+"/price?"+query().Encode(), []column{
			{"item", "item"},
			{"price (minor units)", "price.minor"},
			{"currency", "price.currency"},
			{"rules", "steps.rule"},
			{"of", "steps.id"},
			{"because", "steps.why"},
			{"passed over", "passed_over.name"},
			{"since", "passed_over.why"},
		})
	}
	return price
}
