package twin

// CustomerSpec is a customer that a person enters.
type CustomerSpec struct {
	Email     string         `json:"email"`
	First     string         `json:"firstname"`
	Last      string         `json:"lastname"`
	Group     int64          `json:"group_id"` // 0 means General
	Birthday  string         `json:"dob"`
	Addresses []AddressEntry `json:"addresses"`
}

// AddressEntry is an address of a customer.
type AddressEntry struct {
	Street     []string `json:"street"`
	City       string   `json:"city"`
	PostalCode string   `json:"postcode"`
	Country    string   `json:"country_id"`
	Telephone  string   `json:"telephone"`
	Region     string   `json:"region"`
}

var customerFields = []string{"entity_id", "email", "firstname", "lastname", "group_id", "website_id", "store_id", "created_at", "updated_at", "dob"}

// CreateCustomer enters a customer and gives the id.
func (s *Server) CreateCustomer(c CustomerSpec) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, at := s.id(), stamp(s.now())
	group := c.Group
	if group == 0 {
		group = 1
	}
	list := []row{}
	for _, a := range c.Addresses {
		list = append(list, row{
			"id": s.id(), "customer_id": id, "street": a.Street, "city": a.City, "postcode": a.PostalCode, "country_id": a.Country, "telephone": a.Telephone,
			"firstname": c.First, "lastname": c.Last, "region": row{"region_code": a.Region, "region": a.Region, "region_id": int64(0)}, "default_billing": len(list) == 0,
		})
	}
	s.customers[id] = row{
		"id": id, "group_id": group, "created_at": at, "updated_at": at, "created_in": "Default Store View", "email": c.Email, "firstname": c.First, "lastname": c.Last,
		"store_id": int64(1), "website_id": int64(1), "addresses": list, "disable_auto_group_change": int64(0),
		"extension_attributes": row{"is_subscribed": false},
	}
	if c.Birthday != "" {
		s.customers[id]["dob"] = c.Birthday
	}
	s.emit("observer.customer_save_commit_after", row{"id": id, "updated_at": at})
	return id
}

// SetGroup moves a customer into another group.
func (s *Server) SetGroup(id, group int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.customers[id]
	if c == nil {
		return ErrNotFound
	}
	c["group_id"], c["updated_at"] = group, stamp(s.now())
	s.emit("observer.customer_save_commit_after", row{"id": id, "updated_at": c["updated_at"]})
	return nil
}

// DeleteCustomer removes a customer.
func (s *Server) DeleteCustomer(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.customers, id)
	s.emit("observer.customer_delete_commit_after", row{"id": id})
}

func (s *Server) listCustomers(r *request) *response {
	return s.search(r, all(s.customers), customerFields, "id")
}

func (s *Server) listGroups(r *request) *response {
	rows := []row{}
	for i, name := range []string{"NOT LOGGED IN", "General", "Wholesale", "Retailer"} {
		rows = append(rows, row{"id": int64(i), "code": name, "tax_class_id": int64(3), "tax_class_name": "Retail Customer"})
	}
	return s.search(r, rows, nil, "id")
}
