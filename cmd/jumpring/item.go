package main

import (
	"net/url"
	"strconv"

	"github.com/spf13/cobra"
)

var itemColumns = []column{
	{"id", "id"},
	{"status", "status"},
	{"title", "title"},
	{"sku", "sku"},
	{"serial", "serial"},
	{"certificate", "certificates.number"},
	{"location", "location"},
	{"held by", "holder.channel"},
	{"listed by", "listings.connection"},
	{"flags", "flags"},
}

func newItem(con *console) *cobra.Command {
	list := &cobra.Command{Use: "list", Short: "List items; every given key must match", Args: exactly(0)}
	query := filters(list, map[string]string{
		"sku": "SKU", "serial": "serial number", "certificate": "number, or laboratory and number", "epc": "EPC", "gtin": "barcode",
		"status": "in_stock, reserved, sold …", "location": "one of the hub's locations",
	})
	limit := list.Flags().Int("limit", 100, "how many at most; 0 for all")
	words := list.Flags().String("search", "", "words, as of `jumpring search`")
	conditions := list.Flags().StringArray("filter", nil, "a condition NAME:VALUE, such as carat:1..1.5; may be repeated")
	list.RunE = func(c *cobra.Command, _ []string) error {
		if *words != "" || len(*conditions) > 0 {
			return con.searched(c, "/v1/search/items", searchOf(query(), *words, *conditions), *limit, itemColumns)
		}
		return con.listed(c, "/v1/items", query(), *limit, itemColumns)
	}
	get := &cobra.Command{Use: "get ID", Short: "Show an item, by any id that resolves to it", Args: exactly(1), RunE: func(c *cobra.Command, args []string) error {
		return con.shown(c, "/v1/items/"+url.PathEscape(args[0]), append(itemColumns,
			column{"metal", "metal.raw"}, column{"held until", "holder.until"}, column{"stock at", "stock.location"}, column{"available", "stock.available"}, column{"version", "version"}))
	}}
	return group("item", "Look at pieces and stock", list, get, newMove(con), newPrice(con), newTimeline(con, "items"))
}

// searchOf makes a search of the flags of a list: its keys become conditions beside the others.
func searchOf(keys url.Values, words string, conditions []string) url.Values {
	q := url.Values{"q": {words}, "filter": conditions, "facets": {"none"}}
	for name, values := range keys {
		q.Add("filter", name+":"+strconv.Quote(values[0]))
	}
	return q
}
