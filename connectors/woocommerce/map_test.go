package woocommerce

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

var update = flag.Bool("update", false, "write the golden files anew")

// goldenCase is a file in testdata/map: a payload and what comes out of it. Adding a case is adding a file with topic and
// body, and running the test with -update.
type goldenCase struct {
	Why          string              `json:"why"`
	Topic        string              `json:"topic"` // a webhook's, or "refunds": {"order": …, "refunds": […]}
	Currency     string              `json:"currency,omitempty"`
	Body         json.RawMessage     `json:"body"`
	Verdict      sdk.Verdict         `json:"verdict,omitempty"`
	Reason       string              `json:"reason,omitempty"`
	Observations []canon.Observation `json:"observations,omitempty"`
	Touched      []canon.Ref         `json:"touched,omitempty"`
}

func TestMapping(t *testing.T) {
	files, err := filepath.Glob("testdata/map/*.json")
	if err != nil || len(files) < 8 {
		t.Fatalf("%d golden files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var c goldenCase
			if err := json.Unmarshal(raw, &c); err != nil {
				t.Fatal(err)
			}
			got := translateCase(t, c)
			checkAll(t, got.Observations)
			var buf bytes.Buffer
			enc := json.NewEncoder(&buf)
			enc.SetEscapeHTML(false)
			enc.SetIndent("", "  ")
			if err := enc.Encode(got); err != nil {
				t.Fatal(err)
			}
			if *update {
				if err := os.WriteFile(file, buf.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if !bytes.Equal(buf.Bytes(), raw) {
				t.Errorf("the translation changed; compare with -update and raise translationVersion\ngot %s", buf.Bytes())
			}
		})
	}
}

func translateCase(t *testing.T, c goldenCase) goldenCase {
	t.Helper()
	conn := openFor(t, "https://shop.example.com")
	conn.shop.currency = c.Currency
	c.Verdict, c.Reason, c.Observations, c.Touched = "", "", nil, nil
	if c.Topic == "refunds" {
		var in struct {
			Order   order    `json:"order"`
			Refunds []refund `json:"refunds"`
		}
		if err := json.Unmarshal(c.Body, &in); err != nil {
			t.Fatal(err)
		}
		obs, err := conn.shop.observeRefunds(&in.Order, in.Refunds)
		if err != nil {
			t.Fatal(err)
		}
		c.Observations = obs
		return c
	}
	resp, err := conn.HandleWebhook(t.Context(), hook(c.Topic, "https://shop.example.com/", string(c.Body)))
	if err != nil {
		t.Fatal(err)
	}
	c.Verdict, c.Reason, c.Observations, c.Touched = resp.Verdict, resp.Reason, resp.Observations, resp.Touched
	return c
}

// specFolder finds the vendor's examples, which are not part of the project.
func specFolder(t *testing.T) string {
	t.Helper()
	root := os.Getenv("JUMPRING_SPECS")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "specs")
	}
	dir := filepath.Join(root, "woocommerce", "examples")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("THE VENDOR'S EXAMPLES WERE NOT TESTED: %s is not there; set JUMPRING_SPECS to the folder that has woocommerce/examples", dir)
	}
	return dir
}

// TestVendorExamples translates every example of the vendor's documentation, alone and in lists.
func TestVendorExamples(t *testing.T) {
	dir := specFolder(t)
	conn := openFor(t, "https://example.com")
	topicOf := map[string]string{"orders": "order.updated", "products": "product.updated", "customers": "customer.updated"}
	translated := 0
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		kind := name[:strings.LastIndexByte(name, '-')]
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var rows []json.RawMessage
		if json.Unmarshal(raw, &rows) != nil {
			rows = []json.RawMessage{raw}
		}
		for _, row := range rows {
			switch kind {
			case "orders", "products", "customers":
				resp, err := conn.HandleWebhook(t.Context(), hook(topicOf[kind], "https://example.com/", string(row)))
				if err != nil || resp.Verdict != sdk.VerdictAccepted {
					t.Errorf("%s: %+v, %v", name, resp, err)
					continue
				}
				checkAll(t, resp.Observations)
			case "product-variations":
				var p product
				if err := json.Unmarshal(row, &p); err != nil {
					t.Errorf("%s: %v", name, err)
				}
				obs := conn.shop.observeVariation(&p, 22)
				checkAll(t, obs)
				if obs[0].Listing.ProductID != "22" || obs[0].Listing.Status != "active" {
					t.Errorf("%s: %+v", name, obs[0].Listing)
				}
			case "order-refunds":
				var r refund
				if err := json.Unmarshal(row, &r); err != nil {
					t.Errorf("%s: %v", name, err)
				}
				obs, err := conn.shop.observeRefunds(&order{ID: 723, Currency: "USD"}, []refund{r})
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
				checkAll(t, obs)
			default:
				continue // coupons, notes, taxes and webhooks are not observed
			}
			translated++
		}
	}
	if translated < 15 {
		t.Errorf("only %d examples were translated", translated)
	}
}
