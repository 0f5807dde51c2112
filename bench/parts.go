package main

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"
)

// The limits.
const (
	leastWholePath = 0.12
	mostOpenLoop   = 5
	leastRead      = 0.5
	mostIdleRSS    = 150 // MB
	mostIdleCPU    = 1   // percent of one core
)

// warmShare is the part of a round's webhooks that is sent before the first round.
const warmShare = 4

// loaded runs the parts that load a hub, on one hub with one platform.
func (b *bench) loaded() error {
	const skus, readable = 500, 500
	perRound := b.orders + int(b.length.Seconds())*b.rate
	pieces := (b.rounds*perRound+b.orders/warmShare)/2 + 1
	note("start: a shop with %d pieces and %d SKUs, imported by the hub", pieces, skus)
	dir := filepath.Join(b.dir, "loaded")
	began := time.Now()
	platform, err := b.start(role{Name: "platform", Dir: dir, Pieces: pieces, SKUs: skus})
	if err != nil {
		return err
	}
	hub, err := b.start(role{Name: "hub", Dir: dir, Shop: platform.Shop})
	if err != nil {
		return err
	}
	p := probe(hub.Address)
	if err := p.imported(pieces + skus); err != nil {
		return err
	}
	note("imported in %.1f s", time.Since(began).Seconds())
	var c catalogue
	if err := readJSON(filepath.Join(dir, "catalogue.json"), &c); err != nil {
		return err
	}
	s := &sides{bench: b, process: hub, probe: p, hub: newLoader(hub.Address, adminToken), orders: &orders{of: &c, buyers: max(b.buyers, 1)}}
	if s.verify, err = b.bareSide(role{Name: "verify", Dir: dir}); err != nil {
		return err
	}
	if s.log, err = b.bareSide(role{Name: "log", Dir: dir}); err != nil {
		return err
	}
	if b.does("floor") {
		floor, err := b.start(role{Name: "floor", Dir: dir, Shop: platform.Shop})
		if err != nil {
			return err
		}
		s.floor, s.floorProcess = newLoader(floor.Address, adminToken), floor
	}
	if s.items, err = p.items(readable); err != nil {
		return err
	}
	if err := writeJSON(filepath.Join(dir, "items.json"), s.items); err != nil {
		return err
	}
	if s.bareItems, err = b.bareSide(role{Name: "items", Dir: dir}); err != nil {
		return err
	}
	if err := s.warm(); err != nil {
		return err
	}
	for round := range b.rounds {
		note("round %d of %d", round+1, b.rounds)
		for _, part := range []struct {
			name string
			run  func() error
		}{{"path", s.wholePath}, {"floor", s.protocol}, {"open", s.openLoop}, {"read", s.read}} {
			if !b.does(part.name) {
				continue
			}
			if err := part.run(); err != nil {
				return fmt.Errorf("%s: %w", part.name, err)
			}
		}
	}
	s.report()
	return nil
}

func (b *bench) bareSide(r role) (*loader, error) {
	c, err := b.start(r)
	if err != nil {
		return nil, err
	}
	return newLoader(c.Address, adminToken), nil
}

// pair is a figure of both sides in one round.
type pair struct{ bare, hub float64 }

// sides are what the loaded parts compare.
type sides struct {
	*bench
	process, floorProcess       *child // the hub, and what answers without a fold
	probe                       *hubProbe
	floor                       *loader // nil where it is not measured
	hub, verify, log, bareItems *loader
	orders                      *orders
	items                       map[string][]byte

	path, open, reads, floors []pair
	medians                   []pair // p50 of the open loop
	syncs                     []float64
	last                      []delivery // of the whole path
}

// warm opens the connections of every side, grows their heaps, and lets the hub meet its first orders.
func (s *sides) warm() error {
	first, err := s.orders.take(s.bench.orders / warmShare)
	if err != nil {
		return err
	}
	warmed := []*loader{s.verify, s.log, s.hub}
	if s.floor != nil {
		warmed = append(warmed, s.floor)
	}
	for _, l := range warmed {
		if _, err := l.deliver(first); err != nil {
			return err
		}
	}
	return s.rest()
}

// rest waits until the hub has nothing left to do of what was before, so that it does not disturb what comes next.
func (s *sides) rest() error { return s.probe.quiet(500*time.Millisecond, time.Minute) }

// deliver sends each webhook once, from all senders.
func (l *loader) deliver(list []delivery) (int64, error) {
	return closed(func(i int64) bool { return i < int64(len(list)) }, func(x *exchange, i int64) error { return l.post(x, &list[i]) })
}

// perSecond is how many requests a side answers, for the length of a round.
func (s *sides) perSecond(send func(x *exchange, i int64) error) (float64, error) {
	start := time.Now()
	end := start.Add(s.length)
	n, err := closed(func(int64) bool { return time.Now().Before(end) }, send)
	return float64(n) / time.Since(start).Seconds(), err
}

func (s *sides) wholePath() error {
	list, err := s.orders.take(s.bench.orders)
	if err != nil {
		return err
	}
	s.last = list
	bare, err := s.perSecond(func(x *exchange, i int64) error { return s.verify.post(x, &list[int(i)%len(list)]) })
	if err != nil {
		return err
	}
	before, err := s.probe.state()
	if err != nil {
		return err
	}
	idle, err := s.process.usage()
	if err != nil {
		return err
	}
	start := time.Now()
	if _, err := s.hub.deliver(list); err != nil {
		return err
	}
	answered := time.Since(start)
	acknowledged, err := s.probe.state()
	if err != nil {
		return err
	}
	after, err := s.probe.awaitFolded(acknowledged.end)
	if err != nil {
		return err
	}
	took := time.Since(start)
	used, err := s.process.usage()
	if err != nil {
		return err
	}
	if n := after.entries - before.entries; n < uint64(len(list)) {
		return fmt.Errorf("%d webhooks were acknowledged and %d entries folded", len(list), n)
	}
	if err := s.probe.check(list); err != nil {
		return err
	}
	rate := float64(len(list)) / took.Seconds()
	s.path = append(s.path, pair{bare, rate})
	s.syncs = append(s.syncs, float64(after.fsyncs-before.fsyncs))
	each := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(len(list)) }
	note("  whole path: bare %.0f/s, hub %.0f/s folded (%.0f/s answered), ratio %.3f, %.0f + %.0f µs of CPU each, %d fsyncs, %d other entries", bare, rate,
		float64(len(list))/answered.Seconds(), rate/bare, each(used.own-idle.own), each(used.cpu-used.own-idle.cpu+idle.own),
		after.fsyncs-before.fsyncs, after.entries-before.entries-uint64(len(list)))
	return s.rest()
}

// protocol measures how many webhooks are answered where nothing is folded. The journal takes a webhook as often as it comes.
func (s *sides) protocol() error {
	list := s.last
	if list == nil { // the part path was left out
		var err error
		if list, err = s.orders.take(s.bench.orders); err != nil {
			return err
		}
	}
	bare, err := s.perSecond(func(x *exchange, i int64) error { return s.verify.post(x, &list[int(i)%len(list)]) })
	if err != nil {
		return err
	}
	before, err := s.floorProcess.usage()
	if err != nil {
		return err
	}
	start := time.Now()
	if _, err := s.floor.deliver(list); err != nil {
		return err
	}
	took := time.Since(start)
	after, err := s.floorProcess.usage()
	if err != nil {
		return err
	}
	rate := float64(len(list)) / took.Seconds()
	s.floors = append(s.floors, pair{bare, rate})
	each := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(len(list)) }
	note("  floor: bare %.0f/s, answered %.0f/s without a fold, ratio %.3f, %.0f + %.0f µs of CPU each", bare, rate, rate/bare,
		each(after.own-before.own), each(after.cpu-after.own-before.cpu+before.own))
	return nil
}

func (s *sides) openLoop() error {
	list, err := s.orders.take(int(s.length.Seconds()) * s.rate)
	if err != nil {
		return err
	}
	measure := func(l *loader) (p50, p99 float64, err error) {
		took, err := open(len(list), float64(s.rate), func(x *exchange, i int) error { return l.post(x, &list[i]) })
		return percentile(took, 50).Seconds() * 1000, percentile(took, 99).Seconds() * 1000, err
	}
	var p50, p99 pair
	if p50.bare, p99.bare, err = measure(s.log); err != nil {
		return err
	}
	if p50.hub, p99.hub, err = measure(s.hub); err != nil {
		return err
	}
	s.open, s.medians = append(s.open, p99), append(s.medians, p50)
	note("  open loop: bare p50 %.2f p99 %.2f ms, hub p50 %.2f p99 %.2f ms, ratio %.2f", p50.bare, p99.bare, p50.hub, p99.hub, p99.hub/p99.bare)
	return s.rest()
}

func (s *sides) read() error {
	paths := make([]string, 0, len(s.items))
	for id := range s.items {
		paths = append(paths, "/v1/items/"+id)
	}
	from := func(l *loader) (float64, error) {
		return s.perSecond(func(x *exchange, i int64) error { return l.get(x, paths[int(i)%len(paths)]) })
	}
	bare, err := from(s.bareItems)
	if err != nil {
		return err
	}
	hub, err := from(s.hub)
	if err != nil {
		return err
	}
	s.reads = append(s.reads, pair{bare, hub})
	note("  read a piece: bare %.0f/s, hub %.0f/s, ratio %.3f", bare, hub, hub/bare)
	return nil
}

func (s *sides) report() {
	add := func(pairs []pair, r row) {
		if len(pairs) == 0 {
			return
		}
		bare, hub, ratio := make([]float64, len(pairs)), make([]float64, len(pairs)), make([]float64, len(pairs))
		for i, p := range pairs {
			bare[i], hub[i], ratio[i] = p.bare, p.hub, p.hub/p.bare
		}
		r.bare, r.hub, r.value = median(bare), median(hub), median(ratio)
		s.rows = append(s.rows, r)
	}
	fsyncs := ""
	if len(s.syncs) > 0 {
		fsyncs = fmt.Sprintf("%d senders; %.0f fsyncs for %d webhooks", senders, median(s.syncs), s.bench.orders)
	}
	add(s.path, row{what: "whole path, folded", unit: "/s", limit: leastWholePath, least: true, note: fsyncs})
	add(s.floors, row{what: "answered without a fold", unit: "/s", unlimited: true, least: true, note: fmt.Sprintf("%d senders", senders)})
	p50 := ""
	if len(s.medians) > 0 {
		bare, hub := make([]float64, 0, len(s.medians)), make([]float64, 0, len(s.medians))
		for _, p := range s.medians {
			bare, hub = append(bare, p.bare), append(hub, p.hub)
		}
		p50 = fmt.Sprintf("p50 %.2f and %.2f ms", median(bare), median(hub))
	}
	add(s.open, row{what: fmt.Sprintf("open loop at %d/s, p99", s.rate), unit: " ms", limit: mostOpenLoop, note: p50})
	add(s.reads, row{what: "read a piece", unit: "/s", limit: leastRead, least: true, note: fmt.Sprintf("%d senders", senders)})
}

// idle measures a hub that has nothing to do but to poll its platforms.
func (b *bench) idle() error {
	const pieces, skus = 250, 50
	note("idle: a hub with two connectors and %d products on each side", pieces+skus)
	if err := b.end(); err != nil {
		return err
	}
	dir := filepath.Join(b.dir, "idle")
	platform, err := b.start(role{Name: "platform", Dir: dir, Pieces: pieces, SKUs: skus, Woo: "too"})
	if err != nil {
		return err
	}
	hub, err := b.start(role{Name: "hub", Dir: dir, Shop: platform.Shop, Woo: platform.Woo})
	if err != nil {
		return err
	}
	if err := probe(hub.Address).imported(pieces + skus); err != nil {
		return err
	}
	time.Sleep(4 * b.length) // it begins to idle
	before, err := hub.usage()
	if err != nil {
		return err
	}
	start := time.Now()
	time.Sleep(5 * b.length)
	after, err := hub.usage()
	if err != nil {
		return err
	}
	if after.n != 3 {
		return fmt.Errorf("%d processes run, a hub and two connectors were expected", after.n)
	}
	rss := float64(after.rss) / 1e6
	cpu := 100 * (after.cpu - before.cpu).Seconds() / time.Since(start).Seconds()
	b.rows = append(b.rows,
		row{what: "idle, memory of hub and two connectors", unit: " MB", hub: rss, value: rss, limit: mostIdleRSS},
		row{what: "idle, CPU", unit: " %", hub: cpu, value: cpu, limit: mostIdleCPU},
	)
	return nil
}

func median(list []float64) float64 {
	s := slices.Sorted(slices.Values(list))
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}

func note(format string, args ...any) { fmt.Printf(format+"\n", args...) }

// print shows the table.
func (b *bench) print(w io.Writer) {
	if len(b.rows) == 0 {
		return
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nwhat\tbare\thub\tratio\tlimit\t\t")
	for _, r := range b.rows {
		bare, ratio, sign, verdict := "", "", "≤", "kept"
		if r.bare != 0 {
			bare, ratio = fmt.Sprintf("%.4g%s", r.bare, r.unit), fmt.Sprintf("%.3g", r.value)
		}
		if r.least {
			sign = "≥"
		}
		if !r.kept() {
			verdict = "MISSED"
		}
		limit := fmt.Sprintf("%s %g", sign, r.limit)
		if r.unlimited {
			limit, verdict = "", ""
		}
		fmt.Fprintf(t, "%s\t%s\t%.4g%s\t%s\t%s\t%s\t%s\n", r.what, bare, r.hub, r.unit, ratio, limit, verdict, r.note)
	}
	t.Flush()
}
