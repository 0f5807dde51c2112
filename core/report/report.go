// Package report answers what a house asks of its books: what was sold, what is there and what it is worth, how right the
// counts were, how the clients grow. Each report is a pure function of one committed state of the view; docs/reports.md has
// the definitions, and every figure is the sum of the events that it names.
package report

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-json"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// The names of the reports.
const (
	Sales     = "sales"
	Inventory = "inventory"
	Turnover  = "turnover"
	Counts    = "counts"
	Clients   = "clients"
)

// The dimensions that rows are made by.
const (
	ByLocation    = "location"
	ByChannel     = "channel"
	BySalesperson = "salesperson"
	ByMetal       = "metal"
	ByCategory    = "category"
	ByAge         = "age"
	ByDay         = "day"
	ByMonth       = "month"
)

// None is the key of what states nothing of a dimension.
const None = "(none)"

// ErrAsk is wrapped when a report can't be asked for like this; the text says what can.
var ErrAsk = errors.New("report: not a question that can be answered")

// errBeyond: a sum is more than an amount can be.
var errBeyond = errors.New("report: a sum is beyond what an amount can be")

// Ask says what a report is to show.
type Ask struct {
	Name string
	By   string // empty means the report's first dimension
	// From and To bound the events: From inclusive, To exclusive.
	From, To time.Time
	// Currency is the one to show amounts in; empty means rows per currency.
	Currency string
	// Location keeps to what one of the hub's locations sold, has or counted; empty means all.
	Location string
}

// Line is one line of a report. Fields that a report does not have, and zeros, are left out. Amounts are in minor units of
// Currency.
type Line struct {
	Key      string `json:"key"`
	Currency string `json:"currency,omitempty"`
	// Documents are orders, or counts.
	Documents int64 `json:"documents,omitempty"`
	Pieces    int64 `json:"pieces,omitempty"`
	// Back is how many pieces came back by refunds and returns.
	Back int64 `json:"pieces_back,omitempty"`
	// Unpriced is how many of Pieces no price is known of: they are in no amount.
	Unpriced int64 `json:"pieces_unpriced,omitempty"`
	// Others is how many pieces on hand belong to somebody else; they are not in Pieces and in no amount.
	Others   int64 `json:"pieces_of_others,omitempty"`
	Gross    int64 `json:"gross_minor,omitempty"`
	Discount int64 `json:"discount_minor,omitempty"`
	Refunded int64 `json:"refunded_minor,omitempty"`
	Net      int64 `json:"net_minor,omitempty"`
	Value    int64 `json:"value_minor,omitempty"`
	Cost     int64 `json:"cost_minor,omitempty" class:"cost"`
	// Costed is how many of Pieces a cost is known of.
	Costed int64 `json:"pieces_costed,omitempty" class:"cost"`
	OnHand int64 `json:"on_hand,omitempty"`
	// Turnover is in thousandths: how often what is on hand would be sold in 365 days at the pace of the period.
	Turnover   int64 `json:"turnover_thousandths,omitempty"`
	Expected   int64 `json:"expected,omitempty"`
	Missing    int64 `json:"missing,omitempty"`
	Unexpected int64 `json:"unexpected,omitempty"`
	Differing  int64 `json:"differing,omitempty"`
	// Accuracy is in thousandths: of what was expected, the part that was found as expected.
	Accuracy int64 `json:"accuracy_thousandths,omitempty"`
	New      int64 `json:"new,omitempty"`
	Known    int64 `json:"known,omitempty"` // at the end of the row's time
}

// Answer is a report.
type Answer struct {
	Name       string    `json:"name"`
	Definition string    `json:"definition" doc:"What is counted, in one sentence; docs/reports.md has the whole"`
	By         string    `json:"by"`
	From       time.Time `json:"from"`
	To         time.Time `json:"to"`
	Location   string    `json:"location,omitempty"`
	Currency   string    `json:"currency,omitempty"`
	// Rates say by what amounts were converted; nil where none were.
	Rates *RatesUsed `json:"rates,omitempty"`
	// Unconverted are currencies for which there is no rate: their rows stay as they are.
	Unconverted []string `json:"unconverted,omitempty"`
	// Position is the state that the report is of.
	Position canon.Position `json:"position"`
	Rows     []Line         `json:"rows"`
	// Totals are the sums of the rows, one for each currency.
	Totals []Line `json:"totals"`
}

// report is how one report is made.
type report struct {
	by         []string
	definition string
	make       func(r store.Reader, a Ask, to *sums) error
	// finish computes what follows from a row's sums; nil for nothing.
	finish func(a Ask, row *Line)
}

var reports = map[string]report{
	Sales: {
		by:         []string{ByLocation, ByChannel, BySalesperson, ByMetal, ByCategory, ByDay, ByMonth},
		definition: "Lines of orders placed in the period that are not cancelled, at price times quantity, less discounts, less refunds made in the period.",
		make:       sales,
		finish:     func(_ Ask, row *Line) { row.Net = row.Gross - row.Discount - row.Refunded },
	},
	Inventory: {
		by:         []string{ByLocation, ByMetal, ByCategory, ByAge},
		definition: "Pieces of the house on hand now, at the first price that is shown for each, and at cost.",
		make:       inventory,
	},
	Turnover: {
		by:         []string{ByCategory, ByLocation, ByMetal},
		definition: "Pieces sold less pieces back in the period, carried to 365 days, for each piece of the house that is on hand now.",
		make:       turnover,
		finish:     turned,
	},
	Counts: {
		by:         []string{ByLocation, ByMonth},
		definition: "Completed counts submitted in the period: what was expected, less what was missing or differed, of what was expected.",
		make:       counts,
		finish: func(_ Ask, row *Line) {
			if row.Expected > 0 {
				row.Accuracy = max(row.Expected-row.Missing-row.Differing, 0) * 1000 / row.Expected
			}
		},
	},
	Clients: {
		by:         []string{ByMonth, ByChannel},
		definition: "Clients by when a source says that they came first, else by when the hub first saw them; merged ones are one.",
		make:       clients,
	},
}

// Names lists the reports, sorted, each with the dimensions that it has; the first is the default.
func Names() (names []string, by map[string][]string) {
	by = make(map[string][]string, len(reports))
	for name := range reports {
		names = append(names, name)
		by[name] = slices.Clone(reports[name].by)
	}
	slices.Sort(names)
	return names, by
}

// Make makes a report of a committed state.
func Make(r store.Reader, a Ask, rates *Rates) (*Answer, error) {
	how, known := reports[a.Name]
	if !known {
		names, _ := Names()
		return nil, fmt.Errorf("%w: there is no report of this name; there are %s", ErrAsk, strings.Join(names, ", "))
	}
	if a.By == "" {
		a.By = how.by[0]
	}
	switch {
	case !slices.Contains(how.by, a.By):
		return nil, fmt.Errorf("%w: %s is made by %s", ErrAsk, a.Name, strings.Join(how.by, ", "))
	case !a.From.Before(a.To):
		return nil, fmt.Errorf("%w: from must be before to", ErrAsk)
	case a.Location != "" && a.Name == Clients:
		return nil, fmt.Errorf("%w: clients are the house's, not a location's", ErrAsk)
	}
	if a.Currency != "" {
		if _, ok := canon.CurrencyExponent(a.Currency); !ok {
			return nil, fmt.Errorf("%w: currency must be an ISO 4217 code such as EUR", ErrAsk)
		}
	}
	out := &Answer{Name: a.Name, Definition: how.definition, By: a.By, From: a.From, To: a.To, Location: a.Location, Currency: a.Currency}
	acc := newSums()
	if err := how.make(r, a, acc); err != nil {
		return nil, err
	}
	if a.Currency != "" {
		acc.convert(a.Currency, rates, out)
	}
	if acc.err != nil {
		return nil, acc.err
	}
	out.Rows, out.Totals = acc.rows(), acc.totals()
	if a.Name == Clients && a.By == ByMonth && len(out.Totals) > 0 {
		out.Totals[0].Known = out.Rows[len(out.Rows)-1].Known // a state of each month's end, not a sum
	}
	if acc.err != nil {
		return nil, acc.err
	}
	for _, rows := range [][]Line{out.Rows, out.Totals} {
		for i := range rows {
			if how.finish != nil {
				how.finish(a, &rows[i])
			}
		}
	}
	return out, nil
}

// cellKey names a row: amounts of different currencies are never added.
type cellKey struct{ key, currency string }

// sums collects rows.
type sums struct {
	cells map[cellKey]*Line
	// documents are counted for each currency beside the rows: one document may be in several rows.
	documents map[string]int64
	err       error
}

func newSums() *sums { return &sums{cells: make(map[cellKey]*Line), documents: make(map[string]int64)} }

// add adds a row to the one of the same key and currency.
func (s *sums) add(row Line) {
	k := cellKey{row.Key, row.Currency}
	have := s.cells[k]
	if have == nil {
		have = &Line{Key: row.Key, Currency: row.Currency}
		s.cells[k] = have
	}
	s.into(have, &row)
}

// additive are the fields of a row that are sums.
func additive(r *Line) []*int64 {
	return []*int64{
		&r.Documents, &r.Pieces, &r.Back, &r.Unpriced, &r.Others, &r.Gross, &r.Discount, &r.Refunded, &r.Value, &r.Cost, &r.Costed,
		&r.OnHand, &r.Expected, &r.Missing, &r.Unexpected, &r.Differing, &r.New, &r.Known,
	}
}

// amounts are those of them that are in the row's currency.
func amounts(r *Line) []*int64 {
	return []*int64{&r.Gross, &r.Discount, &r.Refunded, &r.Value, &r.Cost}
}

func (s *sums) into(to, row *Line) {
	fields := additive(row)
	for i, f := range additive(to) {
		*f = s.plus(*f, *fields[i])
	}
}

func (s *sums) plus(a, b int64) int64 {
	if b > 0 && a > math.MaxInt64-b || b < 0 && a < math.MinInt64-b {
		s.err = errBeyond
		return 0
	}
	return a + b
}

// times multiplies a price by a quantity.
func (s *sums) times(a, b int64) int64 {
	if a == 0 || b == 0 {
		return 0
	}
	p := a * b
	if p/b != a || a == math.MinInt64 && b == -1 || b == math.MinInt64 && a == -1 {
		s.err = errBeyond
		return 0
	}
	return p
}

func (s *sums) rows() []Line {
	out := make([]Line, 0, len(s.cells))
	for _, r := range s.cells {
		out = append(out, *r)
	}
	slices.SortFunc(out, func(a, b Line) int {
		if c := strings.Compare(a.Key, b.Key); c != 0 {
			return c
		}
		return strings.Compare(a.Currency, b.Currency)
	})
	return out
}

// totals adds the rows of each currency up.
func (s *sums) totals() []Line {
	all := newSums()
	for _, r := range s.rows() {
		r.Key = "total"
		all.add(r)
	}
	out := all.rows()
	for i := range out {
		if n, counted := s.documents[out[i].Currency]; counted {
			out[i].Documents = n
		}
	}
	s.err = errors.Join(s.err, all.err)
	return out
}

// each decodes every record of a type.
func each[T any](r store.Reader, typ string, fn func(*T) error) error {
	err := r.Scan(store.PrefixRecord+typ+"/", "", func(_ string, value []byte) (bool, error) {
		rec := new(T)
		if err := json.Unmarshal(value, rec); err != nil {
			return false, fmt.Errorf("a stored %s can't be read", typ) // the decoder's error may quote it (invariant 7)
		}
		return true, fn(rec)
	})
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// within reports whether an event's time is in the period.
func (a *Ask) within(t time.Time) bool { return !t.Before(a.From) && t.Before(a.To) }

func orNone(s string) string {
	if s == "" {
		return None
	}
	return s
}
