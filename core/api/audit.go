package api

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/audit"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/problem"
)

// Auditor keeps seals and who read what.
type Auditor interface {
	// Record notes that somebody was shown personal data or costs.
	Record(r audit.Read) error
	// Seal seals the journal's end and gives the newest seal; nil while there is nothing to seal.
	Seal(ctx context.Context) (*audit.Seal, error)
	// Seals gives all seals, and the public key, in base64.
	Seals() (seals []audit.Seal, key string, err error)
	// Reads gives who was shown what, the newest first.
	Reads(ask audit.ReadsAsked) (audit.ReadsFound, error)
	// Prove checks the seals, the batches that they name and the log of reads of the running hub.
	Prove(ctx context.Context) (AuditProof, error)
	// Entries gives at most so many batches of the journal from an offset on: who and what, without content.
	Entries(ctx context.Context, from uint64, batches int) ([]AuditedBatch, error)
}

// AuditedBatch is what the journal says of one batch.
type AuditedBatch struct {
	Offset  uint64         `json:"offset"`
	At      time.Time      `json:"at"`
	Hash    string         `json:"hash" doc:"The hash chain up to and with it"`
	Entries []AuditedEntry `json:"entries"`
}

// AuditedEntry says who brought what; its content is in the timelines.
type AuditedEntry struct {
	Type string          `json:"type"`
	Head json.RawMessage `json:"head,omitempty" doc:"Actor, connection, cause"`
}

// AuditSeals are the seals of the hub.
type AuditSeals struct {
	Key   string       `json:"key" doc:"The public key that they are signed with: Ed25519, in base64"`
	Seals []audit.Seal `json:"seals" doc:"The oldest first"`
}

// auditRoutes is the part of the table about the audit.
func auditRoutes() []route {
	return []route{
		{
			method: http.MethodGet, path: "/v1/audit/reads", name: "audit-reads", summary: "List who was shown personal data or costs, the newest first; every given filter must match.", needs: access.AuditRead,
			query: with(param{"actor", "Who: staff:anna, or a token's name"}, param{"role", "As what"}, param{"route", "The operation: client, search-items …"}, param{"record", "The id that was asked for"},
				param{"class", "cost or personal"}, param{"from", "Not before: YYYY-MM-DD (UTC) or a time"}, param{"to", "Before"}),
			gives: page(audit.Read{}), handle: (*API).auditReads,
		},
		{
			method: http.MethodPost, path: "/v1/audit/verify", name: "audit-verify", summary: "Prove that every sealed batch and the log of reads are as they were sealed.", needs: access.AuditRead,
			gives: json200(AuditProof{}), handle: (*API).auditVerify,
		},
		{
			method: http.MethodGet, path: "/v1/audit/seals", name: "seals", summary: "List the seals of the journal's end, and the key that proves them.", needs: access.AuditRead,
			gives: json200(AuditSeals{}), handle: (*API).auditSeals,
		},
		{
			method: http.MethodPost, path: "/v1/audit/seals", name: "seal", summary: "Seal the journal's end now.", needs: access.AuditRead,
			gives: json200(audit.Seal{}), handle: (*API).auditSeal,
		},
		{
			method: http.MethodGet, path: "/v1/audit/entries", name: "audit-entries", summary: "List the journal's entries: who brought what and when, with the hash chain, without content.", needs: access.AuditRead,
			query: []param{{"from", "Offset of the first batch: 1 where it is left out"}, {"limit", "How many batches at most: 1 to 500, 50 where it is left out"}},
			gives: page(AuditedBatch{}), handle: (*API).auditEntries,
		},
	}
}

// auditor refuses where the hub keeps no audit.
func (a *API) auditor() (Auditor, error) {
	if a.Audit == nil {
		return nil, problem.New(problem.RouteUnknown, "this hub keeps no audit")
	}
	return a.Audit, nil
}

func (a *API) auditSeals(c *fiber.Ctx, _ access.Principal) error {
	keeper, err := a.auditor()
	if err != nil {
		return err
	}
	out := AuditSeals{}
	if out.Seals, out.Key, err = keeper.Seals(); err != nil {
		return err
	}
	if out.Seals == nil {
		out.Seals = []audit.Seal{}
	}
	return c.JSON(out)
}

func (a *API) auditSeal(c *fiber.Ctx, _ access.Principal) error {
	keeper, err := a.auditor()
	if err != nil {
		return err
	}
	made, err := keeper.Seal(a.ctx)
	if err != nil {
		return err
	}
	if made == nil {
		return problem.New(problem.RecordUnknown, "the journal is empty: there is nothing to seal")
	}
	return c.JSON(made)
}

func (a *API) auditEntries(c *fiber.Ctx, _ access.Principal) error {
	keeper, err := a.auditor()
	if err != nil {
		return err
	}
	p, err := pagingOf(c)
	if err != nil {
		return err
	}
	if p.Limit == 0 {
		p.Limit = 50
	}
	from := uint64(1)
	for _, s := range []string{query(c, "from"), p.Cursor} {
		if s == "" {
			continue
		}
		if from, err = strconv.ParseUint(s, 10, 64); err != nil || from == 0 {
			return parameterProblem("from", "write the offset of a batch, from 1 on")
		}
	}
	batches, err := keeper.Entries(a.ctx, from, p.Limit)
	if err != nil {
		return err
	}
	next := ""
	if len(batches) == p.Limit {
		next = strconv.FormatUint(batches[len(batches)-1].Offset+1, 10)
	}
	return sendPage(c, batches, next)
}

// recordRead notes who was shown personal data or costs. When it can't be noted there is no answer: nobody reads unseen.
func (a *API) recordRead(r *route, c *fiber.Ctx, who access.Principal) error {
	if a.Audit == nil || len(r.delicate) == 0 || c.Response().StatusCode() >= 300 {
		return nil
	}
	read := audit.Read{Actor: strings.Clone(who.Name), Role: string(who.Role), Route: r.name}
	for _, class := range r.delicate {
		if who.Sees(class) {
			read.Classes = append(read.Classes, string(class))
		}
	}
	if len(read.Classes) == 0 {
		return nil
	}
	for _, p := range r.query {
		if p.name != "limit" && p.name != "cursor" && query(c, p.name) != "" {
			read.By = append(read.By, p.name)
		}
	}
	for _, name := range []string{"id", "name"} {
		if strings.Contains(r.path, "{"+name+"}") {
			read.Record = parameter(c, name)
		}
	}
	return a.Audit.Record(read)
}

// delicateOf gives the classes among cost and personal that the answer of a route that reads may have.
func delicateOf(r *route) []access.Class {
	if r.method != http.MethodGet || r.gives.value == nil {
		return nil
	}
	found := make(map[access.Class]bool)
	classesIn(reflect.TypeOf(r.gives.value), found, make(map[reflect.Type]bool))
	var out []access.Class
	for _, class := range []access.Class{access.Cost, access.Personal} {
		if found[class] {
			out = append(out, class)
		}
	}
	return out
}

// classesIn collects the classes of a type's fields. Rows of timelines show any field of a record.
func classesIn(t reflect.Type, found map[access.Class]bool, seen map[reflect.Type]bool) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Array || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || seen[t] {
		return
	}
	seen[t] = true
	if t == reflect.TypeFor[canon.Row]() {
		found[access.Cost], found[access.Personal] = true, true
	}
	for i := range t.NumField() {
		f := t.Field(i)
		found[access.Class(f.Tag.Get("class"))] = true
		classesIn(f.Type, found, seen)
	}
}
