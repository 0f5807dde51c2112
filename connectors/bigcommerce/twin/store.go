package twin

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"
)

type customer struct {
	id, group         int64
	spec              CustomerSpec
	created, modified time.Time
	addresses         []int64 // ids
	storeCredit       money
}

func (s *Server) getStore(*request) *response {
	return answer(http.StatusOK, row{
		"id": s.opts.StoreHash, "account_uuid": "4a0c2d6e-1f9a-4f0a-9a4b-0c5f7a3d2e11", "domain": s.opts.StoreHash + ".example.com", "secure_url": "https://" + s.opts.StoreHash + ".example.com",
		"status": "live", "name": "Twin", "country_code": "FR", "currency": s.opts.Currency, "decimal_places": 2, "plan_name": "BigCommerce Pro", "plan_level": "Pro", "plan_is_trial": false,
		"is_price_entered_with_tax": false, "store_id": 1000, "default_channel_id": s.opts.Channels[0].ID, "features": row{"multi_storefront_enabled": len(s.opts.Channels) > 1},
	})
}

func (s *Server) getTime(*request) *response {
	return answer(http.StatusOK, row{"time": s.now().Unix()})
}

func (s *Server) listChannels(r *request) *response {
	return v3List(r, s.opts.Channels, maxPage, func(c Channel) any {
		return row{
			"id": c.ID, "name": c.Name, "type": cmp.Or(c.Type, "storefront"), "platform": "bigcommerce", "status": "active", "is_enabled": true, "is_visible": true, "is_listable_from_ui": true,
			"external_id": "", "date_created": "2024-01-01T00:00:00Z", "date_modified": "2024-01-01T00:00:00Z",
		}
	})
}

func (s *Server) listGroups(r *request) *response {
	type group struct {
		id   int64
		name string
	}
	var rows []group
	for id, name := range s.groups {
		if r.word("name", name) {
			rows = append(rows, group{id, name})
		}
	}
	slices.SortFunc(rows, func(a, b group) int { return cmp.Compare(a.id, b.id) })
	return v2List(r, rows, func(g group) any {
		return row{"id": g.id, "name": g.name, "is_default": false, "category_access": row{"type": "all"}, "discount_rules": []any{}}
	})
}

var customerIncludes = []string{"addresses", "storecredit", "attributes", "formfields", "shopper_profile_id", "segment_ids"}

func (s *Server) listCustomers(r *request) *response {
	for _, inc := range words(r.query.Get("include")) {
		if !slices.Contains(customerIncludes, inc) {
			return r.problem(http.StatusUnprocessableEntity, "The include: "+inc+" is not valid.", nil)
		}
	}
	by, direction, _ := strings.Cut(r.query.Get("sort"), ":")
	if r.query.Has("sort") && (!slices.Contains([]string{"date_created", "last_name", "date_modified"}, by) || direction != "asc" && direction != "desc") {
		return r.problem(http.StatusUnprocessableEntity, "The filter(s): sort are not valid filter parameter(s).", nil)
	}
	var rows []*customer
	for _, c := range sorted(s.customers) {
		if r.in("id:in", c.id) && r.word("email:in", c.spec.Email) && r.in("customer_group_id:in", c.group) && s.since(r, "date_modified:min", c.modified) &&
			r.until("date_modified:max", c.modified) && s.since(r, "date_created:min", c.created) {
			rows = append(rows, c)
		}
	}
	if by == "date_modified" {
		slices.SortStableFunc(rows, func(a, b *customer) int { return a.modified.Compare(b.modified) })
	}
	if direction == "desc" {
		slices.Reverse(rows)
	}
	return cursorList(r, rows, func(c *customer) int64 { return c.id }, func(c *customer) any { return s.customerRow(r, c) })
}

func (s *Server) customerRow(r *request, c *customer) row {
	out := row{
		"id": c.id, "email": c.spec.Email, "first_name": c.spec.First, "last_name": c.spec.Last, "company": c.spec.Company, "phone": c.spec.Phone, "notes": "", "tax_exempt_category": "",
		"registration_ip_address": "", "customer_group_id": c.group, "date_created": zuluTime(c.created), "date_modified": zuluTime(c.modified), "address_count": len(c.spec.Addresses),
		"attribute_count": 0, "authentication": row{"force_password_reset": false}, "accepts_product_review_abandoned_cart_emails": c.spec.Marketing, "origin_channel_id": 1, "channel_ids": []any{},
	}
	include := words(r.query.Get("include"))
	if slices.Contains(include, "addresses") {
		list := []row{}
		for i, a := range c.spec.Addresses {
			list = append(list, row{
				"id": c.addresses[i], "customer_id": c.id, "first_name": a.First, "last_name": a.Last, "company": a.Company, "address1": a.Street1, "address2": a.Street2, "city": a.City,
				"state_or_province": a.State, "postal_code": a.Zip, "country_code": a.CountryCode, "country": a.Country, "phone": a.Phone, "address_type": "residential",
			})
		}
		out["addresses"] = list
	}
	if slices.Contains(include, "storecredit") {
		out["store_credit_amounts"] = []row{{"amount": c.storeCredit.number()}}
	}
	return out
}
