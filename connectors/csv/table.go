package csv

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// content is what a file has, by how its name begins.
type content string

const (
	catalogueFile content = "catalogue"
	clientsFile   content = "clients"
	salesFile     content = "sales"
	returnsFile   content = "returns"
	countsFile    content = "counts"
)

// contents are the kinds of files in the order in which they are read, so that most references are known when they
// are used.
var contents = []content{catalogueFile, clientsFile, salesFile, returnsFile, countsFile}

// required are the columns without which no row of a file can be read. Each entry is a set of which one is needed.
var required = map[content][][]string{
	catalogueFile: {{"id", "serial", "sku"}},
	clientsFile:   {{"id"}},
	salesFile:     {{"receipt"}, {"time", "date"}, {"item", "serial", "sku", "epc"}},
	returnsFile:   {{"receipt"}, {"time", "date"}, {"original_receipt"}},
	countsFile:    {{"line"}, {"time", "date"}, {"serial", "sku", "epc"}},
}

// table is a file's header and what is common to its rows.
type table struct {
	cfg      *config
	file     string
	content  content
	comma    byte
	names    []string
	columns  map[string]int
	modified int64 // the file's time of modification in Unix microseconds
}

// columnName gives the form in which column names compare: lower case, words joined by "_".
func columnName(s string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }), "_")
}

// newTable reads a header.
func newTable(cfg *config, file string, kind content, comma byte, header []byte, modified int64) (*table, error) {
	t := &table{cfg: cfg, file: file, content: kind, comma: comma, columns: map[string]int{}, modified: modified}
	names, err := fields(header, t.comma)
	if err != nil {
		return nil, refuse("csv.header", "the header can't be read: "+err.Error(), "save the file as CSV in UTF-8")
	}
	for i, name := range names {
		name = columnName(name)
		if ours, ok := cfg.columns[name]; ok {
			name = ours
		}
		names[i] = name
		if name == "" {
			continue
		}
		if _, twice := t.columns[name]; twice {
			return nil, refuse("csv.header", fmt.Sprintf("the column %.40q is there twice", name), "give each column a name of its own")
		}
		t.columns[name] = i
	}
	t.names = names
	for _, oneOf := range required[kind] {
		found := false
		for _, name := range oneOf {
			_, ok := t.columns[name]
			found = found || ok
		}
		if !found {
			return nil, refuse("csv.column_missing", "no column "+strings.Join(oneOf, " or "), "add the column, or name the one that has it in the connection's columns")
		}
	}
	return t, nil
}

// commaOf gives what parts the fields of a header: whichever of comma, semicolon and tab occurs most.
func commaOf(header []byte) byte {
	best, count := byte(','), 0
	for _, comma := range []byte{',', ';', '\t'} {
		if f, err := fields(header, comma); err == nil && len(f) > count {
			best, count = comma, len(f)
		}
	}
	return best
}

// refusal is why a row is not taken, with what to do. Its texts name columns, never what a row has in them: a row
// whose fields are out of place has names and phone numbers anywhere.
type refusal struct{ code, reason, do string }

func (r *refusal) Error() string { return r.reason + "; " + r.do }

func refuse(code, reason, do string) error { return &refusal{code, reason, do} }

// row is one row of a table. Its getters note the first thing that is wrong; err tells it.
type row struct {
	*table
	values []string
	line   int64
	offset int64
	err    error
}

// newRow takes a record apart. It gives nil for a row without any text.
func (t *table) newRow(rec record) (*row, error) {
	r := &row{table: t, line: rec.line, offset: rec.offset}
	if rec.problem != "" {
		return r, refuse("csv.row", rec.problem, "close the quote, or double quotes inside of quoted text")
	}
	values, err := fields(rec.raw, t.comma)
	if errors.Is(err, errEncoding) {
		return r, refuse("csv.encoding", err.Error(), "save the file in UTF-8")
	} else if err != nil {
		return r, refuse("csv.row", err.Error(), "close the quote, or double quotes inside of quoted text")
	}
	empty := true
	for i, v := range values {
		values[i] = strings.TrimSpace(v)
		if strings.ContainsFunc(v, func(c rune) bool { return unicode.IsControl(c) && c != '\n' && c != '\r' && c != '\t' }) {
			return r, refuse("csv.control_character", "the row has control characters", "remove them; the file may be damaged")
		}
		empty = empty && values[i] == ""
		if i >= len(t.names) && values[i] != "" {
			return r, refuse("csv.row", fmt.Sprintf("the row has %d fields, the header %d", len(values), len(t.names)), "quote fields that have the delimiter in them")
		}
	}
	if empty {
		return nil, nil
	}
	if len(values) < len(t.names) {
		return r, refuse("csv.row", fmt.Sprintf("the row has %d fields, the header %d", len(values), len(t.names)), "complete the row; it may have been cut off")
	}
	r.values = values
	return r, nil
}

// get gives the first of the columns that is filled in, "" when none is.
func (r *row) get(columns ...string) string {
	for _, c := range columns {
		if i, ok := r.columns[c]; ok && i < len(r.values) && r.values[i] != "" {
			return r.values[i]
		}
	}
	return ""
}

func (r *row) fail(code, reason, do string) {
	if r.err == nil {
		r.err = refuse(code, reason, do)
	}
}

// code gives an identifier in the form in which this connector builds ids: upper case, inner space as one blank.
func (r *row) code(columns ...string) string {
	return strings.ToUpper(strings.Join(strings.Fields(r.get(columns...)), " "))
}

// count gives a whole number of pieces from 0 up, fallback where the column is empty.
func (r *row) count(column string, fallback int64) int64 {
	s := r.get(column)
	if s == "" {
		return fallback
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > 1_000_000_000 {
		r.fail("csv.bad_number", column+" is no number of pieces", "write a whole number from 0 up")
	}
	return n
}

// money gives an amount as stated, nil where there is none. The currency is the column's own (price_eur), the row's
// (currency), or the configured one.
func (r *row) money(column string) *canon.StatedMoney {
	currency := r.get(column+"_currency", "currency")
	if currency == "" {
		currency = r.cfg.Currency
	}
	if amount := r.get(column); amount != "" {
		return r.amount(column, amount, strings.ToUpper(currency))
	}
	for _, name := range r.names {
		if code, ok := strings.CutPrefix(name, column+"_"); ok && len(code) == 3 && r.get(name) != "" {
			return r.amount(name, r.get(name), strings.ToUpper(code))
		}
	}
	return nil
}

// prices gives every amount of a column: price, and price_eur, price_usd …
func (r *row) prices(column string) []canon.StatedMoney {
	var out []canon.StatedMoney
	if r.get(column) != "" {
		if m := r.money(column); m != nil {
			out = append(out, *m)
		}
	}
	for _, name := range r.names {
		if code, ok := strings.CutPrefix(name, column+"_"); ok && len(code) == 3 && r.get(name) != "" {
			if m := r.amount(name, r.get(name), strings.ToUpper(code)); m != nil {
				out = append(out, *m)
			}
		}
	}
	return out
}

func (r *row) amount(column, amount, currency string) *canon.StatedMoney {
	if r.cfg.Decimal == "comma" {
		if strings.Contains(amount, ".") {
			r.fail("csv.bad_amount", column+" has a point", "write a comma before the fraction and no separators, such as 1250,00")
			return nil
		}
		amount = strings.Replace(amount, ",", ".", 1)
	}
	if currency == "" {
		r.fail("csv.currency_missing", column+" has no currency", "add a column currency, or name the currency in the configuration")
		return nil
	}
	if _, err := canon.ParseMoney(amount, currency); err != nil {
		if _, known := canon.CurrencyExponent(currency); !known {
			r.fail("csv.bad_currency", column+" is in no currency", "write the ISO 4217 code, such as EUR")
			return nil
		}
		r.fail("csv.bad_amount", column+" is no exact amount in "+currency, "write digits without separators, a decimal mark, and no more fraction digits than the currency has")
		return nil
	}
	return &canon.StatedMoney{Amount: amount, Currency: currency}
}

// timeLayouts are how rows write times without an offset. Dates with slashes are left out: 02/03 is March or February.
var timeLayouts = []string{"2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02T15:04", "02.01.2006 15:04:05", "02.01.2006 15:04", "2006-01-02", "02.01.2006"}

// moment gives the time of a column, or of the columns date and time together. A time without an offset is in the
// zone of the row's column timezone, else in the configured one. A wall time that the zone skips is refused; of the
// two that it repeats in autumn the earlier one is meant unless the row has an offset.
func (r *row) moment(column, s string) time.Time {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t
	}
	zone := r.cfg.zone
	if name := r.get("timezone"); name != "" {
		z, err := time.LoadLocation(name)
		if err != nil || name == "Local" {
			r.fail("csv.bad_timezone", "timezone is no time zone", "write an IANA name, such as Europe/Paris")
			return time.Time{}
		}
		zone = z
	}
	if zone == nil {
		r.fail("csv.timezone_missing", column+" has no offset", "write it with an offset (2026-11-22T10:00:00+01:00), add a column timezone, or configure one")
		return time.Time{}
	}
	for _, layout := range timeLayouts {
		t, err := time.ParseInLocation(layout, s, zone)
		if err != nil {
			continue
		}
		if t.Format(layout) != s {
			r.fail("csv.bad_time", fmt.Sprintf("%s is an hour that the clocks of %s left out", column, zone), "correct the time")
			return time.Time{}
		}
		if earlier := t.Add(-time.Hour); earlier.Format(layout) == s {
			return earlier
		}
		return t
	}
	r.fail("csv.bad_time", column+" is no time", "write it as 2026-11-22T10:00:00+01:00 or 2026-11-22 10:00:00")
	return time.Time{}
}

// stamp gives the row's own time: the column time, or date and time.
func (r *row) stamp() time.Time {
	s := strings.TrimSpace(r.get("date") + " " + r.get("time"))
	if s == "" {
		r.fail("csv.time_missing", "the row has no time", "fill in the time")
		return time.Time{}
	}
	return r.moment("time", s)
}

// version gives when the row was stated: its column modified, else the file's time of modification. In Unix
// microseconds.
func (r *row) version() int64 {
	if s := r.get("modified"); s != "" {
		return r.moment("modified", s).UnixMicro()
	}
	return r.modified
}

// escaper keeps the parts of an id apart.
var escaper = strings.NewReplacer("%", "%25", "/", "%2F", ":", "%3A")

// till gives the name of the till, from the row or the configuration.
func (r *row) till() string {
	if t := r.get("till"); t != "" {
		return t
	}
	if r.cfg.Till == "" {
		r.fail("csv.till_missing", "the row has no till", "add a column till, or name the till in the configuration")
	}
	return r.cfg.Till
}

func (r *row) location() string {
	if l := r.get("location"); l != "" {
		return l
	}
	return r.cfg.Location
}

// rowError tells a person about a refused row.
func (t *table) rowError(line int64, key string, err error) sdk.RowError {
	var r *refusal
	if !errors.As(err, &r) {
		r = &refusal{code: "csv.row", reason: err.Error(), do: "correct the row"}
	}
	if len(key) > 64 || strings.ContainsAny(key, "@ \t\n") || !strings.ContainsAny(key, "0123456789") {
		key = "" // a row whose fields are out of place may have a name here
	}
	return sdk.RowError{Place: fmt.Sprintf("%s:%d", t.file, line), Code: r.code, Reason: r.Error(), Row: key}
}
