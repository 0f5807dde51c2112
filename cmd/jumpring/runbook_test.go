package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/connectors/csv/twin"
	shopifytwin "github.com/jumpring/jumpring/connectors/shopify/twin"
	wootwin "github.com/jumpring/jumpring/connectors/woocommerce/twin"
	"github.com/jumpring/jumpring/core/api"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/reconcile"
)

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// The connections of the page.
const (
	runbookShop = "web-eu" // Shopify
	runbookWoo  = "web-fr" // WooCommerce
)

// runbook runs the blocks of docs/runbook.md, each in a shell of its own, in a folder of its own, beside sandboxes of the
// shops.
type runbook struct {
	t        *testing.T
	dir      string
	env      []string
	program  string
	blocks   []string
	patience time.Duration
	shop     *shopifytwin.Server
	woo      *wootwin.Server
}

// run runs the next n blocks.
func (r *runbook) run(n int) {
	r.t.Helper()
	for _, block := range r.blocks[:n] {
		began := time.Now()
		ctx, cancel := context.WithTimeout(r.t.Context(), 3*r.patience)
		cmd := exec.CommandContext(ctx, "bash", "-c", "set -euo pipefail\n"+block)
		cmd.Dir, cmd.Env = r.dir, r.env
		out, err := os.CreateTemp(r.dir, "block-*.out") // a file: the hub that a block starts keeps it open
		require.NoError(r.t, err)
		cmd.Stdout, cmd.Stderr = out, out
		err = cmd.Run()
		cancel()
		require.NoError(r.t, out.Close())
		said, readErr := os.ReadFile(out.Name())
		require.NoError(r.t, readErr)
		log, _ := os.ReadFile(filepath.Join(r.dir, "hub.log"))
		require.NoError(r.t, err, "block:\n%s\nsaid:\n%s\nthe hub's log:\n%s", block, said[max(0, len(said)-8000):], log[max(0, len(log)-4000):])
		first, _, _ := strings.Cut(block, "\n")
		r.t.Logf("%s: %s …", time.Since(began).Round(time.Millisecond), first)
	}
	r.blocks = r.blocks[n:]
}

// asked runs the program and decodes its JSON.
func (r *runbook) asked(into any, args ...string) {
	r.t.Helper()
	cmd := exec.CommandContext(r.t.Context(), r.program, append(args, "--output", "json")...)
	cmd.Dir, cmd.Env = r.dir, r.env
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	require.NoError(r.t, err, "%v: %s", args, said.String())
	require.NoError(r.t, json.Unmarshal(out, into), "%v", args)
}

// planned gives what a part's plan would write, by what the shop calls the piece's listing.
func (r *runbook) planned(connection string, part ...string) map[string]int64 {
	r.t.Helper()
	var p reconcile.Plan
	r.asked(&p, append([]string{"connection", "plan", connection}, part...)...)
	out := map[string]int64{}
	for _, row := range p.Rows {
		out[pieceOf(row.Title)] = row.Should
	}
	return out
}

// pieceOf gives a piece's number out of the title that a shop has for it.
func pieceOf(title string) string { return regexp.MustCompile(`RING-\d+`).FindString(title) }

func (r *runbook) status(connection string) api.ConnectionStatus {
	r.t.Helper()
	var s api.ConnectionStatus
	r.asked(&s, "connection", "show", connection)
	return s
}

// wrote gives what the hub wrote at a shop, by piece; each once. Listings without a SKU are known by blank.
func (r *runbook) wrote(connection string, blank map[string]string) map[string]int64 {
	r.t.Helper()
	out := map[string]int64{}
	note := func(sku string, after int64) {
		require.NotContains(r.t, out, sku, "%s is written once", sku)
		out[sku] = after
	}
	if connection == runbookWoo {
		for _, c := range r.woo.Ledger().Stock {
			if c.Source == wootwin.SourceAPI {
				note(strings.ToUpper(c.SKU), c.After)
			}
		}
		return out
	}
	for _, c := range r.shop.Ledger().Changes {
		if c.Source == "api" {
			sku := c.SKU
			if sku == "" {
				sku = blank[c.ItemID]
			}
			note(sku, c.After)
		}
	}
	return out
}

// messyHouse is what the tills have and what the shops show of it.
type messyHouse struct {
	// wrong is what each shop should show and does not, by place and piece; WooCommerce has one place.
	wrong map[string]map[string]map[string]int64
	// blank are the pieces of Shopify's listings without a SKU, by inventory item.
	blank map[string]string
	// twice is how many listings of Shopify have a SKU that another has as well.
	twice int
}

func (m *messyHouse) all(connection string) map[string]int64 {
	out := map[string]int64{}
	for _, at := range m.wrong[connection] {
		maps.Copy(out, at)
	}
	return out
}

// furnish fills both shops and the tills' folder with n pieces, each of which the tills have once. The shops' records are as
// people keep them: SKUs in other letters, titles with anything in them, listings without a SKU, SKUs that two listings have,
// and numbers that are wrong in both directions.
func (r *runbook) furnish(n int, place map[string]string) *messyHouse {
	r.t.Helper()
	m := &messyHouse{blank: map[string]string{}, wrong: map[string]map[string]map[string]int64{
		runbookShop: {"boutique-paris": {}, "boutique-lyon": {}}, runbookWoo: {"": {}},
	}}
	var catalogue bytes.Buffer
	catalogue.WriteString("serial,sku,title,price_eur,location,quantity\n")
	for i := range n {
		sku, at := fmt.Sprintf("RING-%05d", i), "boutique-paris"
		if i%2 == 1 {
			at = "boutique-lyon"
		}
		fmt.Fprintf(&catalogue, "SN-%05d,%s,Ring %s,1250.00,%s,1\n", i, sku, sku, at)

		stock, listings, own := map[string]int64{place["boutique-paris"]: 0, place["boutique-lyon"]: 0}, 1, sku
		switch {
		case i%20 == 3:
			own = "" // somebody forgot it
		case i%20 == 7:
			listings = 2 // somebody copied the product
			m.twice += 2
		case i%3 == 0:
			stock[place[at]] = 1
		}
		title := fmt.Sprintf("  Bague «%s» <b>18k/750</b> ♦ \u00a0\"neuve\"", sku)
		for range listings {
			made, err := r.shop.CreateProduct(shopifytwin.NewProduct{Title: title, Variants: []shopifytwin.NewVariant{{SKU: own, Price: "1250.00", Stock: stock}}})
			require.NoError(r.t, err)
			if own == "" {
				m.blank[made.Items[0]] = sku
			}
		}
		if listings == 1 && stock[place[at]] != 1 {
			m.wrong[runbookShop][at][sku] = 1
		}

		shown := int64(1)
		if i%5 < 2 {
			shown = int64(4 * (i % 5)) // none, or too many
			m.wrong[runbookWoo][""][sku] = 1
		}
		_, _, err := r.woo.CreateProduct(wootwin.ProductSpec{Name: "Ring " + sku, SKU: strings.ToLower(sku), Price: "1 250.00", Stock: &shown})
		require.NoError(r.t, err)
	}
	require.NoError(r.t, os.MkdirAll(filepath.Join(r.dir, "tills"), 0o750))
	require.NoError(r.t, twin.Drop(filepath.Join(r.dir, "tills"), "catalogue.csv", &catalogue))
	return m
}

// matched fills the column decision of a shop's match list for the listings without a SKU, as a person does, and gives the
// file back.
func (r *runbook) matched(m *messyHouse) {
	r.t.Helper()
	var items []canon.Item
	r.asked(&items, "item", "list", "--limit", "0")
	ids := map[string]string{}
	for i := range items {
		ids[items[i].SKU] = items[i].ID
	}
	name := filepath.Join(r.dir, "unmatched-"+runbookShop+".csv")
	raw, err := os.ReadFile(name)
	require.NoError(r.t, err)
	rows, err := csv.NewReader(bytes.NewReader(raw)).ReadAll()
	require.NoError(r.t, err)
	require.Len(r.t, rows, 1+len(m.blank)+m.twice, "what has no SKU, or one that another has, is on the list and nothing else: %.2000s", raw)
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	filled := 0
	for _, row := range rows[1:] {
		if row[column["sku"]] == "" {
			row[column["decision"]] = ids[pieceOf(row[column["title"]])]
			require.NotEmpty(r.t, row[column["decision"]], "%v", row)
			filled++
		}
	}
	require.Equal(r.t, len(m.blank), filled)
	var out bytes.Buffer
	require.NoError(r.t, csv.NewWriter(&out).WriteAll(rows))
	require.NoError(r.t, os.WriteFile(name, out.Bytes(), 0o600))
	var taken struct {
		Applied int `json:"applied"`
	}
	r.asked(&taken, "match", "import", runbookShop, filepath.Base(name))
	require.Equal(r.t, filled, taken.Applied)

	woo, err := os.ReadFile(filepath.Join(r.dir, "unmatched-"+runbookWoo+".csv"))
	require.NoError(r.t, err)
	require.Equal(r.t, 1+m.twice/2, strings.Count(string(woo), "\n"), "of the other shop, what has such a SKU and nothing else: %.2000s", woo)
}

// newRunbook starts the shops and writes the page's configuration.
func newRunbook(t *testing.T, n int) (*runbook, *messyHouse, map[string]string) {
	t.Helper()
	program := built(t)
	page, err := os.ReadFile("../../docs/runbook.md")
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
	require.NoError(t, listener.Close())

	r := &runbook{t: t, dir: t.TempDir(), program: program, patience: 2*time.Minute + time.Duration(n)*60*time.Millisecond}
	r.shop = shopifytwin.New(shopifytwin.Options{
		Shop: shopDomain, Currency: "EUR", ClientSecret: shopSecret, AccessToken: "shpat_1", AllowHTTP: true,
		RetryUnit: 100 * time.Millisecond, BucketSize: 20000, RestoreRate: 20000,
	})
	t.Cleanup(func() { require.NoError(t, r.shop.Close()) })
	address, err := r.shop.Start("127.0.0.1:0")
	require.NoError(t, err)
	place := map[string]string{"boutique-paris": r.shop.AddLocation("Paris", "FR"), "boutique-lyon": r.shop.AddLocation("Lyon", "FR")}
	r.woo = wootwin.New(wootwin.Options{Keys: []wootwin.Key{{ConsumerKey: "ck_1", ConsumerSecret: "cs_1"}}, CronInterval: 50 * time.Millisecond})
	t.Cleanup(r.woo.Close)
	wooServer := httptest.NewServer(r.woo)
	t.Cleanup(wooServer.Close)
	m := r.furnish(n, place)

	configuration := yamlBlock.FindStringSubmatch(string(page))[1]
	require.Contains(t, configuration, "8480")
	for name, id := range place {
		require.Contains(t, configuration, fmt.Sprintf("%q: %s", id, name), "the sandbox's places have the page's ids")
	}
	require.NoError(t, os.MkdirAll(filepath.Join(r.dir, "configs"), 0o750))
	require.NoError(t, os.WriteFile(filepath.Join(r.dir, "configs", "jumpring.yaml"), []byte(strings.Replace(configuration, "8480", port, 1)), 0o600))
	r.env = append(os.Environ(), "PATH="+filepath.Dir(program)+string(os.PathListSeparator)+os.Getenv("PATH"), "SHOPIFY_ENDPOINT="+address,
		"SHOPIFY_SECRET="+shopSecret, "SHOPIFY_TOKEN=shpat_1", "WOO_URL="+wooServer.URL, "WOO_KEY=ck_1", "WOO_SECRET=cs_1", "WOO_WEBHOOKS="+wooSecret)
	for _, b := range shellBlock.FindAllStringSubmatch(string(page), -1) {
		r.blocks = append(r.blocks, b[1])
	}
	require.Len(t, r.blocks, 10)
	t.Cleanup(func() {
		raw, err := os.ReadFile(filepath.Join(r.dir, "hub.pid"))
		if err != nil {
			return // none was started
		}
		pid, err := strconv.Atoi(strings.TrimSpace(string(raw)))
		require.NoError(t, err)
		_ = syscall.Kill(pid, syscall.SIGTERM) // it may have ended
		eventually(t, time.Minute, "the hub has ended", func() bool { return syscall.Kill(pid, 0) != nil })
	})
	return r, m, place
}

// runbookPieces is how many pieces the houses of the page have; JUMPRING_PIECES says another number.
const runbookPieces = 20

func TestTheRunbookWorksWordForWord(t *testing.T) {
	t.Parallel() // it waits more than it works
	r, m, place := newRunbook(t, fromEnv(t, "JUMPRING_PIECES", runbookPieces))
	shops := []string{runbookShop, runbookWoo}
	none := map[string]int64{}

	r.run(3) // connect, observe, match
	for _, name := range shops {
		require.Equal(t, canon.ModeObserve, r.status(name).Mode)
	}
	r.matched(m)

	r.run(1) // shadow and plan
	for _, name := range shops {
		eventually(t, r.patience, "the plan of "+name+" is whole", func() bool { return len(r.planned(name)) == len(m.all(name)) })
		require.Equal(t, m.all(name), r.planned(name), "exactly what is wrong at %s is planned", name)
		require.Equal(t, none, r.wrote(name, m.blank), "nothing is written at %s before a plan is accepted", name)
	}

	first := m.wrong[runbookShop]["boutique-paris"]
	require.Equal(t, first, r.planned(runbookShop, "--location", "boutique-paris"))
	r.run(1) // one boutique live
	eventually(t, r.patience, "Paris is written", func() bool { return len(r.wrote(runbookShop, m.blank)) == len(first) })
	eventually(t, r.patience, "what Lyon would have written is left", func() bool {
		return len(r.planned(runbookShop)) == len(m.wrong[runbookShop]["boutique-lyon"])
	})
	require.Equal(t, m.wrong[runbookShop]["boutique-lyon"], r.planned(runbookShop))
	require.Equal(t, first, r.wrote(runbookShop, m.blank), "exactly the plan of Paris")
	require.Equal(t, none, r.wrote(runbookWoo, m.blank), "the other shop is in shadow")

	r.run(1) // all
	written := func() {
		t.Helper()
		for _, name := range shops {
			require.Equal(t, m.all(name), r.wrote(name, m.blank), "exactly what was planned for %s", name)
		}
	}
	for _, name := range shops {
		eventually(t, r.patience, "all is written at "+name, func() bool { return len(r.wrote(name, m.blank)) == len(m.all(name)) })
		eventually(t, r.patience, "nothing differs at "+name, func() bool { return r.status(name).Differing == 0 })
	}
	written()

	r.run(1) // back to shadow
	for _, name := range shops {
		require.Equal(t, canon.ModeShadow, r.status(name).Mode)
	}
	require.NoError(t, r.shop.AdjustInventory(shopifytwin.Adjustment{SKU: "RING-00000", LocationID: place["boutique-paris"], Available: 7}))
	seen := func() bool { _, planned := r.planned(runbookShop)["RING-00000"]; return planned }
	eventually(t, r.patience, "the plan shows what somebody changed at the shop", seen)
	written() // shadow writes nothing

	shadow := func(when string) {
		t.Helper()
		for _, name := range shops { // a hub that has just started may not have read its whole journal yet
			eventually(t, r.patience, name+" is in shadow "+when, func() bool { return r.status(name).Mode == canon.ModeShadow })
		}
	}
	r.run(2) // upgrade
	shadow("after the upgrade")
	r.run(1) // downgrade
	shadow("after the downgrade")
	eventually(t, r.patience, "the restored hub has its plan again", seen)
	written() // nothing was written since
	require.Empty(t, r.blocks)
}
