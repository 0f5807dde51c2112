package shopify

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"github.com/jumpring/jumpring/connectors/shopify/twin"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// setClock is a shop's clock that a test sets.
type setClock struct {
	mu sync.Mutex
	at time.Time // zero for the machine's
}

func (c *setClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at.IsZero() {
		return time.Now()
	}
	return c.at
}

func (c *setClock) set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at
}

// largeShop is a shop that was filled an hour ago: pieces, sizes at several locations, customers, orders, refunds.
func largeShop(t *testing.T, opts twin.Options) *shop {
	t.Helper()
	clock := &setClock{at: time.Now().Add(-time.Hour)}
	opts.Clock = clock.now
	if opts.BulkTime == 0 {
		opts.BulkTime = 20 * time.Millisecond
	}
	s := newShop(t, opts, map[string]any{"bulk_from": 1}, nil)
	s.twin.AddLocation("Lyon", "FR")
	for n := range 20 {
		s.piece(t, n)
	}
	sizes := twin.NewProduct{Title: "Sizes", Metafields: []twin.Metafield{{Namespace: "jewelry", Key: "style_no", Value: "S-1"}}}
	for n := range 12 {
		sizes.Variants = append(sizes.Variants, twin.NewVariant{Title: fmt.Sprintf("US %d", n), SKU: fmt.Sprintf("SZ-%d", n), Price: "10"})
	}
	sizes.Variants[3].Stock = map[string]int64{location1: 9}
	created, err := s.twin.CreateProduct(sizes)
	require.NoError(t, err)
	_, err = s.twin.CreateCustomer(clara)
	require.NoError(t, err)
	for n := range 9 {
		placed, err := s.twin.PlaceOrder(twin.NewOrder{
			Lines:    []twin.NewLine{{SKU: fmt.Sprintf("RG-%04d", n)}, {VariantID: created.Variants[3]}},
			Customer: &twin.NewCustomer{Email: fmt.Sprintf("c%d@example.org", n), Addresses: clara.Addresses},
		})
		require.NoError(t, err)
		if n%3 == 0 {
			_, err = s.twin.Refund(placed.ID, []twin.RefundLine{{LineID: placed.Lines[0], Quantity: 1, Restock: "return"}}, "")
			require.NoError(t, err)
		}
	}
	clock.set(time.Time{})
	return s
}

// paged is the same shop's connector that reads page by page.
func (s *shop) paged(t testing.TB) map[canon.Ref]canon.Observation {
	t.Helper()
	by := &shop{connector: open(t, s.url, map[string]any{"bulk_from": 0}, nil), twin: s.twin, url: s.url}
	all, _, _ := by.walk(t, nil)
	return all
}

func TestABulkSnapshotShowsWhatPagesShow(t *testing.T) {
	for name, owner := range map[string]string{"metafields of the variant": "variant", "of the product": "product", "of both": "both"} {
		t.Run(name, func(t *testing.T) {
			s := largeShop(t, twin.Options{})
			settings := map[string]any{"bulk_from": 1, "metafield_owner": owner}
			s.connector = open(t, s.url, settings, nil)
			pages := &shop{connector: open(t, s.url, map[string]any{"bulk_from": 0, "metafield_owner": owner}, nil), twin: s.twin, url: s.url}
			want, last, _ := pages.walk(t, nil)
			require.Zero(t, s.twin.Ledger().Counts.BulkRuns)
			got, lastBulk, _ := s.walk(t, nil)
			require.Equal(t, want, got)
			require.Equal(t, last.Kinds, lastBulk.Kinds)
			counts := s.twin.Ledger().Counts
			require.EqualValues(t, 4, counts.BulkRuns, "products, variants, customers, orders")
			require.Zero(t, counts.LeakedTokens, "the storage gets no access token")
		})
	}
}

func TestABulkSnapshotGoesOnInAnotherProcessAtEveryPage(t *testing.T) {
	s := largeShop(t, twin.Options{})
	want := s.paged(t)
	got, _, _ := s.walk(t, func() *connector { return open(t, s.url, map[string]any{"bulk_from": 1}, nil) })
	require.Equal(t, want, got)
	require.EqualValues(t, 4, s.twin.Ledger().Counts.BulkRuns, "each operation is begun once")
}

// A process that is killed after it began an operation, and before the page was journaled, asks for the same page again.
func TestAnOperationThatNobodyHeardOfIsTakenOver(t *testing.T) {
	s := largeShop(t, twin.Options{})
	want := s.paged(t)
	asked := map[string]bool{}
	all := map[canon.Ref]canon.Observation{}
	c := s.connector
	for page, done := []byte(nil), false; !done; {
		require.False(t, asked[string(page)], "each page is another one")
		asked[string(page)] = true
		_, err := c.Snapshot(context.Background(), &sdk.SnapshotRequest{Page: page, Limit: 7}) // lost
		require.NoError(t, err)
		c = open(t, s.url, map[string]any{"bulk_from": 1}, nil)
		res, err := c.Snapshot(context.Background(), &sdk.SnapshotRequest{Page: page, Limit: 7})
		require.NoError(t, err)
		for _, o := range res.Observations {
			all[o.Ref()] = o
		}
		page, done = res.Next, res.Complete
	}
	require.Equal(t, want, all)
	require.EqualValues(t, 4, s.twin.Ledger().Counts.BulkRuns, "none is begun twice")
}

func TestASmallShopIsReadPageByPage(t *testing.T) {
	s := newShop(t, twin.Options{}, nil, nil)
	s.piece(t, 1)
	s.walk(t, nil)
	require.Zero(t, s.twin.Ledger().Counts.BulkRuns)
}

func TestWhateverBecomesOfABulkOperationTheSnapshotIsWhole(t *testing.T) {
	for name, tc := range map[string]struct {
		opts  twin.Options
		fault twin.Fault
		runs  int64
	}{
		"it fails once":                {fault: twin.Fault{Kind: twin.FaultBulkFailed}, runs: 5},
		"it runs into a timeout":       {fault: twin.Fault{Kind: twin.FaultBulkFailed, Code: "TIMEOUT"}, runs: 5},
		"it fails each time":           {fault: twin.Fault{Kind: twin.FaultBulkFailed, Times: 3}, runs: 5},
		"somebody cancels it":          {fault: twin.Fault{Kind: twin.FaultBulkCanceled}, runs: 5},
		"its result has expired":       {fault: twin.Fault{Kind: twin.FaultBulkExpired}, runs: 5},
		"its file is gone":             {fault: twin.Fault{Kind: twin.FaultBulkGone}, runs: 5},
		"the download breaks off":      {fault: twin.Fault{Kind: twin.FaultBulkCut}, runs: 4},
		"one operation at once":        {opts: twin.Options{BulkAtOnce: 1}, runs: 4},
		"its answer is lost":           {fault: twin.Fault{Kind: twin.FaultDropAfter, Operation: "mutation"}, runs: 4},
		"the shop throttles":           {fault: twin.Fault{Kind: twin.FaultThrottle, Operation: "mutation"}, runs: 4},
		"the shop answers 500 and did": {fault: twin.Fault{Kind: twin.Fault500After, Operation: "mutation"}, runs: 4},
	} {
		t.Run(name, func(t *testing.T) {
			s := largeShop(t, tc.opts)
			want := s.paged(t)
			if tc.fault.Kind != "" {
				s.twin.Inject(tc.fault)
			}
			require.Equal(t, want, s.insist(t))
			counts := s.twin.Ledger().Counts
			require.Equal(t, tc.runs, counts.BulkRuns)
			require.Zero(t, counts.LeakedTokens)
		})
	}
}

// insist takes a snapshot as the hub does: a page that fails is asked for again.
func (s *shop) insist(t testing.TB) map[canon.Ref]canon.Observation {
	t.Helper()
	all := map[canon.Ref]canon.Observation{}
	var page []byte
	for failed := 0; ; {
		res, err := s.Snapshot(context.Background(), &sdk.SnapshotRequest{Page: page, Limit: 7})
		if err != nil {
			failed++
			require.Less(t, failed, 20, "%v", err)
			continue
		}
		require.Empty(t, res.RowErrors)
		for _, o := range res.Observations {
			require.NoError(t, o.Check())
			all[o.Ref()] = o
		}
		if res.Complete {
			return all
		}
		page = res.Next
	}
}

// An app that may not see who bought gets nothing by bulk operation. Page by page it gets the rest of each order.
func TestWhatABulkOperationMayNotSeeIsReadPageByPage(t *testing.T) {
	s := newShop(t, twin.Options{HidePersonal: true}, map[string]any{"bulk_from": 1}, nil)
	ring := s.piece(t, 1)
	_, err := s.twin.PlaceOrder(twin.NewOrder{Lines: []twin.NewLine{{VariantID: ring.Variants[0]}}})
	require.NoError(t, err)
	want := s.paged(t)
	require.Equal(t, want, s.insist(t))
	require.EqualValues(t, 3, s.twin.Ledger().Counts.BulkRuns, "products, variants and, once, orders")
	for r, o := range want {
		if o.Aspect != canon.AspectMain {
			continue // nobody's name is in an order's payments
		}
		require.Equal(t, r.Kind == canon.KindOrder, len(o.Hidden) > 0 && o.Hidden[0] == "buyer", "%v hides %v", r, o.Hidden)
	}
}

// While others' operations run, ours waits its turn.
func TestAnotherAppsOperationIsWaitedFor(t *testing.T) {
	s := largeShop(t, twin.Options{BulkAtOnce: 1, BulkTime: 1500 * time.Millisecond})
	want := s.paged(t)
	other, err := s.session()
	require.NoError(t, err)
	_, refused, err := other.bulkRun(context.Background(), bulkQuery{text: `{ products { edges { node { id } } } }`})
	require.NoError(t, err)
	require.Empty(t, refused)
	_, refused, err = other.bulkRun(context.Background(), bulkQuery{text: `{ orders { edges { node { id } } } }`})
	require.NoError(t, err)
	require.Equal(t, "OPERATION_IN_PROGRESS", refused)
	require.Equal(t, want, s.insist(t))
}

// What changes while an operation runs is in its result as it was. It must not come after what a poll has shown, under
// the same second.
func TestWhatChangesMeanwhileIsReadAnew(t *testing.T) {
	began := time.Now().Add(-time.Hour).Truncate(time.Second)
	clock := &setClock{at: began}
	s := newShop(t, twin.Options{Clock: clock.now, BulkTime: time.Second}, map[string]any{"bulk_from": 1}, nil)
	ring := s.piece(t, 1)
	adjust := func(to int64) {
		t.Helper()
		require.NoError(t, s.twin.AdjustInventory(twin.Adjustment{SKU: "RG-0001", LocationID: location1, Available: to}))
	}
	var page []byte
	next := func() []canon.Observation {
		t.Helper()
		res, err := s.Snapshot(context.Background(), &sdk.SnapshotRequest{Page: page})
		require.NoError(t, err)
		require.False(t, res.Complete, "the level is not in the snapshot")
		page = res.Next
		return res.Observations
	}
	for s.twin.Ledger().Counts.BulkRuns < 1 { // of the products
		next()
	}
	clock.set(began.Add(10 * time.Second))
	adjust(5)
	for s.twin.Ledger().Counts.BulkRuns < 2 { // of the variants, with 5
		next()
	}
	adjust(7) // in the same second
	clock.set(began.Add(20 * time.Second))
	var found *canon.Observation
	for found == nil {
		for _, o := range next() {
			if o.ExternalID == canon.LevelID(ring.Items[0], location1) {
				found = &o
			}
		}
	}
	require.EqualValues(t, 7, available(t, found))
}

func TestBulkQueriesFitTheVendorsSchema(t *testing.T) {
	schema := vendorSchema(t)
	for _, owner := range []string{"variant", "product", "both"} {
		c := open(t, "", map[string]any{"metafield_owner": owner, "attributes": []string{"$app:my-shop.a_1"}}, nil)
		s, err := c.session()
		require.NoError(t, err)
		for _, phase := range []int{phaseProducts, phaseCustomers, phaseOrders} {
			for i, q := range s.bulkQueries(&snapshotPage{Phase: phase, Since: "created_at:>='2026-01-01T00:00:00Z'"}) {
				_, errs := gqlparser.LoadQueryWithRules(schema, q.text, rules.NewDefaultRules())
				require.Empty(t, errs, "owner %s, phase %d, query %d:\n%s", owner, phase, i, q.text)
			}
		}
	}
}

// However a file is cut into parts, its rows are the same.
func TestAFileCutAnywhereGivesTheSameRows(t *testing.T) {
	var file bytes.Buffer
	for p := range 5 {
		fmt.Fprintf(&file, `{"id":"p%d"}`+"\n", p)
		for c := range p {
			fmt.Fprintf(&file, `{"id":"p%dc%d","__parentId":"p%d"}`+"\n", p, c, p)
		}
	}
	raw := file.Bytes()
	read := func(window, limit int) string {
		var out strings.Builder
		for at, size := 0, window; at < len(raw); {
			part := raw[at:min(at+size, len(raw))]
			rows, used, err := splitRows(part, true, limit, at+len(part) == len(raw))
			require.NoError(t, err)
			if used == 0 {
				require.Less(t, size, len(raw)*2, "it goes on")
				size *= 2
				continue
			}
			require.LessOrEqual(t, len(rows), limit)
			for _, r := range rows {
				fmt.Fprintf(&out, "%s%s;", r.line, bytes.Join(r.children, nil))
			}
			at, size = at+int(used), window
		}
		return out.String()
	}
	want := read(len(raw), 100)
	require.Equal(t, 5, strings.Count(want, ";"))
	for window := 1; window <= len(raw); window++ {
		for _, limit := range []int{1, 2, 100} {
			require.Equal(t, want, read(window, limit), "window %d, limit %d", window, limit)
		}
	}
	last := bytes.TrimSuffix(raw, []byte("\n")) // a file need not end its last line
	rows, used, err := splitRows(last, true, 100, true)
	require.NoError(t, err)
	require.Len(t, rows, 5)
	require.EqualValues(t, len(last), used)
}

func TestAFileIsFetchedFromNowhereElse(t *testing.T) {
	c := open(t, "http://127.0.0.1:1", nil, nil)
	s, err := c.session()
	require.NoError(t, err)
	for _, address := range []string{
		"http://storage.example.com/x", "file:///etc/passwd", "https://169.254.169.254/latest", "https://localhost/x", "https://u:p@storage.example.com/x",
		"http://127.0.0.2:1/x", "",
	} {
		_, _, err := s.bulkFetch(context.Background(), address, 0, 1)
		require.ErrorContains(t, err, "shopify.bulk_address", "%q", address)
	}
	require.Empty(t, s.fileProblem("https://storage.googleapis.com/x?Signature=y"))
}

// A storage that does not know ranges is read from its start.
func TestAStorageWithoutRanges(t *testing.T) {
	file := []byte(`{"id":"a"}` + "\n" + `{"id":"b"}` + "\n")
	c := open(t, "http://127.0.0.1:1", nil, nil)
	s, err := c.session()
	require.NoError(t, err)
	s.client.http = &http.Client{Transport: roundTrip(func(r *http.Request) *http.Response {
		require.Empty(t, r.Header.Get("X-Shopify-Access-Token"))
		return &http.Response{StatusCode: http.StatusOK, ContentLength: int64(len(file)), Body: http.NoBody, Header: http.Header{}}
	})}
	_, _, err = s.bulkFetch(context.Background(), "http://127.0.0.1:9/x", 5, 10)
	require.ErrorContains(t, err, "shopify.bulk_cut")
	s.client.http = &http.Client{Transport: roundTrip(func(*http.Request) *http.Response {
		return &http.Response{StatusCode: http.StatusOK, ContentLength: int64(len(file)), Body: readCloser{bytes.NewReader(file)}, Header: http.Header{}}
	})}
	part, total, err := s.bulkFetch(context.Background(), "http://127.0.0.1:9/x", 11, 100)
	require.NoError(t, err)
	require.Equal(t, `{"id":"b"}`+"\n", string(part))
	require.EqualValues(t, len(file), total)
}

type roundTrip func(r *http.Request) *http.Response

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

func TestPageTokensHaveNoAddressOfAFile(t *testing.T) {
	s := largeShop(t, twin.Options{})
	var page []byte
	for done := false; !done; {
		res, err := s.Snapshot(context.Background(), &sdk.SnapshotRequest{Page: page, Limit: 7})
		require.NoError(t, err)
		page, done = res.Next, res.Complete
		require.NotContains(t, string(page), "Signature")
		if !done {
			require.True(t, json.Valid(page))
			require.Less(t, len(page), 1000)
		}
	}
}
