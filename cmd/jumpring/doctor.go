package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/jumpring/jumpring/core/api"
	"github.com/jumpring/jumpring/core/config"
	"github.com/jumpring/jumpring/core/doctor"
	"github.com/jumpring/jumpring/plugins/sdk"
)

func newDoctor(con *console) *cobra.Command {
	var backups string
	cmd := &cobra.Command{
		Use: "doctor", Short: "Check the machine, the hub and every connection, and say what to do", Args: exactly(0),
		Long: "Check disk, clock, public address and its certificate, the age of the newest backup, and of each connection that it runs, that\nit is not silent, its credential's end, and by a live test its scopes. Run it on the hub's machine. Changes nothing. Exits 1\nwhen a check fails; a warning is none.",
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := con.configuration()
			if err != nil {
				return err
			}
			checks := machineChecks(c.Context(), cfg, backups)
			if hub, err := con.remote(); err != nil {
				checks = append(checks, doctor.Check{Name: "hub", State: doctor.Fail, What: err.Error(), Do: "run this where the hub's token is"})
			} else {
				checks = hub.scheduled(c.Context(), append(checks, hub.checks(c.Context(), cfg.PublicURL != "")...))
			}
			raw, err := decodedOf(checks)
			if err != nil {
				return err
			}
			rows, _ := raw.([]any)
			if err := con.table([]column{{"check", "name"}, {"state", "state"}, {"what", "what"}, {"do", "do"}}, rows, raw); err != nil {
				return err
			}
			if doctor.Worst(checks) == doctor.Fail {
				return &exitError{exitFailed}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&backups, "backups", ".", "folder in which backups are kept")
	return cmd
}

// machineChecks looks at what can be seen without the hub.
func machineChecks(ctx context.Context, cfg *config.Config, backups string) []doctor.Check {
	var out []doctor.Check
	var fs unix.Statfs_t
	if err := unix.Statfs(cfg.Data, &fs); err != nil {
		out = append(out, doctor.Check{Name: "disk", State: doctor.Fail, What: "the data folder can't be looked at: " + err.Error(), Do: "run this on the hub's machine, as the hub's user"})
	} else {
		out = append(out, doctor.Disk(fs.Bavail*uint64(fs.Bsize), fs.Blocks*uint64(fs.Bsize)))
	}
	newest := time.Time{}
	found, _ := filepath.Glob(filepath.Join(backups, "*.tar.zst")) // the pattern is a good one
	for _, path := range found {
		if info, err := os.Stat(path); err == nil && info.ModTime().After(newest) {
			newest = info.ModTime()
		}
	}
	out = append(out, doctor.Backup(newest, time.Now()))
	return append(out, addressChecks(ctx, cfg.PublicURL)...)
}

// addressChecks calls the public address as platforms do. Whoever answers there states the time, too.
func addressChecks(ctx context.Context, public string) []doctor.Check {
	if public == "" {
		return []doctor.Check{{Name: "public address", State: doctor.Warn, What: "there is none: platforms are polled alone", Do: "set public_url in the configuration"}}
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, public+"/healthz", nil)
	var res *http.Response
	if err == nil {
		res, err = http.DefaultClient.Do(req)
	}
	if err != nil {
		var bad *url.Error
		if errors.As(err, &bad) {
			err = bad.Err
		}
		out := []doctor.Check{{Name: "public address", State: doctor.Fail, What: "is not reached: " + err.Error(), Do: "see the proxy before the hub, the name's address and the firewall"}}
		var wrong *tls.CertificateVerificationError
		if errors.As(err, &wrong) {
			out[0].Do = "put a valid certificate in place"
		}
		return out
	}
	defer func() { _ = res.Body.Close() }() // nothing is read of it
	out := []doctor.Check{{Name: "public address", State: doctor.OK, What: "answers"}}
	if res.StatusCode != http.StatusOK {
		out[0] = doctor.Check{Name: "public address", State: doctor.Fail, What: fmt.Sprintf("answers with %d, not as this hub", res.StatusCode), Do: "lead the proxy's paths to the hub"}
	}
	if res.TLS != nil && len(res.TLS.PeerCertificates) > 0 {
		out = append(out, doctor.Expiry("certificate", res.TLS.PeerCertificates[0].NotAfter, time.Now(), "renew the certificate"))
	}
	host, _, splitErr := net.SplitHostPort(req.URL.Host)
	if splitErr != nil {
		host = req.URL.Host
	}
	ip := net.ParseIP(host)
	if at, err := http.ParseTime(res.Header.Get("Date")); err == nil && (ip == nil || !ip.IsLoopback()) {
		out = append(out, doctor.Clock(time.Since(at)))
	}
	return out
}

// checks asks the running hub.
func (r *remote) checks(ctx context.Context, registered bool) []doctor.Check {
	var connections struct {
		Items []api.ConnectionStatus `json:"items"`
	}
	raw, _, err := r.call(ctx, http.MethodGet, "/v1/connections?limit=500", nil)
	if err == nil {
		err = json.Unmarshal(raw, &connections)
	}
	if err != nil {
		return []doctor.Check{{Name: "hub", State: doctor.Fail, What: err.Error(), Do: "start it, and see its log"}}
	}
	out := []doctor.Check{{Name: "hub", State: doctor.OK, What: "answers"}}
	for i := range connections.Items {
		c := &connections.Items[i]
		out = append(out, doctor.Flow(doctor.Connection{
			Name: c.Name, State: c.State, Fused: c.Fused, Paused: c.Paused, Stale: c.Stale, Registered: registered,
		}))
		at := "/v1/connections/" + url.PathEscape(c.Name)
		var health sdk.HealthResponse
		if raw, _, err := r.call(ctx, http.MethodGet, at+"/health", nil); err == nil && json.Unmarshal(raw, &health) == nil && health.CredentialExpiry != nil {
			out = append(out, doctor.Expiry("credential of "+c.Name, *health.CredentialExpiry, time.Now(), "give the connection a new credential"))
		}
		out = append(out, r.scopes(ctx, c.Name))
		if w := &c.Webhooks; registered && (!w.AssertedAt.IsZero() || w.Failures > 0) {
			out = append(out, doctor.Webhooks(c.Name, w.AssertedAt, w.Failures))
		}
	}
	return out
}

// scheduled adds how alarms do, and puts the schedule of backups, where there is one, in the place of what files tell.
func (r *remote) scheduled(ctx context.Context, checks []doctor.Check) []doctor.Check {
	var alarms api.Alarms
	if raw, _, err := r.call(ctx, http.MethodGet, "/v1/alarms", nil); err == nil && json.Unmarshal(raw, &alarms) == nil {
		var failing []string
		for i := range alarms.Ways {
			if alarms.Ways[i].Failures > 0 {
				failing = append(failing, alarms.Ways[i].Name)
			}
		}
		checks = append(checks, doctor.Alarms(len(alarms.Standing), failing))
	}
	var backups api.BackupStatus
	raw, _, err := r.call(ctx, http.MethodGet, "/v1/backups", nil)
	if err != nil || json.Unmarshal(raw, &backups) != nil || !backups.Scheduled {
		return checks
	}
	every, _ := time.ParseDuration(backups.Every) // as the hub wrote it
	for i := range checks {
		if checks[i].Name == "backup" {
			checks[i] = doctor.Scheduled(backups.Newest, time.Now(), every, backups.Failed)
		}
	}
	return checks
}

// scopes runs a connection's live test, which changes nothing and names missing scopes.
func (r *remote) scopes(ctx context.Context, name string) doctor.Check {
	out := doctor.Check{Name: "live test of " + name, State: doctor.OK, What: "nothing is missing"}
	var found sdk.CheckResponse
	raw, _, err := r.call(ctx, http.MethodPost, "/v1/connections/"+url.PathEscape(name)+"/check", nil)
	if err == nil {
		err = json.Unmarshal(raw, &found)
	}
	if err != nil {
		return doctor.Check{Name: out.Name, State: doctor.Fail, What: "could not be made: " + err.Error(), Do: "jumpring connection show " + name}
	}
	for _, d := range found.Diagnostics {
		if d.Severity == sdk.SeverityError || out.State == doctor.OK {
			out.State, out.What, out.Do = doctor.Warn, d.Summary, d.Do
		}
		if d.Severity == sdk.SeverityError {
			out.State = doctor.Fail
			return out
		}
	}
	return out
}
