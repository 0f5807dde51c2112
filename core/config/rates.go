package config

import (
	"fmt"

	"github.com/jumpring/jumpring/core/report"
)

// ratesFile is a file of exchange rates.
type ratesFile struct {
	Source  string            `yaml:"source"`
	Date    string            `yaml:"date"`
	Base    string            `yaml:"base"`
	PerBase map[string]string `yaml:"per_base"`
}

// LoadRates reads a file of exchange rates, strictly. What is wrong with it comes back as an *InvalidError.
func LoadRates(path string) (*report.Rates, error) {
	raw, err := readWhole(path)
	if err != nil {
		return nil, err
	}
	d := newDecoder(Source{}, "", "a table of rates", "configs/rates.yaml")
	var f ratesFile
	d.document(raw, &f)
	rates := &report.Rates{Source: f.Source, Date: f.Date, Base: f.Base, PerBase: f.PerBase}
	if !d.broken {
		if err := rates.Check(); err != nil {
			d.found("", fmt.Sprint(err), "see configs/rates.yaml")
		}
	}
	return rates, d.result(path)
}
