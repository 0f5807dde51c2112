package twin

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
)

// control answers /_twin/…, by which another process plays shoppers and reads the ledger. It is not part of the vendor's
// API, needs no credentials and knows no latency.
func (s *Server) control(w http.ResponseWriter, r *http.Request) {
	what := strings.TrimPrefix(r.URL.Path, "/_twin/")
	if r.Method == http.MethodGet {
		switch what {
		case "ledger":
			reply(w, s.Ledger(), nil)
		case "counts":
			reply(w, s.Counts(), nil)
		case "webhooks":
			reply(w, s.Webhooks(), nil)
		default:
			http.NotFound(w, r)
		}
		return
	}
	var in struct {
		ID         int64  `json:"id"`
		OrderID    int64  `json:"order_id"`
		Quantity   int64  `json:"quantity"`
		To         int64  `json:"to"`
		Restock    bool   `json:"restock"`
		Unchecked  bool   `json:"unchecked"`
		Silent     bool   `json:"silent"`
		Force      bool   `json:"force"`
		OrderState string `json:"order_status"`
		Drop       int    `json:"drop"`
		Double     int    `json:"double"`
	}
	var raw json.RawMessage
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&raw); err != nil {
		raw = json.RawMessage("{}")
	}
	if err := json.Unmarshal(raw, &in); err != nil && what != "products" && what != "customers" && what != "faults" && what != "orders" {
		http.Error(w, "a JSON object is expected", http.StatusBadRequest)
		return
	}
	id := func(n int64, err error) { reply(w, map[string]any{"id": n}, err) }
	done := func(err error) { reply(w, map[string]any{"ok": true}, err) }
	switch what {
	case "orders":
		var buy Purchase
		err := json.Unmarshal(raw, &buy)
		switch {
		case err != nil:
			done(err)
		case in.Unchecked:
			id(s.PlaceOrderREST(buy))
		default:
			id(s.PlaceOrder(buy))
		}
	case "refunds":
		id(s.Refund(in.OrderID, in.Quantity, in.Restock))
	case "cancel":
		done(s.CancelOrder(in.OrderID))
	case "status":
		done(s.SetOrderStatus(in.OrderID, in.OrderState))
	case "stock":
		if in.Silent {
			done(s.AdjustStockSilently(in.ID, in.To))
			return
		}
		done(s.AdjustStock(in.ID, in.To))
	case "trash":
		done(s.TrashProduct(in.ID, in.Force))
	case "restore":
		done(s.RestoreProduct(in.ID))
	case "products":
		var spec ProductSpec
		if err := json.Unmarshal(raw, &spec); err != nil {
			done(err)
			return
		}
		n, variations, err := s.CreateProduct(spec)
		reply(w, map[string]any{"id": n, "variations": variations}, err)
	case "customers":
		var spec CustomerSpec
		if err := json.Unmarshal(raw, &spec); err != nil {
			done(err)
			return
		}
		id(s.CreateCustomer(spec))
	case "faults":
		var f Fault
		err := json.Unmarshal(raw, &f)
		if err == nil {
			s.Inject(f)
		}
		done(err)
	case "clear-faults":
		s.ClearFaults()
		done(nil)
	case "webhook-faults":
		s.DropWebhooks(in.Drop)
		s.DoubleWebhooks(in.Double)
		done(nil)
	case "cron":
		s.RunCron(r.Context())
		done(nil)
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
