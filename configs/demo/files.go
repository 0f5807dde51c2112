// Package demo holds the demo's goods and clients, so that the one binary has them with it.
package demo

import _ "embed"

// Catalogue and Clients are the CSV files of this folder. All persons in them are invented.
var (
	//go:embed catalogue.csv
	Catalogue []byte
	//go:embed clients.csv
	Clients []byte
)
