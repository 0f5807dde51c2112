package intaketest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"strconv"
	"sync"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/intake"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// Platform is a scripted platform that counts stock. It implements the inbound half of a connection.
type Platform struct {
	mu     sync.Mutex
	levels map[string]int64
	done   map[string]bool // keys of writes that were carried out
	busy   map[string]int
	calls  []string
	down   bool
	// Latency is how long each call takes.
	Latency time.Duration
	// OnApply, when set, may answer a write instead of the platform. It returns false to let the platform do it.
	OnApply func(w *sdk.Write) (sdk.Result, bool)
	// OnPage, when set, is called before each page of a snapshot.
	OnPage func(page string)
	// OnPoll, when set, answers polls.
	OnPoll func(req *sdk.PollRequest) (*intake.PollResult, error)
	// OnRead, when set, may answer a read instead of the platform; nil lets the platform do it.
	OnRead func(req *sdk.ReadRequest) *intake.ReadResult
	// Overlap counts writes of a level that began while another one of it was under way.
	Overlap int
}

// NewPlatform gives a platform with levels.
func NewPlatform(levels map[string]int64) *Platform {
	p := &Platform{levels: make(map[string]int64), done: make(map[string]bool), busy: make(map[string]int)}
	for id, n := range levels {
		p.levels[id] = n
	}
	return p
}

// Describe describes a connector with every capability that these tests use.
func Describe() *sdk.DescribeResponse {
	return &sdk.DescribeResponse{
		Name:         "test",
		Capabilities: []sdk.Capability{sdk.CanPoll, sdk.CanSnapshot, sdk.CanRead, sdk.CanApply, sdk.CanRegister},
		Streams:      []sdk.Stream{{Name: "levels", IntervalMillis: 60_000}},
		SettleMillis: 1000,
	}
}

// ErrDown is what a platform that is down answers.
var ErrDown = errors.New("platform is down")

// SetDown takes the platform down or up.
func (p *Platform) SetDown(down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = down
}

// Set changes a level behind the hub's back.
func (p *Platform) Set(id string, n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.levels[id] = n
}

// Remove deletes a level at the platform.
func (p *Platform) Remove(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.levels, id)
}

// Level gives what the platform shows.
func (p *Platform) Level(id string) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.levels[id]
}

// Calls gives the calls that were made, those that begin with prefix, such as "apply".
func (p *Platform) Calls(prefix string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []string
	for _, c := range p.calls {
		if len(c) >= len(prefix) && c[:len(prefix)] == prefix {
			out = append(out, c)
		}
	}
	return out
}

// call notes a call and waits as long as it takes.
func (p *Platform) call(ctx context.Context, format string, args ...any) error {
	p.mu.Lock()
	p.calls = append(p.calls, fmt.Sprintf(format, args...))
	down := p.down
	p.mu.Unlock()
	if p.Latency > 0 {
		t := time.NewTimer(p.Latency)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if down {
		return ErrDown
	}
	return nil
}

// Fact makes the fact of a level.
func Fact(id string, n int64) intake.Fact { return encode(Level(id, n)) }

func encode(obs *canon.Observation) intake.Fact {
	data, err := json.Marshal(obs)
	must(err)
	return intake.Fact{Kind: obs.Kind, ExternalID: obs.ExternalID, Data: data}
}

// Apply compares and sets. Each answer tells what the platform shows now.
func (p *Platform) Apply(ctx context.Context, req *sdk.ApplyRequest) ([]sdk.Result, error) {
	p.begin(req, 1)
	defer p.begin(req, -1)
	for _, w := range req.Writes {
		if err := p.call(ctx, "apply %s %d->%d", w.Ref.ExternalID, w.Stock.Expect, w.Stock.Want); err != nil {
			return nil, err
		}
	}
	out := make([]sdk.Result, len(req.Writes))
	for i := range req.Writes {
		w := &req.Writes[i]
		if p.OnApply != nil {
			if r, ok := p.OnApply(w); ok {
				r.Key = w.Key
				out[i] = r
				continue
			}
		}
		out[i] = p.write(w)
	}
	return out, nil
}

func (p *Platform) begin(req *sdk.ApplyRequest, by int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range req.Writes {
		if p.busy[w.Ref.ExternalID] += by; p.busy[w.Ref.ExternalID] > 1 {
			p.Overlap++
		}
	}
}

func (p *Platform) write(w *sdk.Write) sdk.Result {
	p.mu.Lock()
	defer p.mu.Unlock()
	id := w.Ref.ExternalID
	r := sdk.Result{Key: w.Key, Status: sdk.StatusApplied}
	switch {
	case p.done[w.Key]:
		r.Status = sdk.StatusDuplicate
	case p.levels[id] != w.Stock.Expect:
		r.Status = sdk.StatusConflict
	default:
		p.levels[id], p.done[w.Key] = w.Stock.Want, true
	}
	r.Shows = Level(id, p.levels[id])
	return r
}

// Read implements intake.Platform.
func (p *Platform) Read(ctx context.Context, req *sdk.ReadRequest) (*intake.ReadResult, error) {
	for _, ref := range req.Refs {
		p.mu.Lock()
		p.calls = append(p.calls, "read "+ref.ExternalID)
		p.mu.Unlock()
	}
	if err := p.call(ctx, "batch %d", len(req.Refs)); err != nil {
		return nil, err
	}
	if p.OnRead != nil {
		if res := p.OnRead(req); res != nil {
			return res, nil
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	res := &intake.ReadResult{}
	for _, ref := range req.Refs {
		if n, ok := p.levels[ref.ExternalID]; ok {
			res.Facts = append(res.Facts, Fact(ref.ExternalID, n))
		} else {
			res.Facts = append(res.Facts, encode(&canon.Observation{Kind: ref.Kind, ExternalID: ref.ExternalID, Deleted: true}))
		}
	}
	return res, nil
}

// Snapshot implements intake.Platform: pages of req.Limit levels by external id.
func (p *Platform) Snapshot(ctx context.Context, req *sdk.SnapshotRequest) (*intake.SnapshotResult, error) {
	if p.OnPage != nil {
		p.OnPage(string(req.Page))
	}
	if err := p.call(ctx, "snapshot %s", req.Page); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	ids := make([]string, 0, len(p.levels))
	for id := range p.levels {
		ids = append(ids, id)
	}
	sort.Strings(ids)
	from, _ := strconv.Atoi(string(req.Page))
	to := min(from+req.Limit, len(ids))
	res := &intake.SnapshotResult{Total: int64(len(ids)), Kinds: []canon.Kind{canon.KindLevel}}
	if from == 0 {
		res.Cursors = map[string][]byte{"levels": []byte("handed-off")}
	}
	for _, id := range ids[from:to] {
		res.Facts = append(res.Facts, Fact(id, p.levels[id]))
	}
	if res.Complete = to == len(ids); !res.Complete {
		res.Next = []byte(strconv.Itoa(to))
	}
	return res, nil
}

// Poll implements intake.Platform: nothing ever changed, unless OnPoll says so.
func (p *Platform) Poll(ctx context.Context, req *sdk.PollRequest) (*intake.PollResult, error) {
	if err := p.call(ctx, "poll %s", req.Cursor); err != nil {
		return nil, err
	}
	if p.OnPoll != nil {
		return p.OnPoll(req)
	}
	return &intake.PollResult{Cursor: req.Cursor}, nil
}

// Register implements intake.Platform.
func (p *Platform) Register(ctx context.Context, req *sdk.RegisterRequest) (*sdk.RegisterResponse, error) {
	if err := p.call(ctx, "register %s", req.URL); err != nil {
		return nil, err
	}
	return &sdk.RegisterResponse{}, nil
}

var _ intake.Platform = (*Platform)(nil)
