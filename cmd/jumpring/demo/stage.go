package demo

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	goods "github.com/jumpring/jumpring/configs/demo"
	csvtwin "github.com/jumpring/jumpring/connectors/csv/twin"
	shopifytwin "github.com/jumpring/jumpring/connectors/shopify/twin"
	wootwin "github.com/jumpring/jumpring/connectors/woocommerce/twin"
)

// The connections of the demo.
const (
	webConnection  = "web"  // the Shopify store
	shopConnection = "shop" // the WooCommerce shop
	tillConnection = "till" // the till that writes files
)

// The places of the demo, as its catalogue names them.
const (
	paris = "boutique-paris"
	lyon  = "boutique-lyon"
)

// latency is how long a platform takes for an answer.
const latency = 20 * time.Millisecond

// The secrets of the sandboxes. They guard nothing: the sandboxes live on this machine as long as the demo.
const (
	shopDomain    = "aurum.myshopify.com"
	shopifySecret = "demo-client-secret"
	shopifyToken  = "shpat_demo"
	wooKey        = "ck_demo"
	wooSecret     = "cs_demo"
	wooWebhook    = "demowebhooksecret"
)

// stage is everything around the hub: two platforms and a folder that a till writes to.
type stage struct {
	pieces, quantities []*good
	persons            []person

	web      *shopifytwin.Server
	webURL   string
	places   map[string]string // the hub's location → Shopify's
	variants map[string]string // SKU → Shopify's variant

	shop     *wootwin.Server
	shopURL  string
	shopHTTP *http.Server
	served   sync.WaitGroup
	products map[string]int64 // SKU → WooCommerce's product

	folder string
	till   *csvtwin.Till
}

// newStage opens the platforms, with the same goods in both, and lays the catalogue into the till's folder.
func newStage(dir string, seed uint64) (_ *stage, err error) {
	s := &stage{places: map[string]string{}, variants: map[string]string{}, products: map[string]int64{}, folder: filepath.Join(dir, "till")}
	if s.pieces, s.quantities, err = readGoods(goods.Catalogue); err != nil {
		return nil, err
	}
	if s.persons, err = readPersons(goods.Clients); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if err := s.openWeb(seed); err != nil {
		return nil, err
	}
	if err := s.openShop(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(s.folder, 0o700); err != nil {
		return nil, fmt.Errorf("demo: the till's folder: %w", err)
	}
	s.till = csvtwin.New(s.folder, "lyon-2", lyon)
	for name, content := range map[string][]byte{"catalogue.csv": goods.Catalogue, "clients.csv": goods.Clients} {
		if err := csvtwin.Drop(s.folder, name, bytes.NewReader(content)); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *stage) close() (err error) {
	if s.web != nil {
		err = s.web.Close()
	}
	if s.shopHTTP != nil {
		err = errors.Join(err, s.shopHTTP.Close())
		s.served.Wait()
	}
	if s.shop != nil {
		s.shop.Close()
	}
	return err
}

// openWeb opens the Shopify store, on the plan that shops of this size have: 20,000 points, 1,000 a second.
func (s *stage) openWeb(seed uint64) error {
	s.web = shopifytwin.New(shopifytwin.Options{
		Shop: shopDomain, Currency: "EUR", ClientSecret: shopifySecret, AccessToken: shopifyToken, AllowHTTP: true, Latency: latency,
		BucketSize: 20_000, RestoreRate: 1_000, RetryUnit: 100 * time.Millisecond, Seed: seed,
	})
	var err error
	if s.webURL, err = s.web.Start("127.0.0.1:0"); err != nil {
		return err
	}
	// A new store has its first location already.
	s.places[paris] = "gid://shopify/Location/1"
	s.places[lyon] = s.web.AddLocation("Lyon", "FR")
	for _, g := range s.all() {
		stock := make(map[string]int64)
		for at, n := range g.stock {
			stock[s.places[at]] = n
		}
		fields := make([]shopifytwin.Metafield, 0, 4)
		for _, f := range [][2]string{
			{"serial", g.serial}, {"certificate", g.certificate}, {"certificate_lab", g.lab}, {"metal", g.metal}, {"weight", g.weight}, {"ring_size", g.ringSize},
		} {
			if f[1] != "" {
				fields = append(fields, shopifytwin.Metafield{Namespace: "jewelry", Key: f[0], Value: f[1]})
			}
		}
		made, err := s.web.CreateProduct(shopifytwin.NewProduct{
			Title: g.title, Type: g.category, Vendor: "Maison Aurum",
			Variants: []shopifytwin.NewVariant{{SKU: g.sku, Price: g.priceEUR, Stock: stock, Metafields: fields}},
		})
		if err != nil {
			return fmt.Errorf("demo: fill the Shopify store: %w", err)
		}
		s.variants[g.sku] = made.Variants[0]
	}
	return nil
}

// openShop opens the WooCommerce shop. Its cron runs as often as that of a busy shop.
func (s *stage) openShop() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("demo: listen: %w", err)
	}
	s.shopURL = "http://" + l.Addr().String()
	s.shop = wootwin.New(wootwin.Options{
		HomeURL: s.shopURL, Keys: []wootwin.Key{{ConsumerKey: wooKey, ConsumerSecret: wooSecret}}, CronInterval: 20 * time.Millisecond, Latency: latency,
	})
	s.shopHTTP = &http.Server{Handler: s.shop, ReadHeaderTimeout: 5 * time.Second}
	s.served.Go(func() { _ = s.shopHTTP.Serve(l) }) // ends with close
	for i, g := range s.all() {
		n := g.total()
		meta := map[string]any{}
		if g.serial != "" && i%3 != 0 { // the rest is known by its SKU alone
			meta["_jumpring_serial"] = g.serial
		}
		id, _, err := s.shop.CreateProduct(wootwin.ProductSpec{
			Name: g.title, SKU: g.sku, Price: g.priceEUR, Stock: &n, Meta: meta, Categories: []string{g.category},
		})
		if err != nil {
			return fmt.Errorf("demo: fill the WooCommerce shop: %w", err)
		}
		s.products[g.sku] = id
	}
	return nil
}

func (s *stage) all() []*good {
	return append(append([]*good{}, s.pieces...), s.quantities...)
}
