// Package twin plays The Edge as an exchange of files shows it: it writes lists of its customers, items and jobs, sometimes
// in parts and never at once, and imports web sales when it gets to it, as strictly as the program does: a sale whose
// totals do not add up, whose id it has had, or that sells what is not there is refused.
package twin

import (
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Item is a row of the inventory. Times are The Edge's wall clock.
type Item struct {
	ID, Serial, Description, Price, Store, Status string
	Quantity                                      int64 // 0 for an individual item
	Modified                                      time.Time
}

// Customer is a row of the customers.
type Customer struct {
	ID, First, Last, Email, Phone string
	Modified                      time.Time
}

// Job is a row of the jobs.
type Job struct {
	ID, Customer, Type, Status, Total, Store string
	Created, Modified                        time.Time
}

// Sale is a web sale that was imported.
type Sale struct {
	ID, Customer, Order string
	Items               map[string]int64
	Total               string
}

// Refusal is a web sale that was not.
type Refusal struct{ File, Why string }

// Edge is one installation. Its methods can be called concurrently.
type Edge struct {
	folder string
	// Deletes has imported sales deleted rather than moved to Processed.
	Deletes bool
	zone    *time.Location

	mu        sync.Mutex
	items     []Item
	customers []Customer
	jobs      []Job
	sales     []Sale
	refused   []Refusal
	had       map[string]bool // ids of web sales, for ever
}

// The folders within the exchange.
const (
	SalesFolder   = "WebSales"
	TakenFolder   = "Processed"
	RefusedFolder = "Refused"
)

// New makes an installation that exchanges files in a folder.
func New(folder string, zone *time.Location) *Edge {
	return &Edge{folder: folder, zone: zone, had: map[string]bool{}}
}

// Put adds rows, or replaces those with the same id.
func (e *Edge) Put(rows ...any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, row := range rows {
		switch r := row.(type) {
		case Item:
			e.items = put(e.items, r, func(x Item) string { return x.ID + "@" + bulkStore(x) })
		case Customer:
			e.customers = put(e.customers, r, func(x Customer) string { return x.ID })
		case Job:
			e.jobs = put(e.jobs, r, func(x Job) string { return x.ID })
		}
	}
}

// bulkStore parts the rows of a bulk item, which it has for each store.
func bulkStore(i Item) string {
	if i.Quantity == 0 {
		return ""
	}
	return i.Store
}

func put[T any](list []T, row T, key func(T) string) []T {
	if i := slices.IndexFunc(list, func(x T) bool { return key(x) == key(row) }); i >= 0 {
		list[i] = row
		return list
	}
	return append(list, row)
}

// SellInStore sells an individual item at the counter.
func (e *Edge) SellInStore(id string, at time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range e.items {
		if e.items[i].ID == id {
			e.items[i].Status, e.items[i].Modified = "Sold", at
		}
	}
}

// StatusOf gives an item's status, "" for one that it does not have.
func (e *Edge) StatusOf(id string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, i := range e.items {
		if i.ID == id {
			return i.Status
		}
	}
	return ""
}

// Sales gives what was imported, Refusals what was not.
func (e *Edge) Sales() []Sale {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.sales)
}

// Refusals gives the sales that were refused, with the reason that The Edge shows.
func (e *Edge) Refusals() []Refusal {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.refused)
}

// WriteLists writes all lists as they are now, whole, and gives their names.
func (e *Edge) WriteLists(at time.Time) ([]string, error) {
	var names []string
	for _, what := range []string{"CustomerList", "ItemList", "JobList"} {
		name, content := e.list(what, at)
		if err := os.WriteFile(filepath.Join(e.folder, name+".tmp"), content, 0o640); err != nil {
			return names, err
		}
		if err := os.Rename(filepath.Join(e.folder, name+".tmp"), filepath.Join(e.folder, name)); err != nil {
			return names, err
		}
		names = append(names, name)
	}
	return names, nil
}

// StartItems begins to write the list of items under its own name and stops in the middle of a row, as The Edge does on a
// slow share; finish writes the rest.
func (e *Edge) StartItems(at time.Time) (name string, finish func() error, err error) {
	name, content := e.list("ItemList", at)
	path := filepath.Join(e.folder, name)
	half := len(content) - len(content)/3
	if err := os.WriteFile(path, content[:half], 0o640); err != nil {
		return name, nil, err
	}
	return name, func() error {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			return err
		}
		_, err = f.Write(content[half:])
		return errors.Join(err, f.Close())
	}, nil
}

func (e *Edge) list(what string, at time.Time) (name string, content []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	row := func(fields ...string) { _ = w.Write(fields) } // a buffer takes all
	clock := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.In(e.zone).Format("1/2/2006 3:04:05 PM")
	}
	switch what {
	case "ItemList":
		row("Item ID", "Serial", "Description", "Price", "Store", "Status", "Quantity", "Modified")
		for _, i := range e.items {
			n := ""
			if i.Quantity > 0 {
				n = strconv.FormatInt(i.Quantity, 10)
			}
			row(i.ID, i.Serial, i.Description, i.Price, i.Store, i.Status, n, clock(i.Modified))
		}
	case "CustomerList":
		row("Customer ID", "First Name", "Last Name", "Email", "Mobile", "Modified")
		for _, c := range e.customers {
			row(c.ID, c.First, c.Last, c.Email, c.Phone, clock(c.Modified))
		}
	default:
		row("Job ID", "Customer ID", "Job Type", "Status", "Total", "Store", "Created", "Modified")
		for _, j := range e.jobs {
			row(j.ID, j.Customer, j.Type, j.Status, j.Total, j.Store, clock(j.Created), clock(j.Modified))
		}
	}
	w.Flush()
	return at.In(e.zone).Format("20060102150405") + "_" + what + "FULL.csv", out.Bytes()
}

type webSale struct {
	WebSaleID     string `xml:"WebSaleId"`
	CustomerWebID string `xml:"CustomerWebId"`
	OrderNumber   string
	Items         []struct {
		ItemID   string `xml:"ItemId"`
		Quantity int64
		Price    string
	} `xml:"Items>Item"`
	Shipping, Tax, TotalWithTax string
	Payment                     struct{ Amount string }
}

// Import takes the web sales that lie there, as The Edge does every quarter of an hour. It gives how many it looked at.
func (e *Edge) Import() (int, error) {
	dir := filepath.Join(e.folder, SalesFolder)
	files, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 0
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".xml") {
			continue
		}
		n++
		raw, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			return n, err
		}
		to := TakenFolder
		if why := e.importSale(raw); why != "" {
			e.refused = append(e.refused, Refusal{f.Name(), why})
			to = RefusedFolder
		} else if e.Deletes {
			if err := os.Remove(filepath.Join(dir, f.Name())); err != nil {
				return n, err
			}
			continue
		}
		if err := os.MkdirAll(filepath.Join(e.folder, to), 0o750); err != nil {
			return n, err
		}
		if err := os.Rename(filepath.Join(dir, f.Name()), filepath.Join(e.folder, to, f.Name())); err != nil {
			return n, err
		}
	}
	return n, nil
}

// importSale takes one sale; why says what is wrong with it.
func (e *Edge) importSale(raw []byte) (why string) {
	var s webSale
	if err := xml.Unmarshal(raw, &s); err != nil {
		return "it is not XML"
	}
	switch {
	case s.WebSaleID == "" || s.CustomerWebID == "":
		return "WebSaleId or CustomerWebId is empty"
	case e.had[s.WebSaleID]:
		return "WebSaleId was imported before"
	case len(s.Items) == 0:
		return "it sells nothing"
	}
	var bad error
	cents := func(text string) int64 {
		v, err := toCents(text)
		bad = errors.Join(bad, err)
		return v
	}
	sum := cents(s.Shipping) + cents(s.Tax)
	for _, i := range s.Items {
		sum += cents(i.Price)
	}
	total, paid := cents(s.TotalWithTax), cents(s.Payment.Amount)
	if bad != nil {
		return bad.Error()
	}
	if sum != total || paid != total {
		return fmt.Sprintf("TotalWithTax is %s, but the parts are %d cents and the payment %s", s.TotalWithTax, sum, s.Payment.Amount)
	}
	sale := Sale{ID: s.WebSaleID, Customer: s.CustomerWebID, Order: s.OrderNumber, Items: map[string]int64{}, Total: s.TotalWithTax}
	for _, i := range s.Items {
		at := slices.IndexFunc(e.items, func(x Item) bool { return x.ID == i.ItemID })
		switch {
		case at < 0:
			return "there is no item " + i.ItemID
		case e.items[at].Quantity == 0 && e.items[at].Status != "In Stock":
			return "item " + i.ItemID + " is " + e.items[at].Status
		}
		sale.Items[i.ItemID] += i.Quantity
	}
	for id, q := range sale.Items {
		at := slices.IndexFunc(e.items, func(x Item) bool { return x.ID == id })
		if e.items[at].Quantity > 0 {
			e.items[at].Quantity -= q
		} else {
			e.items[at].Status = "Sold"
		}
		e.items[at].Modified = time.Now()
	}
	e.had[s.WebSaleID] = true
	e.sales = append(e.sales, sale)
	return ""
}

func toCents(text string) (int64, error) {
	whole, fraction, _ := strings.Cut(text, ".")
	if len(fraction) != 2 {
		return 0, fmt.Errorf("%q is no amount with cents", text)
	}
	v, err := strconv.ParseInt(whole+fraction, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no amount", text)
	}
	return v, nil
}
