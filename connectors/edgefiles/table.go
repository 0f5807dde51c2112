package edgefiles

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// knownColumns are the columns that lists have, in this package's spelling: small letters and digits.
var knownColumns = []string{
	"customerid", "firstname", "lastname", "company", "email", "email2", "phone", "mobile", "address1", "address2", "city", "state", "zip", "country",
	"birthday", "spouseid", "allowemail", "created", "modified", "itemid", "description", "category", "vendor", "stylenumber", "serial", "epc", "gtin",
	"certificate", "lab", "metal", "karat", "weight", "stone", "carat", "color", "clarity", "size", "price", "cost", "store", "status", "quantity", "type",
	"image", "jobid", "jobtype", "promised", "total", "location",
}

// columnName gives a header as columns are compared: "Item ID" and "item_id" are one.
func columnName(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || r == '#' {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

// refusal says why a row is refused, for a person.
type refusal struct{ code, reason, do string }

func (r *refusal) Error() string { return r.reason + ": " + r.do }

func refuse(code, reason, do string) *refusal { return &refusal{"edge-files." + code, reason, do} }

// table is a list, cut into rows.
type table struct {
	cfg     *config
	list    list
	sum     string
	whole   bool // it ends with a line end
	header  map[string]int
	rows    []rawRow
	version int64 // of rows that state none
	problem *refusal
}

type rawRow struct {
	line   int
	values []string
	err    *refusal
}

func newTable(cfg *config, l list, raw []byte, sum string) *table {
	t := &table{cfg: cfg, list: l, sum: sum, whole: len(raw) > 0 && raw[len(raw)-1] == '\n', header: map[string]int{}}
	t.version = t.stated().UnixMicro()
	raw = bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(raw) {
		raw = fromLatin(raw)
	}
	r := csv.NewReader(bytes.NewReader(raw))
	r.Comma, r.FieldsPerRecord, r.LazyQuotes, r.TrimLeadingSpace = cfg.comma, -1, true, true
	head, err := r.Read()
	if err != nil {
		t.problem = refuse("header", "the file has no header", "have The Edge write the names of the columns first")
		return t
	}
	for i, name := range head {
		name = columnName(name)
		if ours, ok := cfg.columns[name]; ok {
			name = ours
		}
		if _, twice := t.header[name]; !twice {
			t.header[name] = i
		}
	}
	if key := keyColumns[l.content]; !has(t.header, key) {
		t.problem = refuse("header", "the file has no column "+key, "correct the header, or name the column in columns")
		return t
	}
	for {
		values, err := r.Read()
		if errors.Is(err, io.EOF) {
			return t
		}
		line, _ := r.FieldPos(0)
		row := rawRow{line: line, values: values}
		var parse *csv.ParseError
		switch {
		case errors.As(err, &parse):
			row.line, row.err = parse.StartLine, refuse("row", "the row can't be cut into fields", "close the quote, or double quotes inside of quoted text")
		case err != nil:
			t.problem = refuse("row", err.Error(), "write the file anew")
			return t
		case len(values) != len(head):
			row.err = refuse("row", fmt.Sprintf("the row has %d fields, the header %d", len(values), len(head)), "quote fields that have the delimiter in them; the row may have been cut off")
		}
		t.rows = append(t.rows, row)
	}
}

func has(header map[string]int, column string) bool {
	_, ok := header[column]
	return ok
}

// keyColumns are what tells the rows of a list apart.
var keyColumns = map[content]string{customers: "customerid", items: "itemid", jobs: "jobid"}

// fromLatin reads Windows-1252 as far as it is Latin-1, which is what tills on Windows write.
func fromLatin(raw []byte) []byte {
	out := make([]rune, len(raw))
	for i, b := range raw {
		out[i] = rune(b)
	}
	return []byte(string(out))
}

// stated is when the list was made: the time in its name, in The Edge's zone.
func (t *table) stated() time.Time {
	s := t.list.stamp
	at, err := time.ParseInLocation("20060102150405"[:len(s)], s, t.cfg.zone)
	if err != nil {
		return t.list.modified
	}
	return at
}

// translate gives what a row states, or why it is refused.
func (t *table) translate(i int) ([]canon.Observation, *sdk.RowError) {
	r := &row{table: t, rawRow: t.rows[i]}
	var out []canon.Observation
	if r.err == nil {
		switch t.list.content {
		case customers:
			out = r.customer()
		case items:
			out = r.item()
		case jobs:
			out = r.job()
		}
	}
	if r.err != nil {
		return nil, &sdk.RowError{
			Place: t.list.name + ":" + strconv.Itoa(r.line), Code: r.err.code, Reason: r.err.Error(), Row: r.get(keyColumns[t.list.content]),
		}
	}
	return out, nil
}

// refusals lists what was refused: places, keys and reasons, and nothing of what the rows say.
func (t *table) refusals() []byte {
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	add := func(fields ...string) { _ = w.Write(fields) } // a buffer takes all
	add("place", "row", "code", "reason")
	if t.problem != nil {
		add(t.list.name, "", t.problem.code, t.problem.Error())
	}
	for i := range t.rows {
		if _, bad := t.translate(i); bad != nil {
			add(bad.Place, bad.Row, bad.Code, bad.Reason)
		}
	}
	w.Flush()
	return out.Bytes()
}

// row is one row while it is translated.
type row struct {
	*table
	rawRow
}

func (r *row) get(column string) string {
	i, ok := r.header[column]
	if !ok || i >= len(r.values) {
		return ""
	}
	return strings.TrimSpace(r.values[i])
}

func (r *row) fail(code, reason, do string) {
	if r.err == nil {
		r.err = refuse(code, reason, do)
	}
}

// key gives the row's own id.
func (r *row) key(column string) string {
	id := r.get(column)
	if id == "" {
		r.fail("key_missing", "the row has no "+column, "fill it in")
	}
	return id
}

// at is the version of what the row states: when it was modified, else when the list was made.
func (r *row) at() int64 {
	if s := r.get("modified"); s != "" {
		if t := r.moment("modified", s); !t.IsZero() {
			return t.UnixMicro()
		}
	}
	return r.version
}

// layouts are how times without an offset are written.
var layouts = map[string][]string{
	"us":  {"1/2/2006 3:04:05 PM", "1/2/2006 3:04 PM", "1/2/2006 15:04:05", "1/2/2006 15:04", "1/2/2006", "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02"},
	"eu":  {"2/1/2006 15:04:05", "2/1/2006 15:04", "2/1/2006", "2.1.2006 15:04:05", "2.1.2006 15:04", "2.1.2006", "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02"},
	"iso": {"2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02"},
}

func (r *row) moment(column, s string) time.Time {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t
	}
	for _, layout := range layouts[r.cfg.Dates] {
		if t, err := time.ParseInLocation(layout, s, r.cfg.zone); err == nil {
			return t
		}
	}
	r.fail("bad_time", column+" is no time", "write it as the configuration's dates says, or as 2026-11-22T10:00:00-06:00")
	return time.Time{}
}

// money gives an amount of The Edge's currency; nil where there is none.
func (r *row) money(column string) *canon.StatedMoney {
	s := strings.NewReplacer("$", "", "€", "", "£", "", ",", "", " ", "").Replace(r.get(column))
	if s == "" {
		return nil
	}
	m, err := canon.ParseMoney(s, r.cfg.Currency)
	if err != nil {
		r.fail("bad_amount", column+" is no exact amount in "+r.cfg.Currency, "write digits with a point before the fraction")
		return nil
	}
	return &canon.StatedMoney{Amount: m.Decimal(), Currency: r.cfg.Currency}
}
