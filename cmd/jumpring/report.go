package main

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/jumpring/jumpring/core/report"
)

func newReport(con *console) *cobra.Command {
	cmd := &cobra.Command{
		Use: "report NAME", Short: "Show sales, inventory, turnover, counts or clients", Args: exactly(1),
		Long: `Show a report: sales, inventory, turnover, counts or clients. docs/reports.md says what each figure is the sum of.
As a table or CSV amounts are decimals; as JSON they are minor units, and the answer names the definition, the journal
position that it stands for, and the source and date of the exchange rates.`,
		Example: `  jumpring report sales --from 2026-01-01 --to 2026-02-01 --by salesperson
  jumpring report inventory --by metal --currency EUR --output csv`,
	}
	query := filters(cmd, map[string]string{
		"by": "location, channel, salesperson, metal, category, age, day or month, as the report has it", "from": "begin of the period, inclusive: YYYY-MM-DD or a time",
		"to": "end of the period, exclusive; default: now", "currency": "show amounts in this one, by the configured rates", "location": "one location's figures alone",
	})
	cmd.RunE = func(c *cobra.Command, args []string) error {
		hub, err := con.remote()
		if err != nil {
			return err
		}
		answer, err := hub.get(c.Context(), "/v1/reports/"+url.PathEscape(args[0])+"?"+query().Encode())
		if err != nil {
			return err
		}
		return con.report(answer)
	}
	return cmd
}

// report prints a report and, to a person, what it stands for.
func (c *console) report(answer any) error {
	if c.format == "json" {
		return c.json(answer)
	}
	name := cell(lookup(answer, "name"))
	columns := report.Columns(name, true)
	if report.HasCurrency(name) {
		columns = append([]string{"currency"}, columns...)
	}
	head := []string{cell(lookup(answer, "by"))}
	for _, name := range columns {
		head = append(head, strings.ReplaceAll(strings.TrimSuffix(strings.TrimSuffix(name, "_minor"), "_thousandths"), "_", " "))
	}
	rows, _ := lookup(answer, "rows").([]any)
	totals, _ := lookup(answer, "totals").([]any)
	if c.format == "csv" {
		totals = nil // a sum among the rows would be summed again
	}
	lines := [][]string{}
	for _, r := range append(rows, totals...) {
		currency := cell(lookup(r, "currency"))
		line := []string{cell(lookup(r, "key"))}
		for _, name := range columns {
			line = append(line, figure(lookup(r, name), name, currency))
		}
		lines = append(lines, line)
	}
	c.say("%s", cell(lookup(answer, "definition")))
	c.say("from %s to %s, as of journal position %s", cell(lookup(answer, "from")), cell(lookup(answer, "to")), cell(lookup(answer, "position")))
	if source := cell(lookup(answer, "rates.source")); source != "" {
		c.say("rates: %s, of %s", printable(source), cell(lookup(answer, "rates.date")))
	}
	if without := cell(lookup(answer, "unconverted")); without != "" {
		c.say("no rate for %s: these rows are in their own currency", without)
	}
	return c.rows(head, lines)
}

// figure writes a number of a report as a person reads it.
func figure(v any, name, currency string) string {
	n, err := strconv.ParseInt(cell(v), 10, 64)
	switch {
	case v == nil:
		return ""
	case err != nil:
		return cell(v)
	}
	return report.Decimal(name, n, currency)
}
