package shopify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/jumpring/jumpring/plugins/sdk"
)

// The pace of bulk operations.
const (
	// bulkPatience is how long one page of a snapshot waits for an operation before it is handed over without rows: the hub
	// sees that it goes on, and can stop.
	bulkPatience = 20 * time.Second
	bulkAskFirst = 100 * time.Millisecond // between two questions, growing
	bulkAskMost  = 5 * time.Second
	// bulkTries is how often a collection's operation is begun before it is read page by page.
	bulkTries = 3
	// bulkQueue is how long other operations are waited for before it is read page by page.
	bulkQueue = 30 * time.Minute
	// bulkMargin is how much older than its operation a row has to be to count: times are whole seconds.
	bulkMargin = time.Second
)

// bulkOp is how far the bulk operation of a snapshot is. It is part of the page token, so that another process goes on
// with the same operation, behind the last line that was journaled.
type bulkOp struct {
	Step   int    `json:"step,omitempty"` // which query of the phase
	ID     string `json:"id,omitempty"`   // none: it is to be begun
	Offset int64  `json:"offset,omitempty"`
	Tries  int    `json:"tries,omitempty"` // operations that came to nothing
	// Waits counts pages without rows: no two page tokens are the same. Queued is since when others are waited for.
	Waits  int       `json:"waits,omitempty"`
	Queued time.Time `json:"queued,omitzero"`
}

// lost notes that the operation came to nothing.
func (o *bulkOp) lost() { o.ID, o.Offset, o.Tries = "", 0, o.Tries+1 }

// bulkState is what the platform says of an operation.
type bulkState struct {
	ID        string `json:"id"`
	Status    string `json:"status"`
	Type      string `json:"type"`
	ErrorCode string `json:"errorCode"`
	Query     string `json:"query"`
	CreatedAt string `json:"createdAt"`
	FileSize  string `json:"fileSize"`
	URL       string `json:"url"`
}

func (b *bulkState) size() int64 {
	n, _ := strconv.ParseInt(b.FileSize, 10, 64) // absent: the download tells
	return n
}

// bulkResults remembers the newest finished operation and the part of its file that was fetched last, so that not every
// page asks for them again. Nothing depends on it.
type bulkResults struct {
	mu   sync.Mutex
	done map[string]*bulkState
	part []byte
	at   int64 // where part begins
}

func (r *bulkResults) get(id string) *bulkState {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.done[id]
}

// keep remembers one operation, the newest; nil forgets.
func (r *bulkResults) keep(id string, b *bulkState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done, r.part = nil, nil
	if b != nil {
		r.done = map[string]*bulkState{id: b}
	}
}

// rest gives what is known of a file from an offset on; nil for nothing.
func (r *bulkResults) rest(id string, offset int64) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.done[id] == nil || offset < r.at || offset >= r.at+int64(len(r.part)) {
		return nil
	}
	return r.part[offset-r.at:]
}

// fetched remembers a part.
func (r *bulkResults) fetched(id string, part []byte, at int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.done[id] != nil {
		r.part, r.at = part, at
	}
}

// bulkPage takes the next step of a phase that is read by bulk operations: begins one, waits for it, or hands over rows of
// its result; done tells that the phase is over. What does not come about by bulk operations is read page by page.
func (s *session) bulkPage(ctx context.Context, page *snapshotPage, limit int, res *sdk.SnapshotResponse) (done bool, err error) {
	op := page.Op
	if op == nil {
		op = &bulkOp{}
		page.Op = op
	}
	queries := s.bulkQueries(page)
	q := queries[op.Step]
	if op.ID == "" {
		return false, s.bulkBegin(ctx, page, q)
	}
	state, err := s.bulkAwait(ctx, op.ID)
	if err != nil {
		return false, err
	}
	switch {
	case state == nil:
		op.Waits++
		return false, nil
	case state.Status == "COMPLETED":
	case state.ErrorCode == "ACCESS_DENIED":
		s.pageInstead(page) // page by page, the answer names what the app may not see, and gives the rest
		return false, nil
	default:
		// FAILED, CANCELED or EXPIRED. What a failed operation leaves in partialDataUrl is not taken: it does not say
		// what is missing.
		op.lost()
		if op.Tries >= bulkTries {
			s.pageInstead(page)
		}
		return false, nil
	}
	end := state.URL == "" // no rows, no file
	if !end {
		end, err = s.bulkRead(ctx, op, q, state, limit, res)
		var gone *fileGoneError
		if errors.As(err, &gone) {
			s.results.keep("", nil)
			op.lost()
			if op.Tries >= bulkTries {
				s.pageInstead(page)
			}
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	if !end {
		return false, nil
	}
	page.Op = &bulkOp{Step: op.Step + 1}
	return page.Op.Step == len(queries), nil
}

// pageInstead has the phase read page by page.
func (s *session) pageInstead(page *snapshotPage) {
	page.Bulk = slices.DeleteFunc(page.Bulk, func(phase int) bool { return phase == page.Phase })
	page.Op, page.Run = nil, page.runOf(page.Phase)
}

// bulkBegin begins an operation. One with the same query that began after the snapshot did is that of a process that ended
// before it could say so, or of a request whose answer was lost: it is taken over.
func (s *session) bulkBegin(ctx context.Context, page *snapshotPage, q bulkQuery) error {
	op := page.Op
	id, err := s.bulkFind(ctx, q.text, page.Started)
	if err != nil {
		return err
	}
	if id == "" || op.Tries > 0 {
		var refused string
		if id, refused, err = s.bulkRun(ctx, q); err != nil {
			return err
		}
		switch refused {
		case "":
		case "OPERATION_IN_PROGRESS", "LIMIT_REACHED":
			now := time.Now()
			if op.Queued.IsZero() {
				op.Queued = now
			}
			if op.Waits++; now.Sub(op.Queued) > bulkQueue {
				s.pageInstead(page)
				return nil
			}
			return sleep(ctx, min(time.Duration(op.Waits)*bulkAskFirst, bulkAskMost))
		default:
			s.pageInstead(page)
			return nil
		}
	}
	op.ID, op.Offset, op.Queued = id, 0, time.Time{}
	return nil
}

func (s *session) bulkRun(ctx context.Context, q bulkQuery) (id, refused string, err error) {
	var data struct {
		Run struct {
			BulkOperation *bulkState `json:"bulkOperation"`
			UserErrors    []struct {
				Code string `json:"code"`
			} `json:"userErrors"`
		} `json:"bulkOperationRunQuery"`
	}
	if _, err := s.client.call(ctx, laneBackground, docBulkRun, map[string]any{"query": q.text, "grouped": q.grouped}, &data); err != nil {
		return "", "", err
	}
	switch run := data.Run; {
	case run.BulkOperation != nil && len(run.UserErrors) == 0:
		return run.BulkOperation.ID, "", nil
	case len(run.UserErrors) > 0 && run.UserErrors[0].Code != "":
		return "", run.UserErrors[0].Code, nil
	}
	return "", "INVALID", nil
}

// bulkFind gives an operation with this query that runs or has ended well and began since; "" for none.
func (s *session) bulkFind(ctx context.Context, query string, since time.Time) (string, error) {
	var data struct {
		BulkOperations connection[bulkState] `json:"bulkOperations"`
	}
	if _, err := s.client.call(ctx, laneBackground, docBulks, nil, &data); err != nil {
		return "", err
	}
	for i := range data.BulkOperations.Nodes {
		b := &data.BulkOperations.Nodes[i]
		if b.Type == "QUERY" && b.Query == query && !moment(b.CreatedAt).Before(since) && slices.Contains([]string{"CREATED", "RUNNING", "COMPLETED"}, b.Status) {
			return b.ID, nil
		}
	}
	return "", nil
}

// bulkAwait waits for an operation's end; nil when that takes longer than a page may.
func (s *session) bulkAwait(ctx context.Context, id string) (*bulkState, error) {
	if known := s.results.get(id); known != nil {
		return known, nil
	}
	until := time.Now().Add(bulkPatience)
	for wait := bulkAskFirst; ; wait = min(wait*3/2, bulkAskMost) {
		var data struct {
			BulkOperation *bulkState `json:"bulkOperation"`
		}
		if _, err := s.client.call(ctx, laneBackground, docBulk, map[string]any{"id": id}, &data); err != nil {
			return nil, err
		}
		switch b := data.BulkOperation; {
		case b == nil:
			return &bulkState{ID: id, Status: "EXPIRED"}, nil // it is no longer known
		case b.Status == "COMPLETED":
			s.results.keep(id, b)
			return b, nil
		case slices.Contains([]string{"FAILED", "CANCELED", "EXPIRED"}, b.Status):
			return b, nil
		}
		if time.Now().Add(wait).After(until) {
			return nil, nil
		}
		if err := sleep(ctx, wait); err != nil {
			return nil, fmt.Errorf("shopify: the bulk operation is waited for: %w", err)
		}
	}
}
