package hub

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"

	"github.com/jumpring/jumpring/core/api"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/core/support"
)

var _ api.Supporter = Doors{}

// recentBatches is of how many of the journal's newest batches a bundle counts the entries.
const recentBatches = 2000

// Scrubber gives what takes this hub's secrets out of text: those of the configuration, those that connectors rotated, the
// vault's key and the first token.
func (h *Hub) Scrubber() *support.Scrubber {
	s := h.settings()
	names := slices.Clone(s.Locations)
	hidden := append([]string{h.o.VaultKey}, h.o.Hidden...)
	h.mu.RLock()
	all := slices.Clone(h.o.Connections)
	h.mu.RUnlock()
	for i := range all {
		names = append(names, all[i].Name)
		hidden = slices.AppendSeq(hidden, maps.Values(all[i].Secrets))
		if now, err := h.secrets(&all[i]); err == nil {
			hidden = slices.AppendSeq(hidden, maps.Values(now))
		}
	}
	for i := range s.Connections {
		names = append(names, s.Connections[i].Connector)
	}
	return support.NewScrubber(names, hidden)
}

// Support makes a bundle about the hub, as a zip archive.
func (d Doors) Support(ctx context.Context) ([]byte, error) {
	s := d.Scrubber()
	files, err := d.SupportFiles(ctx, s)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = support.Write(&b, s, time.Now(), files)
	return b.Bytes(), err
}

// SupportFiles gives what a bundle says of a hub, which may be a stopped one. What can't be found out is said in the place
// of what was wanted: a bundle is for hubs that are not well.
func (d Doors) SupportFiles(ctx context.Context, s *support.Scrubber) ([]support.File, error) {
	about := []struct {
		name string
		of   func() (any, error)
	}{
		{"versions.json", func() (any, error) { return d.versions(), nil }},
		{"status.json", func() (any, error) { return d.statusShown(ctx, s) }},
		{"journal.json", func() (any, error) { return d.journalShown(ctx) }},
		{"records.json", func() (any, error) { return d.recordsShown() }},
	}
	var files []support.File
	for _, a := range about {
		v, err := a.of()
		if err != nil {
			v = map[string]string{"failed": s.Text(err.Error())}
		}
		f, err := support.JSON(a.name, v)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	if d.metrics != nil {
		raw, err := metricsText(d.metrics)
		if err != nil {
			raw = []byte(s.Text(err.Error()))
		}
		files = append(files, support.File{Name: "metrics.txt", Body: raw})
	}
	if d.o.LogTail != nil {
		files = append(files, support.File{Name: "log.txt", Body: []byte(s.Lines(d.o.LogTail.String()))})
	}
	var stacks bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&stacks, 1); err != nil { // functions and lines, no values
		return nil, fmt.Errorf("hub: goroutines: %w", err)
	}
	return append(files, support.File{Name: "goroutines.txt", Body: stacks.Bytes()}), ctx.Err()
}

// supportVersions are those of the program and what it runs.
type supportVersions struct {
	Version    string            `json:"version"`
	Go         string            `json:"go"`
	System     string            `json:"system"`
	CPUs       int               `json:"cpus"`
	Connectors map[string]string `json:"connectors"` // by connection
	Modules    map[string]string `json:"modules"`
	Fold       int               `json:"fold_version"`
}

func (d Doors) versions() *supportVersions {
	v := &supportVersions{
		Version: d.version, Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH, CPUs: runtime.NumCPU(),
		Connectors: map[string]string{}, Modules: map[string]string{}, Fold: router.Version,
	}
	all, _ := d.each()
	for _, c := range all {
		v.Connectors[c.spec.Name] = c.spec.Version
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			v.Modules[m.Path] = m.Version
		}
	}
	return v
}

// supportStatus is how the hub and its connections stand.
type supportStatus struct {
	At          time.Time              `json:"at"`
	Missing     []api.Missing          `json:"missing"`
	Leading     bool                   `json:"leading"`
	Bus         string                 `json:"bus"`
	Memory      uint64                 `json:"memory_bytes"`
	Goroutines  int                    `json:"goroutines"`
	Connections []api.ConnectionStatus `json:"connections"`
	Known       []knownConnection      `json:"known"` // as the records have it, of a stopped hub too
}

// knownConnection is what the records say of a connection.
type knownConnection struct {
	Name     string     `json:"name"`
	Mode     canon.Mode `json:"mode"`
	Paused   bool       `json:"paused,omitempty"`
	Fused    bool       `json:"fused,omitempty"`
	LastFact time.Time  `json:"last_fact,omitzero"`
}

func (d Doors) statusShown(ctx context.Context, s *support.Scrubber) (any, error) {
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	out := &supportStatus{
		At: time.Now().UTC(), Missing: d.Missing(ctx), Leading: d.leading.Load(), Bus: d.BusStatus().State, Memory: memory.Sys, Goroutines: runtime.NumGoroutine(),
	}
	for i := range out.Missing {
		out.Missing[i].Why, out.Missing[i].Do = s.Text(out.Missing[i].Why), s.Text(out.Missing[i].Do)
	}
	var err error
	if out.Connections, err = d.Connections(ctx); err != nil {
		return nil, err
	}
	for i := range out.Connections {
		c := &out.Connections[i]
		c.LastError, c.Fused, c.Do = s.Text(c.LastError), s.Text(c.Fused), s.Text(c.Do)
		for k := range c.Unmapped { // the platform's own words for places
			c.Unmapped[k] = support.Mark
		}
	}
	v, err := d.store.View()
	if err != nil {
		return nil, err
	}
	defer v.Close()
	err = scanRecords(v, store.PrefixConn, func(c *canon.Connection) {
		out.Known = append(out.Known, knownConnection{c.Name, c.Mode, c.Paused, c.Fused != "", c.LastFact})
	})
	return out, err
}

// supportJournal is how the journal stands.
type supportJournal struct {
	ID        string           `json:"id"`
	End       uint64           `json:"end"`
	Folded    uint64           `json:"folded"`
	Lag       uint64           `json:"lag"`
	Syncs     float64          `json:"syncs"`
	Skew      string           `json:"clock_skew"`
	Snapshots []string         `json:"snapshots"` // positions
	Folders   map[string]usage `json:"folders"`
	// Recent counts the entries of the newest batches by type.
	Recent  map[string]int `json:"recent"`
	Batches int            `json:"recent_batches"`
	Since   time.Time      `json:"recent_since,omitzero"`
}

// usage is what a folder takes.
type usage struct {
	Files int   `json:"files"`
	Bytes int64 `json:"bytes"`
}

func (d Doors) journalShown(ctx context.Context) (any, error) {
	out := &supportJournal{
		ID: d.journal.ID(), End: d.journal.End(), Folded: d.router.Mark().Position.Offset, Lag: d.router.Lag(), Syncs: d.fsyncs(),
		Skew: d.journal.ClockSkew().String(), Folders: map[string]usage{}, Recent: map[string]int{},
	}
	marks, err := store.SnapshotMarks(d.folder(snapshotFolder))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for i := range marks {
		out.Snapshots = append(out.Snapshots, marks[i].Position.String())
	}
	for _, name := range []string{journalFolder, viewFolder, snapshotFolder, vaultFolder, deliveryFolder, auditFolder} {
		out.Folders[name] = usageOf(d.folder(name))
	}
	out.Folders[archiveFolder] = usageOf(d.o.Archive)
	from := uint64(1)
	if out.End > recentBatches {
		from = out.End - recentBatches + 1
	}
	for from <= out.End {
		batches, err := d.journal.ReadFrom(ctx, from, 1<<20)
		if err != nil {
			return nil, err
		}
		for i := range batches {
			if out.Batches == 0 {
				out.Since = time.Unix(0, batches[i].Time).UTC()
			}
			out.Batches++
			for k := range batches[i].Entries {
				out.Recent[string(batches[i].Entries[k].Type)]++
			}
			from = batches[i].Offset + 1
		}
		if len(batches) == 0 {
			break
		}
	}
	return out, nil
}

// usageOf adds up a folder; one that is not there takes nothing.
func usageOf(dir string) (u usage) {
	_ = filepath.WalkDir(dir, func(_ string, e os.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() { // files come and go beside a running hub
			if info, err := e.Info(); err == nil {
				u.Files, u.Bytes = u.Files+1, u.Bytes+info.Size()
			}
		}
		return nil
	})
	return u
}

// supportRecords counts the records.
type supportRecords struct {
	Records map[string]int `json:"records"`    // by type
	Cases   map[string]int `json:"open_cases"` // by kind
	Parked  map[string]int `json:"parked"`     // by type of entry and code
	Differ  map[string]int `json:"differing"`  // levels, by connection
	Match   int            `json:"unmatched"`
}

func (d Doors) recordsShown() (any, error) {
	out := &supportRecords{Records: map[string]int{}, Cases: map[string]int{}, Parked: map[string]int{}, Differ: map[string]int{}}
	v, err := d.store.View()
	if err != nil {
		return nil, err
	}
	defer v.Close()
	for _, t := range router.RecordTypes() {
		if err := v.Scan(t.Prefix, "", func(string, []byte) (bool, error) { out.Records[t.Prefix]++; return true, nil }); err != nil {
			return nil, err
		}
	}
	err = scanRecords(v, store.PrefixCase, func(c *canon.Case) {
		if c.Open {
			out.Cases[string(c.Kind)]++
		}
	})
	if err == nil {
		err = scanRecords(v, store.PrefixParked, func(p *canon.Parked) { out.Parked[string(p.Type)+" "+p.Code]++ })
	}
	if err == nil {
		err = v.Scan(store.PrefixMatch, "", func(string, []byte) (bool, error) { out.Match++; return true, nil })
	}
	if err == nil {
		err = scanRecords(v, store.PrefixConn, func(c *canon.Connection) {
			_ = v.Scan(store.PrefixDiff+c.Name+"/", "", func(string, []byte) (bool, error) { out.Differ[c.Name]++; return true, nil })
		})
	}
	return out, err
}

// scanRecords decodes the records behind a prefix.
func scanRecords[T any](v store.Reader, prefix string, each func(*T)) error {
	return v.Scan(prefix, "", func(key string, _ []byte) (bool, error) {
		r, err := store.Load[T](v, key)
		if err == nil && r != nil {
			each(r)
		}
		return err == nil, err
	})
}

// metricsText gives metrics as text.
func metricsText(from prometheus.Gatherer) ([]byte, error) {
	families, err := from.Gather()
	if err != nil {
		return nil, fmt.Errorf("hub: metrics: %w", err)
	}
	var b bytes.Buffer
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&b, f); err != nil {
			return nil, fmt.Errorf("hub: metrics: %w", err)
		}
	}
	return b.Bytes(), nil
}
