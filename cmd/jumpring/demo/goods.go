package demo

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// good is what the shops sell: a piece, or a SKU that is kept in a quantity.
type good struct {
	sku, serial, title      string
	lab, certificate        string
	priceEUR                string
	metal, weight, ringSize string
	stock                   map[string]int64 // by location
	category                string
}

func (g *good) total() (n int64) {
	for _, q := range g.stock {
		n += q
	}
	return n
}

// place is where it is, or one of the places.
func (g *good) place() string {
	return slices.Min(slices.Collect(maps.Keys(g.stock)))
}

// person is a client of the shops.
type person struct{ id, given, family, email, phone, country string }

// readGoods reads the catalogue: pieces apart from what is kept in a quantity.
func readGoods(raw []byte) (pieces, quantities []*good, err error) {
	rows, err := records(raw)
	if err != nil {
		return nil, nil, fmt.Errorf("the demo's catalogue: %w", err)
	}
	bySKU := make(map[string]*good)
	for _, r := range rows {
		n, err := strconv.ParseInt(r["quantity"], 10, 64)
		if err != nil {
			return nil, nil, fmt.Errorf("the demo's catalogue: quantity of %s: %w", r["sku"], err)
		}
		if g := bySKU[r["sku"]]; g != nil {
			g.stock[r["location"]] += n
			continue
		}
		g := &good{
			sku: r["sku"], serial: r["serial"], title: r["title"], lab: r["lab"], certificate: r["certificate"], priceEUR: r["price_eur"],
			metal: r["metal"], weight: r["weight"], ringSize: r["ring_size"], stock: map[string]int64{r["location"]: n},
			category: r["category"],
		}
		bySKU[g.sku] = g
		if g.serial != "" {
			pieces = append(pieces, g)
		} else {
			quantities = append(quantities, g)
		}
	}
	return pieces, quantities, nil
}

func readPersons(raw []byte) ([]person, error) {
	rows, err := records(raw)
	if err != nil {
		return nil, fmt.Errorf("the demo's clients: %w", err)
	}
	out := make([]person, 0, len(rows))
	for _, r := range rows {
		out = append(out, person{id: r["id"], given: r["given_name"], family: r["family_name"], email: r["email"], phone: r["phone"], country: r["country"]})
	}
	return out, nil
}

// records gives the rows of a CSV file by the names in its header.
func records(raw []byte) ([]map[string]string, error) {
	all, err := csv.NewReader(bytes.NewReader(raw)).ReadAll()
	if err != nil || len(all) == 0 {
		return nil, err
	}
	out := make([]map[string]string, 0, len(all)-1)
	for _, row := range all[1:] {
		m := make(map[string]string, len(row))
		for i, v := range row {
			m[all[0][i]] = v
		}
		out = append(out, m)
	}
	return out, nil
}
