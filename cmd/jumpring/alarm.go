package main

import (
	"crypto/x509"
	"fmt"
	"net/http"
	"net/url"
	"os"

	"github.com/spf13/cobra"

	"github.com/jumpring/jumpring/core/alarm"
	"github.com/jumpring/jumpring/core/config"
	"github.com/jumpring/jumpring/core/hub"
)

func newAlarm(con *console) *cobra.Command {
	return group("alarm", "What the hub tells people outside", newAlarmList(con), newAlarmTest(con))
}

func newAlarmList(con *console) *cobra.Command {
	var over, ways bool
	cmd := &cobra.Command{
		Use: "list", Short: "List the alarms that stand", Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			hub, err := con.remote()
			if err != nil {
				return err
			}
			v, err := hub.get(c.Context(), "/v1/alarms")
			if err != nil {
				return err
			}
			columns := []column{{"raised at", "raised_at"}, {"kind", "kind"}, {"subject", "subject"}, {"what", "what"}, {"do", "do"}}
			rows, _ := lookup(v, "standing").([]any)
			switch {
			case ways:
				columns = []column{{"way", "name"}, {"by", "by"}, {"told at", "told_at"}, {"failures", "failures"}, {"last error", "last_error"}}
				rows, _ = lookup(v, "ways").([]any)
			case over:
				columns = append([]column{{"cleared at", "cleared_at"}}, columns[:4]...)
				rows, _ = lookup(v, "over").([]any)
			}
			return con.table(columns, rows, v)
		},
	}
	cmd.Flags().BoolVar(&over, "over", false, "those that are over instead")
	cmd.Flags().BoolVar(&ways, "ways", false, "how each way of telling does instead")
	return cmd
}

func newAlarmTest(con *console) *cobra.Command {
	return &cobra.Command{
		Use: "test WAY", Short: "Tell a test by one way of alarms.ways, and say what came of it", Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			hub, err := con.remote()
			if err != nil {
				return err
			}
			raw, _, err := hub.call(c.Context(), http.MethodPost, "/v1/alarms/test/"+url.PathEscape(args[0]), nil)
			if err != nil {
				return err
			}
			v, err := decoded(raw)
			if err != nil {
				return err
			}
			return con.record([]column{{"way", "way"}, {"told at", "told_at"}}, v)
		},
	}
}

// alarmsOf turns the configuration of alarms into what the hub takes.
func alarmsOf(cfg *config.Config) (hub.AlarmOptions, error) {
	every, times := cfg.Alarms.Times()
	out := hub.AlarmOptions{Every: every, Times: times, Limits: cfg.Alarms.Limits(cfg.Backup.Interval())}
	for i := range cfg.Alarms.Ways {
		w := &cfg.Alarms.Ways[i]
		way := alarm.Way{Name: w.Name}
		for _, k := range w.Kinds {
			way.Kinds = append(way.Kinds, alarm.Kind(k))
		}
		switch {
		case len(w.Command) > 0:
			way.Teller = &alarm.Command{Args: w.Command}
		case w.Mail.Server != "":
			m := &alarm.Mail{Server: w.Mail.Server, From: w.Mail.From, To: w.Mail.To, User: w.Mail.User, Password: w.Mail.Password.Reveal(), Security: w.Mail.TLS}
			if w.Mail.CA != "" {
				raw, err := os.ReadFile(w.Mail.CA)
				if err != nil {
					return out, fmt.Errorf("alarms.ways[%d].mail.ca: %w", i, err)
				}
				m.Roots = x509.NewCertPool()
				if !m.Roots.AppendCertsFromPEM(raw) {
					return out, fmt.Errorf("alarms.ways[%d].mail.ca: the file has no certificate in PEM", i)
				}
			}
			way.Teller = m
		default:
			way.Teller = &alarm.Webhook{URL: w.Webhook.URL.Reveal(), Secret: w.Webhook.Secret.Reveal()}
		}
		out.Ways = append(out.Ways, way)
	}
	return out, nil
}
