package main

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

var foundColumns = []column{
	{"id", "id"},
	{"title", "title"},
	{"brand", "brand"},
	{"status", "status"},
	{"location", "location"},
	{"metal", "metal.raw"},
	{"stones", "stones.raw"},
	{"prices", "prices.stated"},
	{"serial", "serial"},
	{"certificate", "certificates.number"},
}

func newSearch(con *console) *cobra.Command {
	var clients, counts bool
	var filter []string
	var sort string
	var limit int
	cmd := &cobra.Command{
		Use: "search WORDS...", Short: "Find pieces by words, attributes and ranges",
		Long: `Find pieces, or with --clients clients, by what a person would say. How the words were understood, and how many
there are, goes to standard error; docs/search.md has all that is read.`,
		Example: `  jumpring search "princess 1-1.5 ct F-G VS platinum under 9,000 EUR in Paris"
  jumpring search --filter carat:1..1.5 --filter colour:F..G --sort price:EUR
  jumpring search --clients "anna martin in Paris"`,
		RunE: func(c *cobra.Command, args []string) error {
			query := url.Values{"q": {strings.Join(args, " ")}, "filter": filter}
			if sort != "" {
				query.Set("sort", sort)
			}
			if !counts {
				query.Set("facets", "none")
			}
			path, columns := "/v1/search/items", foundColumns
			if clients {
				path, columns = "/v1/search/clients", clientColumns
			}
			return con.searched(c, path, query, limit, columns)
		},
	}
	cmd.Flags().BoolVar(&clients, "clients", false, "search clients instead of pieces")
	cmd.Flags().StringArrayVar(&filter, "filter", nil, "a condition NAME:VALUE, such as carat:1..1.5; may be repeated")
	cmd.Flags().StringVar(&sort, "sort", "", "relevance, price, -price, carat, -carat or newest; price:EUR names the currency")
	cmd.Flags().IntVar(&limit, "limit", 20, "how many at most; 0 for all")
	cmd.Flags().BoolVar(&counts, "counts", false, "also count what else could be chosen")
	return cmd
}

// searched reads the pages of a search. As JSON it prints the first answer with the records of all pages.
func (c *console) searched(cmd *cobra.Command, path string, query url.Values, limit int, columns []column) error {
	hub, err := c.remote()
	if err != nil {
		return err
	}
	var first map[string]any
	items := []any{}
	for {
		query.Set("limit", "500")
		if limit > 0 {
			query.Set("limit", strconv.Itoa(min(limit-len(items), 500)))
		}
		v, err := hub.get(cmd.Context(), path+"?"+query.Encode())
		if err != nil {
			return err
		}
		page, ok := v.(map[string]any)
		if !ok {
			return fmt.Errorf("the hub's answer is no object")
		}
		found, _ := page["items"].([]any)
		items = append(items, found...)
		if first == nil {
			first = page
		}
		next, _ := page["next_cursor"].(string)
		if next == "" || limit > 0 && len(items) >= limit {
			first["next_cursor"] = next
			break
		}
		query.Set("cursor", next)
		query.Set("facets", "none")
	}
	first["items"] = items
	if first["next_cursor"] == "" {
		delete(first, "next_cursor")
	}
	if c.format != "json" {
		c.explain(first, len(items))
	}
	return c.table(columns, items, first)
}

// explain says how a search was understood.
func (c *console) explain(answer map[string]any, shown int) {
	list, _ := answer["understood"].([]any)
	for _, r := range list {
		line := fmt.Sprintf("%q: %s", cell(lookup(r, "text")), cell(lookup(r, "means")))
		if instead := cell(lookup(r, "instead")); instead != "" {
			line += "; or " + instead
		}
		c.say("%s", printable(line))
	}
	facets, _ := answer["facets"].([]any)
	for _, f := range facets {
		var values []string
		list, _ := lookup(f, "values").([]any)
		for _, v := range list[:min(len(list), 8)] {
			values = append(values, cell(lookup(v, "value"))+" "+cell(lookup(v, "count")))
		}
		if len(values) > 0 {
			c.say("%s", printable(cell(lookup(f, "field"))+": "+strings.Join(values, ", ")))
		}
	}
	c.say("%d of %s", shown, cell(answer["total"]))
}
