package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"
)

// alertRules is what Prometheus reads, as far as the shipped file uses it.
type alertRules struct {
	Groups []struct {
		Name  string `yaml:"name"`
		Rules []struct {
			Alert       string            `yaml:"alert"`
			Expr        string            `yaml:"expr"`
			For         string            `yaml:"for"`
			Labels      map[string]string `yaml:"labels"`
			Annotations map[string]string `yaml:"annotations"`
		} `yaml:"rules"`
	} `yaml:"groups"`
}

// expressions gives every expression of the shipped alerts and dashboard, by where it is.
func expressions(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	raw, err := os.ReadFile("../../configs/prometheus/alerts.yaml")
	require.NoError(t, err)
	var rules alertRules
	require.NoError(t, yaml.UnmarshalWithOptions(raw, &rules, yaml.Strict()))
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			require.Regexp(t, `^Jumpring[A-Za-z]+$`, r.Alert)
			require.NotContains(t, out, r.Alert)
			require.NotEmpty(t, r.Annotations["do"], r.Alert)
			if r.For != "" {
				_, err := time.ParseDuration(r.For)
				require.NoError(t, err, r.Alert)
			}
			out[r.Alert] = r.Expr
		}
	}
	raw, err = os.ReadFile("../../configs/grafana/jumpring.json")
	require.NoError(t, err)
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	require.NoError(t, json.Unmarshal(raw, &board))
	for _, p := range board.Panels {
		for i, target := range p.Targets {
			out[fmt.Sprintf("%s %d", p.Title, i)] = target.Expr
		}
	}
	return out
}

var metricNames = regexp.MustCompile(`\b(?:jumpring|process)_[a-z0-9_]+`)

func TestAlertsAndDashboardNameMetricsThatTheHubHas(t *testing.T) {
	o, _ := newOperator(t)
	dir := filepath.Dir(o.config)
	raw, err := os.ReadFile(o.config)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(o.config, append(raw, "\nalarms: {every: 100ms, after: 0s, parked: 1}\nbackup: {every: 1h, verify: false}\n"...), 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "data"), 0o700))
	plantRecords(t, filepath.Join(dir, "data"), "")
	o.serve()
	asking := newConsole(nil, nil, nil)
	asking.configPath, asking.env = o.config, func(name string) string { return o.env[name] }
	hub, err := asking.remote()
	require.NoError(t, err)
	res, err := http.Post(hub.base+"/hooks/web-eu", "application/json", strings.NewReader("{}")) // a webhook, so that they are counted
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	has := map[string]bool{}
	var missing []string
	eventually(t, time.Minute, "every metric that is named is there", func() bool {
		answer, _, err := hub.call(t.Context(), http.MethodGet, "/metrics", nil)
		if err != nil {
			return false
		}
		for _, line := range strings.Split(string(answer), "\n") {
			has[metricNames.FindString(line)] = !strings.HasPrefix(line, "#") || has[metricNames.FindString(line)]
		}
		missing = missing[:0]
		for where, expr := range expressions(t) {
			names := metricNames.FindAllString(expr, -1)
			require.Equal(t, strings.Count(expr, "("), strings.Count(expr, ")"), where)
			if len(names) == 0 && !strings.HasPrefix(expr, "up{") {
				missing = append(missing, where+": names none")
			}
			for _, name := range names {
				if !has[name] {
					missing = append(missing, where+": "+name)
				}
			}
		}
		t.Logf("missing: %v", missing)
		return len(missing) == 0
	})
}

// tool finds a program of the system, or says aloud that the test is left out.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("SKIPPED: there is no %s on this machine, which checks what is shipped", name)
	}
	return path
}

func ran(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	require.NoError(t, err, "%s %v: %s", name, args, out)
	return string(out)
}

func TestSystemdTakesTheUnit(t *testing.T) {
	analyze := tool(t, "systemd-analyze")
	unit, err := os.ReadFile("../../configs/systemd/jumpring.service")
	require.NoError(t, err)
	self, err := os.Executable()
	require.NoError(t, err)
	require.Contains(t, string(unit), "ExecStart=/usr/bin/jumpring serve")
	path := filepath.Join(t.TempDir(), "jumpring.service")
	require.NoError(t, os.WriteFile(path, bytes.Replace(unit, []byte("/usr/bin/jumpring"), []byte(self), 1), 0o600))
	out := ran(t, analyze, "verify", "--man=no", path)
	for _, line := range strings.Split(out, "\n") {
		require.NotContains(t, line, "jumpring.service", "systemd has something to say about the unit")
	}
}

func TestTheDebianPackageHoldsWhatItShould(t *testing.T) {
	tool(t, "dpkg-deb")
	program := built(t)
	deb, root := filepath.Join(t.TempDir(), "jumpring.deb"), t.TempDir()
	ran(t, "../../configs/debian/build.sh", program, "v1.2-3-gabc-dirty", "amd64", deb, "-Znone")
	about := ran(t, "dpkg-deb", "--info", deb)
	require.Contains(t, about, "Version: 1.2.3.gabc.dirty")
	require.Contains(t, about, "postinst")
	listed := ran(t, "dpkg-deb", "--contents", deb)
	for name, mode := range map[string]string{
		"./usr/bin/jumpring": "-rwxr-xr-x root/root", "./usr/lib/systemd/system/jumpring.service": "-rw-r--r-- root/root", "./etc/jumpring/jumpring.yaml": "-rw-r----- root/root",
		"./etc/jumpring/environment": "-rw------- root/root", "./usr/share/doc/jumpring/runbook.md": "-rw-r--r-- root/root",
	} {
		require.Regexp(t, "(?m)^"+regexp.QuoteMeta(mode)+".* "+regexp.QuoteMeta(name)+"$", listed)
	}
	ran(t, "dpkg-deb", "--extract", deb, root)
	require.Contains(t, ran(t, filepath.Join(root, "usr/bin/jumpring"), "version"), "shopify")
	// The configuration that it installs is one that the hub takes.
	o := &operator{t: t, config: filepath.Join(root, "etc/jumpring/jumpring.yaml")}
	o.ok("plugin", "list", "-o", "json")
	for _, script := range []string{"postinst", "prerm", "postrm", "build.sh"} {
		ran(t, "sh", "-n", "../../configs/debian/"+script)
	}
	ran(t, "dpkg-deb", "--control", deb, filepath.Join(root, "control"))
	conffiles, err := os.ReadFile(filepath.Join(root, "control", "conffiles"))
	require.NoError(t, err)
	for _, name := range strings.Fields(string(conffiles)) {
		require.FileExists(t, filepath.Join(root, name))
	}
}
