package edgefiles

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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

// streamLists is the one poll stream: the lists in the order in which they are read.
const streamLists = "lists"

// connector serves one exchange. Its calls take turns, since they all look at the same files.
type connector struct {
	now func() time.Time

	mu          sync.Mutex
	name        string // the connection's
	log         hclog.Logger
	cfg         *config // nil until Open
	x           exchange
	watch       watch
	opened      *table   // what was read last
	waiting     []string // lists that have not been complete for long
	refusedRows string   // what the last moved list had refused
	refusals    []string // sales that The Edge refused
}

// New makes the connector.
func New() sdk.Connector { return &connector{now: time.Now} }

// Describe tells what the connector is and can do.
func (c *connector) Describe(context.Context, *sdk.DescribeRequest) (*sdk.DescribeResponse, error) {
	return &sdk.DescribeResponse{
		Name: "edge-files", Version: Version, Summary: "The Edge, by files: customers, items and jobs in, web sales out, in a folder or over SFTP.",
		TranslationVersion: translationVersion, Kinds: []canon.Kind{canon.KindCustomer, canon.KindLevel, canon.KindListing, canon.KindOrder},
		Config: slices.Clone(configFields), Streams: []sdk.Stream{{Name: streamLists, IntervalMillis: 5000, Personal: true}},
		OpeningStock: true, DeliverRecords: true,
	}, nil
}

// Validate checks a configuration without I/O.
func (c *connector) Validate(_ context.Context, req *sdk.ValidateRequest) (*sdk.ValidateResponse, error) {
	_, found := parseConfig(req.Config, req.Secrets)
	return &sdk.ValidateResponse{Diagnostics: found}, nil
}

// Open takes the configuration. The exchange need not be reachable yet.
func (c *connector) Open(_ context.Context, req *sdk.OpenRequest) (*sdk.OpenResponse, error) {
	cfg, found := parseConfig(req.Config, req.Secrets)
	if len(found) > 0 {
		return &sdk.OpenResponse{Diagnostics: found}, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cfg, c.name, c.log = cfg, req.Connection, req.Log
	if c.log == nil {
		c.log = hclog.NewNullLogger()
	}
	if c.x = exchange(local{root: cfg.Folder}); cfg.server != nil {
		c.x = &remote{s: cfg.server}
	}
	c.watch = watch{seen: map[string]sighting{}, partial: map[string]bool{}}
	c.opened, c.waiting, c.refusedRows, c.refusals = nil, nil, "", nil
	return &sdk.OpenResponse{}, nil
}

// Close ends the session with a server.
func (c *connector) Close(context.Context, *sdk.CloseRequest) (*sdk.CloseResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.x == nil {
		return &sdk.CloseResponse{}, nil
	}
	err := c.x.close()
	c.cfg, c.x = nil, nil
	return &sdk.CloseResponse{}, err
}

var errNotOpen = errors.New("the edge-files connector is not open")

// Poll gives the next rows of the lists. See the package's comment for when a list is moved.
func (c *connector) Poll(ctx context.Context, req *sdk.PollRequest) (*sdk.PollResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.cfg == nil:
		return nil, errNotOpen
	case req.Stream != streamLists:
		return nil, fmt.Errorf("the edge-files connector has no stream %q, only %q", req.Stream, streamLists)
	}
	at, err := decodeCursor(req.Cursor)
	if err != nil {
		return nil, err
	}
	p, err := c.step(ctx, at, req.Limit)
	if err != nil {
		return nil, err
	}
	if !p.more {
		if err := c.lookForRefusals(ctx); err != nil {
			return nil, err
		}
	}
	next, err := json.Marshal(p.next)
	return &sdk.PollResponse{Observations: p.observations, Cursor: next, More: p.more && string(next) != string(req.Cursor)}, err
}

// lookForRefusals notes the sales that The Edge refused: a person has to look why.
func (c *connector) lookForRefusals(ctx context.Context) error {
	c.refusals = nil
	if c.cfg.Refused == "" {
		return nil
	}
	files, err := c.x.list(ctx, c.cfg.Refused)
	if err != nil {
		return err
	}
	for _, f := range files {
		if strings.HasPrefix(f.name, "WebSale_") && strings.HasSuffix(f.name, ".xml") {
			c.refusals = append(c.refusals, f.name)
		}
	}
	return nil
}

// Check tells whether both folders can be reached. It changes nothing.
func (c *connector) Check(ctx context.Context, _ *sdk.CheckRequest) (*sdk.CheckResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cfg == nil {
		return nil, errNotOpen
	}
	resp := &sdk.CheckResponse{Account: c.cfg.Folder + c.cfg.SFTP}
	path := "config.folder"
	if c.cfg.server != nil {
		path = "config.sftp"
	}
	if _, err := c.x.list(ctx, c.cfg.Lists); err != nil {
		resp.Diagnostics = append(resp.Diagnostics, sdk.Diagnostic{
			Severity: sdk.SeverityError, Code: "edge-files.unreachable", Path: path, Summary: "the exchange can't be read: " + err.Error(),
			Do: "correct the address, the key or the credentials, or let the user read the folder",
		})
		return resp, nil
	}
	if there, err := c.x.exists(ctx, c.cfg.Sales); err == nil && !there {
		resp.Diagnostics = append(resp.Diagnostics, sdk.Diagnostic{
			Severity: sdk.SeverityWarning, Code: "edge-files.no_sales_folder", Path: "config.sales", Summary: "there is no folder " + c.cfg.Sales,
			Do: "correct it to the folder that The Edge takes web sales from; the first sale makes it otherwise",
		})
	}
	return resp, nil
}

// Health tells what a person has to look at.
func (c *connector) Health(context.Context, *sdk.HealthRequest) (*sdk.HealthResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := &sdk.HealthResponse{OK: true}
	switch {
	case len(c.refusals) > 0:
		h.Reason = "The Edge refused " + strings.Join(c.refusals[:min(3, len(c.refusals))], ", ") + ": look there why, then take the files away"
	case len(c.waiting) > 0:
		h.Reason = strings.Join(c.waiting[:min(3, len(c.waiting))], "; ")
	case c.refusedRows != "":
		h.Reason = c.refusedRows
	}
	h.OK = h.Reason == ""
	return h, nil
}

var (
	_ sdk.Validator      = (*connector)(nil)
	_ sdk.Checker        = (*connector)(nil)
	_ sdk.Poller         = (*connector)(nil)
	_ sdk.Deliverer      = (*connector)(nil)
	_ sdk.HealthReporter = (*connector)(nil)
)
