package router

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/canon"
)

// A world is what three systems might show of one jeweler's trade. Everything in it comes from one seed, the read
// stamps included: they belong to the observation, not to its arrival.
type world struct {
	rng     *rand.Rand
	entries []bus.Entry
	t       testing.TB

	pieces, skus, clients, orders int
	connections                   []string
}

var worldConnections = []string{"till", "web", "shop"}

// newWorld makes n observations. Each of the kinds that could depend on the order of arrival is among them: changing
// keys, version ties, hidden fields, tombstones, references that come too early, contradictions.
// Every other world is a small one, in which each thing is stated many times.
func newWorld(t testing.TB, seed uint64, n int) *world {
	w := &world{rng: rand.New(rand.NewPCG(seed, 7)), t: t, pieces: 150, skus: 20, clients: 60, orders: 120, connections: worldConnections}
	if seed%2 == 1 {
		w.pieces, w.skus, w.clients, w.orders = 24, 8, 12, 20
	}
	return w.observe(n)
}

// observe makes n observations more.
func (w *world) observe(n int) *world {
	for len(w.entries) < n {
		switch p := w.rng.IntN(100); {
		case p < 32:
			w.listing()
		case p < 38:
			w.product()
		case p < 60:
			w.level()
		case p < 78:
			w.order()
		case p < 86:
			w.refund()
		case p < 88:
			w.orderPart()
		case p < 97:
			w.customer()
		case p < 98 && w.chance(60):
			w.count()
		case p < 98:
			w.location()
		default:
			w.price()
		}
	}
	return w
}

func (w *world) n(n int) int             { return w.rng.IntN(n) }
func (w *world) chance(percent int) bool { return w.rng.IntN(100) < percent }
func (w *world) pick(words ...string) string {
	return words[w.rng.IntN(len(words))]
}

func (w *world) connection() string { return w.connections[w.rng.IntN(len(w.connections))] }

// add journals an observation. Versions are few, so that they tie; the shop's levels and the till have none.
func (w *world) add(conn string, o canon.Observation, versioned bool) {
	if versioned {
		o.SourceVersion = int64(1 + w.n(4))
	}
	if w.chance(6) && o.Kind != canon.KindLocation {
		o = canon.Observation{Kind: o.Kind, ExternalID: o.ExternalID, Aspect: o.Aspect, SourceVersion: o.SourceVersion, Deleted: true}
	}
	head := canon.Head{Connection: conn, Actor: "connection:" + conn}
	if !versioned || w.chance(50) {
		if !versioned && w.chance(15) {
			// a pushed body without a version: a hint
		} else {
			head.ReadStamp = canon.Position{Offset: uint64(1 + w.n(40))}
		}
	}
	w.entries = append(w.entries, observationEntry(w.t, head, o))
}

func (w *world) versioned(conn string) bool {
	switch conn {
	case "till":
		return false
	case "web":
		return !w.chance(15) // a read may state none
	}
	return !w.chance(30)
}

// listings are a piece's or a SKU's at each connection; some share a stock id, some SKU is on too many.
func (w *world) listing() {
	conn := w.connection()
	i := w.n(w.pieces + w.skus)
	st := &canon.ListingState{
		StockID: fmt.Sprintf("s%d", i), Title: w.pick("Ring", "Anneau", "Bague") + fmt.Sprint(i), Status: w.pick("active", "draft"),
		SKU: fmt.Sprintf("SKU-%d", i), ProductID: fmt.Sprintf("p%d", i/4), Metal: w.pick("18k yellow gold", "750", "Pt950", "tin foil"),
		Prices: []canon.StatedMoney{{Amount: w.pick("100.00", "250", "1250.00"), Currency: "EUR"}},
	}
	id := fmt.Sprintf("l%d", i)
	if i < w.pieces {
		if w.chance(55) {
			st.Serial = fmt.Sprintf("SN-%d", i)
		}
		if w.chance(25) {
			st.Certificates = append(st.Certificates, canon.StatedCert{Lab: "GIA", Number: fmt.Sprintf("21414%04d", i)})
		}
		if w.chance(5) { // of its second stone
			st.Certificates = append(st.Certificates, canon.StatedCert{Lab: "HRD", Number: fmt.Sprintf("9000%04d", i/2)})
		}
	}
	if w.chance(15) {
		st.Offers = w.offers()
	}
	switch w.n(20) {
	case 0: // another's key: a contradiction, or a slip
		st.Serial = fmt.Sprintf("SN-%d", w.n(w.pieces))
	case 1:
		st.SKU = fmt.Sprintf("SKU-%d", w.n(w.pieces+w.skus))
	case 2:
		st.SKU, st.Serial, st.Certificates = "", "", nil
	case 3:
		st.SKU = "DEMO" // on many: crowded
	case 4:
		id = fmt.Sprintf("m%d", i) // a second listing of the same goods
	case 5:
		st.StockID = fmt.Sprintf("s%d", i+1)
	case 6:
		yes := w.chance(50)
		st.Serialized = &yes
	case 7:
		st.SKU, st.Serial = w.pick("DEMO", ""), ""
		id = fmt.Sprintf("demo%d", w.n(70))
		st.StockID = id
	case 8, 9: // a placeholder instead of a serial: it names nothing once there are too many of it
		st.Serial, st.Certificates = "SAMPLE", nil
		id = fmt.Sprintf("sample%d", w.n(40))
		st.StockID, st.SKU = id, ""
	}
	if conn == "till" {
		st.Home = w.pick("paris", "lyon", "nowhere", "")
	}
	w.details(st, i)
	o := canon.Observation{Kind: canon.KindListing, ExternalID: id, Listing: st}
	if w.chance(25) { // what the connection may not see is unknown, not empty
		o.Hidden = []string{"serial", "certificates", "metal"}
		st.Serial, st.Certificates, st.Metal = "", nil, ""
	}
	w.add(conn, o, w.versioned(conn))
}

// details are what few sources state of a piece, and each in words of its own.
func (w *world) details(st *canon.ListingState, i int) {
	st.Dialect = w.pick("", "", "RapNet")
	if w.chance(30) {
		st.Stones = append(st.Stones, canon.StatedStone{
			Kind: w.pick("diamond", "Diamant"), Shape: w.pick("Round", "EC"), Carat: w.pick("0.51", "51 pts", "heavy"), Colour: w.pick("F", "FCI Yellow"), Fluorescence: w.pick("VS", "none"),
		})
	}
	if w.chance(20) {
		st.Metals = append(st.Metals, canon.StatedMetal{Part: w.pick("band", "head"), Metal: w.pick("18k white gold", "Pt950"), Gross: w.pick("4.2 g", "heavy"), Plating: w.pick("", "rhodium plated")})
	}
	if w.chance(20) {
		st.Ownership = &canon.StatedOwnership{Kind: w.pick("consignment", "owned", "borrowed"), Party: fmt.Sprintf("V%d", w.n(5))}
		st.Edition = &canon.StatedEdition{Words: w.pick("12/100", "7 of 50", "early")}
	}
	for range w.n(3) {
		st.Provenance = append(st.Provenance, canon.StatedProvenance{Event: w.pick("purchased", "set"), Date: w.pick("2025-06-02", "02.06.2025", "soon"), Scheme: w.pick("KP", "System of Warranties", "own")})
		st.Appraisals = append(st.Appraisals, canon.StatedAppraisal{Purpose: w.pick("insurance", "fun"), Amount: &canon.StatedMoney{Amount: w.pick("5000", "much"), Currency: "EUR"}})
		st.Sets = append(st.Sets, canon.StatedSet{Code: fmt.Sprintf("SET-%d", w.n(4)), Role: w.pick("left", "right")})
		st.Attributes = append(st.Attributes, canon.StatedAttribute{Code: w.pick("width", "largeur", "occasion", "free"), Value: w.pick("2.5", "2,5 mm", "wide", "Wedding", "gift")})
	}
	if w.chance(8) { // a stone of its own, which another listing may sell loose
		st.Components = append(st.Components, canon.StatedComponent{Serial: fmt.Sprintf("SN-%d", (i+1)%w.pieces), Certificate: &canon.StatedCert{Lab: "GIA", Number: fmt.Sprintf("21414%04d", (i+w.n(2))%w.pieces)}})
	}
	if w.chance(5) {
		st.HUID = w.pick("AB12CD", "none")
	}
}

func (w *world) offers() []canon.StatedOffer {
	var out []canon.StatedOffer
	for range 1 + w.n(2) {
		o := canon.StatedOffer{ID: w.pick("sale", "vip"), Kind: canon.OfferKind(w.pick("sale", "price_list")), Price: canon.StatedMoney{Amount: w.pick("90", "80.00", "cheap"), Currency: "EUR"}}
		if w.chance(50) {
			from := dayOne.Add(time.Duration(w.n(5)) * time.Hour)
			o.From, o.Until = &from, w.later(from)
		}
		out = append(out, o)
	}
	return out
}

func (w *world) price() {
	conn := w.connection()
	w.add(conn, canon.Observation{
		Kind: canon.KindListing, Aspect: canon.AspectPrice, ExternalID: fmt.Sprintf("l%d", w.n(w.pieces+w.skus)),
		Listing: &canon.ListingState{Prices: []canon.StatedMoney{{Amount: w.pick("90.00", "95", "1"), Currency: "EUR"}}, Offers: w.offers()},
	}, w.versioned(conn))
}

func (w *world) product() {
	conn := w.connection()
	i := w.n(40)
	o := canon.Observation{Kind: canon.KindProduct, ExternalID: fmt.Sprintf("p%d", i), Product: &canon.ProductState{
		Title: w.pick("Solitaire", "Alliance") + fmt.Sprint(i), Brand: w.pick("Aurum", "AURUM", ""), StyleNo: w.pick("", fmt.Sprintf("ST-%d", i/3), "ST-1"),
	}}
	if w.chance(20) {
		o.Hidden = []string{"style_no"}
		o.Product.StyleNo = ""
	}
	w.add(conn, o, w.versioned(conn))
}

func (w *world) level() {
	conn := w.connection()
	i := w.n(w.pieces + w.skus)
	available := int64(w.n(2))
	if i >= w.pieces {
		available = int64(w.n(12))
	} else if w.chance(3) {
		available = int64(2 + w.n(3)) // it may be a quantity after all
	}
	place := map[string]string{"till": w.pick("paris", "paris", "lyon"), "web": w.pick("L1", "L1", "L1", "L9"), "shop": ""}[conn]
	stock := fmt.Sprintf("s%d", i)
	st := &canon.LevelState{StockID: stock, Location: place, Available: &available}
	if w.chance(3) {
		st.Available = nil
	}
	w.add(conn, canon.Observation{Kind: canon.KindLevel, ExternalID: canon.LevelID(stock, place), Level: st}, conn == "web" && w.chance(85))
}

func (w *world) order() {
	conn := w.connection()
	i := w.n(w.orders)
	placed := dayOne.Add(time.Duration(w.n(5000)) * time.Minute)
	if w.chance(8) {
		placed = time.Date(2025, 12, 31, 0, 0, 0, 0, time.UTC) // before the baseline
	}
	st := &canon.OrderState{
		Number: fmt.Sprint("#", i), Status: []canon.OrderStatus{canon.OrderPending, canon.OrderOpen, canon.OrderOpen, canon.OrderFulfilled, canon.OrderCancelled}[w.n(5)],
		PlacedAt: placed, CancelledAt: w.later(placed), Currency: "EUR", Total: canon.StatedMoney{Amount: w.pick("100.00", "350.00"), Currency: "EUR"},
		HandedOver: conn == "till",
	}
	for l := range 1 + w.n(3) {
		if w.chance(10) {
			continue // a line that an edit removed
		}
		of := (i*3 + l*7 + w.n(2)) % (w.pieces + w.skus)
		line := canon.OrderLine{ID: fmt.Sprint(l), Quantity: 1, Price: canon.StatedMoney{Amount: "100.00", Currency: "EUR"}}
		if of >= w.pieces {
			line.Quantity = int64(1 + w.n(3))
		}
		switch {
		case conn != "till" && w.chance(85):
			line.ListingID = fmt.Sprintf("l%d", of)
		case conn != "till" && w.chance(50):
			line.ListingID, line.Serial = fmt.Sprintf("never%d", of), fmt.Sprintf("SN-%d", of)
		case w.chance(60):
			line.SKU = fmt.Sprintf("SKU-%d", of)
			if w.chance(40) {
				line.Serial = fmt.Sprintf("SN-%d", of)
			}
		default:
			line.SKU = w.pick("DEMO", "NEVER", "")
		}
		if w.chance(15) {
			line.Location = w.pick("L1", "lyon", "L9")
		}
		st.Lines = append(st.Lines, line)
	}
	if w.chance(40) {
		w.documents(st, conn != "web")
	}
	switch w.n(4) {
	case 0:
		st.Buyer = w.person()
	case 1:
		st.CustomerID, st.Buyer = fmt.Sprintf("c%d", w.n(w.clients)), w.person()
	case 2:
		st.CustomerID = fmt.Sprintf("c%d", w.n(w.clients+10))
	}
	o := canon.Observation{Kind: canon.KindOrder, ExternalID: fmt.Sprintf("o%d", i), Order: st}
	if w.chance(10) {
		o.Hidden = []string{"buyer", "customer_id"}
		st.Buyer, st.CustomerID = nil, ""
	}
	w.add(conn, o, w.versioned(conn) || conn == "till" && w.chance(50))
}

// documents are what a platform tells of an order beside it; its payments and returns only where it does so with the order.
func (w *world) documents(st *canon.OrderState, whole bool) {
	at := st.PlacedAt.Add(time.Hour)
	for i := range w.n(3) {
		st.Fulfilments = append(st.Fulfilments, canon.StatedFulfilment{
			ID: fmt.Sprint("f", i), Status: w.pick("created", "shipped", "delivered", "cancelled"), Location: w.pick("L1", "lyon", "L9"), Tracking: w.pick("", "1Z9"),
			Lines: []canon.DocumentLine{{ID: fmt.Sprint(w.n(3)), Quantity: int64(1 + w.n(2))}}, At: &at,
		})
	}
	if whole {
		st.Payments, st.Returns = w.payments(), w.returns()
	}
}

func (w *world) payments() []canon.StatedPayment {
	var out []canon.StatedPayment
	for i := range w.n(3) {
		p := canon.StatedPayment{ID: fmt.Sprint("t", i), Status: w.pick("created", "authorized", "captured", "part_refunded", "declined"), Kind: w.pick("card", "cash"), Amount: canon.StatedMoney{Amount: w.pick("100.00", "350"), Currency: "EUR"}}
		if w.chance(50) {
			p.Captured = &canon.StatedMoney{Amount: w.pick("100.00", "350"), Currency: "EUR"}
		}
		out = append(out, p)
	}
	return out
}

func (w *world) returns() []canon.StatedReturn {
	var out []canon.StatedReturn
	for i := range w.n(3) {
		out = append(out, canon.StatedReturn{
			ID: fmt.Sprint("b", i), Status: w.pick("requested", "authorized", "closed", "rejected"), Lines: []canon.DocumentLine{{ID: fmt.Sprint(w.n(3)), Quantity: 1}},
			Refunds: []string{fmt.Sprintf("r%d-%d", w.n(w.orders), w.n(2))}, Exchange: []canon.DocumentLine{{ID: fmt.Sprint(w.n(3)), Quantity: 1}},
		})
	}
	return out
}

// orderPart states an order's payments or returns apart from it, as one of the platforms does.
func (w *world) orderPart() {
	o := canon.Observation{Kind: canon.KindOrder, ExternalID: fmt.Sprintf("o%d", w.n(w.orders)), Aspect: canon.AspectPayment, Order: &canon.OrderState{Payments: w.payments()}}
	if w.chance(50) {
		o.Aspect, o.Order = canon.AspectReturn, &canon.OrderState{Returns: w.returns()}
	}
	w.add("web", o, true)
}

func (w *world) refund() {
	conn := w.connection()
	i := w.n(w.orders)
	st := &canon.RefundState{OrderID: fmt.Sprintf("o%d", i), CreatedAt: dayOne.Add(time.Duration(w.n(5000)) * time.Minute)}
	if w.chance(10) {
		st.OrderID = fmt.Sprintf("o%d", w.n(w.orders))
	}
	for l := range 1 + w.n(2) {
		st.Lines = append(st.Lines, canon.RefundLine{OrderLineID: fmt.Sprint(l), Quantity: int64(1 + w.n(2)), Restocked: w.chance(60)})
	}
	w.add(conn, canon.Observation{Kind: canon.KindRefund, ExternalID: fmt.Sprintf("r%d-%d", i, w.n(2)), Refund: st}, w.versioned(conn))
}

// later is a moment after another, or none.
func (w *world) later(t time.Time) *time.Time {
	if w.chance(50) {
		return nil
	}
	t = t.Add(time.Duration(w.n(3000)) * time.Minute)
	return &t
}

// person is one of a few: with spellings, initials, couples behind one address, and the shop's own address.
func (w *world) person() *canon.PersonState {
	i := w.n(w.clients)
	family := []string{"Martin", "MARTIN", "Martín", "Marttin"}[w.n(4)] + fmt.Sprint(i/2)
	p := &canon.PersonState{
		GivenName: [][]string{{"Hélène", "Helene", "Helen", "H."}, {"Paul", "Paula", "P", ""}}[i%2][w.n(4)], FamilyName: family,
	}
	if w.chance(70) {
		p.Emails = append(p.Emails, fmt.Sprintf("family%d@example.org", i/2))
	}
	if w.chance(50) {
		p.Emails = append(p.Emails, fmt.Sprintf("own%d@example.org", i))
	}
	if w.chance(50) {
		p.Phones = append(p.Phones, fmt.Sprintf("06 12 34 5%d %02d", i%7, i))
	}
	if w.chance(30) {
		p.Emails = append(p.Emails, "sales@example.com") // the shop's own, on half of all
	}
	if w.chance(20) {
		p.Addresses = append(p.Addresses, canon.AddressState{City: w.pick("Paris", "Lyon"), Country: w.pick("FR", "France"), Phone: "0123456789"})
	}
	if w.chance(30) {
		p.Title, p.Locale, p.Birthday = w.pick("Mme", "Dr", ""), w.pick("fr_FR", "fr-FR", "frankish"), w.pick("1988-06-02", "06-02", "long ago")
		p.Contacts = append(p.Contacts, canon.StatedContact{Kind: w.pick("email", "wechat", "pigeon"), Value: fmt.Sprintf("own%d@example.org", i), Label: w.pick("home", "work"), Verified: w.chance(50)})
		p.External = append(p.External, canon.ExternalAccount{System: "club", ID: fmt.Sprintf("M%d", i), Kind: "loyalty"})
		p.Relations = append(p.Relations, canon.StatedRelation{Kind: w.pick("wife", "spouse", "muse"), CustomerID: fmt.Sprintf("c%d", w.n(w.clients)), Discreet: w.chance(50)})
		p.Note = w.pick("", "likes sapphires")
	}
	if w.chance(25) {
		p.Addresses = append(p.Addresses, canon.AddressState{Line1: fmt.Sprintf("%d Rue de la Paix", 1+i/2), PostalCode: w.pick("75002", "75 002"), City: "Paris"})
	}
	if w.chance(25) {
		p.Birthday = fmt.Sprintf("19%02d-04-0%d", 40+i%50, 1+w.n(2))
	}
	return p
}

func (w *world) customer() {
	conn := w.connection()
	o := canon.Observation{Kind: canon.KindCustomer, ExternalID: fmt.Sprintf("c%d", w.n(w.clients)), Customer: &canon.CustomerState{
		Person: w.person(), MarketingEmail: w.pick("", "subscribed", "pending", "unsubscribed"),
	}}
	if w.chance(30) {
		created := dayOne.Add(-time.Duration(w.n(3)) * time.Hour)
		o.Customer.CreatedAt, o.Customer.AcquiredBy, o.Customer.Tags = &created, w.pick("walk-in", "referral"), []string{w.pick("VIP", "press")}
		o.Customer.Consents = []canon.StatedConsent{{Channel: w.pick("sms", "email"), State: w.pick("opted in", "opted out", "perhaps")}}
	}
	if w.chance(15) {
		o.Hidden, o.Customer.Person = []string{"person"}, nil
	}
	w.add(conn, o, w.versioned(conn))
}

// count is what somebody found at a place; a few moments tie.
func (w *world) count() {
	i := w.n(w.pieces + w.skus)
	st := &canon.CountState{
		Location: w.pick("paris", "paris", "lyon"), SKU: fmt.Sprintf("SKU-%d", i), Quantity: int64(w.n(2)),
		CountedAt: dayOne.Add(time.Duration(w.n(50)) * 100 * time.Minute),
	}
	if i >= w.pieces {
		st.Quantity = int64(w.n(12))
	} else if w.chance(60) {
		st.Serial = fmt.Sprintf("SN-%d", i)
	}
	w.add("till", canon.Observation{Kind: canon.KindCount, ExternalID: fmt.Sprintf("n%d-%d", i, w.n(3)), Count: st}, true)
}

func (w *world) location() {
	w.add("web", canon.Observation{Kind: canon.KindLocation, ExternalID: w.pick("L1", "L9"), Location: &canon.LocationState{Name: w.pick("Boutique", "Shop"), Active: true}}, true)
}

// shuffled gives the entries in another order, some of them twice or three times.
func (w *world) shuffled(seed uint64) []bus.Entry {
	rng := rand.New(rand.NewPCG(seed, 11))
	out := append([]bus.Entry(nil), w.entries...)
	for range len(out) / 4 {
		out = append(out, w.entries[rng.IntN(len(w.entries))])
	}
	rng.Shuffle(len(out), func(i, k int) { out[i], out[k] = out[k], out[i] })
	return out
}
