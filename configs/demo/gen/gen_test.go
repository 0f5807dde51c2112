package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/jumpring/jumpring/connectors/csv"
	"github.com/jumpring/jumpring/connectors/csv/twin"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/normalize"
	"github.com/jumpring/jumpring/plugins/sdk"
)

func TestTheFilesAreWhatSeedOneGives(t *testing.T) {
	for name, want := range generate(1) {
		got, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("configs/demo/%s differs from what the generator gives; run go run ./configs/demo/gen -seed 1 -out configs/demo", name)
		}
	}
	if bytes.Equal(generate(1)["catalogue.csv"], generate(2)["catalogue.csv"]) {
		t.Error("the seed changes nothing")
	}
}

// importAll reads the generated files as the hub does.
func importAll(t *testing.T, seed uint64) []canon.Observation {
	t.Helper()
	dir := t.TempDir()
	for name, content := range generate(seed) {
		if err := twin.Drop(dir, name, bytes.NewReader(content)); err != nil {
			t.Fatal(err)
		}
	}
	config, err := json.Marshal(map[string]string{"folder": dir, "settle": "1ms"})
	if err != nil {
		t.Fatal(err)
	}
	c := csv.New()
	opened, err := c.Open(context.Background(), &sdk.OpenRequest{Config: config})
	if err != nil || len(opened.Diagnostics) > 0 {
		t.Fatalf("Open: %v, %v", opened, err)
	}
	var all []canon.Observation
	for page := []byte(nil); ; {
		resp, err := c.(sdk.Snapshotter).Snapshot(context.Background(), &sdk.SnapshotRequest{Page: page, Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range resp.RowErrors {
			t.Errorf("%s: %s", bad.Place, bad.Reason)
		}
		all = append(all, resp.Observations...)
		if page = resp.Next; resp.Complete {
			return all
		}
	}
}

func TestEveryWordOfTheDemoIsRead(t *testing.T) {
	for seed := range uint64(5) {
		seen := map[string]string{}
		unique := func(what, value, owner string) {
			if other, twice := seen[what+value]; twice && other != owner {
				t.Errorf("seed %d: %s has the %s of %s", seed, owner, what, other)
			}
			seen[what+value] = owner
		}
		noError := func(owner string, err error) {
			if err != nil {
				t.Errorf("seed %d: %s: %v", seed, owner, err)
			}
		}
		count := map[string]int{}
		for _, o := range importAll(t, seed) {
			count[string(o.Kind)]++
			switch {
			case o.Listing != nil:
				l := o.Listing
				unique("SKU", normalize.SKU(l.SKU), o.ExternalID)
				if *l.Serialized {
					count["pieces"]++
					unique("serial", normalize.Serial(l.Serial), o.ExternalID)
				}
				metal, err := normalize.Metal(l.Metal)
				noError(o.ExternalID, err)
				if *l.Serialized && (metal.Kind == "" || metal.Fineness == 0) {
					t.Errorf("seed %d: %s is of no metal: %+v", seed, o.ExternalID, metal)
				}
				for _, c := range l.Certificates {
					cert, err := normalize.Certificate(c)
					noError(o.ExternalID, err)
					if cert.Lab == "" {
						t.Errorf("seed %d: %s has a report without a laboratory", seed, o.ExternalID)
					}
					unique("report", cert.Key(), o.ExternalID)
					count["certificates"]++
				}
				for _, s := range l.Stones {
					_, err := normalize.Stone("", s)
					noError(o.ExternalID, err)
					count["stones"]++
				}
				if l.EPC != "" {
					epc, err := normalize.EPC(l.EPC)
					noError(o.ExternalID, err)
					unique("EPC", epc, o.ExternalID)
					count["tags"]++
				}
				if l.Weight != "" {
					_, err := normalize.Weight(l.Weight)
					noError(o.ExternalID, err)
				}
				if l.RingSize != "" {
					_, err := normalize.RingSize(l.RingSize, "")
					noError(o.ExternalID, err)
				}
				if len(l.Prices) != 2 || l.Prices[0].Currency != "EUR" || l.Prices[1].Currency != "USD" {
					t.Errorf("seed %d: %s has the prices %v", seed, o.ExternalID, l.Prices)
				}
			case o.Customer != nil:
				p := o.Customer.Person
				email, ok := normalize.Email(p.Emails[0])
				if !ok {
					t.Errorf("seed %d: %s has no readable e-mail", seed, o.ExternalID)
				}
				unique("e-mail", email, o.ExternalID)
				phone, ok := normalize.Phone(p.Phones[0], p.Addresses[0].Country)
				if !ok {
					t.Errorf("seed %d: %s has no readable phone number, %q", seed, o.ExternalID, p.Phones[0])
				}
				unique("phone number", phone, o.ExternalID)
			}
		}
		if count["pieces"] != pieces || count["customer"] != persons || count["level"] != count["listing"] || count["certificates"] < 80 || count["tags"] != pieces/2 {
			t.Errorf("seed %d: the demo has %v", seed, count)
		}
		if seed == 1 {
			t.Log("the demo has", count)
		}
	}
}
