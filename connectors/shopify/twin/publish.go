package twin

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// maxHandle is how long a handle may be, in characters.
const maxHandle = 255

// freeHandle makes a handle that no product has of a title, as the vendor does.
func (s *Server) freeHandle(title string) string {
	base := strings.Trim(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(title)), "-")
	for handle, n := base, 1; ; n++ {
		if s.byHandle(handle) == nil {
			return handle
		}
		handle = fmt.Sprintf("%s-%d", base, n)
	}
}

func (s *Server) byHandle(handle string) *product {
	for _, p := range byID(s.state.products) {
		if p.handle == handle {
			return p
		}
	}
	return nil
}

func (x *execution) productByIdentifier(identifier map[string]any) any {
	if len(identifier) != 1 { // @oneOf at the vendor
		return fail("INVALID_VARIABLE", "exactly one way of identifying a product has to be given")
	}
	if handle, given := identifier["handle"].(string); given {
		if p := x.srv.byHandle(handle); p != nil {
			return productNode{p}
		}
		return nil
	}
	id, _ := identifier["id"].(string)
	return x.byID(id, "Product")
}

func setPayload(p any, errs ...userError) node {
	list := []node{}
	for _, e := range errs {
		list = append(list, object{"ProductSetUserError", map[string]any{"code": text(e.code), "field": e.field, "message": e.message}})
	}
	return object{"ProductSetPayload", map[string]any{"product": p, "userErrors": list}}
}

// setProduct makes the product of a handle, or writes the one that has it: variants, options and files are replaced by what is
// given. The sandbox makes products with one variant and writes none of those that have more.
func (x *execution) setProduct(args map[string]any) any {
	if denied := x.need("write_products"); denied != nil {
		return denied
	}
	if x.userError != "" {
		return setPayload(nil, userError{x.userError, "injected", nil})
	}
	identifier, _ := args["identifier"].(map[string]any)
	input := args["input"].(map[string]any)
	handle, byHandle := identifier["handle"].(string)
	refuse := func(code, message string, field ...string) any {
		return setPayload(nil, userError{code, message, append([]string{"input"}, field...)})
	}
	title, _ := input["title"].(string)
	own, _ := input["handle"].(string)
	variants, _ := input["variants"].([]any)
	options, _ := input["productOptions"].([]any)
	switch {
	case len(identifier) != 1 || !byHandle:
		return refuse("INVALID_INPUT", "the sandbox sets products by their handle")
	case strings.TrimSpace(title) == "" || len([]rune(title)) > maxHandle:
		return refuse("INVALID_PRODUCT", "Title can't be blank", "title")
	case handle == "" || len(handle) > maxHandle || own != "" && own != handle:
		return refuse("INVALID_INPUT", "Handle is not valid", "handle")
	case len(options) > 0 && len(variants) == 0:
		return refuse("VARIANTS_INPUT_MISSING", "Variants input is required when updating product options", "variants")
	case len(variants) != 1 || len(options) != 1:
		return refuse("PRODUCT_OPTIONS_INPUT_MISSING", "the sandbox makes products with one option and one variant", "variants")
	}
	p := x.srv.byHandle(handle)
	made := p == nil
	now := x.srv.now()
	if made {
		p = &product{id: x.srv.state.id(), handle: handle, status: "ACTIVE", tags: []string{}, createdAt: now}
		v := &variant{id: x.srv.state.id(), product: p, title: "Default Title", price: "0.00", policy: "DENY", createdAt: now}
		v.item = &item{id: x.srv.state.id(), variant: v, tracked: true, createdAt: now, updatedAt: now}
		p.variants = []*variant{v}
	}
	if len(p.variants) != 1 {
		return refuse("INVALID_INPUT", "the sandbox sets no product with several variants", "variants")
	}
	draft, copied := *p, *p.variants[0] // nothing is written of what is refused
	if bad := draft.take(input, now); bad != nil {
		return setPayload(nil, *bad)
	}
	if bad := copied.take(variants[0].(map[string]any), now); bad != nil {
		return setPayload(nil, *bad)
	}
	levels, bad := x.newLevels(variants[0].(map[string]any), &copied, now)
	if bad != nil {
		return setPayload(nil, *bad)
	}
	v := p.variants[0]
	*p, *v = draft, copied
	if made {
		v.item.levels = levels
		x.srv.ledger.Counts.ListingsMade++
		x.srv.addProduct(p)
	} else {
		x.srv.publish("PRODUCTS_UPDATE", x.srv.restProduct(p))
	}
	return setPayload(productNode{p})
}

func (x *execution) newLevels(input map[string]any, v *variant, now time.Time) ([]*level, *userError) {
	var out []*level
	quantities, _ := input["inventoryQuantities"].([]any)
	for i, raw := range quantities {
		q := raw.(map[string]any)
		_, id, _ := parseGID(q["locationId"].(string))
		place := x.srv.state.locations[id]
		if place == nil || !place.active || q["name"] != "available" && q["name"] != "on_hand" {
			return nil, &userError{"INVALID_INPUT", "The location or the quantity name is not valid", []string{"input", "variants", "0", "inventoryQuantities", fmt.Sprint(i)}}
		}
		n, _ := whole(q["quantity"])
		out = append(out, &level{item: v.item, location: place, active: true, available: n, createdAt: now, updatedAt: now})
	}
	return out, nil
}

// take writes what an input gives of a product; what it leaves out stays.
func (p *product) take(input map[string]any, now time.Time) *userError {
	for name, into := range map[string]*string{"title": &p.title, "descriptionHtml": &p.descriptionHTML, "vendor": &p.vendor, "productType": &p.typ, "status": &p.status} {
		if value, given := input[name].(string); given {
			*into = value
		}
	}
	if strings.TrimSpace(p.title) == "" {
		return &userError{"INVALID_PRODUCT", "Title can't be blank", []string{"title"}}
	}
	if files, given := input["files"].([]any); given {
		p.images = nil
		for _, f := range files {
			source, _ := f.(map[string]any)["originalSource"].(string)
			if !strings.HasPrefix(source, "https://") && !strings.HasPrefix(source, "http://") {
				return &userError{"INVALID_INPUT", "Image URL is invalid", []string{"files"}}
			}
			p.images = append(p.images, source)
		}
	}
	p.updatedAt = now
	var bad *userError
	p.metafields, bad = withMetafields(p.metafields, input)
	return bad
}

// take writes what an input gives of a variant.
func (v *variant) take(input map[string]any, now time.Time) *userError {
	refuse := func(field, message string) *userError {
		return &userError{"INVALID_INPUT", message, []string{"variants", "0", field}}
	}
	if price, given := input["price"]; given && price != nil {
		c, ok := parseCents(fmt.Sprint(price))
		if !ok {
			return refuse("price", "Price must be greater than or equal to 0")
		}
		v.price = c.String()
	}
	if compareAt, given := input["compareAtPrice"]; given {
		v.compareAt = ""
		if compareAt != nil {
			c, ok := parseCents(fmt.Sprint(compareAt))
			if !ok {
				return refuse("compareAtPrice", "Compare at price is not valid")
			}
			v.compareAt = c.String()
		}
	}
	if barcode, given := input["barcode"].(string); given {
		v.barcode = barcode
	}
	if policy, given := input["inventoryPolicy"].(string); given {
		v.policy = policy
	}
	if it, given := input["inventoryItem"].(map[string]any); given {
		if sku, given := it["sku"].(string); given {
			v.sku = sku
		}
		if tracked, given := it["tracked"].(bool); given {
			v.item.tracked = tracked
		}
	}
	v.updatedAt = now
	var bad *userError
	v.metafields, bad = withMetafields(v.metafields, input)
	return bad
}

// metafieldTypes are those that the sandbox takes.
var metafieldTypes = []string{"single_line_text_field", "multi_line_text_field", "list.single_line_text_field", "json", "weight", "number_integer", "number_decimal"}

// withMetafields sets the metafields that an input names; the others stay. A metafield keeps the type that it was made with.
func withMetafields(old []Metafield, input map[string]any) ([]Metafield, *userError) {
	list, _ := input["metafields"].([]any)
	out := slices.Clone(old)
	for i, raw := range list {
		in := raw.(map[string]any)
		m := Metafield{}
		m.Namespace, _ = in["namespace"].(string)
		m.Key, _ = in["key"].(string)
		m.Type, _ = in["type"].(string)
		m.Value, _ = in["value"].(string)
		refuse := func(message string) ([]Metafield, *userError) {
			return nil, &userError{"INVALID_METAFIELD", message, []string{"metafields", fmt.Sprint(i)}}
		}
		at := slices.IndexFunc(out, func(k Metafield) bool { return k.Namespace == m.Namespace && k.Key == m.Key })
		switch {
		case len(m.Namespace) < 2 || len(m.Key) < 2:
			return refuse("Namespace and key are too short")
		case m.Value == "":
			return refuse("Value can't be blank")
		case at < 0 && !slices.Contains(metafieldTypes, m.Type):
			return refuse("Type is not valid")
		case strings.Contains(m.Value, "\n") && m.Type == "single_line_text_field":
			return refuse("Value must be a single line text string")
		case strings.HasPrefix(m.Type, "list.") && !strings.HasPrefix(m.Value, "["):
			return refuse("Value must be a list")
		}
		if at < 0 {
			out = append(out, m)
			continue
		}
		out[at].Value = m.Value
		if m.Type != "" {
			out[at].Type = m.Type
		}
	}
	return out, nil
}

func plainErrors(errs ...userError) []node {
	list := []node{}
	for _, e := range errs {
		list = append(list, object{"UserError", map[string]any{"field": e.field, "message": e.message}})
	}
	return list
}

func (x *execution) updateProduct(input map[string]any) any {
	if denied := x.need("write_products"); denied != nil {
		return denied
	}
	payload := func(p any, errs ...userError) any {
		return object{"ProductUpdatePayload", map[string]any{"product": p, "userErrors": plainErrors(errs...)}}
	}
	if x.userError != "" {
		return payload(nil, userError{"", "injected", nil})
	}
	id, _ := input["id"].(string)
	_, n, _ := parseGID(id)
	p := x.srv.state.products[n]
	if p == nil {
		return payload(nil, userError{"", "Product does not exist", []string{"id"}})
	}
	draft := *p
	if bad := draft.take(input, x.srv.now()); bad != nil {
		return payload(nil, *bad)
	}
	*p = draft
	x.srv.ledger.Counts.ListingWrites++
	x.srv.publish("PRODUCTS_UPDATE", x.srv.restProduct(p))
	return payload(productNode{p})
}

func (x *execution) updateVariants(args map[string]any) any {
	if denied := x.need("write_products"); denied != nil {
		return denied
	}
	payload := func(p any, errs ...userError) any {
		list := []node{}
		for _, e := range errs {
			list = append(list, object{"ProductVariantsBulkUpdateUserError", map[string]any{"code": text(e.code), "field": e.field, "message": e.message}})
		}
		return object{"ProductVariantsBulkUpdatePayload", map[string]any{"product": p, "productVariants": []node{}, "userErrors": list}}
	}
	if x.userError != "" {
		return payload(nil, userError{x.userError, "injected", nil})
	}
	_, n, _ := parseGID(args["productId"].(string))
	p := x.srv.state.products[n]
	if p == nil {
		return payload(nil, userError{"PRODUCT_DOES_NOT_EXIST", "Product does not exist", []string{"productId"}})
	}
	type change struct{ of, to *variant }
	var changes []change
	for _, raw := range args["variants"].([]any) { // all or none: partial updates are not asked for
		in := raw.(map[string]any)
		id, _ := in["id"].(string)
		_, n, _ := parseGID(id)
		v := x.srv.state.variants[n]
		if v == nil || v.product != p {
			return payload(nil, userError{"PRODUCT_VARIANT_DOES_NOT_EXIST", "Product variant does not exist", []string{"variants", "id"}})
		}
		draft := *v
		if bad := draft.take(in, x.srv.now()); bad != nil {
			return payload(nil, *bad)
		}
		changes = append(changes, change{v, &draft})
	}
	for _, c := range changes {
		*c.of = *c.to
	}
	p.updatedAt = x.srv.now()
	x.srv.ledger.Counts.ListingWrites++
	x.srv.publish("PRODUCTS_UPDATE", x.srv.restProduct(p))
	return payload(productNode{p})
}

func (x *execution) publishProduct(args map[string]any) any {
	if denied := x.need("write_publications"); denied != nil {
		return denied
	}
	payload := func(errs ...userError) any {
		return object{"PublishablePublishPayload", map[string]any{"userErrors": plainErrors(errs...)}}
	}
	_, n, _ := parseGID(args["id"].(string))
	p := x.srv.state.products[n]
	if p == nil {
		return payload(userError{"", "Publishable does not exist", []string{"id"}})
	}
	for _, raw := range args["input"].([]any) {
		id, _ := raw.(map[string]any)["publicationId"].(string)
		if typ, _, ok := parseGID(id); !ok || typ != "Publication" {
			return payload(userError{"", "Publication does not exist or is not publishable", []string{"input"}})
		}
		if !slices.Contains(p.publications, id) {
			p.publications = append(slices.Clone(p.publications), id)
			slices.Sort(p.publications)
		}
	}
	return payload()
}

// Shown is what the shop shows of a product with one variant.
type Shown struct {
	ID           string            `json:"id"`
	VariantID    string            `json:"variant_id"`
	Title        string            `json:"title"`
	Description  string            `json:"description"`
	Vendor       string            `json:"vendor"`
	Status       string            `json:"status"`
	SKU          string            `json:"sku"`
	Price        string            `json:"price"`
	CompareAt    string            `json:"compare_at"`
	Images       []string          `json:"images"`
	Metafields   map[string]string `json:"metafields"`
	Publications []string          `json:"publications"`
}

// Products gives what the shop shows, in the order in which it was made: of each product its first variant.
func (s *Server) Products() []Shown {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Shown
	for _, p := range byID(s.state.products) {
		v := p.variants[0]
		shown := Shown{
			ID: gid("Product", p.id), VariantID: gid("ProductVariant", v.id), Title: p.title, Description: p.descriptionHTML, Vendor: p.vendor, Status: p.status,
			SKU: v.sku, Price: v.price, CompareAt: v.compareAt, Images: slices.Clone(p.images), Metafields: map[string]string{}, Publications: slices.Clone(p.publications),
		}
		for _, m := range append(slices.Clone(p.metafields), v.metafields...) {
			shown.Metafields[m.Namespace+"."+m.Key] = m.Value
		}
		out = append(out, shown)
	}
	return out
}

// EditProduct changes a product by hand, as a person does in the shop's admin: what is empty stays.
func (s *Server) EditProduct(id, title, status string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, n, _ := parseGID(id)
	p := s.state.products[n]
	if p == nil {
		return fmt.Errorf("%w: %s", ErrNotFound, id)
	}
	if title != "" {
		p.title = title
	}
	if status != "" {
		p.status = status
	}
	p.updatedAt = s.now()
	s.publish("PRODUCTS_UPDATE", s.restProduct(p))
	return nil
}
