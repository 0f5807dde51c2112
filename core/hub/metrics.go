package hub

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// scrapeDeadline is how long the records may be looked at for one scrape.
const scrapeDeadline = 5 * time.Second

// condition collects how the hub and its connections do, at each scrape.
type condition struct {
	hub                                              *Hub
	up, stale, fused, paused, lag, differing, parked *prometheus.Desc
	cases, standing, backup, backupFailed, disk      *prometheus.Desc
	refused, full                                    *prometheus.Desc
}

func newCondition(h *Hub) *condition {
	d := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return &condition{
		hub: h,
		up:  d("jumpring_connection_up", "1 while the connector runs.", "connection"), stale: d("jumpring_connection_stale", "1 while the connection is silent for longer than it should be.", "connection"),
		fused: d("jumpring_connection_fused", "1 while its fuse stops its writes.", "connection"), paused: d("jumpring_connection_paused", "1 while a person paused it.", "connection"),
		lag: d("jumpring_connection_lag_seconds", "How old the oldest unread change may be.", "connection"), differing: d("jumpring_connection_differing", "Levels that show something else than they should.", "connection"),
		parked: d("jumpring_parked_entries", "Entries that could not be applied."), cases: d("jumpring_open_cases", "Open cases by kind.", "kind"),
		standing: d("jumpring_alarms_standing", "Alarms that stand, by kind.", "kind"), backup: d("jumpring_backup_newest_timestamp_seconds", "When the newest good scheduled backup was made; not there before the first."),
		backupFailed: d("jumpring_backup_failed", "1 while the newest try of a scheduled backup failed."), disk: d("jumpring_disk_free_bytes", "Free bytes of the data folder's disk."),
		refused: d("jumpring_journal_refused_total", "Batches of webhooks, devices and commands that the journal did not take."), full: d("jumpring_journal_full", "1 while there is no space for a further segment."),
	}
}

// Describe implements prometheus.Collector.
func (c *condition) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		c.up, c.stale, c.fused, c.paused, c.lag, c.differing, c.parked, c.cases, c.standing, c.backup, c.backupFailed, c.disk, c.refused, c.full,
	} {
		to <- d
	}
}

// Collect implements prometheus.Collector. What can't be looked at is left out.
func (c *condition) Collect(to chan<- prometheus.Metric) {
	h := c.hub
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	flag := func(d *prometheus.Desc, on bool, labels ...string) {
		v := 0.0
		if on {
			v = 1
		}
		gauge(d, v, labels...)
	}
	var fs unix.Statfs_t
	if unix.Statfs(h.o.Data, &fs) == nil {
		gauge(c.disk, float64(fs.Bavail)*float64(fs.Bsize))
	}
	if h.local != nil {
		stats := h.local.Stats()
		to <- prometheus.MustNewConstMetric(c.refused, prometheus.CounterValue, float64(stats.Refused))
		flag(c.full, stats.Full)
	}
	if h.alarms != nil {
		counts := map[string]int{}
		alarms, _ := h.alarms.Shown()
		for i := range alarms {
			if alarms[i].Stands() {
				counts[string(alarms[i].Kind)]++
			}
		}
		for kind, n := range counts {
			gauge(c.standing, float64(n), kind)
		}
	}
	if h.backups.folder() != "" {
		at, failed := h.backups.newest()
		flag(c.backupFailed, failed)
		if !at.IsZero() {
			gauge(c.backup, float64(at.Unix()))
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), scrapeDeadline)
	defer cancel()
	all, err := Doors{h}.Connections(ctx)
	if err != nil {
		h.log.Warn("the connections could not be looked at for metrics", "error", err)
		return
	}
	for i := range all {
		s := &all[i]
		flag(c.up, s.State == "running", s.Name)
		flag(c.stale, s.Stale, s.Name)
		flag(c.fused, s.Fused != "", s.Name)
		flag(c.paused, s.Paused, s.Name)
		gauge(c.lag, float64(s.LagSeconds), s.Name)
		gauge(c.differing, float64(s.Differing), s.Name)
	}
	c.counts(gauge)
}

// counts collects parked entries and open cases.
func (c *condition) counts(gauge func(*prometheus.Desc, float64, ...string)) {
	v, err := c.hub.store.View()
	if err != nil {
		return // it is being closed
	}
	defer v.Close()
	parked, cases := 0, map[canon.CaseKind]int{}
	err = v.Scan(store.PrefixParked, "", func(string, []byte) (bool, error) { parked++; return true, nil })
	if err == nil {
		err = scanRecords(v, store.PrefixCase, func(k *canon.Case) {
			if k.Open {
				cases[k.Kind]++
			}
		})
	}
	if err != nil {
		c.hub.log.Warn("the records could not be looked at for metrics", "error", err)
		return
	}
	gauge(c.parked, float64(parked))
	if _, some := cases[canon.CaseDoubleClaim]; !some { // so that the figure is there from the start
		cases[canon.CaseDoubleClaim] = 0
	}
	for kind, n := range cases {
		gauge(c.cases, float64(n), string(kind))
	}
}
