package console

import (
	"cmp"
	"html/template"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/api"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// overviewShown is the data of the overview.
type overviewShown struct {
	Connections []connectionShown
	Cases       []canon.Case
	MoreCases   bool
	Parked      int
	MoreParked  bool
	Today       []api.DaySales
	Rows        []api.NamedRow
	Ready       bool // stock and sales are computed
	At          time.Time
	Stock       []api.StockValue
	Plots       struct{ Facts, Latency, Stock, Sales template.HTML }
}

// connectionShown is a connection with what its connector says of itself.
type connectionShown struct {
	api.ConnectionStatus
	Health *sdk.HealthResponse
}

// Budget is the share of the platform's rate budget that is left, in percent; -1 where the connector does not say.
func (c connectionShown) Budget() int {
	if c.Health == nil || c.Health.QuotaLimit <= 0 {
		return -1
	}
	return int(100 * c.Health.QuotaLeft / c.Health.QuotaLimit)
}

const overviewCases = 6

func (k *Console) overview(r *request) error {
	var d overviewShown
	var err error
	if d.Connections, err = k.connectionsOf(r); err != nil {
		return err
	}
	if r.who.Can(access.CasesRead) {
		cases, err := ask[list[canon.Case]](r, route("cases"), url.Values{"limit": {"100"}})
		if err != nil {
			return err
		}
		d.Cases, d.MoreCases = cases.Items, cases.Next != ""
	}
	if r.who.Can(access.ParkedManage) {
		parked, err := ask[list[canon.Parked]](r, route("parked"), url.Values{"limit": {"100"}})
		if err != nil {
			return err
		}
		d.Parked, d.MoreParked = len(parked.Items), parked.Next != ""
	}
	if r.who.Can(access.StreamRead) {
		rows, err := ask[list[api.NamedRow]](r, route("timeline"), url.Values{"limit": {"15"}})
		if err != nil {
			return err
		}
		d.Rows = rows.Items
	}
	if r.who.Can(access.FiguresRead) {
		if err := k.figures(r, &d); err != nil {
			return err
		}
	}
	return r.render("overview", r.words().say("nav.overview"), d)
}

func (k *Console) figures(r *request, d *overviewShown) error {
	f, err := ask[api.Figures](r, route("figures"), nil)
	if err != nil {
		return err
	}
	v := k.views[r.lang]
	d.Ready, d.At, d.Stock = !f.At.IsZero(), f.At, f.Stock
	today := k.Now().UTC().Format(time.DateOnly)
	for _, s := range f.Sales {
		if s.Day == today {
			d.Today = append(d.Today, s)
		}
	}
	d.Plots.Facts = factsPlot(v, f.Minutes)
	d.Plots.Latency = latencyPlot(v, f.Minutes)
	if d.Ready {
		d.Plots.Stock = stockPlot(v, f.Stock)
		d.Plots.Sales = salesPlot(v, f.Sales, k.Now())
	}
	return nil
}

// connectionsOf lists the connections with what their connectors say, all asked at once.
func (k *Console) connectionsOf(r *request) ([]connectionShown, error) {
	if !r.who.Can(access.ConnectionsRead) {
		return nil, nil
	}
	all, err := ask[list[api.ConnectionStatus]](r, route("connections"), nil)
	if err != nil {
		return nil, err
	}
	out := make([]connectionShown, len(all.Items))
	var wg sync.WaitGroup
	for i, s := range all.Items {
		out[i].ConnectionStatus = s
		if s.State == "running" {
			// A connector without the capability, or one that is just going away, shows no budget.
			wg.Go(func() { out[i].Health, _ = ask[*sdk.HealthResponse](r, route("connections", s.Name, "health"), nil) })
		}
	}
	wg.Wait()
	return out, nil
}

// live follows what happens until the session ends or its role changes.
func (k *Console) live(r *request) error {
	id, role, location := strings.Clone(r.Cookies(k.cookie(r.Ctx))), r.who.Role, r.who.Location
	return k.API.Follow(r.Ctx, r.who, func() bool {
		now, _, signed := k.sessions.Who(id, false)
		return signed && now.Role == role && now.Location == location
	})
}

// searchShown is the data of the page that finds pieces.
type searchShown struct {
	Q       string
	Sort    string
	Filters []string
	Found   api.ItemsFound
	Next    string
	Asked   bool
}

// Chosen tells whether a filter is set.
func (s searchShown) Chosen(filter string) bool { return slices.Contains(s.Filters, filter) }

// With and Without give the address of the page with a filter more or less.
func (s searchShown) With(filter string) template.URL {
	return s.address(append(slices.Clone(s.Filters), filter), "")
}

// Without is With undone.
func (s searchShown) Without(filter string) template.URL {
	return s.address(slices.DeleteFunc(slices.Clone(s.Filters), func(f string) bool { return f == filter }), "")
}

// NextPage is the address of what comes behind.
func (s searchShown) NextPage() template.URL { return s.address(s.Filters, s.Next) }

func (s searchShown) address(filters []string, cursor string) template.URL {
	q := url.Values{"q": {s.Q}, "filter": filters}
	if s.Sort != "" {
		q.Set("sort", s.Sort)
	}
	if cursor != "" {
		q.Set("cursor", cursor)
	}
	return template.URL("/console/search?" + q.Encode())
}

// Readings are the parts of the question that were taken for something.
func (s searchShown) Readings() []string {
	var out []string
	for _, u := range s.Found.Understood {
		if u.As != "text" && u.Means != "" {
			out = append(out, u.Means)
		}
	}
	return out
}

func (k *Console) search(r *request) error {
	d := searchShown{Q: r.query("q"), Sort: r.query("sort")}
	r.Context().QueryArgs().VisitAll(func(name, value []byte) {
		if string(name) == "filter" && len(value) > 0 {
			d.Filters = append(d.Filters, string(value))
		}
	})
	q := url.Values{"limit": {"25"}, "filter": d.Filters}
	for name, value := range map[string]string{"q": d.Q, "sort": d.Sort, "cursor": r.query("cursor")} {
		if value != "" {
			q.Set(name, value)
		}
	}
	d.Asked = d.Q != "" || len(d.Filters) > 0
	var err error
	if d.Found, err = ask[api.ItemsFound](r, route("search", "items"), q); err != nil {
		return err
	}
	d.Next = d.Found.NextCursor
	// A number that one piece alone has leads straight to it.
	if d.Found.Total == 1 && len(d.Filters) == 0 && r.query("cursor") == "" && numbered(&d.Found.Items[0], d.Q) {
		return r.Redirect(consolePath("items", d.Found.Items[0].ID), 303)
	}
	return r.render("search", r.words().say("nav.search"), d)
}

// numbered tells whether a question is one of a piece's own numbers.
func numbered(it *canon.Item, q string) bool {
	words := strings.Fields(strings.ToUpper(q))
	if len(words) == 0 {
		return false
	}
	own := []string{it.Serial, it.EPC, it.GTIN, it.SKU, it.HUID}
	for _, c := range it.Certificates {
		own = append(own, c.Number)
	}
	return slices.ContainsFunc(own, func(n string) bool { return n != "" && strings.ToUpper(n) == words[len(words)-1] })
}

// salesTotals adds up sales by currency.
func salesTotals(sales []api.DaySales) []canon.Money {
	sum := map[string]int64{}
	for _, s := range sales {
		sum[s.Currency] += s.Minor
	}
	var out []canon.Money
	for _, c := range slices.Sorted(maps.Keys(sum)) {
		out = append(out, canon.Money{Minor: sum[c], Currency: c})
	}
	return out
}

// Takings are today's sales by currency, Orders how many there were.
func (d overviewShown) Takings() []canon.Money { return salesTotals(d.Today) }

// Orders counts today's sales.
func (d overviewShown) Orders() (n int64) {
	for _, s := range d.Today {
		n += s.Orders
	}
	return n
}

// FirstCases are the cases that the overview names.
func (d overviewShown) FirstCases() []canon.Case { return d.Cases[:min(len(d.Cases), overviewCases)] }

// StockRows are the stock's values, the largest first.
func (d overviewShown) StockRows() []api.StockValue {
	rows := slices.Clone(d.Stock)
	slices.SortFunc(rows, func(a, b api.StockValue) int { return cmp.Compare(b.Minor, a.Minor) })
	return rows
}
