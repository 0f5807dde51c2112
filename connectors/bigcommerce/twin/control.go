package twin

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
)

// control answers /_twin/…, by which another process plays shoppers and reads the ledger. It is not part of the platform's
// API and needs no credentials.
func (s *Server) control(w http.ResponseWriter, r *http.Request) {
	what := strings.TrimPrefix(r.URL.Path, "/_twin/")
	if r.Method == http.MethodGet {
		switch what {
		case "ledger":
			reply(w, s.Ledger(), nil)
		case "counts":
			reply(w, s.Counts(), nil)
		case "webhooks":
			reply(w, map[string]any{"pending": s.Pending(), "active": s.ActiveHooks()}, nil)
		default:
			http.NotFound(w, r)
		}
		return
	}
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20))
	into := func(v any) bool {
		if err := dec.Decode(v); err != nil {
			http.Error(w, "a JSON object is expected", http.StatusBadRequest)
			return false
		}
		return true
	}
	done := func(err error) { reply(w, map[string]any{"ok": true}, err) }
	id := func(n int64, err error) { reply(w, map[string]any{"id": n}, err) }
	switch what {
	case "products":
		var spec ProductSpec
		if into(&spec) {
			id(s.CreateProduct(spec))
		}
	case "customers":
		var spec CustomerSpec
		if into(&spec) {
			id(s.CreateCustomer(spec), nil)
		}
	case "orders":
		var buy Purchase
		if into(&buy) {
			id(s.PlaceOrder(buy))
		}
	case "faults":
		var f Fault
		if into(&f) {
			s.Inject(f)
			done(nil)
		}
	case "clear-faults":
		s.ClearFaults()
		done(nil)
	case "webhooks":
		s.RunWebhooks(r.Context())
		done(nil)
	default:
		var in struct {
			ID       int64  `json:"id"`
			Location int64  `json:"location"`
			To       int64  `json:"to"`
			Text     string `json:"text"`
		}
		steps := map[string]func() error{
			"pay":            func() error { return s.Pay(in.ID) },
			"ship":           func() error { return s.Ship(in.ID, in.Text, false) },
			"status":         func() error { return s.SetStatus(in.ID, int(in.To)) },
			"stock":          func() error { return s.SetStock(in.ID, in.Location, in.To) },
			"rename":         func() error { return s.RenameSKU(in.ID, in.Text) },
			"delete-product": func() error { return s.DeleteProduct(in.ID) },
		}
		step := steps[what]
		if step == nil {
			http.NotFound(w, r)
			return
		}
		if into(&in) {
			done(step())
		}
	}
}

func reply(w http.ResponseWriter, v any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		status := http.StatusBadRequest
		switch {
		case errors.Is(err, ErrOutOfStock):
			status = http.StatusConflict
		case errors.Is(err, ErrNotFound):
			status = http.StatusNotFound
		}
		w.WriteHeader(status)
		v = map[string]any{"error": err.Error()}
	}
	_ = json.NewEncoder(w).Encode(v) // the client may be gone
}
