package twin

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

type hook struct {
	id                 int64
	scope, destination string
	headers            map[string]string
	active             bool
	created, updated   time.Time
	traffic            time.Time // of the last delivery that got through, or of the hook's making
}

// idleAfter is how long a hook without traffic stays active.
const idleAfter = 90 * 24 * time.Hour

// maxHooks is how many hooks one client may have of one scope.
const maxHooks = 10

// hookScopes are the scopes of webhooks, as far as a hub uses them.
var hookScopes = []string{
	"store/product/created", "store/product/updated", "store/product/deleted", "store/product/inventory/updated", "store/product/inventory/order/updated",
	"store/product/metafield/created", "store/product/metafield/updated", "store/product/metafield/deleted", "store/product/variant/metafield/created",
	"store/product/variant/metafield/updated", "store/product/variant/metafield/deleted", "store/sku/created", "store/sku/updated", "store/sku/deleted",
	"store/sku/inventory/updated", "store/sku/inventory/order/updated", "store/channel/*/inventory/product/stock_changed", "store/inventory/location/created",
	"store/inventory/location/updated", "store/order/created", "store/order/updated", "store/order/archived", "store/order/statusUpdated", "store/order/refund/created",
	"store/order/transaction/created", "store/order/transaction/updated", "store/shipment/created", "store/shipment/updated", "store/shipment/deleted", "store/customer/created",
	"store/customer/updated", "store/customer/deleted", "store/customer/address/created", "store/customer/address/updated", "store/customer/address/deleted",
	"store/priceList/record/created", "store/priceList/record/updated", "store/priceList/record/deleted", "store/priceList/records/created", "store/priceList/records/updated",
	"store/priceList/assignment/updated", "store/hook/deliveryException", "store/app/uninstalled",
}

// hookBody is of POST and PUT.
type hookBody struct {
	Scope       *string           `json:"scope"`
	Destination *string           `json:"destination"`
	Active      *bool             `json:"is_active"`
	Headers     map[string]string `json:"headers"`
}

func (s *Server) listHooks(r *request) *response {
	s.idle()
	var rows []*hook
	for _, h := range sorted(s.hooks) {
		active := r.query.Get("is_active")
		if r.word("scope", h.scope) && (!r.query.Has("destination") || r.query.Get("destination") == h.destination) && (active == "" || (active == "true") == h.active) {
			rows = append(rows, h)
		}
	}
	return v3List(r, rows, maxPage, func(h *hook) any { return s.hookRow(h) })
}

func (s *Server) hookRow(h *hook) row {
	headers := row{}
	for k, v := range h.headers {
		headers[k] = v
	}
	return row{
		"id": h.id, "client_id": s.opts.ClientID, "store_hash": s.opts.StoreHash, "scope": h.scope, "destination": h.destination, "headers": headers, "is_active": h.active,
		"created_at": h.created.Unix(), "updated_at": h.updated.Unix(),
	}
}

// idle deactivates what has had no traffic for too long.
func (s *Server) idle() {
	for _, h := range s.hooks {
		if h.active && s.now().Sub(h.traffic) > idleAfter {
			h.active = false
		}
	}
}

// destination refuses addresses that the platform does not deliver to.
func (s *Server) destination(r *request, address string) *response {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "https" && !s.opts.LocalHooks || u.Port() != "" && u.Port() != "443" && !s.opts.LocalHooks {
		return r.problem(http.StatusUnprocessableEntity, "JSON data is missing or invalid", map[string]string{"destination": "must be an https address on port 443"})
	}
	return nil
}

func (s *Server) createHook(r *request) *response {
	var in hookBody
	if bad := r.decode(&in); bad != nil {
		return bad
	}
	missing := map[string]string{}
	if in.Scope == nil {
		missing["scope"] = "error.path.missing"
	}
	if in.Destination == nil {
		missing["destination"] = "error.path.missing"
	}
	if len(missing) > 0 {
		return r.problem(http.StatusUnprocessableEntity, "JSON data is missing or invalid", missing)
	}
	if !slices.Contains(hookScopes, *in.Scope) {
		return r.problem(http.StatusBadRequest, "Input is invalid: there is no such scope", nil)
	}
	if refused := s.destination(r, *in.Destination); refused != nil {
		return refused
	}
	same := 0
	for _, h := range s.hooks {
		if h.scope == *in.Scope {
			same++
			if h.destination == *in.Destination {
				return r.problem(http.StatusConflict, "A webhook of this scope and destination exists.", nil)
			}
		}
	}
	if same >= maxHooks {
		return r.problem(http.StatusUnprocessableEntity, "There are too many webhooks of this scope.", nil)
	}
	now := s.now()
	h := &hook{id: s.id(), scope: *in.Scope, destination: *in.Destination, headers: in.Headers, active: in.Active == nil || *in.Active, created: now, updated: now, traffic: now}
	s.hooks[h.id] = h
	return data(s.hookRow(h))
}

func (s *Server) updateHook(r *request) *response {
	h := s.hooks[r.id()]
	if h == nil {
		return r.missing()
	}
	var in hookBody
	if bad := r.decode(&in); bad != nil {
		return bad
	}
	if in.Destination != nil {
		if refused := s.destination(r, *in.Destination); refused != nil {
			return refused
		}
		h.destination = *in.Destination
	}
	if in.Active != nil {
		if *in.Active && !h.active {
			h.traffic = s.now()
		}
		h.active = *in.Active
	}
	if in.Headers != nil {
		h.headers = in.Headers
	}
	h.updated = s.now()
	return data(s.hookRow(h))
}

func (s *Server) deleteHook(r *request) *response {
	h := s.hooks[r.id()]
	if h == nil {
		return r.missing()
	}
	delete(s.hooks, h.id)
	return data(s.hookRow(h))
}

// fits reports whether a hook takes an event.
func (h *hook) fits(scope string) bool {
	prefix, open := strings.CutSuffix(h.scope, "/*")
	return h.scope == scope || open && strings.HasPrefix(scope, prefix+"/")
}
