package store

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestValuesComeBackAsTheyWere(t *testing.T) {
	noise := make([]byte, maxPacked+1)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(noise)
	var p packer
	var stored [][]byte
	values := [][]byte{
		{},
		{0},
		[]byte("x"), noise[:minPacked-1], noise[:minPacked], noise[:5000], noise,
		[]byte(`{"type":"order","golden":"ord_0123456789abcdefghijklmn"}`), dictionaryText,
		[]byte(strings.Repeat(`{"connection":"web","kind":"order"}`, 40_000)),
	}
	for n := range 300 {
		values = append(values, noise[n:n*7], dictionaryText[n*11:n*20])
	}
	for _, v := range values {
		stored = append(stored, p.pack(v))
	}
	for i, v := range values {
		got, err := loadStored(stored[i])
		if err != nil || !bytes.Equal(got, v) {
			t.Fatalf("a value of %d bytes came back as %d: %v", len(v), len(got), err)
		}
		if got == nil {
			t.Fatalf("a value of %d bytes came back as none", len(v))
		}
		if len(stored[i]) > len(v)+1 {
			t.Errorf("a value of %d bytes takes %d", len(v), len(stored[i]))
		}
	}
}

func TestRecordsArePackedToHalf(t *testing.T) {
	record := []byte(`{"id":"ord_zzwjw2rexychgnfdz27rg2c1","connection":"boutique","external_id":"gid://shopify/Order/5512540","number":"#1354",` +
		`"status":"open","placed_at":"2026-04-22T08:52:09Z","currency":"EUR","total":{"minor":47000,"currency":"EUR"},"lines_total":{"minor":47000,` +
		`"currency":"EUR"},"lines":[{"id":"gid://shopify/LineItem/9012540","listing_id":"gid://shopify/ProductVariant/19812",` +
		`"node":"itm_sqedxye3gh0239pg8jj87pbv","sku":"RG-006270","title":"Halo ring, 18k","quantity":1,"price":{"minor":47000,"currency":"EUR"}}],` +
		`"channel":"web","client_node":"cli_yxky420dqtyp2pafnn9aghhn","version":"13874.0","updated_at":"2026-04-22T08:52:21.524151753Z"}`)
	if stored := new(packer).pack(record); len(stored) > len(record)/2 {
		t.Errorf("%d bytes of a record take %d", len(record), len(stored))
	}
}

// TestDictionaryIsOfItsFormat fails when the dictionary changes and the format does not: what was stored with another
// one does not read. Raise valueFormat, then put the new sum here.
func TestDictionaryIsOfItsFormat(t *testing.T) {
	const format, sum = 1, "cc460cb7df858bf2"
	if got := fmt.Sprintf("%x", sha256.Sum256(dictionaryText))[:16]; valueFormat != format || got != sum {
		t.Errorf("format %d has the dictionary %s", valueFormat, got)
	}
}

func TestDamagedValueIsCorrupt(t *testing.T) {
	stored := new(packer).pack(dictionaryText)
	for _, bad := range [][]byte{{9, 1, 2}, stored[:len(stored)-3], {packedValue}} {
		if _, err := loadStored(bad); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%d bytes: %v; want ErrCorrupt", len(bad), err)
		}
	}
}
