package views

import (
	"strings"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// ItemQuery says which items to list. Every condition that is set must hold.
type ItemQuery struct {
	SKU, Serial, EPC, GTIN string
	// Certificate is a number alone, or laboratory and number: "GIA 2141438171", "GIA/2141438171".
	Certificate string
	Status      canon.ItemStatus
	Location    string
	Paging
}

// Items lists items in the order of their ids.
func Items(r store.Reader, k Keys, q ItemQuery) (Page, error) {
	var filters []filter
	impossible := false
	by := func(stated, index string, normalize func(string) string) {
		if stated == "" {
			return
		}
		v := normalize(stated)
		if v == "" || strings.ContainsRune(v, 0) {
			impossible = true
		}
		filters = append(filters, filter{index, v})
	}
	// The keys that tell most come first: the first filter is the one that is scanned.
	if q.Certificate != "" {
		f, ok := certificateFilter(k, q.Certificate)
		impossible = impossible || !ok
		filters = append(filters, f)
	}
	same := func(s string) string { return s }
	by(q.Serial, store.IndexSerial, k.serial)
	by(q.EPC, store.IndexEPC, k.epc)
	by(q.SKU, store.IndexSKU, k.sku)
	by(q.GTIN, store.IndexGTIN, k.gtin)
	by(q.Location, store.IndexItemAt, same)
	by(string(q.Status), store.IndexStatus, same)
	if impossible {
		return Page{Items: nothing()}, nil
	}
	return list(r, store.TypeItem, filters, q.Paging)
}

func certificateFilter(k Keys, stated string) (filter, bool) {
	stated = strings.TrimSpace(stated)
	lab, number := "", stated
	if before, after, ok := strings.Cut(stated, "/"); ok {
		lab, number = before, after
	}
	c := k.certificate(lab, number)
	switch {
	case c.Number == "":
		return filter{}, false
	case c.Lab == "":
		return filter{store.IndexNumber, c.Number}, true
	}
	return filter{store.IndexCertificate, c.Key()}, true
}
