package report

import (
	"strconv"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
)

// columns are the figures of each report, in the order in which tables have them, beside what the rows are made by.
var columns = map[string][]string{
	Sales:     {"documents", "pieces", "gross_minor", "discount_minor", "pieces_back", "refunded_minor", "net_minor", "pieces_unpriced"},
	Inventory: {"pieces", "value_minor", "cost_minor", "pieces_costed", "pieces_unpriced", "pieces_of_others"},
	Turnover:  {"pieces", "pieces_back", "on_hand", "turnover_thousandths"},
	Counts:    {"documents", "expected", "missing", "unexpected", "differing", "accuracy_thousandths"},
	Clients:   {"new", "known"},
}

// money are the reports whose rows are of a currency.
var money = map[string]bool{Sales: true, Inventory: true}

// Columns gives the figures of a report in the order in which a table has them, by their names in JSON: amounts end in
// _minor, parts of a thousand in _thousandths. Without cost, those that tell of it are left out.
func Columns(name string, cost bool) []string {
	var out []string
	for _, c := range columns[name] {
		if cost || c != "cost_minor" && c != "pieces_costed" {
			out = append(out, c)
		}
	}
	return out
}

// HasCurrency reports whether a report's rows are of a currency.
func HasCurrency(name string) bool { return money[name] }

// Figure gives a figure of a row by its column.
func (l *Line) Figure(column string) int64 {
	switch column {
	case "documents":
		return l.Documents
	case "pieces":
		return l.Pieces
	case "pieces_back":
		return l.Back
	case "pieces_unpriced":
		return l.Unpriced
	case "pieces_of_others":
		return l.Others
	case "gross_minor":
		return l.Gross
	case "discount_minor":
		return l.Discount
	case "refunded_minor":
		return l.Refunded
	case "net_minor":
		return l.Net
	case "value_minor":
		return l.Value
	case "cost_minor":
		return l.Cost
	case "pieces_costed":
		return l.Costed
	case "on_hand":
		return l.OnHand
	case "turnover_thousandths":
		return l.Turnover
	case "expected":
		return l.Expected
	case "missing":
		return l.Missing
	case "unexpected":
		return l.Unexpected
	case "differing":
		return l.Differing
	case "accuracy_thousandths":
		return l.Accuracy
	case "new":
		return l.New
	case "known":
		return l.Known
	}
	return 0
}

// Table gives a report as a file has it: a head and a line for each row, amounts as decimals. The totals are not in it: a sum
// among the rows would be summed again.
func (a *Answer) Table(cost bool) (head []string, lines [][]string) {
	names := Columns(a.Name, cost)
	head = append(head, a.By)
	if HasCurrency(a.Name) {
		head = append(head, "currency")
	}
	for _, n := range names {
		head = append(head, strings.TrimSuffix(strings.TrimSuffix(n, "_minor"), "_thousandths"))
	}
	for i := range a.Rows {
		row := &a.Rows[i]
		line := []string{row.Key}
		if HasCurrency(a.Name) {
			line = append(line, row.Currency)
		}
		for _, n := range names {
			line = append(line, Decimal(n, row.Figure(n), row.Currency))
		}
		lines = append(lines, line)
	}
	return head, lines
}

// Decimal writes a figure without its unit: an amount in the currency's whole units, parts of a thousand as a fraction.
func Decimal(column string, n int64, currency string) string {
	switch {
	case strings.HasSuffix(column, "_minor"):
		return canon.Money{Minor: n, Currency: currency}.Decimal()
	case strings.HasSuffix(column, "_thousandths"):
		return canon.Money{Minor: n, Currency: "BHD"}.Decimal() // a currency with thousandths
	}
	return strconv.FormatInt(n, 10)
}
