package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	_ "net/http/pprof" // served only when JUMPRING_BENCH_PPROF is set
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/hashicorp/go-hclog"

	"github.com/jumpring/jumpring/bench/bare"
	"github.com/jumpring/jumpring/connectors/shopify"
	shopifytwin "github.com/jumpring/jumpring/connectors/shopify/twin"
	"github.com/jumpring/jumpring/connectors/woocommerce"
	wootwin "github.com/jumpring/jumpring/connectors/woocommerce/twin"
	"github.com/jumpring/jumpring/core/api"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/console"
	"github.com/jumpring/jumpring/core/hub"
	"github.com/jumpring/jumpring/plugins/host"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// What the processes of a run agree on.
const (
	connectionName = "web"
	shopDomain     = "aurum.myshopify.com"
	webhookSecret  = "bench-webhook-secret"
	accessToken    = "shpat_bench"
	adminToken     = "bench-admin-token-0123456789abcdef"
	location       = "gid://shopify/Location/1"
)

// role is what a child process is started with; which of the fields count depends on Name.
type role struct {
	Name string // platform, hub, search, console, verify, log, floor or items
	Dir  string // for what it writes
	// Pieces and SKUs are how much the platform sells.
	Pieces, SKUs int
	// Shop and Woo are the addresses of a hub's platforms; it has no connection to one that is empty.
	Shop, Woo string
	// Console tells that a hub has its pages.
	Console bool
}

// ready is what a child process says, in one line, when it takes requests.
type ready struct{ Address, Shop, Woo, Note string }

// runRole runs a child process until its standard input ends.
func runRole(raw string) error {
	var r role
	if err := json.Unmarshal([]byte(raw), &r); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	if err := startProfiler(r.Name); err != nil {
		return err
	}
	config := api.Config(2 << 20)
	switch r.Name {
	case "platform":
		return r.platform(ctx)
	case "hub":
		return r.hub(ctx)
	case "search":
		return r.searchHub(ctx)
	case "console":
		return r.consoleHub(ctx)
	case "verify":
		return serve(ctx, bare.Verify(config, []byte(webhookSecret)))
	case "log":
		log, err := bare.OpenLog(filepath.Join(r.Dir, "bare.log"), 512<<20)
		if err != nil {
			return err
		}
		return serve(ctx, bare.VerifyAndLog(config, []byte(webhookSecret), log))
	case "floor":
		return r.floor(ctx)
	case "items":
		var items map[string][]byte
		if err := readJSON(filepath.Join(r.Dir, "items.json"), &items); err != nil {
			return err
		}
		return serve(ctx, bare.Items(config, items))
	}
	return fmt.Errorf("no role %q", r.Name)
}

// runConnector runs one of the built-in connectors.
func runConnector(name string) error {
	if err := startProfiler(name); err != nil {
		return err
	}
	switch name {
	case "shopify":
		sdk.Serve(shopify.New)
	case "woocommerce":
		sdk.Serve(woocommerce.New)
	default:
		return fmt.Errorf("no connector %q", name)
	}
	return nil
}

// profilers are where profiles are served, by role, when the environment or the last argument of a connector asks.
var profilers = map[string]string{"hub": "127.0.0.1:6061", "shopify": "127.0.0.1:6062", "platform": "127.0.0.1:6063", "floor": "127.0.0.1:6064"}

const profileArgument = "profile"

func startProfiler(name string) error {
	asked := os.Getenv("JUMPRING_BENCH_PPROF") != "" || os.Args[len(os.Args)-1] == profileArgument
	if !asked || profilers[name] == "" {
		return nil
	}
	ln, err := net.Listen("tcp", profilers[name])
	if err != nil {
		return err
	}
	go func() { _ = http.Serve(ln, nil) }() // ends with the process
	return nil
}

func announce(r ready) error { return json.NewEncoder(os.Stdout).Encode(r) }

func serve(ctx context.Context, app *fiber.App) error { return serveWith(ctx, app, "") }

func serveWith(ctx context.Context, app *fiber.App, note string) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if err := announce(ready{Address: ln.Addr().String(), Note: note}); err != nil {
		return err
	}
	go func() {
		<-ctx.Done()
		_ = app.ShutdownWithTimeout(time.Second)
	}()
	return app.Listener(ln)
}

// platform runs the sandboxes of both vendors and notes what the first one sells. They answer as fast as they can.
func (r *role) platform(ctx context.Context) error {
	// What is sold was listed a while ago, so that a poll of what changed lately finds nothing.
	var listed atomic.Bool
	clock := func() time.Time {
		if listed.Load() {
			return time.Now()
		}
		return time.Now().Add(-time.Hour)
	}
	shop := shopifytwin.New(shopifytwin.Options{
		Clock: clock, Shop: shopDomain, Currency: "EUR", ClientSecret: webhookSecret, AccessToken: accessToken, AllowHTTP: true, BucketSize: 1e9, RestoreRate: 1e9,
	})
	defer shop.Close()
	woo := wootwin.New(wootwin.Options{Now: clock, Keys: []wootwin.Key{{ConsumerKey: "ck_1", ConsumerSecret: "cs_1"}}})
	defer woo.Close()
	var c catalogue
	sell := func(list *[]variant, n int, prefix string, stock int64) error {
		for i := range n {
			v := variant{SKU: fmt.Sprintf("%s-%06d", prefix, i), Price: fmt.Sprintf("%d.00", 200+i%3000)}
			title := fmt.Sprintf("Solitaire ring %s", v.SKU)
			made, err := shop.CreateProduct(shopifytwin.NewProduct{Title: title, Vendor: "Aurum", Type: "Ring", Variants: []shopifytwin.NewVariant{
				{SKU: v.SKU, Price: v.Price, Stock: map[string]int64{location: stock}},
			}})
			if err != nil {
				return err
			}
			if _, err := fmt.Sscanf(made.Variants[0], "gid://shopify/ProductVariant/%d", &v.ID); err != nil {
				return err
			}
			*list = append(*list, v)
			if r.Woo != "" {
				if _, _, err := woo.CreateProduct(wootwin.ProductSpec{Name: title, SKU: v.SKU, Price: v.Price, Stock: &stock}); err != nil {
					return err
				}
			}
		}
		return nil
	}
	if err := errors.Join(sell(&c.Pieces, r.Pieces, "RG", 1), sell(&c.SKUs, r.SKUs, "CH", 100_000)); err != nil {
		return err
	}
	listed.Store(true)
	if err := writeJSON(filepath.Join(r.Dir, "catalogue.json"), c); err != nil {
		return err
	}
	address, err := shop.Start("127.0.0.1:0")
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: woo, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(ln) }() // ends with the process
	if err := announce(ready{Shop: address, Woo: "http://" + ln.Addr().String()}); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// program gives this program, which is its own connector too, and its checksum.
func program() (path string, sum [32]byte, err error) {
	if path, err = os.Executable(); err != nil {
		return "", sum, err
	}
	sum, err = host.FileChecksum(path)
	return path, sum, err
}

// hub serves a hub at its default configuration.
func (r *role) hub(ctx context.Context) error {
	self, sum, err := program()
	if err != nil {
		return err
	}
	logFile, err := os.Create(filepath.Join(r.Dir, "hub.log"))
	if err != nil {
		return err
	}
	defer logFile.Close()
	settings := canon.Settings{
		MatchItem: []string{"certificate", "epc", "serial", "sku"}, Serialized: "when_quantity_max_1", StockAuthority: "hub", Locations: []string{"paris"},
	}
	var connections []hub.Connection
	add := func(name, connector string, locations map[string]string, config, secrets map[string]string) error {
		raw, err := json.Marshal(config)
		if err != nil {
			return err
		}
		command := []string{self, "connector", connector}
		if os.Getenv("JUMPRING_BENCH_PPROF") != "" {
			command = append(command, profileArgument) // a connector's environment is clean
		}
		settings.Connections = append(settings.Connections, canon.ConnectionSettings{
			Name: name, Connector: connector, Mode: canon.ModeObserve, SellsFrom: []string{"paris"}, Locations: locations,
		})
		connections = append(connections, hub.Connection{Name: name, Command: command, Checksum: sum, Config: raw, Secrets: secrets})
		return nil
	}
	if r.Shop != "" {
		err = add(connectionName, "shopify", map[string]string{location: "paris"}, map[string]string{"shop": shopDomain, "endpoint": r.Shop},
			map[string]string{"client_secret": webhookSecret, "access_token": accessToken})
	}
	if r.Woo != "" && err == nil {
		err = add("woo", "woocommerce", nil, map[string]string{"url": r.Woo},
			map[string]string{"consumer_key": "ck_1", "consumer_secret": "cs_1", "webhook_secret": "wh"})
	}
	if err != nil {
		return err
	}
	var pages *console.Options
	if r.Console {
		pages = &console.Options{}
	}
	var announced error
	err = hub.Serve(ctx, hub.ServeOptions{
		Options: hub.Options{
			Data: filepath.Join(r.Dir, "data"), Settings: settings, Connections: connections,
			Logger: hclog.New(&hclog.LoggerOptions{Level: hclog.Info, Output: logFile}),
		},
		Listen: "127.0.0.1:0", Version: "bench", AdminToken: adminToken, Console: pages,
		Started: func(address string) { announced = announce(ready{Address: address}) },
	})
	return errors.Join(err, announced)
}

func writeJSON(path string, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return os.WriteFile(path, raw, 0o600)
}

func readJSON(path string, v any) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, v)
}
