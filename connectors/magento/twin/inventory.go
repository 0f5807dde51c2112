package twin

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// inventory is what the shop knows of stock: what lies in its sources, what the index says of that, and what orders have
// reserved. What can be sold is the index less the reservations.
type inventory struct {
	items    map[itemKey]*sourceItem
	index    map[string]indexed // by SKU in small letters
	reserved map[string]int64
	pending  []reindexing
}

type itemKey struct{ sku, source string }

type sourceItem struct {
	sku, source string
	quantity    int64
	inStock     bool
}

type indexed struct {
	quantity int64
	salable  bool
}

type reindexing struct {
	due time.Time
	sku string
}

// reindex puts a SKU into the index, after the shop's lag.
func (s *Server) reindex(sku string) {
	s.stock.pending = append(s.stock.pending, reindexing{due: s.opts.Now().Add(s.opts.IndexLag), sku: strings.ToLower(sku)})
	s.runIndexer()
}

func (s *Server) runIndexer() {
	var rest []reindexing
	for _, p := range s.stock.pending {
		if !s.due(p.due) {
			rest = append(rest, p)
			continue
		}
		var sum int64
		known := false
		for _, src := range s.opts.Sources {
			it := s.stock.items[itemKey{p.sku, src.Code}]
			if it == nil || src.Disabled {
				continue
			}
			known = true
			if it.inStock {
				sum += it.quantity
			}
		}
		if known {
			s.stock.index[p.sku] = indexed{quantity: sum, salable: sum > 0}
		} else {
			delete(s.stock.index, p.sku)
		}
	}
	s.stock.pending = rest
}

func (s *Server) indexOf(sku string) (int64, bool) {
	s.runIndexer()
	x := s.stock.index[strings.ToLower(sku)]
	return x.quantity, x.salable
}

// salable is what the vendor answers: nothing where the index says that it is not for sale, whatever is reserved.
func (s *Server) salable(sku string) int64 {
	qty, ok := s.indexOf(sku)
	if !ok {
		return 0
	}
	return qty - s.stock.reserved[strings.ToLower(sku)]
}

// Salable is what the shop would sell of a SKU now.
func (s *Server) Salable(sku string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.salable(sku)
}

// SourceQuantity is what lies in a source.
func (s *Server) SourceQuantity(sku, source string) (int64, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	it := s.stock.items[itemKey{strings.ToLower(sku), source}]
	if it == nil {
		return 0, false
	}
	return it.quantity, true
}

// AdjustStock is a person's change of a source's quantity. It does not move the product's updated_at.
func (s *Server) AdjustStock(sku, source string, to int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	it := s.stock.items[itemKey{strings.ToLower(sku), source}]
	if it == nil {
		return ErrNotFound
	}
	s.ledger.Stock = append(s.ledger.Stock, LedgerStock{At: s.now(), SKU: it.sku, Source: source, From: it.quantity, To: to, By: ByPerson})
	it.quantity, it.inStock = to, to > 0
	s.stockChanged(it.sku)
	return nil
}

func (s *Server) stockChanged(sku string) {
	s.reindex(sku)
	if p := s.bySKU(sku); p != nil {
		s.emit("observer.cataloginventory_stock_item_save_commit_after", row{"item_id": p["id"], "product_id": p["id"], "stock_id": int64(1)})
	}
}

func (s *Server) listSources(r *request) *response {
	var rows []row
	for _, x := range s.opts.Sources {
		rows = append(rows, row{
			"source_code": x.Code, "name": x.Name, "enabled": !x.Disabled, "country_id": x.Country, "postcode": "00000", "use_default_carrier_config": true,
			"carrier_links": []row{},
		})
	}
	return s.search(r, rows, []string{"source_code", "name", "enabled", "country_id"}, "source_code")
}

func (s *Server) listLinks(r *request) *response {
	var rows []row
	for i, x := range s.opts.Sources {
		rows = append(rows, row{"stock_id": int64(defaultStock), "source_code": x.Code, "priority": int64(i + 1)})
	}
	return s.search(r, rows, []string{"stock_id", "source_code", "priority"}, "priority")
}

func (s *Server) resolveStock(r *request) *response {
	if r.vars["type"] != "website" || r.vars["code"] != "base" {
		return failure(http.StatusNotFound, "No linked stock found")
	}
	return answer(row{"stock_id": int64(defaultStock), "name": "Default Stock", "extension_attributes": row{"sales_channels": []row{{"type": "website", "code": "base"}}}})
}

func (s *Server) listSourceItems(r *request) *response {
	keys := make([]itemKey, 0, len(s.stock.items))
	for k := range s.stock.items {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b itemKey) int { return strings.Compare(a.sku+"\x00"+a.source, b.sku+"\x00"+b.source) })
	rows := make([]row, len(keys))
	for i, k := range keys {
		it := s.stock.items[k]
		status := int64(0)
		if it.inStock {
			status = 1
		}
		rows[i] = row{"sku": it.sku, "source_code": it.source, "quantity": it.quantity, "status": status}
	}
	return s.search(r, rows, []string{"sku", "source_code", "quantity", "status", "source_item_id"}, "sku")
}

// saveSourceItems is an absolute upsert of all rows or, where one is not valid, of none. It looks neither at what was there
// before nor whether the SKU exists.
func (s *Server) saveSourceItems(r *request) *response {
	var in struct {
		SourceItems *[]struct {
			SKU                 *string          `json:"sku"`
			SourceCode          *string          `json:"source_code"`
			Quantity            *json.Number     `json:"quantity"`
			Status              *json.Number     `json:"status"`
			ExtensionAttributes *json.RawMessage `json:"extension_attributes"`
		} `json:"sourceItems"`
	}
	if resp := decode(r.body, &in); resp != nil {
		return resp
	}
	if in.SourceItems == nil {
		return failure(http.StatusBadRequest, `"%fieldName" is required. Enter and try again.`, map[string]string{"fieldName": "sourceItems"})
	}
	limit := maxSyncItems
	if r.async {
		limit = maxBulkItems
	}
	if s.opts.InputLimits && len(*in.SourceItems) > limit {
		return failure(http.StatusBadRequest, `Maximum items of type "%type" is %max`, map[string]string{"type": `Magento\InventoryApi\Api\Data\SourceItemInterface`, "max": strconv.Itoa(limit)})
	}
	if len(*in.SourceItems) == 0 {
		return failure(http.StatusBadRequest, "Input data is empty")
	}
	type change struct {
		sku, source string
		qty, status int64
	}
	var changes []change
	var faults []row
	for _, it := range *in.SourceItems {
		c := change{status: 1}
		if it.SKU == nil || strings.TrimSpace(*it.SKU) == "" {
			faults = append(faults, row{"message": `"%field" can not be empty.`, "parameters": row{"field": "sku"}})
		} else {
			c.sku = *it.SKU
		}
		switch {
		case it.SourceCode == nil || *it.SourceCode == "":
			faults = append(faults, row{"message": `"%field" can not be empty.`, "parameters": row{"field": "source_code"}})
		case !slices.ContainsFunc(s.opts.Sources, func(x Source) bool { return x.Code == *it.SourceCode }):
			faults = append(faults, row{"message": `Source with code "%code" does not exist.`, "parameters": row{"code": *it.SourceCode}})
		default:
			c.source = *it.SourceCode
		}
		if it.Quantity != nil {
			f, err := strconv.ParseFloat(it.Quantity.String(), 64)
			if err != nil {
				faults = append(faults, row{"message": `"%field" should be numeric.`, "parameters": row{"field": "quantity"}})
			}
			c.qty = int64(f)
		}
		if it.Status != nil {
			switch it.Status.String() {
			case "0":
				c.status = 0
			case "1":
			default:
				faults = append(faults, row{"message": `"%field" should be a known status.`, "parameters": row{"field": "status"}})
			}
		}
		changes = append(changes, c)
	}
	if len(faults) > 0 {
		resp := failure(http.StatusBadRequest, "Validation Failed")
		resp.value.(map[string]any)["errors"] = faults
		return resp
	}
	for _, c := range changes {
		key := itemKey{strings.ToLower(c.sku), c.source}
		it := s.stock.items[key]
		if it == nil {
			it = &sourceItem{sku: c.sku, source: c.source}
			s.stock.items[key] = it
		}
		s.ledger.Stock = append(s.ledger.Stock, LedgerStock{At: s.now(), SKU: it.sku, Source: c.source, From: it.quantity, To: c.qty, By: ByAPI})
		it.quantity, it.inStock = c.qty, c.status == 1
		s.stockChanged(it.sku)
	}
	return answer([]any{})
}

func (s *Server) salableQuantity(r *request) *response {
	stock, err := strconv.ParseInt(r.vars["stock"], 10, 64)
	if err != nil {
		return failure(http.StatusBadRequest, `Error occurred during "%fieldName" processing. %details`, map[string]string{"fieldName": "stockId", "details": "the value's type is invalid"})
	}
	p := s.bySKU(r.vars["sku"])
	switch {
	case p == nil:
		return failure(http.StatusNotFound, "The product that was requested doesn't exist. Verify the product and try again.")
	case !hasSources(p):
		return failure(http.StatusBadRequest, "Can't check requested quantity for products without Source Items support.")
	case stock != defaultStock:
		return answer(0)
	}
	return answer(s.salable(p["sku"].(string)))
}

func hasSources(p row) bool { return p["type_id"] == "simple" || p["type_id"] == "virtual" }

// exportSalable gives what can be sold of the products that are assigned to the channel's stock.
func (s *Server) exportSalable(r *request) *response {
	if r.vars["type"] != "website" || r.vars["code"] != "base" {
		return failure(http.StatusNotFound, "No linked stock found")
	}
	s.runIndexer()
	resp := s.search(r, all(s.products), append(slices.Clone(productFields), "inventory_stock_id"), "id")
	list, ok := resp.value.(map[string]any)
	if resp.status != http.StatusOK || !ok {
		return resp
	}
	items := []any{}
	for _, it := range list["items"].([]any) {
		p := it.(row)
		sku := p["sku"].(string)
		if _, assigned := s.stock.index[strings.ToLower(sku)]; !hasSources(p) || !assigned {
			continue
		}
		qty := s.salable(sku)
		items = append(items, row{"sku": sku, "qty": qty, "is_salable": qty > 0})
	}
	list["items"], list["total_count"] = items, len(items)
	return resp
}
