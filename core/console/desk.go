package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/problem"
	"github.com/jumpring/jumpring/core/report"
)

// desk has reports made beside the pages that show them: one of a large house takes longer than a page may.
type desk struct {
	api  API
	now  func() time.Time
	wait time.Duration
	busy chan struct{} // bounds how many are made at once

	mu   sync.Mutex
	made map[string]*madeReport // by who asks and what for
}

// madeReport is a report that was made, or is being made for the first time.
type madeReport struct {
	next   chan struct{} // closed when the one under way is made; nil while none is
	at     time.Time     // zero while there is none yet
	answer report.Answer
	err    error
}

const (
	// reportFresh is how old the report of a page may be.
	reportFresh = 20 * time.Second
	// reportsKept bounds how many are kept.
	reportsKept = 200
)

func newDesk(api API, now func() time.Time, wait time.Duration) *desk {
	return &desk{api: api, now: now, wait: wait, busy: make(chan struct{}, 2), made: map[string]*madeReport{}}
}

// ask gives the newest report that is there, after a short wait for a fresh one; ready is false while there is none yet.
// It is asked for in the name of who looks at it, so that it has what they see and it stands in the log of reads.
func (d *desk) ask(who access.Principal, target string) (answer report.Answer, ready bool, err error) {
	key := fmt.Sprintf("%s\x00%s\x00%s\x00%s", who.Name, who.Role, who.Location, target)
	d.mu.Lock()
	one := d.made[key]
	if one == nil {
		if len(d.made) >= reportsKept {
			for k, other := range d.made {
				if other.next == nil {
					delete(d.made, k)
				}
			}
		}
		one = &madeReport{}
		d.made[key] = one
	}
	if one.next == nil && (one.at.IsZero() || d.now().Sub(one.at) >= reportFresh) {
		one.next = make(chan struct{})
		go d.make(one, who, target) // ends with the answer
	}
	next := one.next
	d.mu.Unlock()
	if next != nil {
		timer := time.NewTimer(d.wait)
		defer timer.Stop()
		select {
		case <-next:
		case <-timer.C:
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return one.answer, !one.at.IsZero(), one.err
}

func (d *desk) make(one *madeReport, who access.Principal, target string) {
	d.busy <- struct{}{}
	defer func() { <-d.busy }()
	got := d.api.Call(who, http.MethodGet, target, nil, nil)
	var answer report.Answer
	var err error
	if got.Status == http.StatusOK {
		if err = json.Unmarshal(got.Body, &answer); err != nil {
			err = fmt.Errorf("console: a report does not decode: %w", err)
		}
	} else {
		p := &problem.Problem{}
		if err = json.Unmarshal(got.Body, p); err != nil || p.Status == 0 {
			err = fmt.Errorf("console: a report was answered with %d without a problem", got.Status)
		} else {
			err = p
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	one.answer, one.err, one.at = answer, err, d.now()
	close(one.next)
	one.next = nil
}
