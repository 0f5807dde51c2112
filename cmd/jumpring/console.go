package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/mattn/go-isatty"
)

// console is where a command reads and writes, with the flags that every command has.
type console struct {
	in       io.Reader
	out, err io.Writer
	// terminal tells that err is a terminal: there bars are drawn. answers tells that in is one: there questions are asked.
	terminal, answers bool

	configPath, hub, token, format string
	env                            func(string) string
}

// defaultConfig is the configuration where --config names none.
const defaultConfig = "configs/jumpring.yaml"

func newConsole(in io.Reader, out, err io.Writer) *console {
	return &console{in: in, out: out, err: err, terminal: isTerminal(err), answers: isTerminal(in), configPath: defaultConfig, env: os.Getenv}
}

func isTerminal(v any) bool {
	f, ok := v.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

func (c *console) checkFormat() error {
	switch c.format {
	case "table", "json", "csv":
		return nil
	}
	return coded(exitUsage, fmt.Errorf("--output %q: use table, json or csv", c.format))
}

// column is one column of a table: its title and where its value is in a record, as a path of JSON names.
type column struct{ title, path string }

// table prints records: as a table or CSV of the columns, or whole as JSON.
func (c *console) table(columns []column, records []any, whole any) error {
	if c.format == "json" {
		return c.json(whole)
	}
	head := make([]string, len(columns))
	rows := make([][]string, len(records))
	for i, col := range columns {
		head[i] = col.title
	}
	for i, r := range records {
		rows[i] = make([]string, len(columns))
		for k, col := range columns {
			rows[i][k] = cell(lookup(r, col.path))
		}
	}
	return c.rows(head, rows)
}

func (c *console) rows(head []string, rows [][]string) error {
	if c.format == "csv" {
		w := csv.NewWriter(c.out)
		if err := w.Write(head); err != nil {
			return err
		}
		if err := w.WriteAll(rows); err != nil {
			return err
		}
		return w.Error()
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.ToUpper(strings.Join(head, "\t")))
	for _, r := range rows {
		plain := make([]string, len(r))
		for i := range r {
			plain[i] = printable(r[i])
		}
		fmt.Fprintln(w, strings.Join(plain, "\t"))
	}
	return w.Flush()
}

// record prints one record: its fields one below the other, or whole as JSON.
func (c *console) record(columns []column, v any) error {
	if c.format != "table" {
		return c.table(columns, []any{v}, v)
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	for _, col := range columns {
		if s := cell(lookup(v, col.path)); s != "" {
			fmt.Fprintf(w, "%s\t%s\n", col.title, printable(s))
		}
	}
	return w.Flush()
}

func (c *console) json(v any) error {
	e := json.NewEncoder(c.out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// say tells a person something that is no result.
func (c *console) say(format string, args ...any) { fmt.Fprintf(c.err, format+"\n", args...) }

// lookup follows a path such as "holder.channel" or "listings.connection"; of a list every element is followed.
func lookup(v any, path string) any {
	if path == "" {
		return v
	}
	name, rest, _ := strings.Cut(path, ".")
	switch x := v.(type) {
	case map[string]any:
		return lookup(x[name], rest)
	case []any:
		out := make([]any, len(x))
		for i := range x {
			out[i] = lookup(x[i], path)
		}
		return out
	}
	return nil
}

// cell writes a value into one cell.
func cell(v any) string {
	switch x := v.(type) {
	case nil:
		return ""
	case string:
		return x
	case bool:
		return strconv.FormatBool(x)
	case json.Number:
		return x.String()
	case []any:
		parts := make([]string, 0, len(x))
		for _, e := range x {
			if s := cell(e); s != "" {
				parts = append(parts, s)
			}
		}
		return strings.Join(parts, " ")
	}
	b, err := json.Marshal(v)
	if err != nil {
		return "?"
	}
	return string(b)
}

// printable keeps what a platform wrote from steering the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return ' '
		}
		return r
	}, s)
}
