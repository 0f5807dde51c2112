package api

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/gofiber/fiber/v2"
	"github.com/oklog/ulid/v2"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/body"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/problem"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/core/views"
)

// matchColumns are the columns of the match list as a file. A person fills the last one.
var matchColumns = []string{"connection", "listing_id", "sku", "title", "reason", "candidates", "decision"}

// undo takes a person's decision back.
const undo = "undo"

// maxDecisions is how many decisions one request may have.
const maxDecisions = 5000

// deciders is how many decisions are under way at once: each waits for the fold.
const deciders = 16

// Decisions is the body of a filled match list.
type Decisions struct {
	Rows []Decision `json:"rows" minItems:"1" maxItems:"5000"`
}

// Decision says which item a listing is.
type Decision struct {
	Connection string `json:"connection,omitempty" maxLength:"100" doc:"Must be the one of the route, where it is given"`
	ListingID  string `json:"listing_id" minLength:"1" maxLength:"500"`
	Decision   string `json:"decision" maxLength:"200" doc:"An item's id, new, none, or undo; nothing is decided where it is empty"`
}

// Decided says what became of each decision.
type Decided struct {
	Applied int64          `json:"applied"`
	Skipped int64          `json:"skipped" doc:"Rows without a decision, or with the one that stands"`
	Refused []RefusedMatch `json:"refused"`
}

// RefusedMatch is a decision that was not carried out.
type RefusedMatch struct {
	Row       int              `json:"row" doc:"The row's place, from 0"`
	ListingID string           `json:"listing_id"`
	Problem   *problem.Problem `json:"problem"`
}

func (a *API) matches(c *fiber.Ctx, who access.Principal) error {
	name := parameter(c, "name")
	if err := a.known(name); err != nil {
		return err
	}
	switch query(c, "format") {
	case "", "json":
		return listing[canon.MatchRow](a, c, who, func(v store.View, p views.Paging) (views.Page, error) { return views.Matches(v, name, p) })
	case "csv":
	default:
		return problem.New(problem.ParameterInvalid, "").With(problem.Field{Path: "query.format", Message: "expected json or csv"})
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.Write(matchColumns); err != nil {
		return err
	}
	err := a.look(func(v store.View) error {
		for p := (views.Paging{Limit: views.MaxLimit}); ; {
			page, err := views.Matches(v, name, p)
			if err != nil {
				return err
			}
			for _, raw := range page.Items {
				if raw, err = access.JSON[canon.MatchRow](who.Sight(), raw); err != nil {
					return err
				}
				var m canon.MatchRow
				if err := json.Unmarshal(raw, &m); err != nil {
					return fmt.Errorf("a stored match row: %w", err)
				}
				row := []string{m.Connection, m.ListingID, m.SKU, m.Title, m.Reason, strings.Join(m.Candidates, " "), m.Decision}
				for i := range row {
					row[i] = plainCell(row[i])
				}
				if err := w.Write(row); err != nil {
					return err
				}
			}
			if page.NextCursor == "" {
				return nil
			}
			p.Cursor = page.NextCursor
		}
	})
	if err != nil {
		return err
	}
	w.Flush()
	c.Set(fiber.HeaderContentType, "text/csv; charset=utf-8")
	c.Set(fiber.HeaderContentDisposition, `attachment; filename="matches.csv"`)
	return c.Send(b.Bytes())
}

// plainCell keeps a platform's words from being a formula in a spreadsheet; a leading apostrophe is the usual sign for
// text, and is taken off again by decisionsOf.
func plainCell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

func (a *API) matchesImport(c *fiber.Ctx, who access.Principal) error {
	name := parameter(c, "name")
	if err := a.known(name); err != nil {
		return err
	}
	var rows []Decision
	if strings.HasPrefix(c.Get(fiber.HeaderContentType), "text/csv") {
		var err error
		if rows, err = decisionsOf(c.Request().Body()); err != nil {
			return err
		}
	} else {
		b, err := read[Decisions](a, c)
		if err != nil {
			return err
		}
		rows = b.Rows
	}
	out := Decided{Refused: []RefusedMatch{}}
	work, err := a.toDecide(name, rows, &out)
	if err != nil {
		return err
	}
	if err := a.decide(who, work, &out); err != nil {
		return err
	}
	return c.JSON(out)
}

// decisionsOf reads a match list that was exported and filled.
func decisionsOf(b []byte) ([]Decision, error) {
	if err := body.CheckText(b); err != nil {
		return nil, err
	}
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(b, []byte("\ufeff"))))
	head, err := r.Read()
	if err != nil {
		return nil, badCSV(1, "has no head line")
	}
	at := map[string]int{}
	for i, name := range head {
		at[strings.TrimSpace(strings.ToLower(name))] = i
	}
	for _, need := range []string{"listing_id", "decision"} {
		if _, ok := at[need]; !ok {
			return nil, badCSV(1, "has no column "+need)
		}
	}
	cell := func(row []string, name string) string {
		if i, ok := at[name]; ok {
			return strings.TrimPrefix(strings.TrimSpace(row[i]), "'")
		}
		return ""
	}
	var rows []Decision
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		line, _ := r.FieldPos(0)
		if err != nil {
			return nil, badCSV(line, "is not a line of "+fmt.Sprint(len(head))+" columns")
		}
		if len(rows) == maxDecisions {
			return nil, badCSV(line, fmt.Sprintf("is over the %d rows that are taken at once", maxDecisions))
		}
		rows = append(rows, Decision{Connection: cell(row, "connection"), ListingID: cell(row, "listing_id"), Decision: cell(row, "decision")})
	}
}

func badCSV(line int, what string) error {
	return problem.New(problem.BodyInvalid, "").With(problem.Field{Path: fmt.Sprintf("body.line[%d]", line), Message: what})
}

type toDecide struct {
	row   int
	match canon.Match
}

// toDecide leaves out what says nothing new.
func (a *API) toDecide(connection string, rows []Decision, out *Decided) ([]toDecide, error) {
	var work []toDecide
	seen := map[string]bool{}
	err := a.look(func(v store.View) error {
		for i, r := range rows {
			path := fmt.Sprintf("body.rows[%d]", i)
			switch {
			case r.Connection != "" && r.Connection != connection:
				return problem.New(problem.BodyInvalid, "").With(problem.Field{Path: path + ".connection", Message: "is not the connection of the route"})
			case r.ListingID == "":
				return problem.New(problem.BodyInvalid, "").With(problem.Field{Path: path + ".listing_id", Message: "is missing"})
			case seen[r.ListingID]:
				return problem.New(problem.BodyInvalid, "").With(problem.Field{Path: path + ".listing_id", Message: "is in another row too"})
			}
			seen[r.ListingID] = true
			stands := ""
			raw, ok, err := v.Get(store.PrefixDecision + connection + "/" + r.ListingID)
			if err != nil {
				return err
			}
			if ok {
				var m canon.Match
				if err := json.Unmarshal(raw, &m); err != nil {
					return fmt.Errorf("a stored decision: %w", err)
				}
				stands = m.Item
			}
			want := r.Decision
			if want == undo {
				want = ""
			}
			if r.Decision == "" || want == stands {
				out.Skipped++
				continue
			}
			work = append(work, toDecide{i, canon.Match{Connection: connection, ListingID: r.ListingID, Item: want}})
		}
		return nil
	})
	return work, err
}

func (a *API) decide(who access.Principal, work []toDecide, out *Decided) error {
	ctx, cancel := context.WithTimeout(a.ctx, askDeadline)
	defer cancel()
	var mu sync.Mutex
	var wg sync.WaitGroup
	var failed error
	queue := make(chan toDecide)
	for range min(deciders, len(work)) {
		wg.Go(func() {
			for w := range queue {
				id := ulid.Make().String()
				o, err := a.Hub.Do(ctx, who.Name, canon.Command{Key: "match-" + id, ID: id, Match: &w.match})
				mu.Lock()
				switch {
				case err != nil:
					failed = errors.Join(failed, err)
				case !o.OK:
					out.Refused = append(out.Refused, RefusedMatch{Row: w.row, ListingID: w.match.ListingID, Problem: problem.FromOutcome(&o)})
				default:
					out.Applied++
				}
				mu.Unlock()
			}
		})
	}
	for _, w := range work {
		queue <- w
	}
	close(queue)
	wg.Wait()
	if errors.Is(failed, router.ErrPending) {
		return problem.New(problem.HubBusy, "some decisions are still pending; send the list again").Retry(askDeadline / 10)
	}
	return failed
}
