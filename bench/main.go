// Bench measures the hub against bare programs that do one part of its work, in one run on one machine, and compares
// ratios with limits. Absolute figures depend on the machine and on what else it does; they stand beside.
//
// Every measured side is a process of its own, this one is the loader. The hub runs at its default configuration with
// connectors as processes and every fsync; its platform is a sandbox on loopback. Each figure is the median of
// alternating rounds, first the bare side, then the hub, and a ratio is the median of the rounds' ratios.
//
//	whole path     orders folded per second, from the first webhook sent until all that were answered are records,
//	               over the requests per second of a Fiber handler that checks the same HMAC over the same bodies
//	floor          the same without a fold: what plugin process, journal and answer cost, over that handler
//	open loop      99th percentile of the answer to webhooks at a steady rate, over that of the same handler with a log
//	read a piece   GET /v1/items/{id} per second, over that of a handler that returns the same bytes
//	journal        appends per second of 64 writers, over the disk's own fdatasync and over Badger with a synced
//	               transaction each; events per second that a tail reads
//	search         99th percentile of a search with facets, and of one record, among 100,000 pieces, one at a time
//	console        99th percentile of the slowest page of the console among 100,000 pieces and as many clients; what 200
//	               people on its live page cost at 100 facts per second
//	plugin         facts through one connector per second, over those of a bare go-plugin program that streams the same
//	               batches; from a connector's launch to its first call; its memory while it idles
//	hostile        99th percentile of a good connection's answers beside one that floods its log, leaks, answers 100 MB, crashes
//	               in a loop, forks, or burns CPU, over those of the same connection alone
//	idle           memory and CPU of a hub with two connectors, connectors included
//
// It exits with 1 when a limit is missed. -only names the parts to run, and JUMPRING_BENCH_PPROF=1 serves profiles of
// the hub and of its first connector on 127.0.0.1:6061 and :6062.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func main() {
	err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) >= 2 && args[0] == "connector":
		return runConnector(args[1])
	case len(args) == 2 && args[0] == "role":
		return runRole(args[1])
	}
	var b bench
	only := ""
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.IntVar(&b.rounds, "rounds", 3, "alternating rounds")
	f.IntVar(&b.orders, "orders", 5000, "webhooks of one round of the whole path")
	f.Int64Var(&b.buyers, "buyers", 3000, "distinct buyers; each comes back after that many webhooks")
	f.IntVar(&b.rate, "rate", 1000, "webhooks per second of the open loop")
	f.DurationVar(&b.length, "length", 3*time.Second, "how long a round of the other parts takes")
	f.StringVar(&only, "only", "journal,path,floor,open,read,plugin,hostile,idle,search,console", "the parts to run")
	f.StringVar(&b.dir, "dir", "bench/out", "a folder on the disk to measure; what it has is removed")
	if err := f.Parse(args); err != nil {
		return err
	}
	b.parts = strings.Split(only, ",")
	var err error
	if b.dir, err = filepath.Abs(b.dir); err != nil {
		return err
	}
	err = errors.Join(b.run(), b.end())
	b.print(os.Stdout)
	if err == nil && slices.ContainsFunc(b.rows, func(r row) bool { return !r.kept() }) {
		err = errors.New("a limit was missed")
	}
	return err
}

// bench is one run.
type bench struct {
	rounds, orders, rate int
	buyers               int64
	length               time.Duration
	parts                []string
	dir                  string

	children []*child
	rows     []row
}

func (b *bench) does(part string) bool { return slices.Contains(b.parts, part) }

func (b *bench) run() error {
	if err := os.RemoveAll(b.dir); err != nil {
		return err
	}
	if b.does("journal") {
		if err := b.journal(); err != nil {
			return fmt.Errorf("journal: %w", err)
		}
	}
	if b.does("path") || b.does("floor") || b.does("open") || b.does("read") {
		if err := b.loaded(); err != nil {
			return err
		}
	}
	if b.does("plugin") {
		if err := b.plugin(); err != nil {
			return fmt.Errorf("plugin: %w", err)
		}
	}
	if b.does("hostile") {
		if err := b.hostile(); err != nil {
			return fmt.Errorf("hostile: %w", err)
		}
	}
	if b.does("idle") {
		if err := b.idle(); err != nil {
			return err
		}
	}
	if b.does("search") {
		if err := b.searching(); err != nil {
			return err
		}
	}
	if b.does("console") {
		if err := b.consoles(); err != nil {
			return fmt.Errorf("console: %w", err)
		}
	}
	return nil
}

func (b *bench) start(r role) (*child, error) {
	c, err := start(r)
	if err == nil {
		b.children = append(b.children, c)
	}
	return c, err
}

func (b *bench) end() error {
	var errs []error
	for _, c := range slices.Backward(b.children) {
		errs = append(errs, c.end())
	}
	b.children = nil
	return errors.Join(errs...)
}

// row is one line of the table: a ratio, or a quantity, with its limit.
type row struct {
	what, unit string
	bare, hub  float64 // medians, in unit; bare is 0 for a quantity
	value      float64 // what the limit is about
	limit      float64
	least      bool // the limit is the least, not the most
	unlimited  bool // it explains another row
	note       string
}

func (r *row) kept() bool {
	if r.unlimited {
		return true
	}
	if r.least {
		return r.value >= r.limit
	}
	return r.value <= r.limit
}
