package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// hubProbe asks a hub about itself, through its own doors.
type hubProbe struct {
	*loader
	x exchange
}

func probe(address string) *hubProbe { return &hubProbe{loader: newLoader(address, adminToken)} }

// state is what the hub's metrics say.
type state struct{ end, folded, lag, entries, fsyncs uint64 }

func (h *hubProbe) state() (state, error) {
	var s state
	if err := h.get(&h.x, "/metrics"); err != nil {
		return s, err
	}
	names := map[string]*uint64{
		"jumpring_journal_end": &s.end, "jumpring_fold_offset": &s.folded, "jumpring_fold_lag_batches": &s.lag,
		"jumpring_fold_entries_total": &s.entries, "jumpring_journal_fsyncs_total": &s.fsyncs,
	}
	for line := range strings.Lines(string(h.x.resp.Body())) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if at := names[name]; at != nil {
			f, err := strconv.ParseFloat(value, 64)
			if err != nil {
				return s, fmt.Errorf("metric %s: %w", name, err)
			}
			*at = uint64(f)
			delete(names, name)
		}
	}
	if len(names) > 0 {
		return s, fmt.Errorf("the hub has no metrics %v", names)
	}
	return s, nil
}

// farBehind is how many batches the fold does not pass within a few dozen milliseconds.
const farBehind = 300

// awaitFolded waits until the fold has passed an offset.
func (h *hubProbe) awaitFolded(offset uint64) (state, error) {
	for end := time.Now().Add(time.Minute); ; {
		s, err := h.state()
		if err != nil {
			return s, err
		}
		if s.folded >= offset && s.lag == 0 || s.folded > offset {
			return h.state() // one answer's metrics are not of one moment: what is counted beside is complete in the next
		}
		if time.Now().After(end) {
			return s, fmt.Errorf("the fold is at %d, %d was waited for", s.folded, offset)
		}
		if s.lag > farBehind { // each answer takes about two milliseconds of the cores that fold
			time.Sleep(50 * time.Millisecond)
		} else {
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// quiet waits until nothing has been journaled for a while and all of it is folded: imports and the reads that verify
// what orders did are over.
func (h *hubProbe) quiet(still, most time.Duration) error {
	last, since := state{}, time.Now()
	for end := time.Now().Add(most); ; {
		s, err := h.state()
		if err != nil {
			return err
		}
		if s.end != last.end || s.lag > 0 {
			last, since = s, time.Now()
		}
		if time.Since(since) > still && s.end > 1 {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("the hub is not quiet after %s", most)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

type page struct {
	Items []json.RawMessage `json:"items"`
	Next  string            `json:"next_cursor"`
}

func (h *hubProbe) list(path string) (page, error) {
	var p page
	if err := h.get(&h.x, path); err != nil {
		return p, err
	}
	return p, json.Unmarshal(h.x.resp.Body(), &p)
}

// imported waits until the view has n items: the platform may take a while before it hands over the first one.
func (h *hubProbe) imported(n int) error {
	for end := time.Now().Add(10 * time.Minute); ; {
		if err := h.quiet(3*time.Second, 5*time.Minute); err != nil {
			return err
		}
		have, err := h.count()
		switch {
		case err != nil || have == n:
			return err
		case have > n || time.Now().After(end):
			return fmt.Errorf("the hub has %d items, %d are sold", have, n)
		}
	}
}

// count gives how many items the view has.
func (h *hubProbe) count() (have int, err error) {
	for cursor := ""; ; {
		p, err := h.list("/v1/items?limit=500&cursor=" + url.QueryEscape(cursor))
		if err != nil {
			return 0, err
		}
		have += len(p.Items)
		if cursor = p.Next; cursor == "" {
			return have, nil
		}
	}
}

// check looks whether orders are records, with their line resolved, and whether anything was parked.
func (h *hubProbe) check(sold []delivery) error {
	for i := 0; i < len(sold); i += max(1, len(sold)/50) {
		p, err := h.list("/v1/orders?connection=" + connectionName + "&external_id=" + url.QueryEscape(sold[i].id))
		if err != nil {
			return err
		}
		var o struct {
			Lines []struct{ Node string }
		}
		if len(p.Items) == 1 {
			err = json.Unmarshal(p.Items[0], &o)
		}
		if err != nil || len(o.Lines) != 1 || o.Lines[0].Node == "" {
			return fmt.Errorf("order %s was acknowledged and is not folded: %s", sold[i].id, p.Items)
		}
	}
	p, err := h.list("/v1/parked")
	if err == nil && len(p.Items) > 0 {
		err = fmt.Errorf("entries were parked: %.500s", p.Items[0])
	}
	return err
}

// items gives the bytes of up to n items as the API shows them.
func (h *hubProbe) items(n int) (map[string][]byte, error) {
	p, err := h.list(fmt.Sprintf("/v1/items?limit=%d", n))
	if err != nil {
		return nil, err
	}
	out := make(map[string][]byte, len(p.Items))
	for _, raw := range p.Items {
		var item struct{ ID string }
		if err := json.Unmarshal(raw, &item); err != nil {
			return nil, err
		}
		if err := h.get(&h.x, "/v1/items/"+item.ID); err != nil {
			return nil, err
		}
		out[item.ID] = append([]byte(nil), h.x.resp.Body()...)
	}
	return out, nil
}
