package csv

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// Version is the connector's semantic version.
const Version = "0.1.0"

// translationVersion grows with each change of how rows are translated.
const translationVersion = 1

// streamFiles is the one poll stream: the files of the folder in the order in which they are read.
const streamFiles = "files"

// stuckAfter is how long a file may wait for its last row before the connection's health says so.
const stuckAfter = 5 * time.Minute

// abandonedAfter is how long after a page of a snapshot Poll takes the files over, when no other page was asked for.
const abandonedAfter = 30 * time.Second

// connector serves one folder. Its calls take turns, since they all look at the same files.
type connector struct {
	now func() time.Time

	mu     sync.Mutex
	log    hclog.Logger
	cfg    config
	folder *folder // nil until Open
	// snapshotUntil is how long Poll leaves the files to a snapshot that is under way.
	snapshotUntil time.Time
	waiting       []waitingFile // files that were not complete at the last look
	refused       string        // what the last moved file had refused, for Health
}

// New makes the connector.
func New() sdk.Connector { return &connector{now: time.Now} }

// Describe tells what the connector is and can do.
func (c *connector) Describe(context.Context, *sdk.DescribeRequest) (*sdk.DescribeResponse, error) {
	return &sdk.DescribeResponse{
		Name: "csv", Version: Version, Summary: "Catalogue, clients, sales, returns and counts from CSV files in a watched folder.",
		TranslationVersion: translationVersion,
		Kinds:              []canon.Kind{canon.KindCount, canon.KindCustomer, canon.KindLevel, canon.KindListing, canon.KindOrder, canon.KindRefund},
		Config:             slices.Clone(configFields),
		Streams:            []sdk.Stream{{Name: streamFiles, IntervalMillis: 2000, Personal: true}},
		OpeningStock:       true,
	}, nil
}

// Validate checks a configuration without I/O.
func (c *connector) Validate(_ context.Context, req *sdk.ValidateRequest) (*sdk.ValidateResponse, error) {
	_, found := parseConfig(req.Config)
	return &sdk.ValidateResponse{Diagnostics: found}, nil
}

// Open takes the configuration. The folder need not be there yet.
func (c *connector) Open(_ context.Context, req *sdk.OpenRequest) (*sdk.OpenResponse, error) {
	cfg, found := parseConfig(req.Config)
	if len(found) > 0 {
		return &sdk.OpenResponse{Diagnostics: found}, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cfg, c.log = cfg, req.Log
	if c.log == nil {
		c.log = hclog.NewNullLogger()
	}
	c.folder = &folder{path: cfg.Folder, settle: cfg.settle, seen: map[string]sighting{}, partial: map[string]bool{}, inspects: map[string]*inspection{}}
	c.waiting, c.refused = nil, ""
	return &sdk.OpenResponse{}, nil
}

// Close forgets the folder. No file is held open between calls.
func (c *connector) Close(context.Context, *sdk.CloseRequest) (*sdk.CloseResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.folder = nil
	return &sdk.CloseResponse{}, nil
}

var errNotOpen = errors.New("the csv connector is not open")

// Poll gives the next page of the next complete file. See the package's comment for when a file is moved.
func (c *connector) Poll(ctx context.Context, req *sdk.PollRequest) (*sdk.PollResponse, error) {
	if req.Stream != streamFiles {
		return nil, fmt.Errorf("the csv connector has no stream %q, only %q", req.Stream, streamFiles)
	}
	at, err := decodeCursor(req.Cursor)
	if err != nil {
		return nil, err
	}
	if c.snapshotUnderWay() {
		return &sdk.PollResponse{Cursor: req.Cursor}, nil // the same files, which need not be journaled twice
	}
	p, err := c.locked(ctx, at, req.Limit)
	if err != nil {
		return nil, err
	}
	next, err := p.next.encode()
	return &sdk.PollResponse{Observations: p.observations, Cursor: next, More: p.more}, err
}

func (c *connector) snapshotUnderWay() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now().Before(c.snapshotUntil)
}

// holdPolls keeps Poll from the files until the next page of a snapshot, false lets it go on.
func (c *connector) holdPolls(hold bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.snapshotUntil = time.Time{}
	if hold {
		c.snapshotUntil = c.now().Add(abandonedAfter)
	}
}

func (c *connector) locked(ctx context.Context, at cursor, limit int) (page, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.folder == nil {
		return page{}, errNotOpen
	}
	if err := ctx.Err(); err != nil {
		return page{}, err
	}
	return c.step(at, limit)
}

// Snapshot reads every complete file. It claims no kind in full: what a folder does not have (any more) still exists.
// Before its first page it waits once for the settle time, so that files that are there already count as complete.
func (c *connector) Snapshot(ctx context.Context, req *sdk.SnapshotRequest) (*sdk.SnapshotResponse, error) {
	at, err := decodeCursor(req.Page)
	if err != nil {
		return nil, err
	}
	resp := &sdk.SnapshotResponse{}
	c.holdPolls(true)
	if len(req.Page) == 0 {
		if resp.Total, err = c.survey(ctx); err != nil {
			return nil, err
		}
		start, err := cursor{}.encode()
		if err != nil {
			return nil, err
		}
		resp.Cursors = map[string][]byte{streamFiles: start}
	}
	p, err := c.locked(ctx, at, req.Limit)
	if err != nil {
		return nil, err
	}
	resp.Observations, resp.RowErrors, resp.Complete = p.observations, p.bad, !p.more
	c.holdPolls(!resp.Complete)
	if resp.Complete {
		for _, w := range c.waitingNow() {
			resp.RowErrors = append(resp.RowErrors, sdk.RowError{Place: w.name, Code: "csv.incomplete", Reason: w.reason})
		}
		return resp, nil
	}
	resp.Next, err = p.next.encode()
	return resp, err
}

func (c *connector) waitingNow() []waitingFile {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.waiting)
}

// survey counts the rows of all complete files, after one settle time.
func (c *connector) survey(ctx context.Context) (rows int64, err error) {
	files, err := c.look()
	if err != nil {
		return 0, err
	}
	if slices.ContainsFunc(files, func(f candidate) bool { return !f.settled && !f.released }) {
		c.mu.Lock()
		settle := c.cfg.settle
		c.mu.Unlock()
		timer := time.NewTimer(settle)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	if files, err = c.look(); err != nil {
		return 0, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.folder == nil {
		return 0, errNotOpen
	}
	for _, f := range files {
		in, reason, err := c.complete(f)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return 0, err
		}
		if reason == "" {
			rows += in.rows
		}
	}
	return rows, nil
}

func (c *connector) look() ([]candidate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.folder == nil {
		return nil, errNotOpen
	}
	return c.folder.look(c.now())
}

// Check tells whether the folder is there and files can be moved in it. What it writes for the test it removes again.
func (c *connector) Check(context.Context, *sdk.CheckRequest) (*sdk.CheckResponse, error) {
	files, err := c.look()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.folder == nil {
		return nil, errNotOpen
	}
	path := c.folder.path
	resp := &sdk.CheckResponse{Account: path}
	diagnose := func(severity sdk.Severity, code, summary, do string) {
		resp.Diagnostics = append(resp.Diagnostics, sdk.Diagnostic{Severity: severity, Code: code, Path: "config.folder", Summary: summary, Do: do})
	}
	if info, statErr := os.Stat(path); err != nil || statErr != nil || !info.IsDir() {
		diagnose(sdk.SeverityError, "csv.folder_missing", "the folder can't be read: "+path, "create it, or let the user that runs the hub read it")
		return resp, nil
	}
	for _, dir := range []string{path, filepath.Join(path, doneFolder), filepath.Join(path, failedFolder)} {
		if _, err := os.Stat(dir); os.IsNotExist(err) {
			continue // made when the first file is moved
		}
		probe, err := os.CreateTemp(dir, ".check-*")
		if err != nil {
			diagnose(sdk.SeverityError, "csv.folder_not_writable", "files can't be moved: "+dir+" is not writable", "let the user that runs the hub write to it")
			continue
		}
		if err := probe.Close(); err != nil {
			return nil, fmt.Errorf("check %s: %w", dir, err)
		}
		if err := os.Remove(probe.Name()); err != nil {
			return nil, fmt.Errorf("check %s: %w", dir, err)
		}
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("check %s: %w", path, err)
	}
	for _, e := range entries {
		if _, ours := contentOf(e.Name()); !ours && strings.HasSuffix(strings.ToLower(e.Name()), ".csv") {
			diagnose(sdk.SeverityWarning, "csv.name_unknown", e.Name()+" is not read", "begin its name with catalogue, clients, sales, returns or counts")
		}
	}
	resp.Facts = map[string]string{"files": fmt.Sprint(len(files))}
	return resp, nil
}

// Discover lists the locations that the complete files name.
func (c *connector) Discover(context.Context, *sdk.DiscoverRequest) (*sdk.DiscoverResponse, error) {
	files, err := c.look()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.folder == nil {
		return nil, errNotOpen
	}
	found := map[string]bool{}
	if c.cfg.Location != "" {
		found[c.cfg.Location] = true
	}
	for _, f := range files {
		in, err := c.folder.inspect(&c.cfg, f)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return nil, err
		}
		if err := in.locations(found); err != nil {
			return nil, err
		}
	}
	resp := &sdk.DiscoverResponse{Locations: []sdk.Discovered{}}
	for name := range found {
		resp.Locations = append(resp.Locations, sdk.Discovered{ID: name, Name: name})
	}
	slices.SortFunc(resp.Locations, func(a, b sdk.Discovered) int { return strings.Compare(a.ID, b.ID) })
	return resp, nil
}

// Health tells what needs a person: a folder that can't be read, a file that waits for its last row, refused rows.
func (c *connector) Health(context.Context, *sdk.HealthRequest) (*sdk.HealthResponse, error) {
	if _, err := c.look(); err != nil {
		return &sdk.HealthResponse{Reason: err.Error()}, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	resp := &sdk.HealthResponse{OK: true, Reason: c.refused}
	for _, w := range c.waiting {
		age := c.now().Sub(w.modified)
		resp.LagMillis = max(resp.LagMillis, age.Milliseconds())
		if age > stuckAfter {
			resp.OK, resp.Reason = false, w.name+" is not read: "+w.reason
		}
	}
	return resp, nil
}

// What the connector can do beside describing itself.
var (
	_ sdk.Validator      = (*connector)(nil)
	_ sdk.Checker        = (*connector)(nil)
	_ sdk.Discoverer     = (*connector)(nil)
	_ sdk.Poller         = (*connector)(nil)
	_ sdk.Snapshotter    = (*connector)(nil)
	_ sdk.HealthReporter = (*connector)(nil)
)
