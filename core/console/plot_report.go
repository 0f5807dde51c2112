package console

import (
	"html/template"
	"slices"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/report"
)

// mainColumn is the figure of each report that its plot shows and its rows are sorted by.
var mainColumn = map[string]string{
	report.Sales: "net_minor", report.Inventory: "value_minor", report.Turnover: "turnover_thousandths", report.Counts: "accuracy_thousandths", report.Clients: "new",
}

// plotRows is how many rows a plot has at most where their order is not that of time.
const plotRows = 16

// reportPlot draws a report's main figure by row, in the currency that most of it is in.
func reportPlot(v *view, a *report.Answer) template.HTML {
	column := mainColumn[a.Name]
	by := map[string]int64{}
	for i := range a.Rows {
		by[a.Rows[i].Currency] += max(a.Rows[i].Figure(column), 0)
	}
	currency := mainCurrency(by)
	rows := slices.DeleteFunc(slices.Clone(a.Rows), func(l report.Line) bool { return l.Currency != currency })
	timed := a.By == report.ByDay || a.By == report.ByMonth || a.By == report.ByAge
	if !timed && len(rows) > plotRows {
		rows = rows[:plotRows]
	}
	var most int64
	var words []string
	for i := range rows {
		n := rows[i].Figure(column)
		most = max(most, n, -n)
		if i < plotRows {
			words = append(words, v.keyOf(a, rows[i].Key)+" "+v.figure(column, n, currency))
		}
	}
	if len(rows) == 0 {
		words = []string{v.words.say("plot.nothing")}
	}
	p := newPlot(v.words.say("report."+a.Name)+": "+v.columnOf(column), strings.Join(words, ", "), most, func(n int64) string {
		if strings.HasSuffix(column, "_minor") {
			return whole(v, currency)(n)
		}
		return v.figure(column, n, currency)
	})
	width := float64(plotWidth-plotLeft) / float64(max(len(rows), 1))
	labels := max(1, (len(rows)+11)/12)
	for i := range rows {
		n := rows[i].Figure(column)
		class := "series0"
		if n < 0 {
			class, n = "below", -n // more went back than was sold
		}
		x, bar := plotLeft+int(float64(i)*width), min(int(width*3/4), 90)
		p.bar(class, x+int(width/8), bar, 0, n, v.keyOf(a, rows[i].Key)+" "+v.figure(column, rows[i].Figure(column), currency))
		if i%labels == 0 {
			p.under(x+int(width/8), "start", shortened(v.keyOf(a, rows[i].Key), int(width)*labels/7))
		}
	}
	return p.done()
}

// keyOf says what a report's row is about: None and the vocabularies of the hub in the page's language, all else as it is.
func (v *view) keyOf(a *report.Answer, key string) string {
	switch {
	case key == report.None:
		return v.words.say("report.none")
	case key == "total":
		return v.words.say("report.total")
	case a.By == report.ByMetal:
		return v.words.word("metal", key)
	case a.By == report.ByAge:
		return v.words.word("age", key)
	}
	return key
}

// columnOf is what a figure is called.
func (v *view) columnOf(column string) string { return v.words.word("column", column) }

// figure writes a figure of a report as a person reads it.
func (v *view) figure(column string, n int64, currency string) string {
	switch {
	case strings.HasSuffix(column, "_minor"):
		return v.money(canon.Money{Minor: n, Currency: currency})
	case column == "accuracy_thousandths":
		return v.decimal(thousandths(n*100)) + "\u00a0%"
	case strings.HasSuffix(column, "_thousandths"):
		return v.decimal(thousandths(n))
	}
	return v.number(n)
}

// amount writes a figure for a table that names the currency beside it; nothing is a dash.
func (v *view) amount(l report.Line, column string) string {
	n := l.Figure(column)
	if n == 0 {
		return "–"
	}
	return strings.TrimSuffix(v.figure(column, n, l.Currency), "\u00a0"+l.Currency)
}

// decimal writes a decimal with the language's point.
func (v *view) decimal(s string) string {
	if v.lang == "fr" {
		return strings.Replace(s, ".", ",", 1)
	}
	return s
}
