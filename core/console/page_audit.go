package console

import (
	"net/url"
	"slices"
	"strconv"

	"github.com/jumpring/jumpring/core/api"
	"github.com/jumpring/jumpring/core/audit"
)

// auditShown is the data of the page of the audit.
type auditShown struct {
	Seals  []audit.Seal // the newest first
	All    int
	Key    string
	Proof  *api.AuditProof
	Reads  []audit.Read
	Next   string
	Filter map[string]string // what the log of reads is asked by
	Any    bool              // a filter is set
}

const auditSeals = 5

// readFilters are what the log of reads is asked by, as the API names it.
var readFilters = []string{"actor", "record", "route", "class", "from", "to"}

func (k *Console) audit(r *request) error { return k.auditPage(r, nil) }

func (k *Console) auditPage(r *request, proof *api.AuditProof) error {
	d := auditShown{Proof: proof, Filter: map[string]string{}}
	seals, err := ask[api.AuditSeals](r, route("audit", "seals"), nil)
	if err != nil {
		return err
	}
	d.Seals, d.Key, d.All = seals.Seals, seals.Key, len(seals.Seals)
	slices.Reverse(d.Seals)
	d.Seals = d.Seals[:min(len(d.Seals), auditSeals)]
	q := url.Values{"limit": {"50"}}
	for _, name := range readFilters {
		d.Filter[name] = r.query(name)
		if d.Filter[name] != "" {
			q.Set(name, d.Filter[name])
			d.Any = true
		}
	}
	if c := r.query("cursor"); c != "" {
		q.Set("cursor", c)
	}
	reads, err := ask[list[audit.Read]](r, route("audit", "reads"), q)
	if err != nil {
		return err
	}
	d.Reads, d.Next = reads.Items, reads.Next
	return r.render("audit", r.words().say("nav.audit"), &d)
}

func (k *Console) auditVerify(r *request) error {
	proof, err := tell[api.AuditProof](r, route("audit", "verify"), nil)
	if err != nil {
		return err
	}
	return k.auditPage(r, &proof)
}

func (k *Console) auditSeal(r *request) error {
	if _, err := tell[audit.Seal](r, route("audit", "seals"), nil); err != nil {
		return err
	}
	return r.done("/console/audit", "sealed")
}

// journalShown is the data of the page of the journal's entries.
type journalShown struct {
	From    uint64
	Batches []api.AuditedBatch
	Next    string
}

// journal lists who brought what, from an offset on; without one, what came since a little before the newest seal.
func (k *Console) journal(r *request) error {
	var d journalShown
	var err error
	if d.From, err = strconv.ParseUint(r.query("from"), 10, 64); err != nil || d.From == 0 {
		d.From = 1
		seals, err := ask[api.AuditSeals](r, route("audit", "seals"), nil)
		if err != nil {
			return err
		}
		if n := len(seals.Seals); n > 0 && seals.Seals[n-1].Offset > journalPage {
			d.From = seals.Seals[n-1].Offset - journalPage
		}
	}
	got, err := ask[list[api.AuditedBatch]](r, route("audit", "entries"), url.Values{"from": {strconv.FormatUint(d.From, 10)}, "limit": {strconv.Itoa(journalPage)}})
	if err != nil {
		return err
	}
	d.Batches, d.Next = got.Items, got.Next
	return r.render("journal", r.words().say("audit.journal"), &d)
}

const journalPage = 100
