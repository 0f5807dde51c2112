package console

import (
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/api"
	"github.com/jumpring/jumpring/core/report"
)

// reportShown is the data of the page of reports.
type reportShown struct {
	Reports    []api.ReportNamed
	Name, By   string
	Bys        []string
	From, Last string // days, both within the period
	Currency   string
	Location   string
	Bound      string // the location that who asks is bound to
	Places     []string
	Periods    []reportPeriod
	Ready      bool // Answer is there; else it is being made
	Answer     report.Answer
	Columns    []string
	Plot       template.HTML
}

// reportPeriod is a period that is asked for often.
type reportPeriod struct{ Key, From, Last string }

// reportOrder is how the page has the reports: the most asked for first.
var reportOrder = []string{report.Sales, report.Inventory, report.Turnover, report.Counts, report.Clients}

// reportFields are the parameters of the page, by the names that the API has for them.
var reportFields = []string{"by", "from", "to", "currency", "location"}

// Address gives the page for another report or period, and all else as it is.
func (d *reportShown) Address(name, from, last string) template.URL {
	q := url.Values{"from": {from}, "last": {last}}
	for field, value := range map[string]string{"currency": d.Currency, "location": d.Location} {
		if value != "" && !(field == "location" && name == report.Clients) {
			q.Set(field, value)
		}
	}
	if name == d.Name && d.By != "" {
		q.Set("by", d.By)
	}
	return template.URL(consolePath("reports", name) + "?" + q.Encode())
}

// File is the address of the rows as a file.
func (d *reportShown) File() template.URL {
	q := url.Values{"by": {d.By}, "from": {d.From}, "last": {d.Last}}
	for field, value := range map[string]string{"currency": d.Currency, "location": d.Location} {
		if value != "" {
			q.Set(field, value)
		}
	}
	return template.URL(consolePath("reports", d.Name, "rows.csv") + "?" + q.Encode())
}

// periodsAt are the periods that the page offers on a day.
func periodsAt(today time.Time) []reportPeriod {
	day := func(t time.Time) string { return t.Format(time.DateOnly) }
	month := time.Date(today.Year(), today.Month(), 1, 0, 0, 0, 0, time.UTC)
	return []reportPeriod{
		{"days30", day(today.AddDate(0, 0, -29)), day(today)},
		{"month", day(month), day(today)},
		{"last_month", day(month.AddDate(0, -1, 0)), day(month.AddDate(0, 0, -1))},
		{"year", day(time.Date(today.Year(), 1, 1, 0, 0, 0, 0, time.UTC)), day(today)},
	}
}

// reportQuery reads the form: its period names the last day, the API's ends before its end.
func (k *Console) reportQuery(r *request, d *reportShown) url.Values {
	d.Periods = periodsAt(k.Now().UTC())
	d.From, d.Last = d.Periods[0].From, d.Periods[0].Last
	for name, to := range map[string]*string{"from": &d.From, "last": &d.Last} {
		if _, err := time.Parse(time.DateOnly, r.query(name)); err == nil {
			*to = r.query(name)
		}
	}
	last, _ := time.Parse(time.DateOnly, d.Last) // it is one
	d.By, d.Currency, d.Location, d.Bound = r.query("by"), strings.ToUpper(r.query("currency")), r.query("location"), r.who.Location
	q := url.Values{}
	for i, value := range []string{d.By, d.From, last.AddDate(0, 0, 1).Format(time.DateOnly), d.Currency, d.Location} {
		if value != "" {
			q.Set(reportFields[i], value)
		}
	}
	return q
}

func (k *Console) reports(r *request) error {
	all, err := ask[list[api.ReportNamed]](r, route("reports"), nil)
	if err != nil {
		return err
	}
	d := reportShown{Name: r.parameter("name")}
	for _, one := range all.Items {
		if one.Name != report.Clients || r.who.Location == "" { // clients are the house's
			d.Reports = append(d.Reports, one)
		}
	}
	slices.SortFunc(d.Reports, func(a, b api.ReportNamed) int {
		return slices.Index(reportOrder, a.Name) - slices.Index(reportOrder, b.Name)
	})
	if d.Name == "" {
		d.Name = report.Sales
	}
	q := k.reportQuery(r, &d)
	for _, one := range d.Reports {
		if one.Name == d.Name {
			d.Bys = one.By
		}
	}
	if d.Answer, d.Ready, err = k.desk.ask(r.who, route("reports", d.Name)+"?"+q.Encode()); err != nil {
		return err
	}
	refresh := 0
	if !d.Ready {
		d.Answer.By, refresh = d.By, jobRefresh
	}
	d.By, d.Columns = d.Answer.By, shownColumns(&d.Answer, r.who.Sees(access.Cost))
	if _, d.Places, err = k.rolesAndPlaces(r); err != nil {
		return err
	}
	if d.By != report.ByDay && d.By != report.ByMonth && d.By != report.ByAge {
		main := mainColumn[d.Name]
		d.Answer.Rows = slices.Clone(d.Answer.Rows) // the desk keeps its own in order
		slices.SortStableFunc(d.Answer.Rows, func(a, b report.Line) int { return int(max(-1, min(1, b.Figure(main)-a.Figure(main)))) })
	}
	d.Plot = reportPlot(k.views[r.lang], &d.Answer)
	return r.show(http.StatusOK, "reports", r.words().word("report", d.Name), refresh, &d)
}

// shownColumns are the figures that some row has, and the main one; the file has all.
func shownColumns(a *report.Answer, cost bool) []string {
	return slices.DeleteFunc(report.Columns(a.Name, cost), func(c string) bool {
		return c != mainColumn[a.Name] && !slices.ContainsFunc(a.Rows, func(l report.Line) bool { return l.Figure(c) != 0 })
	})
}

// reportFile hands a report over as the file that the API gives.
func (k *Console) reportFile(r *request) error {
	var d reportShown
	q := k.reportQuery(r, &d)
	q.Set("format", "csv")
	name := r.parameter("name")
	answer := k.API.Call(r.who, http.MethodGet, route("reports", name)+"?"+q.Encode(), nil, nil)
	if answer.Status != http.StatusOK {
		q.Del("format")
		if _, err := ask[report.Answer](r, route("reports", name), q); err != nil {
			return err // the same question says why not
		}
		return errNoPage
	}
	r.Set(fiber.HeaderContentType, "text/csv; charset=utf-8")
	r.Set(fiber.HeaderContentDisposition, `attachment; filename="`+name+"-"+d.From+"-"+d.Last+`.csv"`)
	return r.Send(answer.Body)
}
