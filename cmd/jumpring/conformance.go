package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/jumpring/jumpring/plugins/conformance"
)

func newConformance(con *console) *cobra.Command {
	var only []string
	var junit, record, replay string
	var names bool
	c := &cobra.Command{
		Use: "conformance [FOLDER | PROGRAM [ARGUMENT …]]", Short: "Try whether the hub can rely on a connector",
		Long: "Runs a connector as the hub does, against its own sandbox behind a proxy that misbehaves, and tries what must\n" +
			"hold for every connector. Each failure says what its author should do. What the kit has to know stands in a\n" +
			"test.yaml: in the FOLDER, or where --config points. Needs no account and no network.",
		Example: "  jumpring conformance .\n  jumpring conformance ./bin/acme-erp --config test.yaml --junit report.xml\n  jumpring conformance . --only poll-ties,apply-unknown\n  jumpring conformance . --record recording\n  jumpring conformance . --replay recording",
		Args:    cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) (err error) {
			if names {
				return listChecks(con)
			}
			file, program, err := testFile(con, c.Flags().Changed("config"), args)
			if err != nil {
				return coded(exitUsage, err)
			}
			options, stop, err := loadTest(c.Context(), file, program, replay)
			if err != nil {
				return coded(exitUsage, err)
			}
			defer func() { err = errors.Join(err, stop()) }()
			options.Only, options.Record = only, record
			dir, err := os.MkdirTemp("", "jumpring-kit-")
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
			report, err := conformance.Check(c.Context(), dir, options)
			if err != nil {
				return err
			}
			return writeReport(con, report, junit)
		},
	}
	c.Flags().StringSliceVar(&only, "only", nil, "the checks to make (default all)")
	c.Flags().StringVar(&junit, "junit", "", "write a JUnit report to this file too")
	c.Flags().StringVar(&record, "record", "", "record the connector's HTTP traffic into this empty folder, without secrets")
	c.Flags().StringVar(&replay, "replay", "", "answer the connector from this recording: neither twin nor network")
	c.MarkFlagsMutuallyExclusive("record", "replay")
	c.Flags().BoolVar(&names, "list", false, "list the checks")
	return c
}

// loadTest reads the test.yaml, and starts its twin unless a recording answers.
func loadTest(ctx context.Context, file string, program []string, replay string) (conformance.Options, func() error, error) {
	if replay == "" {
		return conformance.LoadFile(ctx, file, program)
	}
	o, err := conformance.LoadFileForReplay(ctx, file, program, replay)
	return o, func() error { return nil }, err
}

func listChecks(con *console) error {
	names, about := conformance.Names()
	rows := make([][]string, len(names))
	for i := range names {
		rows[i] = []string{names[i], about[i]}
	}
	return con.rows([]string{"check", "what must hold"}, rows)
}

// testFile finds the test.yaml, and the program where the arguments name one.
func testFile(con *console, configured bool, args []string) (file string, program []string, err error) {
	where := "."
	if len(args) > 0 {
		where = args[0]
	}
	info, err := os.Stat(where)
	if err != nil {
		return "", nil, err
	}
	file = "test.yaml"
	if configured {
		file = con.configPath
	}
	if !info.IsDir() {
		return file, args, nil
	}
	if len(args) > 1 {
		return "", nil, fmt.Errorf("%s is a folder: arguments are for a program", where)
	}
	if _, err := os.Stat(file); configured && (err == nil || !errors.Is(err, fs.ErrNotExist) || filepath.IsAbs(file)) {
		return file, nil, nil
	}
	return filepath.Join(where, file), nil, nil
}

// writeReport writes the report in the format that was asked for. Findings are the exit code's business.
func writeReport(con *console, report *conformance.Report, junit string) (err error) {
	if junit != "" {
		f, err := os.Create(junit)
		if err != nil {
			return err
		}
		if err := errors.Join(report.WriteJUnit(f), f.Close()); err != nil {
			return fmt.Errorf("%s: %w", junit, err)
		}
	}
	if con.format == "json" {
		err = report.WriteJSON(con.out)
	} else {
		err = report.WriteText(con.out)
	}
	if err == nil && report.Count(conformance.Failed) > 0 {
		return &exitError{exitFailed}
	}
	return err
}
