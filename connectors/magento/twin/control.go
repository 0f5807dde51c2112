package twin

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
)

// control answers /_twin/…, by which another process plays shoppers and reads the ledger. It is not part of the vendor's
// API and needs no credentials.
func (s *Server) control(w http.ResponseWriter, r *http.Request) {
	what := strings.TrimPrefix(r.URL.Path, "/_twin/")
	if r.Method == http.MethodGet {
		switch what {
		case "ledger":
			reply(w, s.Ledger(), nil)
		case "counts":
			reply(w, s.Counts(), nil)
		case "events":
			reply(w, map[string]any{"queued": s.Queued(), "disabled": s.EventsDisabled(), "subscribed": s.Subscribed()}, nil)
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
	var in struct {
		ID      int64  `json:"id"`
		SKU     string `json:"sku"`
		Source  string `json:"source"`
		To      int64  `json:"to"`
		Restock bool   `json:"restock"`
	}
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
	case "expire":
		s.ExpireTokens()
		done(nil)
	case "cron":
		s.RunCron(r.Context())
		done(nil)
	case "pay", "ship", "cancel", "refund", "stock", "delete-product", "rename":
		if !into(&in) {
			return
		}
		switch what {
		case "pay":
			done(s.Pay(in.ID))
		case "ship":
			done(s.Ship(in.ID, in.Source))
		case "cancel":
			done(s.CancelOrder(in.ID))
		case "refund":
			id(s.Refund(in.ID, in.Restock))
		case "stock":
			done(s.AdjustStock(in.SKU, in.Source, in.To))
		case "delete-product":
			done(s.DeleteProduct(in.ID))
		case "rename":
			done(s.RenameSKU(in.ID, in.SKU))
		}
	default:
		http.NotFound(w, r)
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
