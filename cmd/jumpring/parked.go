package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"

	"github.com/spf13/cobra"
)

var parkedColumns = []column{
	{"position", "position"}, {"type", "type"}, {"connection", "head.connection"}, {"code", "code"}, {"reason", "reason"}, {"at", "at"},
}

func newParked(con *console) *cobra.Command {
	list := &cobra.Command{Use: "list", Short: "List the entries that could not be applied", Args: exactly(0), RunE: func(c *cobra.Command, _ []string) error {
		return con.listed(c, "/v1/parked", nil, 0, parkedColumns)
	}}
	show := &cobra.Command{Use: "show POSITION", Short: "Show a parked entry with its data", Args: exactly(1), RunE: func(c *cobra.Command, args []string) error {
		return con.shown(c, "/v1/parked/"+url.PathEscape(args[0]), append(parkedColumns, column{"data", "data"}))
	}}
	replay := &cobra.Command{Use: "replay POSITION", Short: "Fold a parked entry again, as it was or with other data", Args: exactly(1)}
	file := replay.Flags().String("data", "", "file with the corrected data as JSON; - reads it from the input")
	replay.RunE = func(c *cobra.Command, args []string) error {
		body := map[string]any{}
		if *file != "" {
			raw, err := con.read(*file)
			if err != nil {
				return coded(exitUsage, err)
			}
			if !json.Valid(raw) {
				return coded(exitUsage, fmt.Errorf("%s is not JSON", *file))
			}
			body["data"] = json.RawMessage(raw)
		}
		v, err := con.endParked(c, args[0], "replay", body)
		if err != nil {
			return err
		}
		if lookup(v, "parked") == true {
			return coded(exitFailed, errors.New("it could not be applied again and is parked at "+cell(lookup(v, "position"))))
		}
		return nil
	}
	discard := &cobra.Command{Use: "discard POSITION", Short: "End a parked entry without applying it", Args: exactly(1), RunE: func(c *cobra.Command, args []string) error {
		_, err := con.endParked(c, args[0], "discard", nil)
		return err
	}}
	return group("parked", "Look at entries that could not be applied", list, show, replay, discard)
}

func (c *console) endParked(cmd *cobra.Command, position, verb string, body any) (any, error) {
	hub, err := c.remote()
	if err != nil {
		return nil, err
	}
	v, err := hub.post(cmd.Context(), "/v1/parked/"+url.PathEscape(position)+"/"+verb, body)
	if err != nil {
		return nil, err
	}
	return v, c.record([]column{{"position", "position"}, {"parked", "parked"}}, v)
}

// read reads a file, or the input for "-".
func (c *console) read(path string) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(c.in)
	}
	return os.ReadFile(path)
}
