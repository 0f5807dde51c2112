package console

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus/embedded"
	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/api"
	"github.com/jumpring/jumpring/core/audit"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/policy"
	"github.com/jumpring/jumpring/core/report"
)

// recorder is the boutique's audit: real seals of the real journal.
type recorder struct {
	audit.Sealer
	dir string
}

func newRecorder(t testing.TB, j *embedded.Journal) *recorder {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	r := &recorder{dir: t.TempDir()}
	reads, err := audit.OpenReads(filepath.Join(r.dir, "reads.log"), time.Now)
	require.NoError(t, err)
	r.Sealer = audit.Sealer{Journal: j, Reads: reads, Key: func() (ed25519.PrivateKey, error) { return key, nil }, File: filepath.Join(r.dir, "seals.jsonl"), Now: time.Now}
	return r
}

func (r *recorder) Record(read audit.Read) error { return r.Sealer.Reads.Record(read) }

func (r *recorder) Reads(ask audit.ReadsAsked) (audit.ReadsFound, error) {
	return r.Sealer.Reads.List(ask)
}

func (r *recorder) Seals() ([]audit.Seal, string, error) {
	seals, err := audit.Sealed(r.File)
	if err != nil {
		return nil, "", err
	}
	key, err := r.Key()
	public, _ := key.Public().(ed25519.PublicKey)
	return seals, base64.StdEncoding.EncodeToString(public), err
}

func (r *recorder) Prove(ctx context.Context) (api.AuditProof, error) {
	seals, key, err := r.Seals()
	if err != nil {
		return api.AuditProof{}, err
	}
	if err := audit.Verify(ctx, r.Journal, seals, key, filepath.Join(r.dir, "reads.log")); err != nil {
		return api.AuditProof{Fault: err.Error()}, nil
	}
	return api.AuditProof{OK: true, Seals: len(seals), Journal: r.Journal.End(), At: time.Now()}, nil
}

func (r *recorder) Entries(ctx context.Context, from uint64, batches int) ([]api.AuditedBatch, error) {
	out := []api.AuditedBatch{}
	for from <= r.Journal.End() && len(out) < batches {
		read, err := r.Journal.ReadFrom(ctx, from, 1)
		if err != nil || len(read) == 0 {
			return out, err
		}
		one := api.AuditedBatch{Offset: read[0].Offset, At: time.Unix(0, read[0].Time).UTC(), Hash: hex.EncodeToString(read[0].Hash[:])}
		for _, e := range read[0].Entries {
			one.Entries = append(one.Entries, api.AuditedEntry{Type: e.Type, Head: e.Head})
		}
		out, from = append(out, one), from+1
	}
	return out, nil
}

func TestReportsAreShownAndHandedOver(t *testing.T) {
	b := newBoutique(t)
	b.furnish()
	b.hire("anna", access.RoleManager, "")
	b.hire("paul", access.RoleManager, "paris")
	w := b.signedIn("anna")
	page := w.get("/console/reports")
	require.Equal(t, 200, page.status, page.body)
	require.Contains(t, page.body, "4,800.00", "both sales of the ring")
	require.Contains(t, page.body, `<svg class="plot"`)
	link := regexp.MustCompile(`href="(/console/reports/sales/rows\.csv[^"]*)"`).FindStringSubmatch(page.body)
	require.NotNil(t, link)
	file := w.get(strings.ReplaceAll(link[1], "&amp;", "&"))
	require.Equal(t, 200, file.status, file.body)
	require.Equal(t, "text/csv; charset=utf-8", file.header.Get("Content-Type"))
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(file.body, "\ufeff"))).ReadAll()
	require.NoError(t, err)
	require.Equal(t, []string{"location", "currency", "documents", "pieces", "gross", "discount", "pieces_back", "refunded", "net", "pieces_unpriced"}, rows[0])
	require.Equal(t, "4800.00", rows[1][8])

	today := b.clock.now().UTC().Format(time.DateOnly)
	require.Contains(t, w.get("/console/reports/sales?by=day&from="+today+"&last="+today).body, "4,800.00", "the last day is within the period")
	require.Contains(t, w.get("/console/reports/sales?from=2001-01-01&last=2001-12-31").body, "Nothing in this period")
	b.see("till-file", canon.Observation{Kind: canon.KindListing, ExternalID: "t8", Listing: &canon.ListingState{
		Title: "Brooch", SKU: "BR-8", Serial: "SN-8", Home: "paris", Cost: &canon.StatedMoney{Amount: "777.00", Currency: "EUR"}, Prices: []canon.StatedMoney{{Amount: "900.00", Currency: "EUR"}},
	}})
	b.level("till-file", "t8", "paris", 1)
	require.Contains(t, w.get("/console/reports/inventory").body, "777.00")
	require.Contains(t, w.get("/console/reports/inventory/rows.csv").body, "777.00")
	require.True(t, access.RoleRead.Can(access.FiguresRead))
	b.hire("max", access.RoleRead, "")
	max := b.signedIn("max")
	for _, path := range []string{"/console/reports/inventory", "/console/reports/inventory/rows.csv"} {
		shown := max.get(path)
		require.Equal(t, 200, shown.status, path)
		require.NotContains(t, strings.ToLower(shown.body), "777.00", "a cost is for those who see it")
		require.NotContains(t, shown.body, "pieces_costed")
	}
	require.Equal(t, 404, w.get("/console/reports/weather").status)
	require.Equal(t, 404, w.get("/console/reports/weather/rows.csv").status)
	require.Equal(t, 400, w.get("/console/reports/sales?from="+today+"&last=2001-01-01").status)
	paul := b.signedIn("paul")
	own := paul.get("/console/reports")
	require.Equal(t, 200, own.status, own.body)
	require.NotContains(t, own.body, "/console/reports/clients", "clients are the house's")
	require.Equal(t, 403, paul.get("/console/reports/sales?location=lyon").status)
	require.Equal(t, 403, paul.get("/console/reports/sales/rows.csv?location=lyon").status)
}

func TestTheAuditIsSealedProvedAndRead(t *testing.T) {
	b := newBoutique(t)
	b.furnish()
	b.hire("root", access.RoleAdmin, "")
	b.hire("anna", access.RoleManager, "paris")
	anna, w := b.signedIn("anna"), b.signedIn("root")
	ring := b.golden("t1")
	require.Equal(t, 200, anna.get("/console/items/"+ring).status)
	require.Contains(t, w.get(w.submit("/console/audit/seal").at).body, "is sealed")
	require.Contains(t, w.submit("/console/audit/verify").body, "Nothing is missing or altered: 1 seals hold")
	reads := w.get("/console/audit?actor=staff:anna&record=" + ring).body
	require.Contains(t, reads, ring)
	require.Contains(t, reads, "staff:anna")
	require.NotContains(t, w.get("/console/audit?actor=staff:nobody").body, "<td class=\"value\">"+ring)
	journal := w.get("/console/audit/journal").body
	require.Contains(t, journal, "web-eu")
	require.Equal(t, 403, anna.get("/console/audit").status)
	require.Equal(t, 403, anna.submit("/console/audit/seal").status)
}

func TestThePolicyExplainsItself(t *testing.T) {
	b := newBoutique(t)
	b.furnish()
	b.hire("root", access.RoleAdmin, "")
	w := b.signedIn("root")
	page := w.get("/console/policy?group=item.title&id=" + b.golden("t1")).body
	require.Contains(t, page, "Solitaire ring")
	require.Contains(t, page, `<span class="tag good">counts</span>`)
	require.Equal(t, 404, w.get("/console/policy?group=item.title&id=itm_nobody").status)
	require.Equal(t, 400, w.get("/console/policy?group=item.weather").status)
}

func TestWhatHappensHasWordsOnEveryPage(t *testing.T) {
	b := newBoutique(t)
	b.furnish()
	b.hire("root", access.RoleAdmin, "")
	w := b.signedIn("root")
	w.header["Accept-Language"] = "fr"
	page := w.get("/console").body
	require.Contains(t, page, "Solitaire ring</a>", "a piece is called by its title")
	raw := regexp.MustCompile(`data-words="([^"]*)"`).FindStringSubmatch(page)
	require.NotNil(t, raw)
	var words map[string]string
	require.NoError(t, json.Unmarshal([]byte(strings.NewReplacer("&#34;", `"`, "&#39;", "'", "&amp;", "&").Replace(raw[1])), &words))
	require.Equal(t, "vendu", words["event.sold"])
	require.NotEmpty(t, words["case.double_claim"])
}

func TestReportsAndRulesHaveWords(t *testing.T) {
	words, err := readCatalogue(languages[0])
	require.NoError(t, err)
	names, by := report.Names()
	for _, name := range names {
		require.Contains(t, words, "report."+name)
		require.Contains(t, words, "definition."+name)
		require.Contains(t, report.Columns(name, true), mainColumn[name], name)
		for _, b := range by[name] {
			require.Contains(t, words, "by."+b)
		}
		for _, c := range report.Columns(name, true) {
			require.Contains(t, words, "column."+c)
		}
	}
	for _, g := range policy.Groups() {
		if len(g.Allowed) > 0 {
			require.Contains(t, words, "group."+g.Name)
		}
		for _, kind := range g.Allowed {
			require.Contains(t, words, "policykind."+string(kind))
		}
	}
	for _, n := range navigation {
		require.Contains(t, words, n.Group)
	}
	for _, p := range periodsAt(time.Now()) {
		require.Contains(t, words, "period."+p.Key)
	}
}

func TestAReportThatTakesLongIsShownWhenItIsMade(t *testing.T) {
	b := newBoutique(t, func(o *Options) { o.ReportWait = time.Nanosecond })
	b.furnish()
	b.hire("anna", access.RoleManager, "")
	w := b.signedIn("anna")
	made := false
	require.Eventually(t, func() bool {
		page := w.get("/console/reports")
		require.Equal(t, 200, page.status, page.body)
		made = strings.Contains(page.body, "4,800.00")
		require.True(t, made || strings.Contains(page.body, `http-equiv="refresh"`), "a page without the report comes back by itself")
		return made
	}, patience, 10*time.Millisecond)
	b.see("till-file", canon.Observation{Kind: canon.KindListing, ExternalID: "t9", Listing: &canon.ListingState{Title: "Brooch", SKU: "BR-9", Home: "paris"}})
	b.clock.move(time.Minute)
	require.Contains(t, w.get("/console/reports").body, "4,800.00", "the one before is shown while the next is made")
}
