package twin

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

type customer struct {
	id                int64
	email             string
	first, last       string
	username          string
	billing, shipping Address
	created, modified time.Time
}

func (s *Server) customerJSON(c *customer) map[string]any {
	j := map[string]any{
		"id": c.id, "email": c.email, "first_name": c.first, "last_name": c.last, "role": "customer", "username": c.username, "billing": c.billing,
		"is_paying_customer": false, "avatar_url": "", "meta_data": []any{}, "_links": s.links("customers", c.id),
	}
	shipping := map[string]any{}
	for k, v := range map[string]string{
		"first_name": c.shipping.FirstName, "last_name": c.shipping.LastName, "company": c.shipping.Company,
		"address_1": c.shipping.Address1, "address_2": c.shipping.Address2, "city": c.shipping.City, "state": c.shipping.State,
		"postcode": c.shipping.Postcode, "country": c.shipping.Country, "phone": c.shipping.Phone,
	} {
		shipping[k] = v
	}
	j["shipping"] = shipping // has no e-mail
	s.dates(j, "date_created", c.created)
	s.dates(j, "date_modified", c.modified)
	return j
}

// listCustomers has no filter by modification: the shop has none.
func (s *Server) listCustomers(r *request) *response {
	c, err := r.collection([]string{"id", "include", "name", "registered_date"}, "name", "asc")
	if err != nil {
		return err.response()
	}
	role := r.query.Get("role")
	roles := []string{"all", "administrator", "editor", "author", "contributor", "subscriber", "customer", "shop_manager"}
	if role != "" && !slices.Contains(roles, role) {
		return notOneOf("role", roles).response()
	}
	email := r.query.Get("email")
	if email != "" && !strings.Contains(email, "@") {
		return invalidParam("email", "Invalid email address.").response()
	}
	if e := s.mustRead(r); e != nil {
		return e.response()
	}
	var found []*customer
	for _, cu := range s.customers {
		if (role == "" || role == "all" || role == "customer") && (email == "" || strings.EqualFold(email, cu.email)) && c.keeps(cu.id, cu.created, cu.modified) {
			found = append(found, cu)
		}
	}
	slices.SortFunc(found, func(a, b *customer) int {
		return c.less(sortRow{a.id, a.username, a.created, a.modified}, sortRow{b.id, b.username, b.created, b.modified})
	})
	return s.listResponse(r, c, len(found), func(i int) any { return s.customerJSON(found[i]) })
}

func (s *Server) customerBody(c *customer, b map[string]any) *apiError {
	for name, into := range map[string]*string{"first_name": &c.first, "last_name": &c.last} {
		if v, ok, err := stringField(b, name); err != nil {
			return err
		} else if ok {
			*into = v
		}
	}
	if v, ok, err := stringField(b, "email"); err != nil {
		return err
	} else if ok {
		if !strings.Contains(v, "@") {
			return invalidParam("email", "Invalid email address.")
		}
		for _, o := range s.customers {
			if o.id != c.id && strings.EqualFold(o.email, v) {
				return &apiError{http.StatusBadRequest, "registration-error-email-exists", "An account is already registered with your email address.", nil}
			}
		}
		c.email = v
	}
	readAddress(&c.billing, b["billing"])
	readAddress(&c.shipping, b["shipping"])
	return nil
}

func (s *Server) createCustomer(b map[string]any) (*customer, *apiError) {
	c := &customer{id: s.id(), created: s.now(), modified: s.now()}
	if _, ok := b["email"]; !ok {
		return nil, &apiError{http.StatusBadRequest, "rest_missing_callback_param", "Missing parameter(s): email", nil}
	}
	if err := s.customerBody(c, b); err != nil {
		return nil, err
	}
	c.username, _, _ = strings.Cut(c.email, "@")
	s.customers[c.id] = c
	s.fire("customer.created", c.id)
	return c, nil
}
