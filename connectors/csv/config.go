package csv

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// config is a connection's `config`.
type config struct {
	Folder    string   `json:"folder"`
	Timezone  string   `json:"timezone"`
	Delimiter string   `json:"delimiter"`
	Decimal   string   `json:"decimal"`
	Encoding  string   `json:"encoding"`
	Settle    string   `json:"settle"`
	Till      string   `json:"till"`
	Location  string   `json:"location"`
	Currency  string   `json:"currency"`
	Columns   []string `json:"columns"`

	zone    *time.Location    // nil when rows must have their own
	settle  time.Duration     //
	columns map[string]string // a header of the files → a column of this package
}

var configFields = []sdk.ConfigField{
	{Key: "folder", Description: "folder to watch; done and failed files are moved to folders in it", Type: "string", Required: true},
	{Key: "timezone", Description: "IANA time zone of rows whose time has no offset, such as Europe/Paris", Type: "string"},
	{Key: "delimiter", Description: "what parts the fields; auto takes what the header uses", Type: "string", Default: "auto", OneOf: []string{"auto", "comma", "semicolon", "tab"}},
	{Key: "decimal", Description: "what stands before the fraction of an amount", Type: "string", Default: "point", OneOf: []string{"point", "comma"}},
	{Key: "encoding", Description: "how text is encoded", Type: "string", Default: "utf-8", OneOf: []string{"utf-8"}},
	{Key: "settle", Description: "how long a file must stay unchanged before it counts as complete", Type: "duration", Default: "2s"},
	{Key: "till", Description: "name of the till of rows without a till column", Type: "string"},
	{Key: "location", Description: "location of rows without a location column", Type: "string"},
	{Key: "currency", Description: "ISO 4217 currency of amounts without one", Type: "string", Pattern: "^[A-Z]{3}$"},
	{Key: "columns", Description: "other names of columns in the files, each as theirs=ours, such as Bon=receipt", Type: "list"},
}

// parseConfig reads and checks a configuration. The diagnostics with severity error keep it from being used.
func parseConfig(raw json.RawMessage) (config, []sdk.Diagnostic) {
	c := config{}
	var found []sdk.Diagnostic
	fail := func(key, summary, do string) {
		found = append(found, sdk.Diagnostic{Severity: sdk.SeverityError, Code: "csv.config", Path: "config." + key, Summary: summary, Do: do})
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&c); err != nil {
		return c, []sdk.Diagnostic{{Severity: sdk.SeverityError, Code: "csv.config", Path: "config", Summary: "the configuration can't be read: " + err.Error(), Do: "compare it with the connector's list of keys"}}
	}
	if c.Folder == "" {
		fail("folder", "no folder is named", "name the folder that the till or the spreadsheet writes to")
	}
	if c.Timezone != "" {
		zone, err := time.LoadLocation(c.Timezone)
		if err != nil || c.Timezone == "Local" {
			fail("timezone", fmt.Sprintf("%q is no time zone", c.Timezone), "write an IANA name, such as Europe/Paris")
		}
		c.zone = zone
	}
	oneOf := func(key string, value *string, allowed ...string) {
		if *value == "" {
			*value = allowed[0]
		}
		for _, a := range allowed {
			if *value == a {
				return
			}
		}
		fail(key, fmt.Sprintf("%q is not known", *value), "write one of "+strings.Join(allowed, ", "))
	}
	oneOf("delimiter", &c.Delimiter, "auto", "comma", "semicolon", "tab")
	oneOf("decimal", &c.Decimal, "point", "comma")
	oneOf("encoding", &c.Encoding, "utf-8")
	if c.Settle == "" {
		c.Settle = "2s"
	}
	settle, err := time.ParseDuration(c.Settle)
	if err != nil || settle <= 0 {
		fail("settle", fmt.Sprintf("%q is no duration above zero", c.Settle), "write a duration such as 2s")
	}
	c.settle = settle
	if c.Currency != "" {
		if _, ok := canon.CurrencyExponent(c.Currency); !ok {
			fail("currency", fmt.Sprintf("%q is no currency", c.Currency), "write an ISO 4217 code, such as EUR")
		}
	}
	c.columns = map[string]string{}
	for _, entry := range c.Columns {
		theirs, ours, ok := strings.Cut(entry, "=")
		if !ok || strings.TrimSpace(theirs) == "" || strings.TrimSpace(ours) == "" {
			fail("columns", fmt.Sprintf("%q does not map a column", entry), "write theirs=ours, such as Bon=receipt")
			continue
		}
		c.columns[columnName(theirs)] = columnName(ours)
	}
	return c, found
}

func (c config) comma() byte {
	switch c.Delimiter {
	case "comma":
		return ','
	case "semicolon":
		return ';'
	case "tab":
		return '\t'
	}
	return 0 // found in the header
}
