package main

import (
	"bufio"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

var reloadColumns = []column{{"connection", "connection"}, {"does", "does"}, {"why", "why"}, {"from", "from"}, {"to", "to"}, {"errors", "errors"}}

func newReload(con *console) *cobra.Command {
	var yes, dryRun bool
	c := &cobra.Command{
		Use: "reload", Short: "Take up the configuration while the hub runs", Args: exactly(0),
		Long: "The hub reads its configuration anew, tries the connectors that are to be started and shows what would change. After\n" +
			"a yes it starts anew the connections that changed, and only those. No fact is lost: deliveries wait for their connector.\n" +
			"A version of a connector that `jumpring plugin add` let in is taken up likewise.",
		RunE: func(c *cobra.Command, _ []string) error {
			hub, err := con.remote()
			if err != nil {
				return err
			}
			plan, err := hub.get(c.Context(), "/v1/reload")
			if err != nil {
				return err
			}
			refused, _ := lookup(plan, "refused").(bool)
			if dryRun || refused || con.format == "table" {
				if err := con.reloadShown(plan); err != nil {
					return err
				}
			}
			if refused {
				return coded(exitFailed, errors.New("the configuration can't be taken up; nothing was changed"))
			}
			if dryRun {
				return nil
			}
			if err := con.reloadAccepted(yes); err != nil {
				return err
			}
			done, err := hub.post(c.Context(), "/v1/reload", map[string]any{"digest": lookup(plan, "digest")})
			if err != nil {
				return err
			}
			if con.format != "table" {
				return con.reloadShown(done)
			}
			con.say("done")
			return nil
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "do it without asking")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "show what would change, change nothing")
	return c
}

func (c *console) reloadShown(plan any) error {
	changes, _ := lookup(plan, "changes").([]any)
	if err := c.table(reloadColumns, changes, plan); err != nil {
		return err
	}
	if settings, _ := lookup(plan, "settings").(bool); settings {
		c.say("settings of places, modes or policy change")
	}
	if keys, _ := lookup(plan, "restart").([]any); len(keys) > 0 {
		c.say("changed, and taken up by a restart of the hub alone: %s", cell(keys))
	}
	return nil
}

func (c *console) reloadAccepted(yes bool) error {
	if yes {
		return nil
	}
	if !c.answers {
		return coded(exitUsage, errors.New("--yes is missing: look at `jumpring reload --dry-run` first"))
	}
	fmt.Fprint(c.err, "Do this? Type yes: ")
	answer, err := bufio.NewReader(c.in).ReadString('\n')
	if err != nil || strings.TrimSpace(answer) != "yes" {
		return coded(exitUsage, errors.New("not accepted; nothing was changed"))
	}
	return nil
}

func newReprocess(con *console) *cobra.Command {
	var from, to string
	c := &cobra.Command{
		Use: "reprocess CONNECTION", Short: "Translate kept webhook deliveries again, after a mapping was put right", Args: exactly(1),
		Long: "The facts of before stay in the journal. What the newer mapping makes of the same deliveries counts instead, where the\n" +
			"connector states a higher translation version; where a platform was asked since, it is asked again.\n" +
			"What came by polls is brought anew by `jumpring import CONNECTION`.",
		Example: "  jumpring reprocess web-eu\n  jumpring reprocess web-eu --from 2026-11-01T00:00:00Z --to 2026-11-02T00:00:00Z",
		RunE: func(c *cobra.Command, args []string) error {
			body := map[string]any{}
			for key, text := range map[string]string{"from": from, "to": to} {
				if text == "" {
					continue
				}
				if _, err := time.Parse(time.RFC3339, text); err != nil {
					return coded(exitUsage, fmt.Errorf("--%s: write a time with its offset, such as 2026-11-01T00:00:00Z", key))
				}
				body[key] = text
			}
			v, err := con.job(c.Context(), "/v1/connections/"+url.PathEscape(args[0])+"/reprocess", "reprocessing of "+args[0], body)
			if err != nil {
				return err
			}
			return con.record([]column{
				{"deliveries", "deliveries"}, {"facts", "facts"}, {"malformed", "malformed"}, {"not genuine", "not_genuine"}, {"failed", "failed"},
			}, lookup(v, "reprocess"))
		},
	}
	c.Flags().StringVar(&from, "from", "", "received at this time or later")
	c.Flags().StringVar(&to, "to", "", "received before this time")
	return c
}
