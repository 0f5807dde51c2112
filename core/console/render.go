package console

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/oklog/ulid/v2"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/problem"
)

//go:embed pages/*.html
var pageFiles embed.FS

// view is the pages in one language.
type view struct {
	lang  string
	words catalogue
	set   *template.Template
}

func readViews() (map[string]*view, error) {
	views := map[string]*view{}
	for _, lang := range languages {
		words, err := readCatalogue(lang)
		if err != nil {
			return nil, err
		}
		v := &view{lang: lang, words: words}
		v.set, err = template.New("").Option("missingkey=error").Funcs(v.recordFunctions(v.functions())).ParseFS(pageFiles, "pages/*.html")
		if err != nil {
			return nil, fmt.Errorf("console: the pages: %w", err)
		}
		views[lang] = v
	}
	return views, nil
}

// functions are what pages say things with.
func (v *view) functions() template.FuncMap {
	return template.FuncMap{
		"t": v.words.say, "word": v.words.word, "money": v.money, "when": moment, "iso": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"carat": func(n int64) string { return thousandths(n) + " ct" }, "grams": func(mg int64) string { return thousandths(mg) + " g" },
		"number": v.number, "json": plainJSON, "path": func(parts ...string) string { return consolePath(parts...) }, "deref": func(n *int64) int64 { return *n },
		"event": v.event, "join": strings.Join, "newkey": func() string { return ulid.Make().String() }, "lower": strings.ToLower,
		"query": func(pairs ...string) template.URL { return template.URL(queryOf(pairs...)) },
	}
}

// event says what happened: "item.sold" and, of a case about a record, "case.opened:double_claim".
func (v *view) event(code string) string {
	code, about, _ := strings.Cut(code, ":")
	if i := strings.LastIndexByte(code, '.'); i >= 0 {
		code = code[i+1:]
	}
	out := v.words.word("event", code)
	if about != "" {
		out = v.words.word("case", about) + ": " + out
	}
	return out
}

func queryOf(pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Add(pairs[i], pairs[i+1])
		}
	}
	return q.Encode()
}

func consolePath(parts ...string) string {
	var b strings.Builder
	b.WriteString("/console")
	for _, p := range parts {
		b.WriteString("/" + url.PathEscape(p))
	}
	return b.String()
}

func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}

func thousandths(n int64) string {
	s := fmt.Sprintf("%d.%03d", n/1000, n%1000)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

// number groups digits as the language does: 12,345 and 12 345 (with a no-break space).
func (v *view) number(n int64) string {
	digits := fmt.Sprint(n)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	return sign + v.grouped(digits)
}

func (v *view) grouped(digits string) string {
	separator := ","
	if v.lang == "fr" {
		separator = "\u202f"
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + separator + digits[i:]
	}
	return digits
}

func (v *view) money(m canon.Money) string {
	if m.Currency == "" {
		return ""
	}
	whole, cents, _ := strings.Cut(m.Decimal(), ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	point := "."
	if v.lang == "fr" {
		point = ","
	}
	out := sign + v.grouped(whole)
	if cents != "" {
		out += point + cents
	}
	return out + "\u00a0" + m.Currency
}

// plainJSON writes a value of a timeline as a person reads it: text without quotation marks.
func plainJSON(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	if string(raw) == "null" {
		return ""
	}
	return string(raw)
}

// frame is what each page gets: what is around it, and its own Data.
type frame struct {
	Title   string
	Lang    string
	Who     access.Principal
	Name    string // of the person
	CSRF    string
	Menu    []menuGroup
	Here    string // this page's address, to come back to
	Done    string // what was just done, in words
	Version string
	Refresh int // seconds until the page shows itself anew; 0 for never
	Data    any
}

// menuGroup is entries of the menu under one heading.
type menuGroup struct {
	Key   string
	Items []menuItem
}

type menuItem struct {
	Path, Key, Access string
	Current           bool
}

// Can tells a page whether to offer something.
func (f frame) Can(p string) bool { return f.Who.Can(access.Permission(p)) }

// Sees tells a page whether fields of a class would show.
func (f frame) Sees(c string) bool { return f.Who.Sees(access.Class(c)) }

func (r *request) words() catalogue { return r.k.views[r.lang].words }

// render answers with a page.
func (r *request) render(name, title string, data any) error {
	return r.show(http.StatusOK, name, title, 0, data)
}

func (r *request) show(status int, name, title string, refresh int, data any) error {
	f := frame{
		Title: title, Lang: r.lang, Who: r.who, CSRF: r.session.CSRF, Here: r.OriginalURL(), Version: r.k.Version, Refresh: refresh, Data: data,
	}
	if person, ok := access.StaffName(r.who.Name); ok {
		f.Name = person
		if p, known := r.k.Staff.Person(person); known && p.Shown != "" {
			f.Name = p.Shown
		}
		for _, n := range navigation {
			if r.who.Can(n.needs) && !(n.wide && r.who.Location != "") {
				if len(f.Menu) == 0 || f.Menu[len(f.Menu)-1].Key != n.Group {
					f.Menu = append(f.Menu, menuGroup{Key: n.Group})
				}
				group := &f.Menu[len(f.Menu)-1]
				group.Items = append(group.Items, menuItem{n.Path, n.Key, n.Access, current(n.Path, r.path)})
			}
		}
	}
	if done := "done." + r.query("done"); r.words()[done] != "" {
		f.Done = r.words().say(done)
	}
	var b bytes.Buffer
	if err := r.k.views[r.lang].set.ExecuteTemplate(&b, name, f); err != nil {
		return fmt.Errorf("console: page %s: %w", name, err)
	}
	r.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	r.Set(fiber.HeaderContentLanguage, r.lang)
	return r.Status(status).Send(b.Bytes())
}

// current tells whether a menu's entry stands for the page that is shown.
func current(menu, path string) bool {
	switch {
	case menu == "/console":
		return path == menu
	case menu == "/console/search" && strings.HasPrefix(path, "/console/items"), menu == "/console/connections" && strings.HasPrefix(path, "/console/jobs"), menu == "/console/clients" && strings.HasPrefix(path, "/console/orders"):
		return true
	}
	return path == menu || strings.HasPrefix(path, menu+"/")
}

// refuse answers with why something was not done.
func (r *request) refuse(err error) error {
	var p *problem.Problem
	w := r.words()
	switch {
	case errors.Is(err, errForm):
		p = &problem.Problem{Status: http.StatusForbidden, Title: w.say("error.form"), Do: w.say("error.form.do")}
	case errors.Is(err, errMayNot):
		p = &problem.Problem{Status: http.StatusForbidden, Title: w.say("error.role"), Do: w.say("error.role.do")}
	case errors.Is(err, errSecond):
		p = &problem.Problem{Status: http.StatusAccepted, Title: w.say("error.second"), Do: w.say("error.second.do")}
	case errors.Is(err, errPending):
		p = &problem.Problem{Status: http.StatusAccepted, Title: w.say("error.pending"), Do: w.say("error.pending.do")}
	case errors.Is(err, errNoPage):
		p = &problem.Problem{Status: http.StatusNotFound, Title: w.say("error.page"), Do: w.say("error.page.do")}
	case errors.As(err, &p):
	default:
		p = problem.New(problem.HubFailed, "")
		p.Request = r.k.fail(r, err)
	}
	if err := r.show(p.Status, "problem", p.Title, 0, p); err != nil {
		r.k.fail(r, err)
		return r.Status(http.StatusInternalServerError).SendString("The hub failed; its log says why.")
	}
	return nil
}
