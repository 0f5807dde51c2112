package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
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
	"github.com/jumpring/jumpring/core/api"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/reconcile"
)

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// runbook runs the blocks of docs/runbook.md, each in a shell of its own, in a folder of its own, beside a sandbox of the
// shop.
type runbook struct {
	t       *testing.T
	dir     string
	env     []string
	program string
	blocks  []string
	shop    *shopifytwin.Server
}

// run runs the next n blocks.
func (r *runbook) run(n int) {
	r.t.Helper()
	for _, block := range r.blocks[:n] {
		ctx, cancel := context.WithTimeout(r.t.Context(), 5*time.Minute)
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
		require.NoError(r.t, err, "block:\n%s\nsaid:\n%s\nthe hub's log:\n%s", block, said, log[max(0, len(log)-4000):])
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
	require.NoError(r.t, err, "%s", said.String())
	require.NoError(r.t, json.Unmarshal(out, into), "%s", out)
}

// planned gives what a part's plan would write, by SKU.
func (r *runbook) planned(part ...string) map[string]int64 {
	r.t.Helper()
	var p reconcile.Plan
	r.asked(&p, append([]string{"connection", "plan", "web-eu"}, part...)...)
	out := map[string]int64{}
	for _, row := range p.Rows {
		out[row.SKU] = row.Should
	}
	return out
}

func (r *runbook) status() api.ConnectionStatus {
	r.t.Helper()
	var s api.ConnectionStatus
	r.asked(&s, "connection", "show", "web-eu")
	return s
}

// wrote gives what the hub wrote at the shop, by SKU; each once.
func (r *runbook) wrote() map[string]int64 {
	r.t.Helper()
	out := map[string]int64{}
	for _, c := range r.shop.Ledger().Changes {
		if c.Source == "api" {
			require.NotContains(r.t, out, c.SKU, "written once")
			out[c.SKU] = c.After
		}
	}
	return out
}

func TestTheRunbookWorksWordForWord(t *testing.T) {
	t.Parallel() // it waits more than it works
	program := built(t)
	page, err := os.ReadFile("../../docs/runbook.md")
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
	require.NoError(t, listener.Close())

	shop := shopifytwin.New(shopifytwin.Options{
		Shop: shopDomain, Currency: "EUR", ClientSecret: shopSecret, AccessToken: "shpat_1", AllowHTTP: true,
		RetryUnit: 100 * time.Millisecond, BucketSize: 20000, RestoreRate: 20000,
	})
	t.Cleanup(func() { require.NoError(t, shop.Close()) })
	address, err := shop.Start("127.0.0.1:0")
	require.NoError(t, err)
	place := map[string]string{"boutique-paris": shop.AddLocation("Paris", "FR"), "boutique-lyon": shop.AddLocation("Lyon", "FR")}

	r := &runbook{t: t, dir: t.TempDir(), program: program, shop: shop}
	// Of the tills' pieces every third is shown rightly by the shop; the shop's other zeros are wrong.
	wrong := map[string]map[string]int64{"boutique-paris": {}, "boutique-lyon": {}}
	var catalogue bytes.Buffer
	catalogue.WriteString("serial,sku,title,price_eur,location,quantity\n")
	for i := range 12 {
		sku, at := fmt.Sprintf("RING-%05d", i), "boutique-paris"
		if i%2 == 1 {
			at = "boutique-lyon"
		}
		stock := map[string]int64{place["boutique-paris"]: 0, place["boutique-lyon"]: 0}
		if i%3 == 0 {
			stock[place[at]] = 1
		} else {
			wrong[at][sku] = 1
		}
		_, err := shop.CreateProduct(shopifytwin.NewProduct{Title: "Ring " + sku, Variants: []shopifytwin.NewVariant{{SKU: sku, Price: "1250.00", Stock: stock}}})
		require.NoError(t, err)
		fmt.Fprintf(&catalogue, "SN-%05d,%s,Ring %s,1250.00,%s,1\n", i, sku, sku, at)
	}
	require.NoError(t, os.MkdirAll(filepath.Join(r.dir, "tills"), 0o750))
	require.NoError(t, twin.Drop(filepath.Join(r.dir, "tills"), "catalogue.csv", &catalogue))
	configuration := yamlBlock.FindStringSubmatch(string(page))[1]
	require.Contains(t, configuration, "8480")
	for name, id := range place {
		require.Contains(t, configuration, fmt.Sprintf("%q: %s", id, name), "the sandbox's places have the page's ids")
	}
	require.NoError(t, os.MkdirAll(filepath.Join(r.dir, "configs"), 0o750))
	require.NoError(t, os.WriteFile(filepath.Join(r.dir, "configs", "jumpring.yaml"), []byte(strings.Replace(configuration, "8480", port, 1)), 0o600))
	r.env = append(os.Environ(), "PATH="+filepath.Dir(program)+string(os.PathListSeparator)+os.Getenv("PATH"), "SHOPIFY_ENDPOINT="+address,
		"SHOPIFY_SECRET="+shopSecret, "SHOPIFY_TOKEN=shpat_1")
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
	const patience = 2 * time.Minute

	r.run(3) // connect, observe, match
	require.Equal(t, canon.ModeObserve, r.status().Mode)
	unmatched, err := os.ReadFile(filepath.Join(r.dir, "unmatched.csv"))
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(unmatched), "\n"), "everything was joined: %s", unmatched)

	r.run(1) // shadow and plan
	eventually(t, patience, "the plan is whole", func() bool { return len(r.planned()) == len(wrong["boutique-paris"])+len(wrong["boutique-lyon"]) })
	require.Empty(t, r.wrote(), "nothing is written before a plan is accepted")

	require.Equal(t, wrong["boutique-paris"], r.planned("--location", "boutique-paris"))
	r.run(1) // one boutique live
	eventually(t, patience, "Paris is written", func() bool { return len(r.wrote()) == len(wrong["boutique-paris"]) })
	require.Equal(t, wrong["boutique-paris"], r.wrote(), "exactly the plan of Paris")

	eventually(t, patience, "what Lyon would have written is left", func() bool { return len(r.planned()) == len(wrong["boutique-lyon"]) })
	require.Equal(t, wrong["boutique-lyon"], r.planned())
	r.run(1) // all
	both := map[string]int64{}
	for _, at := range wrong {
		for sku, n := range at {
			both[sku] = n
		}
	}
	eventually(t, patience, "all is written", func() bool { return len(r.wrote()) == len(both) })
	require.Equal(t, both, r.wrote(), "exactly what was planned")
	eventually(t, patience, "nothing differs", func() bool { return r.status().Differing == 0 })

	r.run(1) // back to shadow
	require.Equal(t, canon.ModeShadow, r.status().Mode)
	require.NoError(t, shop.AdjustInventory(shopifytwin.Adjustment{SKU: "RING-00000", LocationID: place["boutique-paris"], Available: 7}))
	eventually(t, patience, "the plan shows what somebody changed at the shop", func() bool { _, seen := r.planned()["RING-00000"]; return seen })
	require.Equal(t, both, r.wrote(), "shadow writes nothing")

	r.run(2) // upgrade
	require.Equal(t, canon.ModeShadow, r.status().Mode)
	r.run(1) // downgrade
	require.Equal(t, canon.ModeShadow, r.status().Mode)
	eventually(t, patience, "the restored hub has its plan again", func() bool { _, seen := r.planned()["RING-00000"]; return seen })
	require.Equal(t, both, r.wrote(), "nothing was written since")
	require.Empty(t, r.blocks)
}
