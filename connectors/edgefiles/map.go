package edgefiles

import (
	"slices"
	"strconv"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
)

// canonical says of each state of an item whether a piece in it is for sale, and whether its listing is over.
var canonical = map[canon.ItemStatus]struct{ forSale, over bool }{
	canon.ItemInStock: {forSale: true}, canon.ItemReserved: {}, canon.ItemOnMemo: {}, canon.ItemSold: {over: true}, canon.ItemInTransit: {}, canon.ItemInRepair: {},
	canon.ItemReturned: {}, canon.ItemQuarantine: {}, canon.ItemAssembled: {}, canon.ItemMissing: {}, canon.ItemStolen: {over: true},
	canon.ItemWrittenOff: {over: true}, canon.ItemMelted: {over: true}, canon.ItemScrapped: {over: true}, canon.ItemToVendor: {over: true}, canon.ItemUnavailable: {},
}

// itemStatuses are The Edge's words for where an item is. A layaway is paid for in parts and stays until the last: reserved.
var itemStatuses = map[string]canon.ItemStatus{
	"": canon.ItemInStock, "instock": canon.ItemInStock, "stock": canon.ItemInStock, "i": canon.ItemInStock, "available": canon.ItemInStock,
	"sold": canon.ItemSold, "s": canon.ItemSold, "layaway": canon.ItemReserved, "l": canon.ItemReserved, "reserved": canon.ItemReserved, "hold": canon.ItemReserved,
	"onhold": canon.ItemReserved, "specialorder": canon.ItemReserved, "memo": canon.ItemOnMemo, "onmemo": canon.ItemOnMemo, "memoout": canon.ItemOnMemo,
	"onapproval": canon.ItemOnMemo, "intransit": canon.ItemInTransit, "transfer": canon.ItemInTransit, "repair": canon.ItemInRepair, "inrepair": canon.ItemInRepair,
	"injob": canon.ItemInRepair, "returned": canon.ItemReturned, "damaged": canon.ItemQuarantine, "consumed": canon.ItemAssembled, "assembled": canon.ItemAssembled,
	"missing": canon.ItemMissing, "stolen": canon.ItemStolen, "writtenoff": canon.ItemWrittenOff, "melted": canon.ItemMelted, "scrapped": canon.ItemScrapped,
	"scrap": canon.ItemScrapped, "returnedtovendor": canon.ItemToVendor, "rtv": canon.ItemToVendor, "vendorreturn": canon.ItemToVendor,
	"onorder": canon.ItemUnavailable, "deleted": canon.ItemUnavailable,
}

func (r *row) status() canon.ItemStatus {
	word := columnName(r.get("status"))
	if s, ok := r.cfg.statuses[word]; ok {
		return s
	}
	s, ok := itemStatuses[word]
	if !ok {
		r.fail("bad_status", "the status is not known", "say what it means in statuses, such as Vault=quarantine")
	}
	return s
}

// item states an item and its stock at each store. A piece is at one store: that it is at no other is stated too, so that
// one that was moved is not at two.
func (r *row) item() []canon.Observation {
	id, status := r.key("itemid"), r.status()
	store := r.get("store")
	if store == "" && len(r.cfg.Stores) == 1 {
		store = r.cfg.Stores[0]
	}
	if !slices.Contains(r.cfg.Stores, store) {
		r.fail("bad_store", "the store is not one of those configured", "add it to stores")
	}
	piece, quantity := r.quantity()
	about := canonical[status]
	l := &canon.ListingState{
		Title: r.get("description"), SKU: id, Serial: r.get("serial"), EPC: r.get("epc"), GTIN: r.get("gtin"), Brand: r.get("vendor"), StyleNo: r.get("stylenumber"),
		Category: r.get("category"), Status: "active", Serialized: &piece, Metal: r.get("metal"), Fineness: r.get("karat"), Weight: r.get("weight"),
		RingSize: r.get("size"), Cost: r.money("cost"),
	}
	if about.over && piece {
		l.Status = "archived"
	}
	if price := r.money("price"); price != nil {
		l.Prices = []canon.StatedMoney{*price}
	}
	if stone := (canon.StatedStone{Kind: r.get("stone"), Carat: r.get("carat"), Colour: r.get("color"), Clarity: r.get("clarity")}); stone != (canon.StatedStone{}) {
		l.Stones = []canon.StatedStone{stone}
	}
	if number := r.get("certificate"); number != "" {
		l.Certificates = []canon.StatedCert{{Lab: r.get("lab"), Number: number}}
	}
	if image := r.get("image"); image != "" {
		l.ImageURLs = []string{image}
	}
	if piece {
		l.Home = store
		l.Attributes = append(l.Attributes, canon.StatedAttribute{Code: "item_status", Value: string(status)})
	}
	for _, name := range r.others() {
		l.Attributes = append(l.Attributes, canon.StatedAttribute{Code: name, Value: r.get(name)})
	}
	version := r.at()
	out := []canon.Observation{{Kind: canon.KindListing, ExternalID: id, SourceVersion: version, Listing: l}}
	for _, s := range r.cfg.Stores {
		available := int64(0)
		switch {
		case s == store && about.forSale:
			available = quantity
		case s != store && !piece: // another row says it
			continue
		}
		out = append(out, canon.Observation{
			Kind: canon.KindLevel, ExternalID: canon.LevelID(id, s), SourceVersion: version,
			Level: &canon.LevelState{StockID: id, Location: s, Available: &available},
		})
	}
	return out
}

// quantity tells whether the row is one piece, and how many it is for.
func (r *row) quantity() (piece bool, n int64) {
	text := r.get("quantity")
	switch columnName(r.get("type")) {
	case "bulk", "quantity", "b", "master":
	case "", "individual", "serialized", "i":
		if text == "" || text == "1" || text == "0" {
			return true, 1
		}
		if r.get("type") != "" {
			r.fail("bad_number", "an individual item has a quantity above 1", "correct the type or the quantity")
		}
	default:
		r.fail("bad_type", "the type is neither individual nor bulk", "correct it")
	}
	n, err := strconv.ParseInt(strings.TrimSuffix(text, ".00"), 10, 64)
	if err != nil || n < 0 || n > 1_000_000_000 {
		r.fail("bad_number", "quantity is no number of pieces", "write a whole number from 0 up")
	}
	return false, n
}

// others are the columns that only this file has, in the order of the header.
func (r *row) others() []string {
	out := make([]string, len(r.values))
	for name, i := range r.header {
		if i < len(out) && name != "" && !slices.Contains(knownColumns, name) && r.get(name) != "" {
			out[i] = name
		}
	}
	return slices.DeleteFunc(out, func(name string) bool { return name == "" })
}

func (r *row) customer() []canon.Observation {
	id := r.key("customerid")
	p := &canon.PersonState{GivenName: r.get("firstname"), FamilyName: r.get("lastname"), Company: r.get("company"), Birthday: r.get("birthday")}
	for _, c := range []string{"email", "email2"} {
		if v := r.get(c); v != "" {
			p.Emails = append(p.Emails, v)
		}
	}
	for _, c := range []string{"mobile", "phone"} {
		if v := r.get(c); v != "" {
			p.Phones = append(p.Phones, v)
		}
	}
	a := canon.AddressState{Line1: r.get("address1"), Line2: r.get("address2"), City: r.get("city"), Region: r.get("state"), PostalCode: r.get("zip"), Country: r.get("country")}
	if a != (canon.AddressState{}) {
		p.Addresses = []canon.AddressState{a}
	}
	if spouse := r.get("spouseid"); spouse != "" {
		p.Relations = []canon.StatedRelation{{Kind: "spouse", CustomerID: spouse}}
	}
	c := &canon.CustomerState{Person: p}
	switch strings.ToLower(r.get("allowemail")) {
	case "":
	case "y", "yes", "true", "1":
		c.MarketingEmail = "subscribed"
	case "n", "no", "false", "0":
		c.MarketingEmail = "unsubscribed"
	default:
		r.fail("bad_flag", "allowemail is neither yes nor no", "correct it")
	}
	if s := r.get("created"); s != "" {
		created := r.moment("created", s)
		c.CreatedAt = &created
	}
	return []canon.Observation{{Kind: canon.KindCustomer, ExternalID: id, SourceVersion: r.at(), Customer: c}}
}

// jobStatuses are The Edge's words for where a job is: the order's state, and that of the work as its fulfilment.
var jobStatuses = map[string]struct {
	order canon.OrderStatus
	work  string
}{
	"": {canon.OrderPending, "created"}, "intake": {canon.OrderPending, "created"}, "new": {canon.OrderPending, "created"}, "open": {canon.OrderPending, "created"},
	"estimate": {canon.OrderPending, "created"}, "inprocess": {canon.OrderPending, "picked"}, "inprogress": {canon.OrderPending, "picked"},
	"outtovendor": {canon.OrderPending, "picked"}, "atbench": {canon.OrderPending, "picked"}, "done": {canon.OrderPending, "packed"},
	"ready": {canon.OrderPending, "packed"}, "finished": {canon.OrderPending, "packed"}, "pickedup": {canon.OrderFulfilled, "delivered"},
	"delivered": {canon.OrderFulfilled, "delivered"}, "closed": {canon.OrderFulfilled, "delivered"}, "cancelled": {canon.OrderCancelled, "cancelled"},
	"canceled": {canon.OrderCancelled, "cancelled"}, "void": {canon.OrderCancelled, "cancelled"},
}

// job states a repair, a custom piece or a special order as an order of the client that holds no goods: what is worked on
// is the client's own, or has a row of its own in the list of items. It is worth something when it is picked up.
func (r *row) job() []canon.Observation {
	id := r.key("jobid")
	is, ok := jobStatuses[columnName(r.get("status"))]
	if !ok {
		r.fail("bad_status", "the status of the job is not known", "use intake, in process, done, picked up or cancelled")
	}
	o := &canon.OrderState{
		Number: id, Status: is.order, Currency: r.cfg.Currency, Channel: "job", CustomerID: r.get("customerid"), Total: canon.StatedMoney{Currency: r.cfg.Currency},
		Lines: []canon.OrderLine{},
	}
	work := canon.StatedFulfilment{ID: "work", Status: is.work}
	if kind := r.get("jobtype"); kind != "" {
		o.Channel = "job:" + columnName(kind)
	}
	if s := r.get("created"); s != "" {
		o.PlacedAt = r.moment("created", s)
		work.At = &o.PlacedAt
	} else {
		o.PlacedAt = r.stated()
	}
	if store := r.get("store"); store != "" {
		if !slices.Contains(r.cfg.Stores, store) {
			r.fail("bad_store", "the store is not one of those configured", "add it to stores")
		}
		o.Location, work.Location = store, store
	}
	if total := r.money("total"); total != nil && is.order == canon.OrderFulfilled {
		o.Total = *total
	}
	o.Fulfilments = []canon.StatedFulfilment{work}
	return []canon.Observation{{Kind: canon.KindOrder, ExternalID: "job/" + id, SourceVersion: r.at(), Order: o}}
}
