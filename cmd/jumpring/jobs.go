package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"
)

// jobPoll is how often a job is asked how far it is.
const jobPoll = 200 * time.Millisecond

// job starts a long work and follows it to its end. When the same is running, that one is followed.
func (c *console) job(ctx context.Context, path, name string, body any) (any, error) {
	hub, err := c.remote()
	if err != nil {
		return nil, err
	}
	_, header, err := hub.call(ctx, http.MethodPost, path, body)
	var no *refusal
	if errors.As(err, &no) && no.Code == "job.running" {
		c.say("it is running already; following it")
		err = nil
	}
	if err != nil {
		return nil, err
	}
	at := header.Get("Location")
	bar := c.progress(name)
	defer bar.end()
	tick := time.NewTicker(jobPoll)
	defer tick.Stop()
	for {
		v, err := hub.get(ctx, at)
		if err != nil {
			return nil, err
		}
		rows, total := number(lookup(v, "progress.rows")), number(lookup(v, "progress.total"))
		bar.at(rows, total)
		switch lookup(v, "state") {
		case "done":
			bar.done()
			return v, nil
		case "failed":
			return nil, coded(exitFailed, fmt.Errorf("%s failed: %s: %s", name, cell(lookup(v, "problem.title")), cell(lookup(v, "problem.detail"))))
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("no longer followed; the job goes on: see %s", at)
		case <-tick.C:
		}
	}
}

func number(v any) int64 {
	n, _ := v.(json.Number)
	i, _ := n.Int64()
	return i
}

func newImport(con *console) *cobra.Command {
	return &cobra.Command{Use: "import NAME", Short: "Read everything that a connection has, and report how it joins", Args: exactly(1), RunE: func(c *cobra.Command, args []string) error {
		return con.importAll(c, args[0])
	}}
}

func newConnectionImport(con *console) *cobra.Command {
	c := newImport(con)
	c.Short = "The same as jumpring import"
	return c
}

func (c *console) importAll(cmd *cobra.Command, name string) error {
	v, err := c.job(cmd.Context(), "/v1/connections/"+url.PathEscape(name)+"/import", "import of "+name, nil)
	if err != nil {
		return err
	}
	report := lookup(v, "import")
	if c.format == "json" {
		return c.json(report)
	}
	var all []any
	add := func(what string, n any) { all = append(all, map[string]any{"what": what, "count": n}) }
	add("rows", lookup(report, "report.rows"))
	add("failed", lookup(report, "report.failed"))
	for _, name := range []string{"listings", "matched", "created", "ambiguous", "skipped", "conflicts"} {
		add(name, lookup(report, "joins."+name))
	}
	if err := c.table([]column{{"what", "what"}, {"count", "count"}}, all, report); err != nil {
		return err
	}
	failed, _ := lookup(report, "report.row_errors").([]any)
	for _, e := range failed {
		c.say("%s: %s (%s)", printable(cell(lookup(e, "place"))), printable(cell(lookup(e, "reason"))), cell(lookup(e, "code")))
	}
	conflicts, _ := lookup(report, "joins.conflicting").([]any)
	for _, k := range conflicts {
		sides, _ := lookup(k, "sides").([]any)
		text := ""
		for _, s := range sides {
			text += fmt.Sprintf(" %s=%s", cell(lookup(s, "connection")), cell(lookup(s, "available")))
		}
		c.say("stock differs: %s %s:%s", cell(lookup(k, "item")), printable(cell(lookup(k, "sku"))), text)
	}
	return nil
}
