package main

import (
	"bufio"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

var countColumns = []column{
	{"id", "id"},
	{"status", "status"},
	{"location", "location"},
	{"scans", "scans"},
	{"expected", "expected"},
	{"missing", "missing"},
	{"unexpected", "unexpected"},
	{"differing", "differing"},
	{"unknown", "unknown"},
	{"compared", "compared"},
	{"applied", "applied"},
}

var countLineColumns = []column{
	{"state", "state"}, {"item", "item"}, {"scanned", "scanned"}, {"seen", "quantity"}, {"should be", "believed"}, {"known as", "status"}, {"known at", "location"}, {"by", "by"}, {"at", "at"},
}

// scansAtOnce is how many scans one request brings.
const scansAtOnce = 500

func newCount(con *console) *cobra.Command {
	list := &cobra.Command{Use: "list", Short: "List counts of places", Args: exactly(0)}
	query := filters(list, map[string]string{"status": "open, paused, submitted, completed or cancelled"})
	list.RunE = func(c *cobra.Command, _ []string) error { return con.listed(c, "/v1/counts", query(), 0, countColumns) }
	at := func(id, rest string) string { return "/v1/counts/" + url.PathEscape(id) + rest }
	show := &cobra.Command{Use: "show ID", Short: "Show a count", Args: exactly(1), RunE: func(c *cobra.Command, args []string) error {
		return con.shown(c, at(args[0], ""), countColumns)
	}}
	lines := &cobra.Command{Use: "lines ID", Short: "List what a count found", Args: exactly(1)}
	state := lines.Flags().String("state", "missing", "seen, unknown, missing, unexpected or differing")
	lines.RunE = func(c *cobra.Command, args []string) error {
		return con.listed(c, at(args[0], "/lines"), url.Values{"state": {*state}}, 0, countLineColumns)
	}
	open := &cobra.Command{Use: "open LOCATION", Short: "Begin a count of a place", Args: exactly(1)}
	reference := open.Flags().String("reference", "", "the house's own number of the count")
	open.RunE = func(c *cobra.Command, args []string) error {
		return con.posted(c, "/v1/counts", map[string]any{"location": args[0], "reference": *reference}, countColumns)
	}
	see := &cobra.Command{Use: "see ID [SCANNED…]", Short: "Bring scans: arguments, or lines of a file", Args: cobra.MinimumNArgs(1)}
	file := see.Flags().String("file", "", "a file with one scan a line; - reads the input")
	see.RunE = func(c *cobra.Command, args []string) error {
		read := args[1:]
		if *file != "" {
			more, err := con.linesOf(*file)
			if err != nil {
				return err
			}
			read = append(read, more...)
		}
		if len(read) == 0 {
			return coded(exitUsage, fmt.Errorf("nothing was scanned: %s", c.UseLine()))
		}
		for len(read) > scansAtOnce {
			if err := con.seen(c, at(args[0], "/see"), read[:scansAtOnce]); err != nil {
				return err
			}
			read = read[scansAtOnce:]
		}
		return con.posted(c, at(args[0], "/see"), seeBody(read), countColumns)
	}
	step := func(event, short string) *cobra.Command {
		cmd := &cobra.Command{Use: event + " ID", Short: short, Args: exactly(1)}
		approved := cmd.Flags().Bool("approved", false, "a manager accepts what differs")
		cmd.RunE = func(c *cobra.Command, args []string) error {
			return con.posted(c, at(args[0], "/"+event), map[string]any{"approved": *approved}, countColumns)
		}
		return cmd
	}
	return group(
		"count", "Count what is at a place", list, show, lines, open, see, step("pause", "Pause a count"), step("resume", "Go on with a paused count"),
		step("submit", "End the scanning and compare"), step("recount", "Take further scans of a submitted count"), step("complete", "Accept a count"),
		step("cancel", "Cancel a count"), newTimeline(con, "counts"),
	)
}

func seeBody(read []string) map[string]any {
	scans := make([]map[string]any, len(read))
	for i, r := range read {
		scans[i] = map[string]any{"scanned": r}
	}
	return map[string]any{"scans": scans}
}

// seen sends one batch of scans and shows nothing.
func (c *console) seen(cmd *cobra.Command, path string, read []string) error {
	hub, err := c.remote()
	if err != nil {
		return err
	}
	_, err = hub.post(cmd.Context(), path, seeBody(read))
	return err
}

// linesOf reads the lines of a file that have something in them.
func (c *console) linesOf(name string) ([]string, error) {
	in := c.in
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	var out []string
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		if l := strings.TrimSpace(lines.Text()); l != "" {
			out = append(out, l)
		}
	}
	return out, lines.Err()
}
