package router

import (
	"cmp"
	"html"
	"slices"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/lifecycle"
	"github.com/jumpring/jumpring/core/normalize"
	"github.com/jumpring/jumpring/core/store"
)

// The fields of a listing that are not in the table below.
const (
	fieldStatus = "status"
	fieldPrice  = "price"
)

// listingField is a field that a listing can be written of.
type listingField struct {
	name, group string // as in ListingContent, and as core/policy names it
	product     bool   // it is the platform's product's, and so of all its listings
	// meaning gives what a listing shows, in a form that two ways of writing the same share; "" for nothing.
	meaning func(f *fold, s *shownListing) string
	put     func(into, from *canon.ListingContent)
}

// listingFields are the fields beside status and price.
var listingFields = []listingField{
	{"title", "item.title", true, func(_ *fold, s *shownListing) string { return plainText(s.state.Title) }, func(c, o *canon.ListingContent) { c.Title = o.Title }},
	{"description", "product.description", true, func(_ *fold, s *shownListing) string { return plainText(s.description) }, func(c, o *canon.ListingContent) { c.Description = o.Description }},
	{"brand", "item.brand", true, func(_ *fold, s *shownListing) string { return plainText(s.state.Brand) }, func(c, o *canon.ListingContent) { c.Brand = o.Brand }},
	{"style_no", "item.style", false, func(_ *fold, s *shownListing) string { return plainText(s.state.StyleNo) }, func(c, o *canon.ListingContent) { c.StyleNo = o.StyleNo }},
	{"category", "item.category", true, func(_ *fold, s *shownListing) string { return plainText(s.state.Category) }, func(c, o *canon.ListingContent) { c.Category = o.Category }},
	{"sku", "item.sku", false, func(_ *fold, s *shownListing) string { return strings.TrimSpace(s.state.SKU) }, func(c, o *canon.ListingContent) { c.SKU = o.SKU }},
	{"serial", "item.serial", false, func(_ *fold, s *shownListing) string { return normalize.Serial(s.state.Serial) }, func(c, o *canon.ListingContent) { c.Serial = o.Serial }},
	{"epc", "item.epc", false, func(_ *fold, s *shownListing) string { return readable(s.state.EPC, normalize.EPC) }, func(c, o *canon.ListingContent) { c.EPC = o.EPC }},
	{"gtin", "item.gtin", false, func(_ *fold, s *shownListing) string { return readable(s.state.GTIN, normalize.GTIN) }, func(c, o *canon.ListingContent) { c.GTIN = o.GTIN }},
	{"huid", "item.huid", false, func(_ *fold, s *shownListing) string { return strings.ToUpper(strings.TrimSpace(s.state.HUID)) }, func(c, o *canon.ListingContent) { c.HUID = o.HUID }},
	{"metal", "item.metal", false, metalMeaning, func(c, o *canon.ListingContent) { c.Metal = o.Metal }},
	{"weight", "item.weight", false, weightMeaning, func(c, o *canon.ListingContent) { c.Weight = o.Weight }},
	{"ring_size", "item.ring_size", false, func(_ *fold, s *shownListing) string { return plainText(s.state.RingSize) }, func(c, o *canon.ListingContent) { c.RingSize = o.RingSize }},
	{"certificates", "item.certificates", false, certificatesMeaning, func(c, o *canon.ListingContent) { c.Certificates = o.Certificates }},
	{"attributes", "item.attributes", false, attributesShown, func(c, o *canon.ListingContent) { c.Attributes = o.Attributes }},
}

// shownListing is what a listing shows, and what of it counts for other listings too.
type shownListing struct {
	connection  string
	state       *canon.ListingState
	description string
	// shared tells that the platform's product has other listings.
	shared bool
	// codes are the attributes that are looked at; nil for all.
	codes []string
}

// up reports whether a listing is for sale; known is false where its platform does not say.
func (s *shownListing) up() (up, known bool) {
	switch s.state.Status {
	case "active":
		return true, true
	case "draft", "archived":
		return false, true
	}
	return false, false
}

// shown loads what a listing shows.
func (w *publishing) shown(b *canon.Binding, obs *canon.Observation, l canon.Listing) (*shownListing, error) {
	s := &shownListing{connection: w.cs.Name, state: obs.Listing}
	n, err := w.f.listingNode(l.Node)
	if err != nil || n == nil {
		return s, err
	}
	if err := w.f.ownPrices(n, s.state); err != nil || n.ProductID == "" {
		return s, err
	}
	_, product, err := w.f.binding(b.Connection, canon.KindProduct, n.ProductID)
	if err != nil || product == nil || product.Product == nil {
		return s, err
	}
	s.description, s.shared = product.Product.Description, len(product.Product.ListingIDs) > 1
	return s, nil
}

// prepare makes what a listing of the item should show.
func (w *publishing) prepare() error {
	if w.ready {
		return nil
	}
	w.ready = true
	it := w.item
	c := &canon.ListingContent{
		Title: it.Title, Brand: it.Brand, StyleNo: it.StyleNo, Category: it.Category, SKU: it.SKU, GTIN: it.GTIN, Serial: it.Serial, EPC: it.EPC, HUID: it.HUID,
		Serialized: it.Serialized,
	}
	if it.Metal != nil {
		c.Metal = it.Metal.String()
	}
	if it.Weight != nil {
		c.Weight = it.Weight.Raw
	}
	if it.RingSize != nil {
		c.RingSize = it.RingSize.Label
	}
	for _, cert := range it.Certificates {
		c.Certificates = append(c.Certificates, canon.StatedCert{Lab: cert.Lab, Number: cert.Number, URL: cert.URL})
	}
	for _, a := range it.Attributes {
		for i := range w.f.settings.Attributes {
			def := &w.f.settings.Attributes[i]
			if code, mapped := def.Channels[w.cs.Name]; mapped && def.Code == a.Code {
				c.Attributes = append(c.Attributes, canon.StatedAttribute{Code: code, Value: a.Value})
			}
		}
	}
	var err error
	if c.Description, err = w.description(); err != nil {
		return err
	}
	regular, sale, err := w.prices()
	if err != nil {
		return err
	}
	c.Price, c.Sale = amount(regular), amount(sale)
	w.content, w.price = c, regular
	return nil
}

func amount(m *canon.Money) *canon.StatedMoney {
	if m == nil {
		return nil
	}
	return &canon.StatedMoney{Amount: m.Decimal(), Currency: m.Currency}
}

// description is that of the item's style.
func (w *publishing) description() (string, error) {
	if w.item.ProductID == "" {
		return "", nil
	}
	n, err := store.Load[productNode](w.f.tx, prefixProduct+w.item.ProductID)
	if err != nil || n == nil {
		return "", err
	}
	p, err := store.Load[canon.Product](w.f.tx, store.RecordKey(store.TypeProduct, n.Golden))
	if err != nil || p == nil {
		return "", err
	}
	return p.Description, nil
}

// images gives the addresses of a piece's pictures: those of the first source in the order of authority that has any.
func (w *publishing) images() ([]string, error) {
	var members []*listingNode
	for _, id := range w.item.Nodes {
		n, err := w.f.listingNode(id)
		if err != nil {
			return nil, err
		}
		if n != nil && n.Connection != w.cs.Name {
			members = append(members, n)
		}
	}
	sources, err := w.f.sourcesOf(members)
	if err != nil {
		return nil, err
	}
	for _, s := range sources {
		if s.state != nil && len(s.state.ImageURLs) > 0 {
			return s.state.ImageURLs, nil
		}
	}
	return nil, nil
}

// prices gives the regular price that the connection should ask, and what it should ask in its place for now. They are the
// word of the first source other than the connection itself that states a price in the currency, then of the house's price
// lists and promotions as they are in force: their times come and go by entries, not by a clock.
func (w *publishing) prices() (regular, sale *canon.Money, err error) {
	currency := cmp.Or(w.currency, w.rule.Currency)
	own := w.f.inOrder("item")
	rank := func(connection string) int {
		if r := w.f.policy.Own("item.price"); r != nil {
			if i := slices.Index(r.Authority, connection); i >= 0 {
				return i - len(r.Authority)
			}
		}
		if i := slices.Index(own, connection); i >= 0 {
			return i
		}
		return len(own)
	}
	var candidates []canon.Price
	for _, p := range w.item.Prices {
		switch {
		case p.Connection == w.cs.Name:
			if currency == "" {
				currency = p.Currency
			}
		case rank(p.Connection) < rank(w.cs.Name) || rank(w.cs.Name) >= 0: // a connection that is named as an authority asks its own
			candidates = append(candidates, p)
		}
	}
	slices.SortStableFunc(candidates, func(a, b canon.Price) int { return cmp.Compare(rank(a.Connection), rank(b.Connection)) })
	item := *w.item
	item.Prices, item.Offers = nil, nil
	for _, p := range candidates {
		if currency == "" || p.Currency == currency {
			item.Prices, currency = []canon.Price{p}, p.Currency
			break
		}
	}
	offers, err := w.f.offersOn(&item)
	if err != nil {
		return nil, nil, err
	}
	told := lifecycle.Price(&item, lifecycle.PriceAsk{Connection: w.cs.Name, Currency: currency, At: w.f.f.at}, offers)
	for i := range told.Steps {
		step := &told.Steps[i]
		if step.Rule == string(canon.OfferPromotion) {
			sale = &step.After
		} else {
			regular = &step.After
		}
	}
	if regular == nil {
		return nil, nil, nil
	}
	if sale != nil && sale.Minor >= regular.Minor {
		sale = nil
	}
	return regular, sale, nil
}

// offersOn gives the house's price lists and promotions that are in force, with the prices that they name for an item.
func (f *fold) offersOn(item *canon.Item) ([]lifecycle.OfferedPrice, error) {
	if f.offers == nil {
		f.offers = []*canon.Offer{}
		prefix := store.PrefixRecord + store.TypeOffer + "/"
		err := f.tx.Scan(prefix, "", func(key string, _ []byte) (bool, error) {
			o, err := store.Load[canon.Offer](f.tx, key)
			if err == nil && o != nil && inForce(o) {
				f.offers = append(f.offers, o)
			}
			return err == nil, err
		})
		if err != nil {
			f.offers = nil
			return nil, err
		}
	}
	out := make([]lifecycle.OfferedPrice, 0, len(f.offers))
	for _, o := range f.offers {
		offered := lifecycle.OfferedPrice{Offer: o}
		for _, id := range item.Nodes {
			if o.Kind != canon.OfferPriceList || offered.Named != nil {
				break
			}
			named, err := store.Load[canon.ListPrice](f.tx, store.PrefixPrices+o.ID+"/"+id)
			if err != nil {
				return nil, err
			}
			if named != nil {
				offered.Named = &named.Money
			}
		}
		out = append(out, offered)
	}
	return out, nil
}

func inForce(o *canon.Offer) bool { return o.Status == "active" || o.Status == "running" }

// repriced has every item computed again page by page where an offer that is or was in force changes what is written.
func (f *fold) repriced(was string, o *canon.Offer) error {
	f.offers = nil
	written, _ := f.policy.Writes("item.price")
	if !written || !f.policy.Publishing() || !inForce(o) && !inForce(&canon.Offer{Status: was}) {
		return nil
	}
	f.out.Settings = true // wakes whoever appends the pages
	return f.save(keyRefresh, f.f.pos)
}

// fieldWishes lists the fields that do not show what they should and that the policy has written.
func (w *publishing) fieldWishes(p *canon.Publication, s *shownListing) []canon.FieldWish {
	should := &shownListing{connection: s.connection, state: stateOf(w.content), description: w.content.Description}
	for _, a := range w.content.Attributes {
		should.codes = append(should.codes, a.Code)
	}
	s.codes = should.codes
	var out []canon.FieldWish
	for i := range listingFields {
		field := &listingFields[i]
		written, over := w.f.policy.Writes(field.group)
		if !written {
			continue
		}
		want, shows := field.meaning(w.f, should), field.meaning(w.f, s)
		if want == "" || want == shows {
			continue
		}
		wish := canon.FieldWish{Field: field.name, Shows: textJSON(shows), Should: textJSON(want)}
		switch {
		case field.product && s.shared:
			p.Why = "other listings share its product: what is the product's is left as it is"
			p.Left = append(p.Left, wish)
		case shows != "" && !over:
			p.Left = append(p.Left, wish)
		default:
			out = append(out, wish)
		}
	}
	return out
}

// priceWish gives the price where it does not show what it should and the policy has it written.
func (w *publishing) priceWish(p *canon.Publication, s *shownListing) []canon.FieldWish {
	written, over := w.f.policy.Writes("item.price")
	if w.content == nil || w.content.Price == nil || !w.updates() || !written {
		return nil
	}
	want, shows := priceMeaning(stateOf(w.content)), priceMeaning(s.state)
	if want == shows {
		return nil
	}
	wish := canon.FieldWish{Field: fieldPrice, Shows: textJSON(shows), Should: textJSON(want)}
	if shows != "" && !over {
		p.Left = append(p.Left, wish)
		return nil
	}
	return w.unlessWritten(p, s, []canon.FieldWish{wish})
}

// unlessWritten leaves out what was written and what the platform shows in another form since: no further call is made before
// something else is wanted or shown.
func (w *publishing) unlessWritten(p *canon.Publication, _ *shownListing, wishes []canon.FieldWish) []canon.FieldWish {
	var out []canon.FieldWish
	for _, wish := range wishes {
		i := slices.IndexFunc(p.Written, func(x canon.FieldWritten) bool { return x.Field == wish.Field })
		shows := hashOfValue(wish.Shows)
		switch {
		case i < 0 || p.Written[i].Should != hashOfValue(wish.Should) || p.Written[i].Shown != "" && p.Written[i].Shown != shows:
			out = append(out, wish)
			if i >= 0 {
				p.Written = slices.Delete(slices.Clone(p.Written), i, i+1)
			}
		default:
			p.Written = slices.Clone(p.Written)
			p.Written[i].Shown = shows
			p.Left = append(p.Left, wish)
			p.State, p.Why = canon.PublicationRefused, "it was written, and the platform shows it otherwise"
		}
	}
	return out
}

// only takes the named fields of a content.
func only(from *canon.ListingContent, fields []canon.FieldWish) canon.ListingContent {
	var c canon.ListingContent
	for _, wish := range fields {
		if wish.Field == fieldPrice {
			c.Price, c.Sale = from.Price, from.Sale
		}
		for i := range listingFields {
			if listingFields[i].name == wish.Field {
				listingFields[i].put(&c, from)
			}
		}
	}
	return c
}

// stateOf gives a content as a listing would show it.
func stateOf(c *canon.ListingContent) *canon.ListingState {
	st := &canon.ListingState{
		Title: c.Title, Brand: c.Brand, StyleNo: c.StyleNo, Category: c.Category, SKU: c.SKU, GTIN: c.GTIN, Serial: c.Serial, EPC: c.EPC, HUID: c.HUID,
		Metal: c.Metal, Weight: c.Weight, RingSize: c.RingSize, Certificates: c.Certificates, Attributes: c.Attributes,
	}
	if c.Price != nil {
		st.Prices = []canon.StatedMoney{*c.Price}
	}
	if c.Sale != nil {
		st.Offers = []canon.StatedOffer{{ID: "sale", Kind: canon.OfferSale, Price: *c.Sale}}
	}
	return st
}

// plainText gives a text without markup and runs of blanks: a platform may wrap what it was given.
func plainText(s string) string {
	var b strings.Builder
	inTag := false
	for _, r := range s {
		switch {
		case r == '<':
			inTag = true
			b.WriteByte(' ')
		case r == '>' && inTag:
			inTag = false
		case !inTag:
			b.WriteRune(r)
		}
	}
	if inTag { // no markup: a plain less-than sign
		return strings.Join(strings.Fields(s), " ")
	}
	return strings.Join(strings.Fields(html.UnescapeString(b.String())), " ")
}

// readable gives a key in its normalized form, and as it stands where it can't be read.
func readable(raw string, read func(string) (string, error)) string {
	if raw == "" {
		return ""
	}
	if v, err := read(raw); err == nil {
		return v
	}
	return raw
}

func metalMeaning(_ *fold, s *shownListing) string {
	if s.state.Metal == "" && s.state.Fineness == "" {
		return ""
	}
	m, err := normalize.Metal(s.state.Metal, s.state.Fineness, s.state.MetalColour)
	if err != nil {
		return plainText(s.state.Metal)
	}
	return m.String()
}

func weightMeaning(_ *fold, s *shownListing) string {
	if s.state.Weight == "" {
		return ""
	}
	mg, err := normalize.Weight(s.state.Weight)
	if err != nil {
		return plainText(s.state.Weight)
	}
	return (&canon.Money{Minor: mg}).Decimal() + " mg"
}

func certificatesMeaning(_ *fold, s *shownListing) string {
	var keys []string
	for _, c := range s.state.Certificates {
		if cert, err := normalize.Certificate(c); err == nil {
			keys = append(keys, cert.Key())
		}
	}
	slices.Sort(keys)
	return strings.Join(slices.Compact(keys), ", ")
}

func attributesShown(f *fold, s *shownListing) string {
	var looked []canon.StatedAttribute
	for _, a := range s.state.Attributes {
		if slices.Contains(s.codes, a.Code) {
			looked = append(looked, a)
		}
	}
	var out []string
	for _, a := range f.attributes(nil, s.connection, looked, map[string]bool{}) {
		out = append(out, a.Code+"="+a.Value)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// priceMeaning gives a listing's regular price and what is asked in its place.
func priceMeaning(st *canon.ListingState) string {
	out := ""
	if len(st.Prices) > 0 && st.Prices[0].Amount != "" {
		out = moneyMeaning(st.Prices[0])
	}
	for _, o := range st.Offers {
		if o.Kind == canon.OfferSale && len(o.Groups) == 0 {
			out += ", sale " + moneyMeaning(o.Price)
			break
		}
	}
	return out
}

func moneyMeaning(stated canon.StatedMoney) string {
	m, err := normalize.Money(stated)
	if err != nil {
		return stated.Amount + " " + stated.Currency
	}
	return m.String()
}
