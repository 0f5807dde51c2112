// Package hosttest has connectors that behave as badly as one can, and one that behaves well, for tests of what runs them:
// a test binary that is started with a fault's name serves it.
package hosttest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// The faults.
const (
	Good        = "good"               // none: polls, webhooks that it verifies, writes that it keeps in memory
	ExitAtStart = "exits-at-start"     // before the handshake
	ExitTenth   = "exits-every-tenth"  // in every tenth poll
	Hang        = "hangs"              // in every poll, whatever its context says
	Flood       = "floods-logs"        // on all its outputs, without end
	Leak        = "leaks-memory"       // with every poll
	Garbage     = "writes-garbage"     // in the handshake's place
	Fork        = "forks"              // a child in a session of its own, which stays
	Huge        = "answers-100-mb"     // to a poll
	WrongResult = "answers-for-others" // results for commands that it was not given
	Thief       = "claims-others"      // facts that name another connection
	Blabber     = "prints-secrets"     // in logs, output, errors and facts
	Hog         = "burns-cpu"          // in the background
	Late        = "opens-late"         // as Good, but not before the file OpenFile is in its work folder
)

// OpenFile is what Late waits for.
const OpenFile = "may-open"

// All lists the faults, without Good.
func All() []string {
	return []string{ExitAtStart, ExitTenth, Hang, Flood, Leak, Garbage, Fork, Huge, WrongResult, Thief, Blabber, Hog}
}

// SecretName is the secret that a test gives every connector: Blabber prints it, Good takes deliveries whose header
// X-Secret has it.
const SecretName = "api_key"

// StolenListing is what Good shows, and Thief claims.
const StolenListing = "ring-of-good"

// Serve runs a connector with a fault as this process, and returns when the hub has ended it.
func Serve(fault string) {
	switch fault {
	case ExitAtStart:
		os.Stderr.WriteString("nothing works\n")
		os.Exit(3)
	case Garbage:
		os.Stdout.Write(bytes.Repeat([]byte{0xff, 0x00, '|', 0x1b}, 4<<10))
		os.Stdout.WriteString("\nGET / HTTP/1.1\n")
		time.Sleep(time.Hour)
	case Huge, Thief:
		serveRaw(fault)
	default:
		sdk.Serve(func() sdk.Connector { return &connector{fault: fault} })
	}
}

// liarListing is what WrongResult shows; Good has the piece in its stock.
const liarListing = "ring-of-liar"

// Stream is the stream that every connector polls.
const Stream = "orders"

// Config is what a connector takes as its configuration.
type Config struct {
	// Refuse makes Validate refuse it.
	Refuse bool `json:"refuse,omitempty"`
}

type connector struct {
	fault   string
	config  Config
	log     hclog.Logger
	secret  string
	workDir string
	polls   atomic.Int64
	hoard   [][]byte
}

var (
	_ sdk.Validator      = (*connector)(nil)
	_ sdk.Poller         = (*connector)(nil)
	_ sdk.WebhookHandler = (*connector)(nil)
	_ sdk.Applier        = (*connector)(nil)
	_ sdk.Reader         = (*connector)(nil)
	_ sdk.HealthReporter = (*connector)(nil)
)

func (c *connector) Describe(context.Context, *sdk.DescribeRequest) (*sdk.DescribeResponse, error) {
	return &sdk.DescribeResponse{
		Name: c.fault, Version: "1.0.0", Kinds: []canon.Kind{canon.KindListing, canon.KindLevel, canon.KindOrder},
		Streams: []sdk.Stream{{Name: Stream, IntervalMillis: 50}}, OpeningStock: c.fault == Good, TranslationVersion: translation(),
	}, nil
}

// Validate refuses what says so.
func (c *connector) Validate(_ context.Context, req *sdk.ValidateRequest) (*sdk.ValidateResponse, error) {
	var config Config
	if err := json.Unmarshal(req.Config, &config); err != nil {
		return nil, err
	}
	if config.Refuse {
		return &sdk.ValidateResponse{Diagnostics: []sdk.Diagnostic{{
			Severity: sdk.SeverityError, Code: "hosttest.refused", Path: "config.refuse", Summary: "refuse is set", Do: "leave it out",
		}}}, nil
	}
	return &sdk.ValidateResponse{}, nil
}

// TranslationVariable is the environment variable that tells the version of the mapping, for Describe.
const TranslationVariable = "HOSTTEST_TRANSLATION"

func translation() int {
	n, err := strconv.Atoi(os.Getenv(TranslationVariable))
	if err != nil {
		return 1
	}
	return n
}

func (c *connector) Open(ctx context.Context, req *sdk.OpenRequest) (*sdk.OpenResponse, error) {
	if err := json.Unmarshal(req.Config, &c.config); err != nil {
		return nil, err
	}
	for c.fault == Late {
		if _, err := os.Stat(filepath.Join(req.WorkDir, OpenFile)); err == nil {
			break
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	c.log, c.secret, c.workDir = req.Log, req.Secrets[SecretName], req.WorkDir
	switch c.fault {
	case Flood:
		go func() {
			for line := strings.Repeat("water ", 200); ; {
				c.log.Error(line)
				fmt.Fprintln(os.Stdout, line)
				fmt.Fprintln(os.Stderr, line)
			}
		}()
	case Hog:
		for range 4 {
			go func() {
				for n := uint64(1); ; {
					if n = n*6364136223846793005 + 1442695040888963407; n == 0 {
						c.log.Trace("a rare number")
					}
				}
			}()
		}
	}
	return &sdk.OpenResponse{}, nil
}

func (c *connector) Close(context.Context, *sdk.CloseRequest) (*sdk.CloseResponse, error) {
	return &sdk.CloseResponse{}, nil
}

// ChildFile is where Fork writes its child's process id, in the work folder.
const ChildFile = "child.pid"

func (c *connector) Poll(_ context.Context, req *sdk.PollRequest) (*sdk.PollResponse, error) {
	n := c.polls.Add(1)
	out := &sdk.PollResponse{Cursor: []byte(strconv.FormatInt(time.Now().UnixNano(), 10))}
	switch c.fault {
	case Good:
		out.Observations = []canon.Observation{listing(StolenListing, "Ring of good"), level(StolenListing, 1), listing(liarListing, "Ring of liar"), level(liarListing, 1)}
	case WrongResult:
		out.Observations = []canon.Observation{listing(liarListing, "Ring of liar"), level(liarListing, 1)}
	case ExitTenth:
		if n%10 == 0 {
			os.Exit(7)
		}
		out.Observations = []canon.Observation{listing("ring-"+strconv.FormatInt(n%10, 10), "Ring of the tenth")}
	case Hang:
		select {}
	case Leak:
		c.hoard = append(c.hoard, bytes.Repeat([]byte{1}, 32<<20))
	case Fork:
		if n == 1 {
			child := exec.Command("/bin/sleep", "600")
			child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
			if err := child.Start(); err != nil {
				return nil, err
			}
			return out, os.WriteFile(filepath.Join(c.workDir, ChildFile), []byte(strconv.Itoa(child.Process.Pid)), 0o600)
		}
	case Blabber:
		c.log.Warn("the key is "+c.secret, "key", c.secret)
		fmt.Println("printed", c.secret)
		fmt.Fprintln(os.Stderr, "shouted", c.secret)
		if n%2 == 0 {
			return nil, errors.New("the platform refuses " + c.secret)
		}
		out.Observations = []canon.Observation{listing("ring-of-blabber", "Ring "+c.secret)}
	}
	return out, nil
}

func listing(id, title string) canon.Observation {
	return canon.Observation{
		Kind: canon.KindListing, ExternalID: id, SourceVersion: 1, Listing: &canon.ListingState{Title: title, SKU: strings.ToUpper(id), StockID: id, Status: "active"},
	}
}

func level(stock string, available int64) canon.Observation {
	return canon.Observation{
		Kind: canon.KindLevel, ExternalID: canon.LevelID(stock, "shop"), Level: &canon.LevelState{StockID: stock, Location: "shop", Available: &available},
	}
}

// Title is what a delivery's listing is called by a version of the mapping.
func Title(id string, translation int) string {
	return fmt.Sprintf("Ring %s by mapping %d", id, translation)
}

// HandleWebhook takes a listing whose id is the body.
func (c *connector) HandleWebhook(_ context.Context, req *sdk.WebhookRequest) (*sdk.WebhookResponse, error) {
	if c.fault == Hang {
		select {}
	}
	if !req.Verified && req.Header("X-Secret") != c.secret {
		return &sdk.WebhookResponse{Verdict: sdk.VerdictBadSignature, Reason: "another secret"}, nil
	}
	return &sdk.WebhookResponse{Verdict: sdk.VerdictAccepted, Observations: []canon.Observation{listing(string(req.Body), Title(string(req.Body), translation()))}}, nil
}

func (c *connector) Apply(_ context.Context, req *sdk.ApplyRequest) (*sdk.ApplyResponse, error) {
	out := &sdk.ApplyResponse{}
	for _, w := range req.Writes {
		key := w.Key
		if c.fault == WrongResult {
			key = "of-somebody-else"
		}
		shown := level(w.Stock.StockID, w.Stock.Want)
		out.Results = append(out.Results, sdk.Result{Key: key, Status: sdk.StatusApplied, Shows: &shown})
	}
	return out, nil
}

// Read shows each level as one piece.
func (c *connector) Read(_ context.Context, req *sdk.ReadRequest) (*sdk.ReadResponse, error) {
	out := &sdk.ReadResponse{}
	for _, r := range req.Refs {
		switch r.Kind {
		case canon.KindLevel:
			stock, _ := canon.SplitLevelID(r.ExternalID)
			out.Observations = append(out.Observations, level(stock, 1))
		case canon.KindListing:
			out.Observations = append(out.Observations, listing(r.ExternalID, "Ring "+r.ExternalID))
		}
	}
	return out, nil
}

func (c *connector) Health(context.Context, *sdk.HealthRequest) (*sdk.HealthResponse, error) {
	return &sdk.HealthResponse{OK: true}, nil
}
