package api

import (
	"bytes"
	"encoding/csv"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/problem"
	"github.com/jumpring/jumpring/core/report"
	"github.com/jumpring/jumpring/core/store"
)

// reportPeriod is what a report is of where nobody says.
const reportPeriod = 30 * 24 * time.Hour

// ReportNamed is a report that can be asked for.
type ReportNamed struct {
	Name string   `json:"name"`
	By   []string `json:"by" doc:"What its rows can be made by; the first where nobody says"`
}

// reportRoutes is the part of the table about reports.
func reportRoutes() []route {
	return []route{
		{
			method: http.MethodGet, path: "/v1/reports", name: "reports", summary: "List the reports.", needs: access.FiguresRead,
			gives: page(ReportNamed{}), handle: (*API).reports,
		},
		{
			method: http.MethodGet, path: "/v1/reports/{name}", name: "report", summary: "Make a report; docs/reports.md says what each figure is the sum of.", needs: access.FiguresRead,
			query: []param{
				{"by", "What the rows are made by; see /v1/reports"},
				{"from", "Begin of the period, inclusive: YYYY-MM-DD (UTC) or a time with offset; 30 days before its end where it is left out"},
				{"to", "End of the period, exclusive; now where it is left out"},
				{"currency", "Show amounts in this one, by the configured rates; rows per currency where it is left out"},
				{"location", "One of the hub's locations"},
				{"format", "json (default), or csv for the rows as a file"},
			},
			gives: json200(report.Answer{}), handle: (*API).report,
		},
	}
}

func (a *API) reports(c *fiber.Ctx, _ access.Principal) error {
	names, by := report.Names()
	out := make([]ReportNamed, len(names))
	for i, name := range names {
		out[i] = ReportNamed{Name: name, By: by[name]}
	}
	return sendPage(c, out, "")
}

// report makes a report. Who is bound to a location gets its figures alone.
func (a *API) report(c *fiber.Ctx, who access.Principal) error {
	ask := report.Ask{Name: parameter(c, "name"), By: query(c, "by"), Currency: strings.ToUpper(query(c, "currency")), Location: query(c, "location"), To: time.Now().UTC()}
	if _, by := report.Names(); by[ask.Name] == nil {
		return problem.New(problem.RecordUnknown, "there is no report of this name; /v1/reports lists them")
	}
	if who.Location != "" {
		if ask.Location != "" && ask.Location != who.Location || ask.Name == report.Clients {
			return problem.New(problem.LocationForbidden, "these are another location's figures")
		}
		ask.Location = who.Location
	}
	file := query(c, "format") == "csv"
	if f := query(c, "format"); !file && f != "" && f != "json" {
		return parameterProblem("format", "expected json or csv")
	}
	var err error
	if ask.To, err = momentOf(c, "to", ask.To); err != nil {
		return err
	}
	if ask.From, err = momentOf(c, "from", ask.To.Add(-reportPeriod)); err != nil {
		return err
	}
	var rates *report.Rates
	if ask.Currency != "" && a.Rates != nil {
		if rates, err = a.Rates(); err != nil {
			return err
		}
	}
	var out *report.Answer
	err = a.look(func(v store.View) error {
		mark, err := v.Mark()
		if err != nil {
			return err
		}
		if out, err = report.Make(v, ask, rates); err != nil {
			return err
		}
		out.Position = mark.Position
		return nil
	})
	if errors.Is(err, report.ErrAsk) {
		return problem.New(problem.ParameterInvalid, strings.TrimPrefix(err.Error(), report.ErrAsk.Error()+": "))
	}
	if err != nil {
		return err
	}
	if file {
		return reportFile(c, who, out)
	}
	return show(c, who, out)
}

// reportFile answers with a report as a file that spreadsheets read: UTF-8 with the mark that they look for.
func reportFile(c *fiber.Ctx, who access.Principal, a *report.Answer) error {
	head, lines := a.Table(who.Sees(access.Cost)) // Invariant 7
	var b bytes.Buffer
	b.WriteString("\ufeff")
	w := csv.NewWriter(&b)
	for _, line := range append([][]string{head}, lines...) {
		line[0] = plainCell(line[0])
		if err := w.Write(line); err != nil {
			return err
		}
	}
	w.Flush()
	c.Set(fiber.HeaderContentType, "text/csv; charset=utf-8")
	c.Set(fiber.HeaderContentDisposition, `attachment; filename="`+a.Name+`-by-`+a.By+`.csv"`)
	return c.Send(b.Bytes())
}

// momentOf reads a day or a time of the query.
func momentOf(c *fiber.Ctx, name string, otherwise time.Time) (time.Time, error) {
	s := query(c, name)
	if s == "" {
		return otherwise, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, parameterProblem(name, "write a day, YYYY-MM-DD, or a time such as 2026-11-22T09:00:00+01:00")
}
