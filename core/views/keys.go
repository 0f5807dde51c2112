package views

import (
	"strings"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/normalize"
)

// Keys normalizes what a person types to what the indexes hold, as the fold does. Each method gives "" for what can't be
// a key, which then matches nothing.
type Keys struct {
	// Region is the default region of phone numbers, ISO 3166-1 alpha-2.
	Region string
}

func (Keys) serial(s string) string { return normalize.Serial(s) }
func (Keys) sku(s string) string    { return normalize.SKU(s) }

func (Keys) epc(s string) string {
	v, err := normalize.EPC(s)
	if err != nil {
		return ""
	}
	return v
}

func (Keys) gtin(s string) string {
	v, err := normalize.GTIN(s)
	if err != nil {
		return ""
	}
	return v
}

func (Keys) email(s string) string {
	if v, ok := normalize.Email(s); ok {
		return v
	}
	return ""
}

func (k Keys) phone(s string) string {
	if v, ok := normalize.Phone(s, k.Region); ok {
		return v
	}
	return ""
}

func (Keys) certificate(lab, number string) canon.Certificate {
	c, err := normalize.Certificate(canon.StatedCert{Lab: lab, Number: number})
	if err != nil {
		return canon.Certificate{}
	}
	return c
}

func (Keys) words(s string) []string { return strings.Fields(normalize.Name(s)) }
