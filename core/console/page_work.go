package console

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/api"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/problem"
)

// caseKinds are what cases can be asked for by.
var caseKinds = []canon.CaseKind{
	canon.CaseDoubleClaim, canon.CaseComponent, canon.CaseOversold, canon.CaseIdentity, canon.CaseReport, canon.CaseClient, canon.CaseField, canon.CaseFuse,
}

func (k *Console) cases(r *request) error {
	var d struct {
		State, Kind string
		Kinds       []canon.CaseKind
		Cases       []canon.Case
		Next        string
	}
	d.State, d.Kind, d.Kinds = r.query("state"), r.query("kind"), caseKinds
	q := url.Values{"limit": {"50"}}
	for name, value := range map[string]string{"state": d.State, "kind": d.Kind, "cursor": r.query("cursor")} {
		if value != "" {
			q.Set(name, value)
		}
	}
	found, err := ask[list[canon.Case]](r, route("cases"), q)
	if err != nil {
		return err
	}
	d.Cases, d.Next = found.Items, found.Next
	return r.render("cases", r.words().say("nav.cases"), d)
}

// caseShown is the data of a case's page.
type caseShown struct {
	Case    canon.Case
	Item    *canon.Item // what it is about, where that is a piece
	Clients []canon.Client
}

// Money tells whether a decision may give money back, which a person then says how.
func (d caseShown) Money() bool {
	for _, p := range d.Case.Proposals {
		if p.Kind != "" {
			return true
		}
	}
	return false
}

func (k *Console) caseOf(r *request, c canon.Case) (caseShown, error) {
	d := caseShown{Case: c}
	if strings.HasPrefix(c.Subject, "itm_") && r.who.Can(access.ItemsRead) {
		item, err := maybe(ask[*canon.Item](r, route("items", c.Subject), nil))
		if err != nil {
			return d, err
		}
		d.Item = item
	}
	if c.Kind == canon.CaseClient && r.who.Can(access.ClientsRead) {
		for _, e := range c.Evidence {
			client, err := maybe(ask[*canon.Client](r, route("clients", e.Text), nil))
			if err != nil {
				return d, err
			}
			if client != nil {
				d.Clients = append(d.Clients, *client)
			}
		}
	}
	return d, nil
}

func (k *Console) oneCase(r *request) error {
	c, err := ask[canon.Case](r, route("cases", r.parameter("id")), nil)
	if err != nil {
		return err
	}
	d, err := k.caseOf(r, c)
	if err != nil {
		return err
	}
	return r.render("case", r.words().word("case", c.Kind), d)
}

func (k *Console) resolve(r *request) error {
	id := r.parameter("id")
	b := api.Resolve{Proposal: r.form("proposal"), Note: r.form("note"), Refund: r.form("refund"), Notify: r.form("notify") == "yes", Again: r.form("again") == "yes"}
	if b.Proposal == "" {
		return problem.New(problem.BodyInvalid, "").With(problem.Field{Path: "proposal", Message: r.words().say("case.choose")})
	}
	c, err := tell[canon.Case](r, route("cases", id, "resolve"), b)
	if err != nil {
		return err
	}
	back := r.form("back")
	if back == "" {
		back = consolePath("cases", id)
	}
	if c.Open {
		return r.done(back, "case_decided")
	}
	return r.done(back, "case_closed")
}

// merges lists the records that may be one person, each with how they agree.
func (k *Console) merges(r *request) error {
	q := url.Values{"kind": {string(canon.CaseClient)}, "limit": {"10"}}
	if c := r.query("cursor"); c != "" {
		q.Set("cursor", c)
	}
	found, err := ask[list[canon.Case]](r, route("cases"), q)
	if err != nil {
		return err
	}
	var d struct {
		Cases []caseShown
		Next  string
	}
	d.Next = found.Next
	for _, c := range found.Items {
		shown, err := k.caseOf(r, c)
		if err != nil {
			return err
		}
		d.Cases = append(d.Cases, shown)
	}
	return r.render("merges", r.words().say("nav.merges"), d)
}

func (k *Console) matches(r *request) error {
	var d struct {
		Name        string
		Connections []api.ConnectionStatus
		Rows        []matchShown
		Next        string
	}
	all, err := maybe(ask[list[api.ConnectionStatus]](r, route("connections"), nil))
	if err != nil {
		return err
	}
	d.Connections, d.Name = all.Items, r.query("connection")
	if d.Name == "" && len(d.Connections) > 0 {
		d.Name = d.Connections[0].Name
	}
	if d.Name != "" {
		q := url.Values{"limit": {"50"}}
		if c := r.query("cursor"); c != "" {
			q.Set("cursor", c)
		}
		found, err := ask[list[canon.MatchRow]](r, route("connections", d.Name, "matches"), q)
		if err != nil {
			return err
		}
		d.Next = found.Next
		for _, m := range found.Items {
			shown := matchShown{MatchRow: m}
			for _, id := range m.Candidates[:min(len(m.Candidates), maxCandidates)] {
				item, err := maybe(ask[*canon.Item](r, route("items", id), nil))
				if err != nil {
					return err
				}
				if item != nil {
					shown.Items = append(shown.Items, *item)
				}
			}
			d.Rows = append(d.Rows, shown)
		}
	}
	return r.render("matches", r.words().say("nav.matches"), d)
}

// matchShown is a row of the match list with the items that it may be.
type matchShown struct {
	canon.MatchRow
	Items []canon.Item
}

// maxCandidates is how many items a row offers; any other is named by its id.
const maxCandidates = 8

func (k *Console) match(r *request) error {
	name := r.parameter("name")
	decision := r.form("decision")
	if decision == "other" {
		decision = r.form("item")
	}
	if decision == "" {
		return problem.New(problem.BodyInvalid, "").With(problem.Field{Path: "decision", Message: r.words().say("match.choose")})
	}
	made, err := tell[api.Decided](r, route("connections", name, "matches"), api.Decisions{Rows: []api.Decision{{ListingID: r.form("listing"), Decision: decision}}})
	if err != nil {
		return err
	}
	if len(made.Refused) > 0 {
		return made.Refused[0].Problem
	}
	return r.done("/console/matches?"+url.Values{"connection": {name}}.Encode(), "match")
}

// matchesFile hands the match list over as the file that the API gives.
func (k *Console) matchesFile(r *request) error {
	answer := k.API.Call(r.who, http.MethodGet, route("connections", r.parameter("name"), "matches")+"?format=csv", nil, nil)
	if answer.Status != http.StatusOK {
		return errNoPage
	}
	r.Set(fiber.HeaderContentType, "text/csv; charset=utf-8")
	r.Set(fiber.HeaderContentDisposition, `attachment; filename="matches.csv"`)
	return r.Send(answer.Body)
}

func (k *Console) parked(r *request) error {
	q := url.Values{"limit": {"50"}}
	if c := r.query("cursor"); c != "" {
		q.Set("cursor", c)
	}
	found, err := ask[list[canon.Parked]](r, route("parked"), q)
	if err != nil {
		return err
	}
	return r.render("parkedlist", r.words().say("nav.parked"), found)
}

func (k *Console) parkedOne(r *request) error {
	p, err := ask[canon.Parked](r, route("parked", r.parameter("position")), nil)
	if err != nil {
		return err
	}
	var d struct {
		Parked canon.Parked
		Data   string
	}
	d.Parked = p
	if len(p.Data) > 0 {
		var v any
		if err := json.Unmarshal(p.Data, &v); err == nil {
			if b, err := json.MarshalIndent(v, "", "  "); err == nil {
				d.Data = string(b)
			}
		}
	}
	return r.render("parked", r.words().say("parked.title", p.Position.String()), d)
}

func (k *Console) parkedReplay(r *request) error {
	at := r.parameter("position")
	b := api.Replay{}
	if edited := r.form("data"); edited != "" && edited != strings.TrimSpace(strings.ReplaceAll(r.FormValue("was"), "\r\n", "\n")) {
		if !json.Valid([]byte(edited)) {
			return problem.New(problem.BodyNotJSON, r.words().say("parked.not_json"))
		}
		b.Data = json.RawMessage(edited)
	}
	made, err := tell[api.Replayed](r, route("parked", at, "replay"), b)
	if err != nil {
		return err
	}
	if made.Parked {
		return r.done(consolePath("parked", made.Position.String()), "parked_again")
	}
	return r.done("/console/parked", "replayed")
}

func (k *Console) parkedDiscard(r *request) error {
	if _, err := tell[api.Replayed](r, route("parked", r.parameter("position"), "discard"), nil); err != nil {
		return err
	}
	return r.done("/console/parked", "discarded")
}

// approvals lists what waits for a second person.
func (k *Console) approvals(r *request) error {
	q := url.Values{"limit": {"50"}, "status": {string(canon.ApprovalPending)}}
	if c := r.query("cursor"); c != "" {
		q.Set("cursor", c)
	}
	found, err := ask[list[canon.Approval]](r, route("approvals"), q)
	if err != nil {
		return err
	}
	return r.render("approvals", r.words().say("nav.approvals"), found)
}

func (k *Console) decideApproval(r *request) error {
	step := r.parameter("step")
	if step != "confirm" && step != "refuse" {
		return errNoPage
	}
	if _, err := tell[canon.Approval](r, route("approvals", r.parameter("id"), step), api.ApprovalDecided{Reason: r.form("reason")}); err != nil {
		return err
	}
	return r.done("/console/approvals", "approval_"+step)
}
