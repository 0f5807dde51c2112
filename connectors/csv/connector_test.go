package csv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jumpring/jumpring/connectors/csv/twin"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// rig is a connector over a folder, with a clock of its own and the part of the hub that keeps the cursor.
type rig struct {
	t      *testing.T
	c      *connector
	dir    string
	clock  time.Time
	cursor []byte
	config map[string]any
}

func newRig(t *testing.T, extra map[string]any) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir(), clock: time.Now(), config: map[string]any{"timezone": "Europe/Paris", "settle": "2s"}}
	r.config["folder"] = r.dir
	for k, v := range extra {
		r.config[k] = v
	}
	r.restart()
	return r
}

// restart stands for a new process: nothing but the folder and the hub's cursor is left.
func (r *rig) restart() {
	r.t.Helper()
	r.c = New().(*connector)
	r.c.now = func() time.Time { return r.clock }
	raw, err := json.Marshal(r.config)
	if err != nil {
		r.t.Fatal(err)
	}
	resp, err := r.c.Open(context.Background(), &sdk.OpenRequest{Connection: "till", Config: raw})
	if err != nil || len(resp.Diagnostics) > 0 {
		r.t.Fatalf("Open: %v, %v", err, resp)
	}
}

func (r *rig) write(name, content string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(content), 0o640); err != nil {
		r.t.Fatal(err)
	}
}

// poll asks once, as the hub does after it has journaled the page before.
func (r *rig) poll() *sdk.PollResponse {
	r.t.Helper()
	resp := r.peek(100)
	r.cursor = resp.Cursor
	return resp
}

// peek polls without keeping the cursor: the hub died before it journaled the page.
func (r *rig) peek(limit int) *sdk.PollResponse {
	r.t.Helper()
	resp, err := r.c.Poll(context.Background(), &sdk.PollRequest{Stream: streamFiles, Cursor: r.cursor, Limit: limit})
	if err != nil {
		r.t.Fatalf("Poll: %v", err)
	}
	for _, o := range resp.Observations {
		if err := o.Check(); err != nil {
			r.t.Errorf("a malformed observation: %v", err)
		}
	}
	return resp
}

// drain polls, with time passing, until there is nothing more to read or move.
func (r *rig) drain() []canon.Observation {
	r.t.Helper()
	var all []canon.Observation
	for range 10_000 {
		resp := r.poll()
		all = append(all, resp.Observations...)
		if !resp.More {
			r.clock = r.clock.Add(3 * time.Second)
			if resp = r.poll(); !resp.More && len(resp.Observations) == 0 {
				return all
			}
			all = append(all, resp.Observations...)
		}
	}
	r.t.Fatal("polling does not come to an end")
	return nil
}

func (r *rig) files(sub string) []string {
	r.t.Helper()
	entries, err := os.ReadDir(filepath.Join(r.dir, sub))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		r.t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

// errorList gives the codes of the one list of refused rows, "place code" each.
func (r *rig) errorList(sub string) []string {
	r.t.Helper()
	for _, name := range r.files(sub) {
		if !strings.HasSuffix(name, errorsSuffix) {
			continue
		}
		raw, err := os.ReadFile(filepath.Join(r.dir, sub, name))
		if err != nil {
			r.t.Fatal(err)
		}
		var out []string
		for i, line := range strings.Split(strings.TrimSpace(string(raw)), "\n") {
			if i == 0 {
				continue
			}
			f, err := fields([]byte(line), ',')
			if err != nil {
				r.t.Fatal(err)
			}
			out = append(out, f[0]+" "+f[2])
		}
		return out
	}
	return nil
}

func ids(observations []canon.Observation) []string {
	out := []string{}
	for _, o := range observations {
		out = append(out, string(o.Kind)+" "+o.ExternalID)
	}
	return out
}

func wantIDs(t *testing.T, got []canon.Observation, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, ids(got)); diff != "" {
		t.Errorf("the observations differ (- want, + got):\n%s", diff)
	}
}

const salesHeader = "till,receipt,line,time,location,serial,sku,quantity,price,currency\n"

func saleRow(receipt, line int, serial string) string {
	return fmt.Sprintf("T1,%04d,%d,2026-11-22T10:00:00+01:00,boutique-paris,%s,,1,1250.00,EUR\n", receipt, line, serial)
}

func TestCatalogueRowsBecomeListingsAndLevels(t *testing.T) {
	r := newRig(t, nil)
	r.write("catalogue.csv", "serial,sku,title,metal,stone,carat,stone_colour,clarity,lab,certificate,price_eur,price_usd,cost,currency,location,quantity,modified,collection\n"+
		"AU-0001,RING-1,\"Ring, \"\"Aurora\"\"\",18k yellow gold,diamond,0.51 ct,F,VS1,GIA,2141438171,1250.00,1390,480.00,EUR,boutique-paris,,2026-11-20T12:00:00Z,Nord\n"+
		",CHAIN-1,\"Chain 18\"\"\",750,,,,,,,300.00,,,,boutique-lyon,10,2026-11-20T12:00:00Z,\n")
	got := r.drain()
	wantIDs(t, got, "listing AU-0001", "level AU-0001@boutique-paris", "listing CHAIN-1", "level CHAIN-1@boutique-lyon")
	yes, one, ten := true, int64(1), int64(10)
	want := canon.ListingState{
		Title: `Ring, "Aurora"`, SKU: "RING-1", Serial: "AU-0001", Status: "active", Serialized: &yes, Home: "boutique-paris", Metal: "18k yellow gold",
		Certificates: []canon.StatedCert{{Lab: "GIA", Number: "2141438171"}}, Stones: []canon.StatedStone{{Kind: "diamond", Carat: "0.51 ct", Colour: "F", Clarity: "VS1"}},
		Prices: []canon.StatedMoney{{Amount: "1250.00", Currency: "EUR"}, {Amount: "1390", Currency: "USD"}}, Cost: &canon.StatedMoney{Amount: "480.00", Currency: "EUR"},
		Attributes: []canon.StatedAttribute{{Code: "collection", Value: "Nord"}},
	}
	if diff := cmp.Diff(&want, got[0].Listing); diff != "" {
		t.Errorf("the listing differs (- want, + got):\n%s", diff)
	}
	if v := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC).UnixMicro(); got[0].SourceVersion != v {
		t.Errorf("the version is %d, want the column modified, %d", got[0].SourceVersion, v)
	}
	if diff := cmp.Diff(&canon.LevelState{StockID: "AU-0001", Location: "boutique-paris", Available: &one}, got[1].Level); diff != "" {
		t.Errorf("the piece's level differs:\n%s", diff)
	}
	if diff := cmp.Diff(&canon.LevelState{StockID: "CHAIN-1", Location: "boutique-lyon", Available: &ten}, got[3].Level); diff != "" {
		t.Errorf("the chain's level differs:\n%s", diff)
	}
	if got[2].Listing.Home != "" || got[2].Listing.Title != `Chain 18"` {
		t.Errorf("the chain is %+v", got[2].Listing)
	}
	if len(r.files(doneFolder)) != 1 || len(r.files(".")) != 0 {
		t.Errorf("done has %v, the folder %v", r.files(doneFolder), r.files("."))
	}
}

func TestClientRows(t *testing.T) {
	r := newRig(t, nil)
	r.write("clients.csv", "\ufeffid;given_name;family_name;email;phone;city;country;tags;note\nC1;Ana;López;ana@example.com;01 99 00 12 34;Paris;FR;vip|gold;\"likes; rubies\nand pearls\"\n")
	got := r.drain()
	wantIDs(t, got, "customer C1")
	want := &canon.CustomerState{Person: &canon.PersonState{
		GivenName: "Ana", FamilyName: "López", Emails: []string{"ana@example.com"}, Phones: []string{"01 99 00 12 34"},
		Addresses: []canon.AddressState{{City: "Paris", Country: "FR"}}, Note: "likes; rubies\nand pearls",
	}, Tags: []string{"vip", "gold"}}
	if diff := cmp.Diff(want, got[0].Customer); diff != "" {
		t.Errorf("the client differs (- want, + got):\n%s", diff)
	}
}

func TestSalesReturnsAndCountsOfATill(t *testing.T) {
	r := newRig(t, nil)
	till := twin.New(r.dir, "T1", "boutique-paris")
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.FixedZone("", 3600))
	receipt := till.Sell(at, "C1", twin.Line{Serial: "AU-0001", Price: "1250.00", Currency: "EUR"}, twin.Line{SKU: "CHAIN-1", Quantity: 2, Price: "300.00", Currency: "EUR"})
	till.Return(at.Add(time.Hour), receipt, []int{2}, twin.Line{SKU: "CHAIN-1", Price: "300.00", Currency: "EUR"})
	till.Count(at.Add(2*time.Hour), twin.Line{Serial: "AU-0002"}, twin.Line{SKU: "CHAIN-1", Quantity: 9})
	if _, err := till.WriteFiles(); err != nil {
		t.Fatal(err)
	}
	got := r.drain()
	wantIDs(t, got, "order T1/000001", "refund T1/000002:T1/000001", "count T1/2026-11-22/1", "count T1/2026-11-22/2")
	wantOrder := &canon.OrderState{
		Number: "000001", Status: canon.OrderFulfilled, PlacedAt: at, Currency: "EUR", Total: canon.StatedMoney{Currency: "EUR"}, Location: "boutique-paris", Channel: "pos", HandedOver: true, CustomerID: "C1",
		Lines: []canon.OrderLine{
			{ID: "1", Serial: "AU-0001", Quantity: 1, Price: canon.StatedMoney{Amount: "1250.00", Currency: "EUR"}, Location: "boutique-paris"},
			{ID: "2", SKU: "CHAIN-1", Quantity: 2, Price: canon.StatedMoney{Amount: "300.00", Currency: "EUR"}, Location: "boutique-paris"},
		},
	}
	if diff := cmp.Diff(wantOrder, got[0].Order); diff != "" {
		t.Errorf("the order differs (- want, + got):\n%s", diff)
	}
	wantRefund := &canon.RefundState{OrderID: "T1/000001", CreatedAt: at.Add(time.Hour), Lines: []canon.RefundLine{
		{OrderLineID: "2", Quantity: 1, Restocked: true, Location: "boutique-paris", Amount: &canon.StatedMoney{Amount: "300.00", Currency: "EUR"}},
	}}
	if diff := cmp.Diff(wantRefund, got[1].Refund); diff != "" {
		t.Errorf("the refund differs (- want, + got):\n%s", diff)
	}
	if diff := cmp.Diff(&canon.CountState{Location: "boutique-paris", SKU: "CHAIN-1", Quantity: 9, CountedAt: at.Add(2 * time.Hour)}, got[3].Count); diff != "" {
		t.Errorf("the count differs:\n%s", diff)
	}
	if sales := till.Sales(); len(sales) != 2 || sales[0].OrderID() != got[0].ExternalID || till.Returns()[0].OrderID() != got[1].ExternalID {
		t.Errorf("the till's ledger %+v names other receipts than the observations", sales)
	}
}

func TestCardNumbersNeverLeave(t *testing.T) {
	r := newRig(t, nil)
	r.write("sales.csv", "till,receipt,time,serial,price,currency,tender,total\nT1,1,2026-11-22T10:00:00Z,AU-1,10.00,EUR,Card 4111 1111 1111 1111,10.00\n")
	raw, err := json.Marshal(r.drain())
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(raw), "4111") || !strings.Contains(string(raw), `"kind":"card"`) {
		t.Errorf("the order is %s", raw)
	}
}

func TestLinesOfAReceiptMeetWhereverTheyStand(t *testing.T) {
	r := newRig(t, nil)
	r.write("sales.csv", salesHeader+saleRow(1, 1, "A")+saleRow(2, 1, "B")+saleRow(1, 2, "C")+saleRow(3, 1, "D")+saleRow(2, 2, "E")+saleRow(1, 3, "F"))
	for _, limit := range []int{1, 2, 100} {
		t.Run(fmt.Sprint("page of ", limit), func(t *testing.T) {
			r.cursor = nil
			r.clock = r.clock.Add(3 * time.Second)
			r.peek(1)
			r.clock = r.clock.Add(3 * time.Second)
			lines := map[string]string{}
			for range 20 {
				resp := r.peek(limit)
				for _, o := range resp.Observations {
					if _, twice := lines[o.ExternalID]; twice {
						t.Errorf("%s is given twice", o.ExternalID)
					}
					for _, l := range o.Order.Lines {
						lines[o.ExternalID] += l.Serial
					}
				}
				var at cursor
				if err := json.Unmarshal(resp.Cursor, &at); err != nil {
					t.Fatal(err)
				}
				if at.End {
					break // the file stays for the next run of this test
				}
				r.cursor = resp.Cursor
			}
			if want := map[string]string{"T1/0001": "ACF", "T1/0002": "BE", "T1/0003": "D"}; !reflect.DeepEqual(lines, want) {
				t.Errorf("the receipts are %v, want %v", lines, want)
			}
		})
	}
}

func TestAFileIsReadOnlyWhenItIsComplete(t *testing.T) {
	whole := salesHeader + saleRow(1, 1, "A") + saleRow(2, 1, "B")
	for _, c := range []struct {
		name  string
		steps func(t *testing.T, r *rig) // leaves the file in its last, still incomplete state
		end   func(t *testing.T, r *rig) // completes it
	}{
		{"growing", func(t *testing.T, r *rig) {
			for n := 10; n < len(whole); n += 25 {
				r.write("sales.csv", whole[:n])
				r.clock = r.clock.Add(3 * time.Second) // between writes it stands still for longer than it must
				r.pollNothing()
				r.write("sales.csv", whole[:n+1])
				r.pollNothing()
			}
		}, func(t *testing.T, r *rig) { r.write("sales.csv", whole) }},
		{"last row torn", func(t *testing.T, r *rig) { r.write("sales.csv", whole[:len(whole)-8]) }, func(t *testing.T, r *rig) { r.write("sales.csv", whole) }},
		{"last line end missing", func(t *testing.T, r *rig) { r.write("sales.csv", strings.TrimSuffix(whole, "\n")) }, func(t *testing.T, r *rig) { r.write("sales.csv.done", "") }},
		{"inside of quotes", func(t *testing.T, r *rig) { r.write("sales.csv", whole+"T1,3,1,\"2026\n") }, func(t *testing.T, r *rig) { r.write("sales.csv", whole) }},
		{"temporary name", func(t *testing.T, r *rig) { r.write("sales.csv.part", whole) }, func(t *testing.T, r *rig) {
			if err := os.Rename(filepath.Join(r.dir, "sales.csv.part"), filepath.Join(r.dir, "sales.csv")); err != nil {
				t.Fatal(err)
			}
		}},
		{"just there", func(t *testing.T, r *rig) {}, func(t *testing.T, r *rig) { r.write("sales.csv", whole) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, nil)
			c.steps(t, r)
			for range 3 {
				r.pollNothing()
				r.clock = r.clock.Add(3 * time.Second)
			}
			c.end(t, r)
			wantIDs(t, r.drain(), "order T1/0001", "order T1/0002")
			if left := r.files("."); len(left) != 0 {
				t.Errorf("the folder still has %v", left)
			}
		})
	}
}

func (r *rig) pollNothing() {
	r.t.Helper()
	if resp := r.poll(); len(resp.Observations) != 0 || resp.More {
		r.t.Fatalf("an incomplete file gave %v, more %v", ids(resp.Observations), resp.More)
	}
}

func TestARenamedFileNeedNotSettle(t *testing.T) {
	r := newRig(t, nil)
	r.write("sales.csv.tmp", salesHeader+saleRow(1, 1, "A"))
	r.pollNothing()
	if err := os.Rename(filepath.Join(r.dir, "sales.csv.tmp"), filepath.Join(r.dir, "sales.csv")); err != nil {
		t.Fatal(err)
	}
	wantIDs(t, r.poll().Observations, "order T1/0001")
}

func TestATillThatAppendsSlowly(t *testing.T) {
	r := newRig(t, nil)
	till := twin.New(r.dir, "T1", "boutique-paris")
	for i := range 5 {
		till.Sell(time.Date(2026, 11, 22, 10, i, 0, 0, time.UTC), "", twin.Line{Serial: fmt.Sprint("AU-", i), Price: "1.00", Currency: "EUR"})
	}
	slow, err := till.StartSlow()
	if err != nil {
		t.Fatal(err)
	}
	for whole := false; !whole; {
		if whole, err = slow.Step(7); err != nil {
			t.Fatal(err)
		}
		r.clock = r.clock.Add(time.Second)
		r.pollNothing()
	}
	if err := slow.Close(); err != nil {
		t.Fatal(err)
	}
	wantIDs(t, r.drain(), "order T1/000001", "order T1/000002", "order T1/000003", "order T1/000004", "order T1/000005")
}

func TestGoodRowsAreTakenAndBadOnesListed(t *testing.T) {
	r := newRig(t, map[string]any{"timezone": ""})
	r.write("sales.csv", salesHeader+
		saleRow(1, 1, "A")+
		"T1,0002,1,2026-11-22T10:00:00+01:00,paris,B,,1,\"1,250.00\",EUR\n"+ // 3: amount
		"T1,0003,1,22.11.2026 10:00,paris,C,,1,1.00,EUR\n"+ // 4: no zone
		"T1,0004,1,02/03/2026 10:00,paris,D,,1,1.00,EUR\n"+ // 5: no zone either
		"T1,0005,1,2026-11-22T10:00:00+01:00,paris,E,,1,1.00,DOUBLOON\n"+ // 6: currency
		"T1,0006,1,2026-11-22T10:00:00+01:00,paris,F\n"+ // 7: torn
		"T1,0007,1,2026-11-22T10:00:00+01:00,paris,\xff,,1,1.00,EUR\n"+ // 8: not UTF-8
		"T1,0008,1,2026-11-22T10:00:00+01:00,paris,,,1,1.00,EUR\n"+ // 9: no piece
		"T1,0009,1,2026-11-22T10:00:00+01:00,paris,G,,-1,1.00,EUR\n"+ // 10: quantity
		"T1,0010,1,2026-11-22T10:00:00+01:00,paris,H,,1,1.00,EUR\n"+
		"T1,0010,2,2026-11-22T10:00:00+01:00,paris,I,,1,,EUR\n"+ // 12: no price, so that 11 is refused too
		"T1,0011,1,\"2026-11-22T10:00:00+01:00,paris,J,,1,1.00,EUR\n"+ // 13: quote never closes
		"T1,0012,1,2026-11-22T10:00:00+01:00,\"par\"is,J,,1,1.00,EUR\n"+ // 14: text behind a quote
		"T1,0013,1,2026-11-22T10:00:00+01:00,paris,K\x00,,1,1.00,EUR\n"+ // 15: control character
		saleRow(14, 1, "L"))
	r.write("sales.csv.done", "")
	wantIDs(t, r.drain(), "order T1/0001", "order T1/0014")
	want := []string{
		"sales.csv:3 csv.bad_amount", "sales.csv:4 csv.timezone_missing", "sales.csv:5 csv.timezone_missing", "sales.csv:6 csv.bad_currency", "sales.csv:7 csv.row", "sales.csv:8 csv.encoding",
		"sales.csv:9 csv.key_missing", "sales.csv:10 csv.bad_number", "sales.csv:11 csv.receipt_incomplete", "sales.csv:12 csv.bad_amount", "sales.csv:13 csv.row", "sales.csv:14 csv.row", "sales.csv:15 csv.control_character",
	}
	if diff := cmp.Diff(want, r.errorList(doneFolder)); diff != "" {
		t.Errorf("the list of refused rows differs (- want, + got):\n%s", diff)
	}
	health, err := r.c.Health(context.Background(), &sdk.HealthRequest{})
	if err != nil || !strings.Contains(health.Reason, "13 refused rows") {
		t.Errorf("the health is %+v, %v; want it to name the refused rows", health, err)
	}
	if left := r.files("."); len(left) != 0 {
		t.Errorf("the folder still has %v", left)
	}
}

func TestAFileWithoutAGoodRowFails(t *testing.T) {
	for _, c := range []struct{ name, file, content, want string }{
		{"only bad rows", "sales.csv", salesHeader + "T1,0001,1,never,paris,A,,1,1.00,EUR\n", "sales.csv:2 csv.bad_time"},
		{"column missing", "sales.csv", "till,line,time,serial\nT1,1,2026-11-22,A\n", "sales.csv:1 csv.column_missing"},
		{"column twice", "sales.csv", "till,Till,receipt,time,serial\nT1,1,2026-11-22,A\n", "sales.csv:1 csv.header"},
		{"UTF-16", "sales.csv", "\xff\xfet\x00i\x00l\x00l\x00\n\x00\n", "sales.csv:1 csv.encoding"},
		{"clients without ids", "clients.csv", "id,email\n,ana@example.com\n", "clients.csv:2 csv.key_missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, nil)
			r.write(c.file, c.content)
			wantIDs(t, r.drain(), []string{}...)
			if diff := cmp.Diff([]string{c.want}, r.errorList(failedFolder)); diff != "" {
				t.Errorf("the list of refused rows differs (- want, + got):\n%s", diff)
			}
			if len(r.files(".")) != 0 || len(r.files(failedFolder)) != 2 {
				t.Errorf("the folder has %v, failed has %v", r.files("."), r.files(failedFolder))
			}
		})
	}
}

// TestTheListOfRefusedRowsHasNoPersonalData puts a person into every column of every kind of file.
func TestTheListOfRefusedRowsHasNoPersonalData(t *testing.T) {
	const person = "Ana Lopez ana@example.com"
	for _, header := range []string{
		"sales.csv:till,receipt,line,time,location,serial,quantity,price,currency,status,timezone", "clients.csv:id,email,created,marketing_email,modified",
		"catalogue.csv:serial,quantity,price,currency,status,modified", "counts.csv:till,line,time,serial,quantity", "returns.csv:till,receipt,time,original_receipt,original_line,quantity,amount,restocked",
	} {
		name, columns, _ := strings.Cut(header, ":")
		cells := make([]string, strings.Count(columns, ",")+1)
		for i := range cells {
			cells[i] = person
		}
		cells[0] = "X"
		if name == "sales.csv" || name == "returns.csv" {
			cells[1] = "1"
		}
		r := newRig(t, nil)
		r.write(name, columns+"\n"+strings.Join(cells, ",")+"\n")
		r.drain()
		for _, f := range r.files(failedFolder) {
			if !strings.HasSuffix(f, errorsSuffix) {
				continue
			}
			raw, err := os.ReadFile(filepath.Join(r.dir, failedFolder, f))
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(raw), "Ana") || strings.Contains(string(raw), "example.com") || !strings.Contains(string(raw), name+":2") {
				t.Errorf("%s says %q", f, raw)
			}
		}
		if len(r.files(failedFolder)) != 2 {
			t.Errorf("%s: failed has %v", name, r.files(failedFolder))
		}
	}
}

func TestTimesOfRows(t *testing.T) {
	for _, c := range []struct{ config, row, in, want string }{
		{"Europe/Paris", "", "2026-07-01 10:00:00", "2026-07-01T10:00:00+02:00"},
		{"Europe/Paris", "", "22.11.2026 10:00", "2026-11-22T10:00:00+01:00"},
		{"Europe/Paris", "America/New_York", "2026-11-22 10:00", "2026-11-22T10:00:00-05:00"},
		{"Europe/Paris", "", "2026-11-22T10:00:00-03:00", "2026-11-22T10:00:00-03:00"},
		{"Europe/Paris", "", "2026-10-25 02:30:00", "2026-10-25T02:30:00+02:00"}, // twice that night: the earlier one
		{"Europe/Paris", "", "2026-10-25 03:30:00", "2026-10-25T03:30:00+01:00"},
		{"Europe/Paris", "", "2026-03-29 02:30:00", "csv.bad_time"}, // never that night
		{"", "", "2026-11-22 10:00", "csv.timezone_missing"},
		{"Europe/Paris", "Atlantis", "2026-11-22 10:00", "csv.bad_timezone"},
		{"Europe/Paris", "", "03/04/2026 10:00", "csv.bad_time"},
		{"Europe/Paris", "", "2026-02-30 10:00", "csv.bad_time"},
	} {
		r := newRig(t, map[string]any{"timezone": c.config})
		r.write("sales.csv", "till,receipt,time,timezone,serial,price,currency\nT1,1,"+c.in+","+c.row+",A,1.00,EUR\n")
		got := r.drain()
		is := ""
		if len(got) == 1 {
			is = got[0].Order.PlacedAt.Format(time.RFC3339)
		} else if list := r.errorList(failedFolder); len(list) == 1 {
			is = strings.TrimPrefix(list[0], "sales.csv:2 ")
		}
		if is != c.want {
			t.Errorf("%q in %q, row's zone %q, is %s, want %s", c.in, c.config, c.row, is, c.want)
		}
	}
}

func TestDecimalCommaAndOtherColumnNames(t *testing.T) {
	r := newRig(t, map[string]any{"decimal": "comma", "till": "Kasse 1", "location": "lyon", "currency": "EUR", "columns": []string{"Bon=receipt", "Zeit=time", "Serien-Nr=serial", "Preis=price"}})
	r.write("sales.csv", "Bon;Zeit;Serien-Nr.;Preis\n17;22.11.2026 10:00;AB 1;1250,50\n18;22.11.2026 10:00;AB 2;1.250,50\n")
	got := r.drain()
	wantIDs(t, got, "order Kasse 1/17")
	if l := got[0].Order.Lines[0]; l.Price != (canon.StatedMoney{Amount: "1250.50", Currency: "EUR"}) || l.Location != "lyon" || l.Serial != "AB 1" {
		t.Errorf("the line is %+v", l)
	}
	if diff := cmp.Diff([]string{"sales.csv:3 csv.bad_amount"}, r.errorList(doneFolder)); diff != "" {
		t.Errorf("the list of refused rows differs:\n%s", diff)
	}
}

func TestASecondImportGivesTheSame(t *testing.T) {
	r := newRig(t, nil)
	content := "serial,sku,price_eur,modified\nAU-1,R,1.00,2026-11-20T12:00:00Z\n"
	r.write("catalogue.csv", content)
	first := r.drain()
	r.write("catalogue-copy.csv", content)
	if diff := cmp.Diff(first, r.drain()); diff != "" {
		t.Errorf("the second import differs:\n%s", diff)
	}
	r.write("catalogue.csv", content)
	if diff := cmp.Diff(first, r.drain()); diff != "" {
		t.Errorf("the third import differs:\n%s", diff)
	}
	if got := r.files(doneFolder); len(got) != 2 {
		t.Errorf("done has %v, want one file for each name", got)
	}
}

func TestWithoutModifiedTheFileWithTheLaterTimeWins(t *testing.T) {
	r := newRig(t, nil)
	r.write("clients.csv", "id,email\nC1,ana@example.com\n")
	old := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := os.Chtimes(filepath.Join(r.dir, "clients.csv"), old, old); err != nil {
		t.Fatal(err)
	}
	first := r.drain()
	r.write("clients.csv", "id,email\nC1,ana.lopez@example.com\n")
	second := r.drain()
	if first[0].SourceVersion != old.UnixMicro() || second[0].SourceVersion <= first[0].SourceVersion {
		t.Errorf("the versions are %d, then %d; want the files' times in order", first[0].SourceVersion, second[0].SourceVersion)
	}
}

// TestKillAtEveryPoint stops the process before or after the hub has journaled a page, at every page, and compares what
// the hub has in the end with an undisturbed run.
func TestKillAtEveryPoint(t *testing.T) {
	content := salesHeader
	for i := range 20 {
		content += saleRow(i/2, i%2+1, fmt.Sprint("S", i))
	}
	content += "T1,broken\n"
	undisturbed := newRig(t, nil)
	undisturbed.write("sales.csv", content)
	want := ids(undisturbed.drain())
	for kill := range 12 {
		for _, journaled := range []bool{false, true} {
			t.Run(fmt.Sprintf("page %d, journaled %v", kill, journaled), func(t *testing.T) {
				r := newRig(t, nil)
				r.write("sales.csv", content)
				r.poll()
				r.clock = r.clock.Add(3 * time.Second)
				var journal []canon.Observation
				for n := 0; ; n++ {
					resp := r.peek(3)
					if n == kill {
						if journaled {
							journal, r.cursor = append(journal, resp.Observations...), resp.Cursor
						}
						r.restart()
						for range 2 { // the new process has to see the file settle once more, if it has not begun it
							r.clock = r.clock.Add(3 * time.Second)
							if again := r.peek(3); n == kill && !journaled && len(again.Observations) > 0 {
								if diff := cmp.Diff(resp.Observations, again.Observations); diff != "" {
									t.Errorf("the same cursor gives another page after a restart:\n%s", diff)
								}
							}
						}
						continue
					}
					journal, r.cursor = append(journal, resp.Observations...), resp.Cursor
					if !resp.More {
						break
					}
				}
				if diff := cmp.Diff(want, ids(journal)); diff != "" {
					t.Errorf("the journal differs from that of an undisturbed run (- want, + got):\n%s", diff)
				}
				if len(r.files(".")) != 0 || len(r.files(doneFolder)) != 2 {
					t.Errorf("the folder has %v, done has %v", r.files("."), r.files(doneFolder))
				}
			})
		}
	}
}

func TestTheFileStaysUntilItsLastPageCameBack(t *testing.T) {
	r := newRig(t, nil)
	r.write("sales.csv", salesHeader+saleRow(1, 1, "A"))
	r.poll()
	r.clock = r.clock.Add(3 * time.Second)
	for range 3 {
		wantIDs(t, r.peek(10).Observations, "order T1/0001")
		if got := r.files("."); !slices.Equal(got, []string{"sales.csv"}) {
			t.Fatalf("the folder has %v before the page was journaled", got)
		}
	}
	r.poll()
	r.poll()
	if len(r.files(".")) != 0 || len(r.files(doneFolder)) != 1 {
		t.Errorf("the folder has %v, done has %v after the cursor came back", r.files("."), r.files(doneFolder))
	}
}

func TestAFileThatChangesWhileItIsReadIsReadAgain(t *testing.T) {
	r := newRig(t, nil)
	content := salesHeader + saleRow(1, 1, "A") + saleRow(2, 1, "B")
	r.write("sales.csv", content)
	r.poll()
	r.clock = r.clock.Add(3 * time.Second)
	r.cursor = r.peek(1).Cursor
	r.write("sales.csv", content+saleRow(3, 1, "C"))
	r.pollNothing()
	wantIDs(t, r.drain(), "order T1/0001", "order T1/0002", "order T1/0003")

	r.write("sales.csv", content)
	r.clock = r.clock.Add(3 * time.Second)
	r.pollNothing()
	r.clock = r.clock.Add(3 * time.Second)
	r.poll() // to its end
	r.write("sales.csv", content+saleRow(4, 1, "D"))
	wantIDs(t, r.drain(), "order T1/0001", "order T1/0002", "order T1/0004")
}

func TestALateFileIsTakenLikeAnyOther(t *testing.T) {
	r := newRig(t, nil)
	r.write("sales-2.csv", salesHeader+saleRow(2, 1, "B"))
	wantIDs(t, r.drain(), "order T1/0002")
	r.write("sales-1.csv", salesHeader+saleRow(1, 1, "A"))
	wantIDs(t, r.drain(), "order T1/0001")
}

func TestOrderOfFiles(t *testing.T) {
	r := newRig(t, nil)
	r.write("returns.csv", "till,receipt,time,original_receipt,original_line\nT1,9,2026-11-22 12:00,0001,1\n")
	r.write("sales.csv", salesHeader+saleRow(1, 1, "A"))
	r.write("catalogue.csv", "serial\nA\n")
	r.write("notes.csv", "a\nb\n")
	wantIDs(t, r.drain(), "listing A", "level A@", "order T1/0001", "refund T1/9:T1/0001")
	if got := r.files("."); !slices.Equal(got, []string{"notes.csv"}) {
		t.Errorf("the folder has %v", got)
	}
	check, err := r.c.Check(context.Background(), &sdk.CheckRequest{})
	if err != nil || len(check.Diagnostics) != 1 || check.Diagnostics[0].Code != "csv.name_unknown" {
		t.Errorf("Check says %+v, %v; want a warning for notes.csv", check, err)
	}
}

func TestSnapshotReadsEverythingThatIsThere(t *testing.T) {
	r := newRig(t, map[string]any{"settle": "1ms"})
	r.c.now = time.Now
	r.write("catalogue.csv", "serial,location\nA,paris\nB,lyon\n")
	r.write("clients.csv", "id,email\nC1,ana@example.com\n,x@example.com\n")
	r.write("counts.csv", "till,line,time,serial,location\nT1,1,2026-11-22 10:00,A,paris\nT1,2,2026-11-22")
	var got []canon.Observation
	var bad []string
	token := []byte(nil)
	for page := range 20 {
		resp, err := r.c.Snapshot(context.Background(), &sdk.SnapshotRequest{Page: token, Limit: 2})
		if err != nil {
			t.Fatal(err)
		}
		if page == 0 && (resp.Total != 4 || resp.Cursors[streamFiles] == nil) {
			t.Errorf("the first page has total %d and cursors %v; want 4 rows and a cursor", resp.Total, resp.Cursors)
		}
		if len(resp.Kinds) != 0 {
			t.Errorf("the snapshot claims %v in full; a folder never has everything", resp.Kinds)
		}
		got = append(got, resp.Observations...)
		for _, b := range resp.RowErrors {
			bad = append(bad, b.Place+" "+b.Code)
		}
		if token = resp.Next; resp.Complete {
			break
		}
	}
	wantIDs(t, got, "listing A", "level A@paris", "listing B", "level B@lyon", "customer C1")
	if diff := cmp.Diff([]string{"clients.csv:3 csv.key_missing", "counts.csv csv.incomplete"}, bad); diff != "" {
		t.Errorf("the row errors differ:\n%s", diff)
	}
	if got := r.files("."); !slices.Equal(got, []string{"counts.csv"}) {
		t.Errorf("the folder has %v, want only the incomplete file", got)
	}
}

func TestPollLeavesTheFilesToASnapshotUnderWay(t *testing.T) {
	r := newRig(t, map[string]any{"settle": "1ms"})
	r.write("catalogue.csv", "serial\nA\nB\n")
	r.write("catalogue.csv.done", "")
	ctx := context.Background()
	first, err := r.c.Snapshot(ctx, &sdk.SnapshotRequest{Limit: 2})
	if err != nil || first.Complete {
		t.Fatalf("the first page is %+v, %v", first, err)
	}
	r.cursor = first.Cursors[streamFiles]
	r.pollNothing()
	if _, err := r.c.Snapshot(ctx, &sdk.SnapshotRequest{Page: first.Next, Limit: 2}); err != nil {
		t.Fatal(err)
	}
	r.pollNothing()
	r.clock = r.clock.Add(time.Minute) // nobody asks for the rest
	wantIDs(t, r.drain(), "listing A", "level A@", "listing B", "level B@")
}

func TestDiscoverListsLocations(t *testing.T) {
	r := newRig(t, nil)
	r.write("catalogue.csv", "serial,location\nA,boutique-paris\nB,boutique-lyon\nC,boutique-paris\n")
	resp, err := r.c.Discover(context.Background(), &sdk.DiscoverRequest{})
	want := []sdk.Discovered{{ID: "boutique-lyon", Name: "boutique-lyon"}, {ID: "boutique-paris", Name: "boutique-paris"}}
	if err != nil || !reflect.DeepEqual(resp.Locations, want) {
		t.Errorf("the locations are %+v, %v", resp, err)
	}
}

func TestValidateNamesWhatIsWrong(t *testing.T) {
	for _, c := range []struct{ config, path string }{
		{`{}`, "config.folder"},
		{`{"folder":"x","timezone":"Mars/Base"}`, "config.timezone"},
		{`{"folder":"x","delimiter":"|"}`, "config.delimiter"},
		{`{"folder":"x","encoding":"utf-16"}`, "config.encoding"},
		{`{"folder":"x","settle":"soon"}`, "config.settle"},
		{`{"folder":"x","currency":"XAU"}`, "config.currency"},
		{`{"folder":"x","columns":["Bon"]}`, "config.columns"},
		{`{"foldr":"x"}`, "config"},
		{`[]`, "config"},
	} {
		resp, err := New().(sdk.Validator).Validate(context.Background(), &sdk.ValidateRequest{Config: json.RawMessage(c.config)})
		if err != nil || len(resp.Diagnostics) != 1 || resp.Diagnostics[0].Path != c.path || resp.Diagnostics[0].Do == "" {
			t.Errorf("%s gives %+v, %v; want one finding at %s", c.config, resp, err, c.path)
		}
	}
}

func TestHealthTellsOfAFileThatIsStuck(t *testing.T) {
	r := newRig(t, nil)
	r.write("sales.csv", salesHeader+"T1,1")
	r.drain()
	r.clock = r.clock.Add(10 * time.Minute)
	health, err := r.c.Health(context.Background(), &sdk.HealthRequest{})
	if err != nil || health.OK || !strings.Contains(health.Reason, "sales.csv is not read") || !strings.Contains(health.Reason, "sales.csv.done") {
		t.Errorf("the health is %+v, %v; want it to name the file and what to do", health, err)
	}
	if err := os.RemoveAll(r.dir); err != nil {
		t.Fatal(err)
	}
	if health, err = r.c.Health(context.Background(), &sdk.HealthRequest{}); err != nil || health.OK {
		t.Errorf("the health is %+v, %v without the folder", health, err)
	}
	check, err := r.c.Check(context.Background(), &sdk.CheckRequest{})
	if err != nil || len(check.Diagnostics) != 1 || check.Diagnostics[0].Code != "csv.folder_missing" {
		t.Errorf("Check says %+v, %v without the folder", check, err)
	}
}

func TestALongReceiptIsRefusedWhole(t *testing.T) {
	r := newRig(t, nil)
	var b strings.Builder
	b.WriteString(salesHeader + saleRow(1, 1, "A"))
	for i := range maxLines + 500 {
		b.WriteString(saleRow(2, i+1, fmt.Sprint("S", i)))
	}
	b.WriteString(saleRow(3, 1, "B"))
	r.write("sales.csv", b.String())
	wantIDs(t, r.drain(), "order T1/0001", "order T1/0003")
	if list := r.errorList(doneFolder); len(list) != maxLines+500 {
		t.Errorf("%d rows are refused, want %d", len(list), maxLines+500)
	}
}

// TestALargeFileTakesBoundedMemory reads 100,000 rows in which every second receipt is torn apart by its neighbour.
func TestALargeFileTakesBoundedMemory(t *testing.T) {
	r := newRig(t, nil)
	file, err := os.Create(filepath.Join(r.dir, "sales.csv"))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString(salesHeader)
	const receipts = 50_000
	for i := range receipts / 2 {
		b.WriteString(saleRow(2*i, 1, fmt.Sprint("A", i)) + saleRow(2*i+1, 1, fmt.Sprint("B", i)) + saleRow(2*i, 2, fmt.Sprint("C", i)) + saleRow(2*i+1, 2, fmt.Sprint("D", i)))
	}
	if _, err := file.WriteString(b.String()); err != nil {
		t.Fatal(err)
	}
	size := b.Len()
	b.Reset()
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	r.poll()
	r.clock = r.clock.Add(3 * time.Second)
	orders, lines, peak := 0, 0, uint64(0)
	for more := true; more; {
		resp, err := r.c.Poll(context.Background(), &sdk.PollRequest{Stream: streamFiles, Cursor: r.cursor, Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range resp.Observations {
			orders++
			lines += len(o.Order.Lines)
		}
		if orders%10_000 < 1000 {
			peak = max(peak, heap())
		}
		r.cursor, more = resp.Cursor, resp.More
	}
	if orders != receipts || lines != 2*receipts {
		t.Errorf("%d orders with %d lines, want %d with %d", orders, lines, receipts, 2*receipts)
	}
	grown := int64(peak) - int64(before)
	t.Logf("%d bytes of file, heap grew by at most %d KB", size, grown>>10)
	if grown > 24<<20 {
		t.Errorf("the heap grew by %d KB; it should hold a page and 16 bytes with two places for each torn receipt", grown>>10)
	}
}
