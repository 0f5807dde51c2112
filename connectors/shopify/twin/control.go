package twin

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
)

// control answers the doors under /_twin/, by which a separate process plays shopper and merchant and reads the ledger.
//
//	GET  /_twin/ledger, /_twin/levels, /_twin/subscriptions, /_twin/pending
//	POST /_twin/products, /_twin/customers, /_twin/orders, /_twin/refunds, /_twin/cancel, /_twin/fulfil, /_twin/adjust,
//	     /_twin/edit, /_twin/faults, /_twin/drop, /_twin/duplicate
func (s *Server) control(w http.ResponseWriter, r *http.Request) {
	door := strings.TrimPrefix(r.URL.Path, "/_twin/")
	if r.Method == http.MethodGet {
		switch door {
		case "ledger":
			reply(w, http.StatusOK, s.Ledger())
		case "levels":
			reply(w, http.StatusOK, s.Levels())
		case "listings":
			reply(w, http.StatusOK, s.Products())
		case "subscriptions":
			reply(w, http.StatusOK, s.Subscriptions())
		case "pending":
			reply(w, http.StatusOK, map[string]int{"pending": s.PendingWebhooks()})
		default:
			reply(w, http.StatusNotFound, map[string]string{"error": "no such door"})
		}
		return
	}
	var answer any = map[string]bool{"ok": true}
	var err error
	switch door {
	case "products":
		answer, err = withBody(r.Body, s.CreateProduct)
	case "customers":
		answer, err = withBody(r.Body, s.CreateCustomer)
	case "orders":
		answer, err = withBody(r.Body, s.PlaceOrder)
	case "refunds":
		answer, err = withBody(r.Body, func(req struct {
			OrderID string       `json:"order_id"`
			Lines   []RefundLine `json:"lines"`
			Note    string       `json:"note"`
		},
		) (string, error) {
			return s.Refund(req.OrderID, req.Lines, req.Note)
		})
	case "cancel":
		_, err = withBody(r.Body, func(req struct {
			OrderID string `json:"order_id"`
			Restock bool   `json:"restock"`
		},
		) (bool, error) {
			return true, s.CancelOrder(req.OrderID, req.Restock)
		})
	case "fulfil":
		_, err = withBody(r.Body, func(req struct {
			OrderID string `json:"order_id"`
		},
		) (bool, error) {
			return true, s.FulfilOrder(req.OrderID)
		})
	case "adjust":
		_, err = withBody(r.Body, func(a Adjustment) (bool, error) { return true, s.AdjustInventory(a) })
	case "edit":
		_, err = withBody(r.Body, func(e struct {
			ID      string `json:"id"`
			Title   string `json:"title"`
			Status  string `json:"status"`
			Price   string `json:"price"`
			Variant string `json:"variant_id"`
			Delete  bool   `json:"delete"`
		},
		) (bool, error) {
			switch {
			case e.Delete:
				return true, s.DeleteProduct(e.ID)
			case e.Price != "":
				return true, s.SetPrice(e.Variant, e.Price)
			}
			return true, s.EditProduct(e.ID, e.Title, e.Status)
		})
	case "faults":
		_, err = withBody(r.Body, func(f Fault) (bool, error) { s.Inject(f); return true, nil })
	case "drop", "duplicate":
		_, err = withBody(r.Body, func(req struct {
			Topic string `json:"topic"`
		},
		) (bool, error) {
			if door == "drop" {
				s.DropNext(req.Topic)
			} else {
				s.DuplicateNext(req.Topic)
			}
			return true, nil
		})
	default:
		reply(w, http.StatusNotFound, map[string]string{"error": "no such door"})
		return
	}
	switch {
	case err == nil:
		reply(w, http.StatusOK, answer)
	case errors.Is(err, ErrSoldOut):
		reply(w, http.StatusConflict, map[string]string{"error": err.Error()})
	case errors.Is(err, ErrNotFound):
		reply(w, http.StatusNotFound, map[string]string{"error": err.Error()})
	default:
		reply(w, http.StatusUnprocessableEntity, map[string]string{"error": err.Error()})
	}
}

// withBody decodes a body and hands it to a door.
func withBody[Req, Res any](body io.Reader, door func(Req) (Res, error)) (Res, error) {
	var req Req
	dec := json.NewDecoder(io.LimitReader(body, 1<<20))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&req); err != nil {
		var none Res
		return none, errors.Join(ErrInvalid, err)
	}
	return door(req)
}
