package search

import (
	"strings"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/normalize"
)

// The kinds of identifiers that pieces and clients have.
const (
	pieceKinds  = string(rune(keyID)) + string(rune(keySerial)) + string(rune(keySKU)) + string(rune(keyEPC)) + string(rune(keyGTIN)) + string(rune(keyHUID)) + string(rune(keyCertificate)) + string(rune(keyComponent))
	clientKinds = string(rune(keyID)) + string(rune(keyEmail)) + string(rune(keyPhone)) + string(rune(keyAccount))
)

// keyForm gives the form in which an identifier of a kind is kept; "" for what can't be one.
func keyForm(kind byte, raw, region string) string {
	switch kind {
	case keySerial:
		return normalize.Serial(raw)
	case keySKU:
		return normalize.SKU(raw)
	case keyEPC:
		if v, err := normalize.EPC(raw); err == nil {
			return upper(v)
		}
		return ""
	case keyGTIN:
		v, err := normalize.GTIN(raw)
		if err != nil {
			return ""
		}
		return v
	case keyCertificate:
		lab, num, found := strings.Cut(raw, "/")
		if !found {
			lab, num = "", raw
		}
		c, err := normalize.Certificate(canon.StatedCert{Lab: lab, Number: num})
		switch {
		case err != nil:
			return ""
		case c.Lab == "":
			return c.Number
		}
		return c.Key()
	case keyEmail:
		if v, ok := normalize.Email(raw); ok {
			return upper(v)
		}
		return ""
	case keyPhone:
		if v, ok := normalize.Phone(raw, region); ok {
			return v
		}
		return ""
	case keyHUID:
		if v, ok := normalize.HUID(raw); ok {
			return v
		}
		return ""
	}
	return upper(raw)
}
