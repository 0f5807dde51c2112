package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"sort"
	"strings"

	"github.com/spf13/cobra"

	"github.com/jumpring/jumpring/core/identity/trial"
)

// newBench has the measurements that need no hub.
func newBench(con *console) *cobra.Command {
	return group("bench", "Measure parts of the hub on this machine", newBenchIdentity(con))
}

func newBenchIdentity(con *console) *cobra.Command {
	c := &cobra.Command{
		Use: "identity", Short: "Measure how well and how fast records of one person are found", Args: exactly(0),
		Long: `Measure how well and how fast records of one person are found.

Without --csv, a seeded generator makes clients as several systems know them: a quarter of the records with errors in two
or more fields, a tenth of couples, shared phones, missing e-mail addresses, nicknames, transliterations, moved houses.

With --csv, the records come from a file with a truth label: records with the same value in the column --truth are one
person. Columns with usual names (first_name, surname, dob, street_number, postcode, ...) are recognized; --map says
which is which, and then no other is used. Weights are learned from the file itself, without the label.

Roles for --map: given, middle, family, full (a person's whole name), name (a company's), birthday or year, month, day,
gender, id (social security, loyalty), email, phone, number (of the house), street (or a whole address), city,
postcode, region, other.

Printed are precision, recall and F1, by pairs of records, for what is merged without a person (auto), for what is more
likely one person than not (match), and for equal keys alone (exact keys).`,
	}
	f := c.Flags()
	records := f.Int("records", 100_000, "how many records the generator makes")
	seed := f.Uint64("seed", 1, "seed of the generator and of random pairs")
	files := f.StringArray("csv", nil, "CSV file with labelled records; may be given several times")
	truth := f.String("truth", "", "column of the file whose equal values mean one person")
	pattern := f.String("truth-pattern", "", `regular expression whose first group is the label, as in 'rec-(\d+)-'`)
	mapping := f.String("map", "", "which column is what: given=first_name,family=surname,...")
	c.RunE = func(*cobra.Command, []string) error {
		var all []trial.Record
		var columns map[trial.Role][]string
		if len(*files) == 0 {
			if *records < 2 {
				return coded(exitUsage, errors.New("--records must be 2 or more"))
			}
			all = trial.Generate(*records, *seed)
		}
		for i, path := range *files {
			if *truth == "" {
				return coded(exitUsage, errors.New("say with --truth which column tells who is who"))
			}
			t := trial.Table{Truth: *truth}
			var err error
			if t.Roles, err = trial.ParseRoles(*mapping); err != nil {
				return coded(exitUsage, err)
			}
			if *pattern != "" {
				if t.Pattern, err = regexp.Compile(*pattern); err != nil {
					return coded(exitUsage, fmt.Errorf("--truth-pattern: %w", err))
				}
			}
			read, found, err := readTable(&t, path, fmt.Sprintf("%c/", 'a'+i))
			if err != nil {
				return coded(exitUsage, fmt.Errorf("%s: %w", path, err))
			}
			all, columns = append(all, read...), found
		}
		report, err := trial.Run(all, *seed)
		if err != nil {
			return err
		}
		report.Columns = columns
		if con.format == "json" {
			return con.json(report)
		}
		return con.identityReport(report)
	}
	return c
}

func readTable(t *trial.Table, path, prefix string) ([]trial.Record, map[trial.Role][]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	return t.Read(file, prefix)
}

// identityReport prints a report for a person.
func (c *console) identityReport(r *trial.Report) error {
	if len(r.Columns) > 0 {
		var used []string
		for role, columns := range r.Columns {
			used = append(used, string(role)+"="+strings.Join(columns, "+"))
		}
		sort.Strings(used)
		c.say("columns: %s", strings.Join(used, ", "))
	}
	row := func(name string, s trial.Score) []string {
		return []string{
			name, fmt.Sprintf("%.5f", s.Precision), fmt.Sprintf("%.5f", s.Recall), fmt.Sprintf("%.5f", s.F1),
			fmt.Sprint(s.Pairs), fmt.Sprint(s.TruePairs), fmt.Sprint(s.Couples),
		}
	}
	err := c.rows([]string{"merged", "precision", "recall", "f1", "pairs", "true pairs", "couples merged"}, [][]string{
		row("auto", r.Auto), row("match", r.Match), row("exact keys", r.Exact),
	})
	if err != nil {
		return err
	}
	c.say("%d records of %d persons; %d candidate pairs; %d pairs of clusters to review", r.Records, r.Persons, r.Candidates, r.Review)
	c.say("batch %.2f s (%.2f s of processor time on %d processors), one client among all p50 %.0f us, p99 %.0f us (%.0f and %.0f us of processor time), memory %d MB",
		r.LinkSeconds, r.CPUSeconds, r.Parallelism, r.OneMicros[0], r.OneMicros[1], r.OneCPUMicros[0], r.OneCPUMicros[1], r.MemoryMB)
	return nil
}
