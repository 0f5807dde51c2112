package console

import (
	"net/url"
	"slices"
	"strings"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/api"
	"github.com/jumpring/jumpring/core/canon"
)

// itemShown is the data of a piece's passport.
type itemShown struct {
	Item     canon.Item
	Listings []api.ListingShown
	Rows     []canon.Row
	More     string // cursor of older pages of the timeline
	Cases    []canon.Case
	Price    *canon.PriceExplained
}

// timelinePage is how many rows of a timeline one page shows.
const timelinePage = "100"

func (k *Console) item(r *request) error {
	id := r.parameter("id")
	var d itemShown
	var err error
	if d.Item, err = ask[canon.Item](r, route("items", id), nil); err != nil {
		return err
	}
	listings, err := ask[list[api.ListingShown]](r, route("items", id, "listings"), nil)
	if err != nil {
		return err
	}
	d.Listings = listings.Items
	if d.Rows, d.More, err = k.timeline(r, "items", id); err != nil {
		return err
	}
	if d.Price, err = maybe(ask[*canon.PriceExplained](r, route("items", id, "price"), nil)); err != nil {
		return err
	}
	if r.who.Can(access.CasesRead) {
		cases, err := ask[list[canon.Case]](r, route("items", id, "cases"), nil)
		if err != nil {
			return err
		}
		d.Cases = cases.Items
	}
	title := d.Item.Title
	if title == "" {
		title = d.Item.ID
	}
	return r.render("item", title, d)
}

// timeline gives a page of what happened to a record, the newest first, and the cursor of what came later.
func (k *Console) timeline(r *request, kind, id string) ([]canon.Row, string, error) {
	q := url.Values{"limit": {timelinePage}}
	if c := r.query("cursor"); c != "" {
		q.Set("cursor", c)
	}
	rows, err := ask[list[canon.Row]](r, route(kind, id, "timeline"), q)
	if err != nil {
		return nil, "", err
	}
	slices.Reverse(rows.Items)
	return rows.Items, rows.Next, nil
}

// clientsShown is the data of the page that finds clients.
type clientsShown struct {
	Q     string
	Found api.ClientsFound
	Asked bool
}

func (k *Console) clients(r *request) error {
	d := clientsShown{Q: r.query("q")}
	d.Asked = d.Q != ""
	q := url.Values{"limit": {"25"}, "facets": {"none"}}
	for name, value := range map[string]string{"q": d.Q, "cursor": r.query("cursor")} {
		if value != "" {
			q.Set(name, value)
		}
	}
	var err error
	if d.Found, err = ask[api.ClientsFound](r, route("search", "clients"), q); err != nil {
		return err
	}
	return r.render("clients", r.words().say("nav.clients"), d)
}

// clientShown is the data of a client's page.
type clientShown struct {
	Client canon.Client
	Orders []canon.Order
	Rows   []canon.Row
	More   string
	Cases  []canon.Case // whether somebody else is the same person
}

// nameOf is what a client is called on a page.
func nameOf(c *canon.Client) string {
	name := strings.Join(strings.Fields(c.Title+" "+c.GivenName+" "+c.MiddleName+" "+c.FamilyName+" "+c.Suffix), " ")
	switch {
	case name != "":
		return name
	case c.Company != "":
		return c.Company
	}
	return c.ID
}

func (k *Console) client(r *request) error {
	id := r.parameter("id")
	var d clientShown
	var err error
	if d.Client, err = ask[canon.Client](r, route("clients", id), nil); err != nil {
		return err
	}
	if r.who.Can(access.OrdersRead) {
		orders, err := ask[list[canon.Order]](r, route("orders"), url.Values{"client": {id}, "limit": {"200"}})
		if err != nil {
			return err
		}
		d.Orders = orders.Items
		slices.SortFunc(d.Orders, func(a, b canon.Order) int { return b.PlacedAt.Compare(a.PlacedAt) })
	}
	if d.Rows, d.More, err = k.timeline(r, "clients", id); err != nil {
		return err
	}
	if r.who.Can(access.CasesRead) {
		cases, err := ask[list[canon.Case]](r, route("cases"), url.Values{"kind": {string(canon.CaseClient)}, "limit": {"200"}})
		if err != nil {
			return err
		}
		for i := range cases.Items {
			if slices.ContainsFunc(cases.Items[i].Evidence, func(e canon.Evidence) bool { return slices.Contains(d.Client.Nodes, e.Text) }) {
				d.Cases = append(d.Cases, cases.Items[i])
			}
		}
	}
	return r.render("client", nameOf(&d.Client), d)
}

// sameClient says whether two records are one person.
func (k *Console) sameClient(r *request) error {
	id := r.parameter("id")
	word := r.form("word")
	made, err := tell[canon.ClientDecided](r, route("clients", id, "same"), api.SameClient{Other: r.form("other"), Word: word})
	if err != nil {
		return err
	}
	to := id
	if len(made.Clients) > 0 {
		to = made.Clients[0].ID
	}
	return r.done(consolePath("clients", to), "client_"+word)
}

func (k *Console) order(r *request) error {
	id := r.parameter("id")
	var d struct {
		Order   canon.Order
		Actions []canon.Action
		Rows    []canon.Row
		More    string
	}
	var err error
	if d.Order, err = ask[canon.Order](r, route("orders", id), nil); err != nil {
		return err
	}
	actions, err := ask[list[canon.Action]](r, route("orders", id, "actions"), nil)
	if err != nil {
		return err
	}
	d.Actions = actions.Items
	if d.Rows, d.More, err = k.timeline(r, "orders", id); err != nil {
		return err
	}
	return r.render("order", r.words().say("order.title", d.Order.Connection, d.Order.Number), d)
}
