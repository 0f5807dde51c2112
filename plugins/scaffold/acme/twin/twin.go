// Package twin is a sandbox that speaks Acme's API: tests need no account and no network. Make it as strict as the
// real system: what it refuses, the connector learns to bear.
//
// The doors under /_twin/ are for the conformance kit, which plays the people at the platform by them:
//
//	POST /_twin/reset?n=25    the platform has 25 items and nothing else
//	POST /_twin/change?n=15   15 of them change, all at the same moment
package twin

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Item is one row of the item list.
type Item struct {
	ID       string    `json:"id"`
	SKU      string    `json:"sku"`
	Serial   string    `json:"serial"`
	Title    string    `json:"title"`
	Metal    string    `json:"metal"`
	Weight   string    `json:"weight"`
	Price    string    `json:"price"`
	Stock    int64     `json:"stock"`
	Modified time.Time `json:"modified"`
}

// Server is an Acme ERP. It is an http.Handler.
type Server struct {
	key string

	mu     sync.Mutex
	items  []*Item         // in the order of their ids
	writes map[string]bool // keys of stock writes that were done
	last   time.Time       // of the latest change; no two have the same, but those of one moment
}

// New makes an empty one that takes the key.
func New(key string) *Server { return &Server{key: key, writes: map[string]bool{}} }

// Main listens on a free port of this machine, prints its address as the first line, and ends with its input.
func Main(args []string, in io.Reader, out io.Writer) error {
	flags := flag.NewFlagSet("twin", flag.ContinueOnError)
	key := flags.String("api-key", "", "the key that it takes")
	if err := flags.Parse(args); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: New(*key), ReadHeaderTimeout: 10 * time.Second}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	fmt.Fprintf(out, "http://%s\n", l.Addr())
	_, _ = io.Copy(io.Discard, in) // until the kit closes it
	_ = server.Close()
	if err := <-done; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if door, ok := strings.CutPrefix(r.URL.Path, "/_twin/"); ok {
		s.control(w, door, number(r, "n"))
		return
	}
	if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte("Bearer "+s.key)) != 1 {
		fail(w, http.StatusUnauthorized, "key refused")
		return
	}
	path := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case r.Method == http.MethodGet && r.URL.Path == "/api/account":
		reply(w, http.StatusOK, map[string]any{"name": "Acme Jewelers", "now": time.Now().UTC()})
	case r.Method == http.MethodGet && r.URL.Path == "/api/items":
		s.list(w, r)
	case r.Method == http.MethodGet && len(path) == 3 && path[1] == "items":
		s.one(w, path[2])
	case r.Method == http.MethodPut && len(path) == 4 && path[1] == "items" && path[3] == "stock":
		s.setStock(w, r, path[2])
	case r.Method == http.MethodGet && len(path) == 3 && path[1] == "writes":
		if !s.writes[path[2]] {
			fail(w, http.StatusNotFound, "no such write")
			return
		}
		reply(w, http.StatusOK, map[string]bool{"done": true})
	default:
		fail(w, http.StatusNotFound, "no such address")
	}
}

func (s *Server) control(w http.ResponseWriter, door string, n int) {
	switch door {
	case "reset":
		s.items, s.writes = nil, map[string]bool{}
		s.last = time.Now().UTC().Add(-time.Minute).Truncate(time.Millisecond)
		for i := range n {
			s.items = append(s.items, &Item{
				ID: fmt.Sprintf("I%05d", i+1), SKU: fmt.Sprintf("RING-%d", i+1), Serial: fmt.Sprintf("AC-%05d", i+1), Title: fmt.Sprintf("Ring %d", i+1),
				Metal: "18k yellow gold", Weight: "4.2 g", Price: "1250.00", Stock: 1, Modified: s.last.Add(time.Duration(i) * time.Millisecond),
			})
		}
	case "change":
		now := s.moment()
		for i, it := range s.items[:min(n, len(s.items))] {
			it.Price, it.Modified = fmt.Sprintf("%d.50", 1300+i), now
		}
	default:
		fail(w, http.StatusNotFound, "no such door")
		return
	}
	reply(w, http.StatusOK, map[string]bool{"ok": true})
}

// moment is the present, to the millisecond, and later than any before.
func (s *Server) moment() time.Time {
	now := time.Now().UTC().Truncate(time.Millisecond)
	if !now.After(s.last) {
		now = s.last.Add(time.Millisecond)
	}
	s.last = now
	return now
}

func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	limit := number(r, "limit")
	if limit < 1 || limit > 250 {
		fail(w, http.StatusBadRequest, "limit is 1 to 250")
		return
	}
	found := slices.Clone(s.items)
	skip := 0
	if r.URL.Query().Has("modified_from") {
		from, err := time.Parse(time.RFC3339Nano, r.URL.Query().Get("modified_from"))
		if err != nil {
			fail(w, http.StatusBadRequest, "modified_from is no time")
			return
		}
		found = slices.DeleteFunc(found, func(it *Item) bool { return it.Modified.Before(from) })
		slices.SortStableFunc(found, func(a, b *Item) int { return a.Modified.Compare(b.Modified) })
		skip = number(r, "page") * limit
	} else {
		after := r.URL.Query().Get("after")
		found = slices.DeleteFunc(found, func(it *Item) bool { return it.ID <= after })
	}
	found = found[min(max(skip, 0), len(found)):]
	reply(w, http.StatusOK, found[:min(limit, len(found))])
}

func (s *Server) find(id string) *Item {
	for _, it := range s.items {
		if it.ID == id {
			return it
		}
	}
	return nil
}

func (s *Server) one(w http.ResponseWriter, id string) {
	it := s.find(id)
	if it == nil {
		fail(w, http.StatusNotFound, "no such item")
		return
	}
	reply(w, http.StatusOK, it)
}

// setStock compares and sets in one step; a key that it knows gets the same answer and does nothing.
func (s *Server) setStock(w http.ResponseWriter, r *http.Request, id string) {
	var in struct{ Want, Expect int64 }
	key := r.Header.Get("Idempotency-Key")
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<16)).Decode(&in); err != nil || key == "" || in.Want < 0 {
		fail(w, http.StatusBadRequest, "want and expect are needed, and a key")
		return
	}
	it := s.find(id)
	switch {
	case it == nil:
		fail(w, http.StatusNotFound, "no such item")
	case s.writes[key]:
		reply(w, http.StatusOK, it)
	case it.Stock != in.Expect:
		reply(w, http.StatusConflict, it)
	default:
		it.Stock, it.Modified, s.writes[key] = in.Want, s.moment(), true
		reply(w, http.StatusOK, it)
	}
}

func number(r *http.Request, key string) int {
	n, err := strconv.Atoi(r.URL.Query().Get(key))
	if err != nil {
		return 0
	}
	return n
}

func fail(w http.ResponseWriter, status int, why string) {
	reply(w, status, map[string]string{"error": why})
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client may be gone
}
