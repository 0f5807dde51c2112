package edgefiles

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/connectors/edgefiles/twin"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/conformance"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// The test binary is also the connector's process, which the conformance kit launches.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "connector" {
		sdk.Serve(New)
		return
	}
	os.Exit(m.Run())
}

const someConfig = `"stores":["1","2"],"timezone":"America/Chicago","currency":"USD","settle":"10ms"`

// TestConformance makes the checks that need no platform: an exchange of files is not reached by an address that the kit
// could put its proxy before. What a crash does is tried below.
func TestConformance(t *testing.T) {
	t.Parallel() // it waits more than it works
	self, err := os.Executable()
	require.NoError(t, err)
	conformance.Run(t, conformance.Options{
		Command: []string{self, "connector"},
		Config:  []byte(fmt.Sprintf(`{"folder":%q,%s}`, filepath.Join(t.TempDir(), "not-there"), someConfig)),
	})
}

// bench is a connector on an exchange with The Edge. Its clock is moved by hand.
type bench struct {
	t      *testing.T
	dir    string
	edge   *twin.Edge
	c      *connector
	clock  time.Time
	cursor []byte
}

func (b *bench) now() time.Time { return b.clock }

var chicago = mustZone("America/Chicago")

func mustZone(name string) *time.Location {
	z, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return z
}

func newBench(t *testing.T, more ...string) *bench {
	t.Helper()
	b := &bench{t: t, dir: t.TempDir(), clock: time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC)}
	b.edge = twin.New(b.dir, chicago)
	b.restart(more...)
	return b
}

// restart is what a killed process finds: files, and the cursor that the hub journaled.
func (b *bench) restart(more ...string) {
	b.t.Helper()
	b.c = New().(*connector)
	b.c.now = b.now
	config := fmt.Sprintf(`{"folder":%q,%s}`, b.dir, strings.Join(append([]string{someConfig, `"taken":"Processed","refused":"Refused"`}, more...), ","))
	resp, err := b.c.Open(b.t.Context(), &sdk.OpenRequest{Connection: "edge", Config: json.RawMessage(config)})
	require.NoError(b.t, err)
	require.Empty(b.t, resp.Diagnostics)
}

// poll reads until nothing is left, and lets the files settle in between.
func (b *bench) poll() (all []canon.Observation) {
	b.t.Helper()
	for range 2 {
		b.clock = b.clock.Add(time.Second)
		for i := 0; ; i++ {
			require.Less(b.t, i, 1000, "the poll does not end")
			resp, err := b.c.Poll(b.t.Context(), &sdk.PollRequest{Stream: streamLists, Cursor: b.cursor, Limit: 3})
			require.NoError(b.t, err)
			for i := range resp.Observations {
				require.NoError(b.t, resp.Observations[i].Check())
			}
			all, b.cursor = append(all, resp.Observations...), resp.Cursor
			if !resp.More {
				break
			}
		}
	}
	return all
}

// files gives the names below a folder of the exchange.
func (b *bench) files(dir string) (out []string) {
	entries, err := os.ReadDir(filepath.Join(b.dir, dir))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	require.NoError(b.t, err)
	for _, e := range entries {
		if !e.IsDir() {
			out = append(out, e.Name())
		}
	}
	return out
}

func find(obs []canon.Observation, kind canon.Kind, id string) *canon.Observation {
	for i := range obs {
		if obs[i].Kind == kind && obs[i].ExternalID == id {
			return &obs[i]
		}
	}
	return nil
}

var noon = time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC)

func someRows(e *twin.Edge) {
	e.Put(twin.Customer{ID: "C-1", First: "Ada", Last: "Byron", Email: "ada@example.com", Modified: noon},
		twin.Item{ID: "001-110-00001", Serial: "S1", Description: "18K Ring", Price: "$1,250.00", Store: "1", Status: "In Stock", Modified: noon},
		twin.Item{ID: "001-110-00002", Description: "Platinum Band", Price: "2400", Store: "2", Status: "Layaway", Modified: noon},
		twin.Item{ID: "001-900-00001", Description: "Cleaning Cloth", Price: "9.50", Store: "1", Status: "In Stock", Quantity: 40, Modified: noon},
		twin.Item{ID: "001-900-00001", Description: "Cleaning Cloth", Price: "9.50", Store: "2", Status: "In Stock", Quantity: 5, Modified: noon},
		twin.Job{ID: "J-1", Customer: "C-1", Type: "Repair", Status: "In Process", Total: "85.00", Store: "1", Created: noon, Modified: noon},
		twin.Job{ID: "J-2", Customer: "C-1", Type: "Custom", Status: "Picked Up", Total: "900.00", Store: "2", Created: noon, Modified: noon})
}

func TestListsComeInAndASecondImportChangesNothing(t *testing.T) {
	b := newBench(t)
	someRows(b.edge)
	_, err := b.edge.WriteLists(b.clock)
	require.NoError(t, err)
	obs := b.poll()

	ring := find(obs, canon.KindListing, "001-110-00001")
	require.Equal(t, &canon.Observation{Kind: canon.KindListing, ExternalID: "001-110-00001", SourceVersion: noon.UnixMicro(), Listing: &canon.ListingState{
		Title: "18K Ring", SKU: "001-110-00001", Serial: "S1", Status: "active", Serialized: new(true), Home: "1",
		Prices: []canon.StatedMoney{{Amount: "1250.00", Currency: "USD"}}, Attributes: []canon.StatedAttribute{{Code: "item_status", Value: "in_stock"}},
	}}, ring)
	levels := map[string]int64{}
	for _, o := range obs {
		if o.Level != nil {
			levels[o.ExternalID] = *o.Level.Available
		}
	}
	require.Equal(t, map[string]int64{
		"001-110-00001@1": 1, "001-110-00001@2": 0, "001-110-00002@1": 0, "001-110-00002@2": 0, "001-900-00001@1": 40, "001-900-00001@2": 5,
	}, levels, "a piece is at one store, and one that is laid away is not for sale")
	require.Equal(t, "Ada", find(obs, canon.KindCustomer, "C-1").Customer.Person.GivenName)
	job := find(obs, canon.KindOrder, "job/J-1").Order
	require.Equal(t, canon.OrderPending, job.Status)
	require.Equal(t, "job:repair", job.Channel)
	require.Equal(t, "picked", job.Fulfilments[0].Status)
	require.Empty(t, job.Total.Amount, "it is worth something when it is picked up")
	require.Equal(t, "900.00", find(obs, canon.KindOrder, "job/J-2").Order.Total.Amount)
	require.Len(t, b.files(doneFolder), 3)
	require.Empty(t, b.files("."))

	_, err = b.edge.WriteLists(b.clock.Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, obs, b.poll(), "the same rows state the same, version and all")
}

func TestAPieceThatMovedIsAtOneStore(t *testing.T) {
	b := newBench(t)
	someRows(b.edge)
	b.edge.Put(twin.Item{ID: "001-110-00001", Serial: "S1", Description: "18K Ring", Price: "1250.00", Store: "2", Status: "In Stock", Modified: noon.Add(time.Hour)})
	_, err := b.edge.WriteLists(b.clock)
	require.NoError(t, err)
	obs := b.poll()
	require.EqualValues(t, 0, *find(obs, canon.KindLevel, "001-110-00001@1").Level.Available)
	require.EqualValues(t, 1, *find(obs, canon.KindLevel, "001-110-00001@2").Level.Available)
}

func TestAFileIsReadWhenItIsComplete(t *testing.T) {
	b := newBench(t)
	someRows(b.edge)
	_, finish, err := b.edge.StartItems(b.clock)
	require.NoError(t, err)
	require.Empty(t, b.poll(), "half a file is no file, however long it stays")
	require.NoError(t, finish())
	require.NotNil(t, find(b.poll(), canon.KindListing, "001-900-00001"))
}

func TestARowThatCanNotBeReadIsRefusedAlone(t *testing.T) {
	b := newBench(t)
	list := "Item ID,Description,Price,Store,Status\nA1,Ring,1.00,1,In Stock\n,Ring,1.00,1,In Stock\nA3,Ring,1.005,1,In Stock\nA4,Ring,1.00,7,In Stock\nA5,Ring,1.00,1,Vaulted\nA6,Ring\nA7,Ring,2.00,1,Sold\n"
	name := "3-20261122120000_ItemList.csv"
	require.NoError(t, os.WriteFile(filepath.Join(b.dir, name), []byte(list), 0o600))
	obs := b.poll()
	require.NotNil(t, find(obs, canon.KindListing, "A1"))
	require.Equal(t, "archived", find(obs, canon.KindListing, "A7").Listing.Status)
	require.Equal(t, time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC).UnixMicro(), obs[0].SourceVersion, "the name's time is The Edge's: noon in Chicago")
	done := b.files(doneFolder)
	require.Len(t, done, 2)
	raw, err := os.ReadFile(filepath.Join(b.dir, doneFolder, done[slices.IndexFunc(done, func(s string) bool { return strings.HasSuffix(s, errorsSuffix) })]))
	require.NoError(t, err)
	for _, want := range []string{":3,,edge-files.key_missing", ":4,A3,edge-files.bad_amount", ":5,A4,edge-files.bad_store", ":6,A5,edge-files.bad_status", ":7,A6,edge-files.row"} {
		require.Contains(t, string(raw), want)
	}
	h, err := b.c.Health(t.Context(), nil)
	require.NoError(t, err)
	require.False(t, h.OK)

	require.NoError(t, os.WriteFile(filepath.Join(b.dir, "20261122130000_JobList.csv"), []byte("nothing of the kind\n1\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(b.dir, "20261122130000_WishList.csv"), []byte("a\n"), 0o600))
	require.Empty(t, b.poll())
	require.Len(t, b.files(failedFolder), 2, "a file without its key column is not read")
	require.Equal(t, []string{"20261122130000_WishList.csv"}, b.files("."), "what is not asked for is left alone")
}

// TestAKillBetweenTwoPagesNeitherLosesNorMoves kills the connector after each page: with the cursor of that page, and with
// the one before, where the hub did not come to journal it.
func TestAKillBetweenTwoPagesNeitherLosesNorMoves(t *testing.T) {
	for kill := range 8 {
		for _, journaled := range []bool{true, false} {
			b := newBench(t)
			someRows(b.edge)
			_, err := b.edge.WriteLists(b.clock)
			require.NoError(t, err)
			seen := map[string]bool{}
			for i := 0; ; i++ {
				require.Less(t, i, 100, "the poll does not end")
				b.clock = b.clock.Add(time.Second)
				resp, err := b.c.Poll(t.Context(), &sdk.PollRequest{Stream: streamLists, Cursor: b.cursor, Limit: 2})
				require.NoError(t, err)
				if i == kill {
					b.restart()
					if !journaled {
						continue
					}
				}
				b.cursor = resp.Cursor
				for _, o := range resp.Observations {
					seen[string(o.Kind)+o.ExternalID] = true
				}
				if !resp.More && len(b.files(".")) == 0 {
					break
				}
			}
			require.Len(t, seen, 1+3+6+2, "killed at page %d, journaled %t", kill, journaled)
			require.Len(t, b.files(doneFolder), 3)
		}
	}
}

// crashing is an exchange that fails at its nth change for ever after, before or after it was made.
type crashing struct {
	exchange
	left  int
	after bool
}

var errCrash = errors.New("the process is gone")

func (x *crashing) change(do func() error) error {
	if x.left--; x.left < 0 {
		return errCrash
	}
	if x.left == 0 && !x.after {
		return errCrash
	}
	err := do()
	if x.left == 0 {
		return errCrash
	}
	return err
}

func (x *crashing) create(ctx context.Context, name string, content []byte) error {
	return x.change(func() error { return x.exchange.create(ctx, name, content) })
}

func (x *crashing) rename(ctx context.Context, from, to string) error {
	return x.change(func() error { return x.exchange.rename(ctx, from, to) })
}

func (x *crashing) remove(ctx context.Context, name string) error {
	return x.change(func() error { return x.exchange.remove(ctx, name) })
}

// soldOnTheWeb is a change of an order of another connection that sells items of The Edge.
func soldOnTheWeb(t *testing.T, number int, status canon.OrderStatus, change func(o *canon.OrderState, ids map[string]string)) *sdk.Change {
	t.Helper()
	usd := func(s string) canon.StatedMoney { return canon.StatedMoney{Amount: s, Currency: "USD"} }
	tax, shipping := usd("100.00"), usd("15.00")
	stated := canon.OrderState{
		Number: fmt.Sprint(number), Status: status, PlacedAt: noon, Currency: "USD", Total: usd("1365.00"), Tax: &tax, Shipping: &shipping,
		Lines: []canon.OrderLine{{ID: "1", SKU: "001-110-00001", Title: "18K Ring", Quantity: 1, Price: usd("1250.00")}},
	}
	ids := map[string]string{"1": "001-110-00001"}
	if change != nil {
		change(&stated, ids)
	}
	o := canon.Order{
		ID: fmt.Sprintf("ord_%d", number), Connection: "web", ExternalID: fmt.Sprint(number), Number: stated.Number, Status: status, PlacedAt: noon, Currency: "USD", ClientNode: "cli_9",
	}
	for _, l := range stated.Lines {
		o.Lines = append(o.Lines, canon.OrderItem{ID: l.ID, SKU: l.SKU, Quantity: l.Quantity})
	}
	raw := func(v any) json.RawMessage {
		out, err := json.Marshal(v)
		require.NoError(t, err)
		return out
	}
	return &sdk.Change{
		ID: fmt.Sprintf("%d.0.0", 1000+number), Key: o.ID, Record: raw(o), Stated: raw(stated), IDs: ids,
		Event: raw(map[string]any{"data": canon.Row{Type: "order", Event: "order.changed", Entity: o.ID}}),
	}
}

func (b *bench) deliver(c *sdk.Change) sdk.Result {
	b.t.Helper()
	resp, err := b.c.Deliver(b.t.Context(), &sdk.DeliverRequest{Changes: []sdk.Change{*c}})
	require.NoError(b.t, err)
	require.Len(b.t, resp.Results, 1)
	require.Equal(b.t, c.ID, resp.Results[0].Key)
	return resp.Results[0]
}

// TestASaleGoesOutOnceWhereverTheConnectorIsKilled kills it before and after each change that it makes in the exchange; The
// Edge imports in between or not, and moves or deletes what it took.
func TestASaleGoesOutOnceWhereverTheConnectorIsKilled(t *testing.T) {
	for _, deletes := range []bool{false, true} {
		for _, between := range []bool{false, true} {
			for _, after := range []bool{false, true} {
				for n := 1; n <= 8; n++ {
					name := fmt.Sprintf("deletes %t, imports between %t, after %t, change %d", deletes, between, after, n)
					more := []string{}
					b := newBench(t, more...)
					if b.edge.Deletes = deletes; deletes {
						b.c.cfg.Taken = ""
					}
					someRows(b.edge)
					sale := soldOnTheWeb(t, 7, canon.OrderOpen, nil)
					b.c.x = &crashing{exchange: b.c.x, left: n, after: after}
					first := b.deliver(sale)
					if between {
						_, err := b.edge.Import()
						require.NoError(t, err)
					}
					b.restart()
					if deletes {
						b.c.cfg.Taken = ""
					}
					second := b.deliver(sale)
					require.Contains(t, []sdk.Status{sdk.StatusApplied, sdk.StatusDuplicate}, second.Status, name)
					require.NotEqual(t, sdk.StatusRejected, first.Status, name)
					require.Equal(t, sdk.StatusDuplicate, b.deliver(soldOnTheWeb(t, 7, canon.OrderFulfilled, nil)).Status, "a later change of the order is no other sale")
					for range 2 {
						_, err := b.edge.Import()
						require.NoError(t, err)
					}
					require.Len(t, b.edge.Sales(), 1, name)
					require.Equal(t, twin.Sale{ID: "JR-7", Customer: "cli_9", Order: "7", Items: map[string]int64{"001-110-00001": 1}, Total: "1365.00"}, b.edge.Sales()[0])
					if !deletes {
						require.Empty(t, b.edge.Refusals(), name)
					}
					require.Equal(t, "Sold", b.edge.StatusOf("001-110-00001"))
				}
			}
		}
	}
}

func TestOnlyWhatAddsUpGoesOut(t *testing.T) {
	usd := func(s string) *canon.StatedMoney { return &canon.StatedMoney{Amount: s, Currency: "USD"} }
	for name, c := range map[string]struct {
		change func(o *canon.OrderState, ids map[string]string)
		config string
		code   string // empty: it goes out, and The Edge imports it
	}{
		"prices with the tax in them": {change: func(o *canon.OrderState, _ map[string]string) {
			o.Total, o.Tax, o.Lines[0].Tax = *usd("1265.00"), usd("108.70"), usd("108.70")
		}},
		"a discount": {change: func(o *canon.OrderState, _ map[string]string) {
			o.Lines[0].Discount, o.Total = usd("50.00"), *usd("1315.00")
		}},
		"several of one kind": {change: func(o *canon.OrderState, ids map[string]string) {
			o.Lines = append(o.Lines, canon.OrderLine{ID: "2", Quantity: 3, Price: *usd("9.50")})
			ids["2"], o.Total = "001-900-00001", *usd("1393.50")
		}},
		"totals that differ": {change: func(o *canon.OrderState, _ map[string]string) { o.Total = *usd("1364.99") }, code: "edge-files.totals"},
		"another currency":   {change: func(o *canon.OrderState, _ map[string]string) { o.Currency = "EUR" }, code: "edge-files.currency"},
		"an amount that is none": {change: func(o *canon.OrderState, _ map[string]string) {
			o.Tax = &canon.StatedMoney{Amount: "1.005", Currency: "USD"}
		}, code: "edge-files.amount"},
		"a line of somebody else": {change: func(o *canon.OrderState, _ map[string]string) {
			o.Lines = append(o.Lines, canon.OrderLine{ID: "2", Quantity: 1, Price: *usd("5.00")})
			o.Total = *usd("1370.00")
		}, code: "edge-files.foreign_line"},
		"a line of somebody else, as a miscellaneous item": {change: func(o *canon.OrderState, _ map[string]string) {
			o.Lines = append(o.Lines, canon.OrderLine{ID: "2", Quantity: 1, Price: *usd("5.00")})
			o.Total = *usd("1370.00")
		}, config: `"misc_item":"001-900-00001"`},
	} {
		t.Run(name, func(t *testing.T) {
			more := []string{}
			if c.config != "" {
				more = append(more, c.config)
			}
			b := newBench(t, more...)
			someRows(b.edge)
			r := b.deliver(soldOnTheWeb(t, 1, canon.OrderOpen, c.change))
			_, err := b.edge.Import()
			require.NoError(t, err)
			require.Equal(t, c.code, r.Code, r.Reason)
			if c.code != "" {
				require.Equal(t, sdk.StatusRejected, r.Status)
				require.Empty(t, b.files("WebSales"))
				return
			}
			require.Equal(t, sdk.StatusApplied, r.Status)
			require.Empty(t, b.edge.Refusals())
			require.Len(t, b.edge.Sales(), 1)
		})
	}
}

func TestWhatIsNoSaleForTheEdgeIsLeftAlone(t *testing.T) {
	b := newBench(t, `"from":["web"]`)
	someRows(b.edge)
	other := func(change func(o *canon.Order)) *sdk.Change {
		c := soldOnTheWeb(t, 1, canon.OrderOpen, nil)
		var o canon.Order
		require.NoError(t, json.Unmarshal(c.Record, &o))
		change(&o)
		raw, err := json.Marshal(o)
		require.NoError(t, err)
		c.Record = raw
		return c
	}
	for name, c := range map[string]*sdk.Change{
		"its own":             other(func(o *canon.Order) { o.Connection = "edge" }),
		"not asked for":       other(func(o *canon.Order) { o.Connection = "till" }),
		"from before":         other(func(o *canon.Order) { o.History = true }),
		"not paid yet":        soldOnTheWeb(t, 1, canon.OrderPending, nil),
		"cancelled at once":   soldOnTheWeb(t, 1, canon.OrderCancelled, nil),
		"nothing of The Edge": soldOnTheWeb(t, 1, canon.OrderOpen, func(_ *canon.OrderState, ids map[string]string) { clear(ids) }),
		"no order":            {ID: "1.0.0", Key: "itm_1", Event: json.RawMessage(`{"data":{"type":"item"}}`), Record: json.RawMessage(`{}`)},
	} {
		require.Equal(t, sdk.Result{Key: c.ID, Status: sdk.StatusApplied}, b.deliver(c), name)
	}
	require.Empty(t, b.files("WebSales"))
	waiting := other(func(o *canon.Order) { o.Lines[0].Waiting = true })
	waiting.IDs = nil
	require.Equal(t, sdk.StatusRetry, b.deliver(waiting).Status)

	require.Equal(t, sdk.StatusApplied, b.deliver(soldOnTheWeb(t, 1, canon.OrderOpen, nil)).Status)
	r := b.deliver(soldOnTheWeb(t, 1, canon.OrderCancelled, nil))
	require.Equal(t, "edge-files.cancelled", r.Code, "a person has to void it in The Edge")
	b.edge.SellInStore("001-110-00001", b.clock)
	_, err := b.edge.Import()
	require.NoError(t, err)
	require.Len(t, b.edge.Refusals(), 1)
	b.poll()
	h, err := b.c.Health(t.Context(), nil)
	require.NoError(t, err)
	require.Contains(t, h.Reason, "refused WebSale_JR-1.xml")
}
