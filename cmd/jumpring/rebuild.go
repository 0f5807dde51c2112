package main

import (
	"errors"

	"github.com/spf13/cobra"
)

func newRebuild(con *console) *cobra.Command {
	return &cobra.Command{
		Use: "rebuild", Short: "Make the view anew from the journal, on the data folder of a stopped hub", Args: exactly(0),
		Long: "Remove the view and fold the whole journal again. No platform is called and nothing is published. The hub must be\nstopped. Of several nodes this one alone: the journal is read from the brokers.",
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := con.configuration()
			if err != nil {
				return err
			}
			h, err := con.offline(c.Context(), cfg)
			if err != nil {
				return err
			}
			j := journalOf(h)
			err = h.Store().Wipe()
			if err == nil {
				err = con.fold(c.Context(), "rebuild", j, h.Store())
			}
			made := verified{OK: true, Journal: j.End()}
			if err == nil {
				made.View, made.Records, err = digestsOf(c.Context(), h.Store())
			}
			if err = errors.Join(err, h.Close()); err != nil {
				return err
			}
			return con.verified(made, "")
		},
	}
}
