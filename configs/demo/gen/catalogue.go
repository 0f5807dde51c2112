package main

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

const (
	pieces         = 300
	companyPrefix  = "0614141" // of GS1's own examples
	modified       = "2026-11-01T08:00:00+01:00"
	parisBoutique  = "boutique-paris"
	lyonBoutique   = "boutique-lyon"
	centsPerDollar = 108 // dollars are listed at 1.08 of the price in euros
)

var catalogueHeader = []string{
	"serial", "sku", "title", "category", "brand", "style_no", "epc", "metal", "weight", "stone", "shape", "carat", "stone_colour", "clarity", "cut", "origin", "lab", "certificate",
	"ring_size", "price_eur", "price_usd", "cost_eur", "location", "quantity", "modified",
}

// alloy is a metal with the ways in which suppliers write it.
type alloy struct {
	spellings []string
	perGram   int // euros
}

var alloys = []alloy{
	{[]string{"18k yellow gold", "18 Karat yellow gold", "18ct YG", "or jaune 750", "Gelbgold 750", "750 yellow gold"}, 95},
	{[]string{"18k white gold", "18K WG", "or gris 750/1000", "750er Weißgold", "18 ct white gold, rhodium plated"}, 98},
	{[]string{"18k rose gold", "18 Karat rosé gold", "or rose 18 carats", "18ct pink gold"}, 95},
	{[]string{"14k yellow gold", "585 yellow gold", "Gelbgold 585", "14 kt yellow gold"}, 72},
	{[]string{"Pt950", "platinum 950", "platine 950/1000", "950 platinum"}, 70},
	{[]string{"925 sterling silver", "Sterling Silver", "argent 925", "Ag925"}, 6},
}

// form is a kind of piece with its weight in tenths of a gram.
type form struct {
	category, code string
	light, heavy   int
	names          []string
}

var forms = []form{
	{"ring", "RG", 25, 80, []string{"Aurora", "Lumière", "Meridian", "Sillage", "Halcyon"}},
	{"pendant", "PD", 15, 60, []string{"Solenne", "Goutte", "Lantern", "Orbit"}},
	{"earrings", "ER", 20, 70, []string{"Cascade", "Petite Ourse", "Duet"}},
	{"bracelet", "BR", 60, 180, []string{"Rivage", "Tressage", "Arcade"}},
	{"brooch", "BC", 80, 200, []string{"Libellule", "Fougère"}},
}

func catalogue(d *dice) [][]string {
	var rows [][]string
	for i := 1; i <= pieces; i++ {
		rows = append(rows, piece(d, i))
	}
	return append(rows, quantities(d)...)
}

func piece(d *dice, i int) []string {
	f, a := forms[d.n(len(forms))], alloys[d.n(len(alloys))]
	name := pick(d, f.names...)
	grams := d.between(f.light, f.heavy) // tenths
	row := map[string]string{
		"serial": fmt.Sprintf("AU-%05d", 10_000+i*7), "sku": fmt.Sprintf("%s-%s-%04d", strings.ToUpper(pick(d, "aur", "lum", "sol")), f.code, i), "category": f.category,
		"brand": pick(d, "Maison Aurum", "Maison Aurum", "Atelier Vesper"), "style_no": fmt.Sprintf("%s-%d", f.code, d.between(100, 160)), "metal": pick(d, a.spellings...), "quantity": "1", "modified": modified,
		"weight": pick(d, fmt.Sprintf("%d.%d g", grams/10, grams%10), fmt.Sprintf("%d,%d g", grams/10, grams%10), fmt.Sprintf("%d mg", grams*100)), "location": pick(d, parisBoutique, lyonBoutique),
	}
	row["title"] = name + " " + f.category
	euros := a.perGram*grams/10 + d.between(80, 400)
	if f.category == "ring" {
		row["ring_size"] = pick(d, "EU 52", "EU 54", "FR 56", "US 6", "US 7", "UK N 1/2", "CH 14")
	}
	if i%2 == 0 {
		row["epc"] = epc(d, i)
	}
	if d.n(100) < 70 {
		euros += stone(d, i, row)
	}
	euros = (euros + 5) / 10 * 10
	price(row, euros)
	return ordered(row)
}

// stone sets a stone into the piece and gives what it adds to the price, in euros.
func stone(d *dice, i int, row map[string]string) int {
	if d.n(100) < 30 {
		kind := pick(d, "sapphire", "ruby", "emerald")
		row["stone"], row["shape"] = pick(d, kind, strings.ToUpper(kind)), pick(d, "oval", "cushion", "pear")
		carat := d.between(40, 320)
		row["carat"] = hundredths(d, carat)
		row["title"] += " with " + kind
		return carat * 9
	}
	row["title"] += " with diamond"
	row["stone"], row["shape"] = pick(d, "diamond", "diamant", "Diamond"), pick(d, "Round", "RBC", "round brilliant", "princess", "Oval", "Cushion", "Pear", "emerald cut")
	carat := d.between(18, 205)
	row["carat"] = hundredths(d, carat)
	row["stone_colour"], row["clarity"] = pick(d, "D", "E", "F", "G", "H", "g", "I"), pick(d, "IF", "VVS1", "VVS2", "VS1", "VS2", "SI1", "vs-1", "P1")
	row["cut"], row["origin"] = pick(d, "Excellent", "EX", "Very Good", "VG"), pick(d, "natural", "natural", "natural", "lab-grown")
	factor := 32
	if row["origin"] == "lab-grown" {
		factor = 8
	}
	if carat >= 30 {
		certificate(d, i, row)
	}
	return carat * factor
}

// certificate writes a report number, in the two columns or in one.
func certificate(d *dice, i int, row map[string]string) {
	lab := pick(d, "GIA", "GIA", "IGI", "HRD")
	number := strconv.Itoa(2_100_000_000 + i*100_003 + d.n(100_000))
	switch {
	case lab == "IGI" && row["origin"] == "lab-grown":
		number = "LG" + number[1:]
	case lab == "HRD":
		number = "17" + number
	}
	if d.n(4) == 0 {
		row["certificate"] = lab + pick(d, " ", "-", " No. ") + number
		return
	}
	row["lab"], row["certificate"] = lab, number
}

func hundredths(d *dice, carat int) string {
	return pick(d, fmt.Sprintf("%d.%02d ct", carat/100, carat%100), fmt.Sprintf("%d,%02d ct", carat/100, carat%100), fmt.Sprintf("%d.%02d carat", carat/100, carat%100), fmt.Sprintf("%d pts", carat))
}

// epc gives the piece's tag as SGTIN-96 in hexadecimal or as the identity's URN: filter 1, partition 5, the company's
// prefix of 7 digits, an item reference of 6, and the piece's number as serial.
func epc(d *dice, i int) string {
	item := 100_000 + i
	if d.n(3) == 0 {
		return fmt.Sprintf("urn:epc:id:sgtin:%s.%06d.%d", companyPrefix, item, i)
	}
	company, _ := strconv.ParseInt(companyPrefix, 10, 64)
	v := big.NewInt(0x30)
	for _, field := range []struct {
		value int64
		bits  uint
	}{{1, 3}, {5, 3}, {company, 24}, {int64(item), 20}, {int64(i), 38}} {
		v.Lsh(v, field.bits).Or(v, big.NewInt(field.value))
	}
	return fmt.Sprintf("%024X", v)
}

func price(row map[string]string, euros int) {
	row["price_eur"] = fmt.Sprintf("%d.00", euros)
	row["price_usd"] = fmt.Sprintf("%d.%02d", euros*centsPerDollar/100, euros*centsPerDollar%100)
	row["cost_eur"] = fmt.Sprintf("%d.%02d", euros*42/100, euros*42%100)
}

// several are the SKUs of which there are ten alike at each of their places.
var several = []struct {
	title, category, metal string
	euros                  int
	everywhere             bool
}{
	{"Anchor chain 42 cm", "chain", "18k yellow gold", 640, true},
	{"Anchor chain 45 cm", "chain", "750/1000 yellow gold", 690, false},
	{"Venetian chain 45 cm", "chain", "Sterling Silver", 85, true},
	{"Cord necklace, silk", "chain", "", 35, false},
	{"Stud earrings, small", "earrings", "925", 60, true},
	{"Hoop earrings, 12 mm", "earrings", "Gelbgold 585", 210, false},
	{"Polishing cloth", "accessory", "", 12, true},
	{"Ring box, walnut", "accessory", "", 28, false},
}

func quantities(d *dice) [][]string {
	var rows [][]string
	for i, s := range several {
		row := map[string]string{"sku": fmt.Sprintf("STK-%03d", i+1), "title": s.title, "category": s.category, "brand": "Maison Aurum", "metal": s.metal, "quantity": "10", "modified": modified}
		price(row, s.euros)
		places := []string{parisBoutique, lyonBoutique}
		if !s.everywhere {
			places = []string{pick(d, places...)}
		}
		for _, place := range places {
			row["location"] = place
			rows = append(rows, ordered(row))
		}
	}
	return rows
}

func ordered(row map[string]string) []string {
	out := make([]string, len(catalogueHeader))
	for i, column := range catalogueHeader {
		out[i] = row[column]
	}
	return out
}
