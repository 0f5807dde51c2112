package console

import (
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jumpring/jumpring/core/api"
	"github.com/jumpring/jumpring/core/canon"
)

// The plots are drawn here as SVG: no script, and colours from the style sheet, so that they follow light and dark. Each
// has its figures in words for who does not see it.

const (
	plotWidth  = 640
	plotHeight = 180
	plotLeft   = 64
	plotTop    = 12
	plotBottom = 26
	plotDays   = 14
)

// plot is a drawing under way.
type plot struct {
	b     strings.Builder
	most  int64
	label func(int64) string
}

func newPlot(title, words string, most int64, label func(int64) string) *plot {
	p := &plot{most: ceiling(most), label: label}
	fmt.Fprintf(&p.b, `<svg class="plot" viewBox="0 0 %d %d" role="img" aria-label="%s"><title>%s</title>`, plotWidth, plotHeight,
		template.HTMLEscapeString(title+". "+words), template.HTMLEscapeString(title))
	for i := int64(0); i <= 2; i++ {
		at := p.y(p.most * i / 2)
		fmt.Fprintf(&p.b, `<line class="grid" x1="%d" x2="%d" y1="%d" y2="%d"/><text class="tick" text-anchor="end" x="%d" y="%d">%s</text>`,
			plotLeft, plotWidth, at, at, plotLeft-8, at+4, template.HTMLEscapeString(label(p.most*i/2)))
	}
	return p
}

// ceiling is the next of 2, 4, 10, 20, 40, 100 …: halves of it are whole.
func ceiling(n int64) int64 {
	for base := int64(1); ; base *= 10 {
		for _, c := range []int64{2 * base, 4 * base, 10 * base} {
			if n <= c {
				return c
			}
		}
		if base > 1e17 {
			return n
		}
	}
}

func (p *plot) y(v int64) int {
	room := int64(plotHeight - plotTop - plotBottom)
	return plotHeight - plotBottom - int(float64(v)/float64(p.most)*float64(room))
}

func (p *plot) bar(class string, x, width int, from, to int64, what string) {
	if to <= from {
		return
	}
	top := p.y(to)
	height := max(p.y(from)-top, 1)
	fmt.Fprintf(&p.b, `<rect class="%s" x="%d" y="%d" width="%d" height="%d"><title>%s</title></rect>`, class, x, top, max(width, 1), height, template.HTMLEscapeString(what))
}

func (p *plot) under(x int, anchor, text string) {
	fmt.Fprintf(&p.b, `<text class="tick" text-anchor="%s" x="%d" y="%d">%s</text>`, anchor, x, plotHeight-8, template.HTMLEscapeString(text))
}

func (p *plot) done() template.HTML {
	p.b.WriteString("</svg>")
	return template.HTML(p.b.String()) // every text in it was escaped when it was written
}

// minutesPlot draws a value of each minute of the last hour.
func minutesPlot(v *view, title, unit string, minutes []api.Minute, of func(api.Minute) int64) template.HTML {
	var most, sum int64
	for _, m := range minutes {
		most, sum = max(most, of(m)), sum+of(m)
	}
	words := v.words.say("plot.nothing")
	if most > 0 {
		words = v.words.say("plot.most", v.number(most)+" "+unit)
	}
	p := newPlot(title, words, most, func(n int64) string { return v.number(n) })
	width := float64(plotWidth-plotLeft) / float64(max(len(minutes), 1))
	for i, m := range minutes {
		x := plotLeft + int(float64(i)*width)
		p.bar("series0", x, int(width)-1, 0, of(m), m.At.Format("15:04")+" "+v.number(of(m))+" "+unit)
		if i%15 == 0 {
			p.under(x, "start", m.At.Format("15:04"))
		}
	}
	return p.done()
}

func factsPlot(v *view, minutes []api.Minute) template.HTML {
	return minutesPlot(v, v.words.say("plot.facts"), v.words.say("plot.facts.unit"), minutes, func(m api.Minute) int64 { return m.Facts })
}

func latencyPlot(v *view, minutes []api.Minute) template.HTML {
	return minutesPlot(v, v.words.say("plot.latency"), "ms", minutes, func(m api.Minute) int64 { return m.MeanMilli })
}

// money of a plot: whole units, in the currency that has the most.
func mainCurrency(by map[string]int64) string {
	best := ""
	for _, c := range slices.Sorted(maps.Keys(by)) {
		if c != "" && (best == "" || by[c] > by[best]) {
			best = c
		}
	}
	return best
}

func whole(v *view, currency string) func(int64) string {
	exponent, _ := canon.CurrencyExponent(currency)
	unit := int64(1)
	for range exponent {
		unit *= 10
	}
	return func(n int64) string {
		switch n /= unit; {
		case n >= 10_000_000:
			return v.number(n/1_000_000) + " M"
		case n >= 10_000:
			return v.number(n/1000) + " k"
		}
		return v.number(n)
	}
}

// stockPlot draws what is on hand at each location, at asking prices, in the currency that most of it is in.
func stockPlot(v *view, stock []api.StockValue) template.HTML {
	by := map[string]int64{}
	for _, s := range stock {
		by[s.Currency] += s.Minor
	}
	currency := mainCurrency(by)
	var rows []api.StockValue
	var most int64
	var words []string
	for _, s := range stock {
		if s.Currency == currency && currency != "" {
			rows, most = append(rows, s), max(most, s.Minor)
			words = append(words, s.Location+" "+v.money(canon.Money{Minor: s.Minor, Currency: currency}))
		}
	}
	if len(rows) == 0 {
		words = []string{v.words.say("plot.nothing")}
	}
	p := newPlot(v.words.say("plot.stock", currency), strings.Join(words, ", "), most, whole(v, currency))
	width := (plotWidth - plotLeft) / max(len(rows), 1)
	for i, s := range rows {
		x := plotLeft + i*width
		p.bar("series0", x+width/8, min(width*3/4, 120), 0, s.Minor, s.Location+" "+v.money(canon.Money{Minor: s.Minor, Currency: currency}))
		if width >= 40 || i%3 == 0 {
			p.under(x+width/8, "start", shortened(s.Location, width/7))
		}
	}
	return p.done()
}

func shortened(s string, n int) string {
	if r := []rune(s); len(r) > max(n, 3) {
		return string(r[:max(n, 3)-1]) + "…"
	}
	return s
}

// salesPlot draws the sales of each day, stacked by channel, in the currency that most of them are in.
func salesPlot(v *view, sales []api.DaySales, today time.Time) template.HTML {
	by, channels, days := map[string]int64{}, map[string]int64{}, map[string]map[string]int64{}
	for _, s := range sales {
		by[s.Currency] += s.Minor
	}
	currency := mainCurrency(by)
	for _, s := range sales {
		if s.Currency != currency {
			continue
		}
		if days[s.Day] == nil {
			days[s.Day] = map[string]int64{}
		}
		days[s.Day][s.Channel] += s.Minor
		channels[s.Channel] += s.Minor
	}
	var most int64
	for _, d := range days {
		var sum int64
		for _, n := range d {
			sum += n
		}
		most = max(most, sum)
	}
	names := slices.Sorted(maps.Keys(channels))
	var words []string
	for _, c := range names {
		words = append(words, c+" "+v.money(canon.Money{Minor: channels[c], Currency: currency}))
	}
	if len(words) == 0 {
		words = []string{v.words.say("plot.nothing")}
	}
	p := newPlot(v.words.say("plot.sales", currency), strings.Join(words, ", "), most, whole(v, currency))
	width := (plotWidth - plotLeft) / plotDays
	for i := range plotDays {
		day := today.UTC().AddDate(0, 0, i+1-plotDays).Format(time.DateOnly)
		x, sum := plotLeft+i*width, int64(0)
		for n, c := range names {
			amount := days[day][c]
			p.bar(fmt.Sprintf("series%d", n%6), x+2, width-6, sum, sum+amount, day+" "+c+" "+v.money(canon.Money{Minor: amount, Currency: currency}))
			sum += amount
		}
		if i%2 == 1 {
			p.under(x+2, "start", day[5:])
		}
	}
	return p.done() + legend(names)
}

// legend names the colours of a plot.
func legend(names []string) template.HTML {
	var b strings.Builder
	b.WriteString(`<ul class="legend">`)
	for i, n := range names {
		fmt.Fprintf(&b, `<li><svg class="key" viewBox="0 0 10 10" aria-hidden="true"><rect class="series%d" width="10" height="10"/></svg> %s</li>`, i%6, template.HTMLEscapeString(n))
	}
	b.WriteString("</ul>")
	return template.HTML(b.String())
}
