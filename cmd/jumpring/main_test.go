package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// lines is a writer that tests can read while it is written.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) { l.mu.Lock(); defer l.mu.Unlock(); return l.b.Write(p) }
func (l *lines) String() string              { l.mu.Lock(); defer l.mu.Unlock(); return l.b.String() }

// operator runs command lines with a configuration.
type operator struct {
	t      *testing.T
	config string
	env    map[string]string
	input  string
}

type ended struct {
	code     int
	out, err string
}

func (o *operator) run(args ...string) ended {
	o.t.Helper()
	var out, err lines
	con := newConsole(strings.NewReader(o.input), &out, &err)
	con.env = func(name string) string { return o.env[name] }
	code := run(o.t.Context(), append([]string{"--config", o.config}, args...), con)
	return ended{code, out.String(), err.String()}
}

// ok runs a command line that must succeed.
func (o *operator) ok(args ...string) string {
	o.t.Helper()
	e := o.run(args...)
	require.Equal(o.t, exitOK, e.code, "jumpring %s: %s%s", strings.Join(args, " "), e.out, e.err)
	return e.out
}

// house writes a configuration with a folder of CSV files and a shop that can't be reached.
func newOperator(t *testing.T) (*operator, string) {
	dir := t.TempDir()
	inbox := filepath.Join(dir, "inbox")
	require.NoError(t, os.Mkdir(inbox, 0o700))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := ln.Addr().String()
	require.NoError(t, ln.Close())
	path := filepath.Join(dir, "jumpring.yaml")
	require.NoError(t, os.WriteFile(path, fmt.Appendf(nil, `
listen: %s
data: ./data
locations: [paris]
log: {level: error}
connections:
  - name: files
    connector: csv
    sells_from: [paris]
    config: {folder: %q, settle: 100ms, timezone: Europe/Paris, currency: EUR, location: paris}
  - name: web-eu
    connector: shopify
    sells_from: [paris]
    config: {shop: aurum.myshopify.com, endpoint: "http://127.0.0.1:9"}
    secrets: {client_secret: hush-secret, access_token: hush-token}
`, address, inbox), 0o600))
	return &operator{t: t, config: path, env: map[string]string{}}, inbox
}

// serve runs the hub until the returned function stops it.
func (o *operator) serve() (stop func() ended) {
	o.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var out, err lines
	con := newConsole(strings.NewReader(""), &out, &err)
	con.env = func(name string) string { return o.env[name] }
	code := make(chan int, 1)
	go func() { code <- run(ctx, []string{"--config", o.config, "serve"}, con) }()
	stopped := false
	stop = func() ended {
		if stopped {
			return ended{}
		}
		stopped = true
		cancel()
		return ended{<-code, out.String(), err.String()}
	}
	o.t.Cleanup(func() { stop() })
	asking := newConsole(nil, nil, nil)
	asking.configPath, asking.env = o.config, con.env
	cfg, e := asking.configuration()
	require.NoError(o.t, e)
	require.Eventually(o.t, func() bool {
		c, e := net.DialTimeout("tcp", cfg.Listen, time.Second)
		if e != nil {
			return false
		}
		return c.Close() == nil
	}, time.Minute, 10*time.Millisecond, "the hub is up with every platform unreachable: %s", err.String())
	return stop
}

func TestTheCommandLineFromTheFirstStartToVerify(t *testing.T) {
	o, inbox := newOperator(t)
	require.NoError(t, os.WriteFile(filepath.Join(inbox, "catalogue.csv"), []byte("sku,serial,title,price,currency,location,quantity\nSOL-1,SN-1,Solitaire ring,2400.00,EUR,paris,1\n"), 0o600))
	stop := o.serve()

	// The first start left a token that its owner alone can read.
	info, err := os.Stat(filepath.Join(filepath.Dir(o.config), "data", adminTokenFile))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	require.Contains(t, o.ok("connection", "list"), "web-eu")
	var connections []map[string]any
	require.NoError(t, json.Unmarshal([]byte(o.ok("connection", "list", "--output", "json")), &connections))
	require.Len(t, connections, 2)
	require.Equal(t, "observe", connections[0]["mode"])

	require.Eventually(t, func() bool {
		e := o.run("item", "list", "--serial", "sn-1") // while the hub begins there are no lists yet
		return e.code == exitOK && strings.Contains(e.out, "Solitaire")
	}, time.Minute, 50*time.Millisecond, "the catalogue is read")
	listed := o.ok("item", "list", "--sku", "SOL-1", "-o", "csv")
	require.True(t, strings.HasPrefix(listed, "id,status,title"), listed)
	id := strings.SplitN(strings.Split(listed, "\n")[1], ",", 2)[0]
	require.Contains(t, o.ok("item", "get", id), "SN-1")
	require.Contains(t, o.ok("item", "timeline", id), "connection:files")
	require.Equal(t, exitRefused, o.run("item", "get", "itm_none").code)

	require.Contains(t, o.ok("connection", "plan", "files"), "CALL")
	require.Equal(t, exitUsage, o.run("connection", "live", "files").code, "without a terminal a plan must be named")
	for _, more := range [][]string{{"connection", "live", "files", "--plan", "yesterday"}, {"connection", "shadow", "files"}} {
		refused := o.run(more...)
		require.Equal(t, exitRefused, refused.code, refused.err)
		require.Contains(t, refused.err, "connection.cannot", "a folder of files is only read")
	}
	require.Contains(t, o.ok("connection", "shadow", "web-eu"), "shadow")
	require.Contains(t, o.ok("connection", "pause", "web-eu"), "web-eu")
	o.ok("connection", "resume", "web-eu")
	require.Contains(t, o.ok("import", "files"), "listings")
	require.Contains(t, o.ok("match", "export", "files", "-o", "csv"), "connection,listing_id")
	driftIsProven(t, o)
	require.Equal(t, "[]\n", o.ok("case", "list", "-o", "json"))
	require.Equal(t, "[]\n", o.ok("parked", "list", "-o", "json"))
	require.Equal(t, exitRefused, o.run("connection", "check", "nowhere").code)
	require.Equal(t, exitUsage, o.run("client", "find").code)
	require.Equal(t, "[]\n", o.ok("client", "find", "martin", "-o", "json"))

	made := o.ok("token", "create", "--name", "paris-1", "--role", "till", "--location", "paris", "--expires", "24h", "-o", "json")
	var token struct{ Token, Role string }
	require.NoError(t, json.Unmarshal([]byte(made), &token))
	require.Equal(t, "till", token.Role)
	require.Equal(t, exitRefused, o.run("--token", token.Token, "connection", "list").code, "a till may not see the connections")
	o.ok("--token", token.Token, "item", "list")
	require.Contains(t, o.ok("token", "list"), "paris-1")
	o.ok("token", "revoke", "paris-1")
	require.Equal(t, exitRefused, o.run("--token", token.Token, "item", "list").code)

	// The data folder belongs to the running hub.
	for _, verb := range []string{"verify", "rebuild"} {
		busy := o.run(verb)
		require.Equal(t, exitInUse, busy.code, busy.err)
		require.Contains(t, busy.err, "stop it first")
	}
	served := stop()
	require.Equal(t, exitOK, served.code, served.err)
	require.NotContains(t, served.out+served.err, "hush-", "secrets stay out of the log")
	require.Equal(t, 1, strings.Count(served.out+served.err, "jr_"), "the first token is shown once")
	require.Equal(t, exitUnreachable, o.run("item", "list").code)

	var before, after verified
	require.NoError(t, json.Unmarshal([]byte(o.ok("verify", "-o", "json")), &before))
	require.True(t, before.OK)
	require.NotNil(t, before.Rebuilt)
	require.Equal(t, before.View.State+"\n", o.ok("verify", "--scope", "state", "--digest-only"))
	require.NoError(t, json.Unmarshal([]byte(o.ok("rebuild", "-o", "json")), &after))
	require.Equal(t, before.View, after.View, "a rebuild gives the same bytes")
	left, err := filepath.Glob(filepath.Join(filepath.Dir(o.config), "data", "verify-*"))
	require.NoError(t, err)
	require.Empty(t, left, "verify leaves nothing behind")

	require.Contains(t, o.ok("token", "create", "--name", "late", "--role", "read"), "jr_", "tokens are made while the hub is stopped too")
	require.Contains(t, o.ok("token", "list"), "late")
	require.Equal(t, exitRefused, o.run("token", "create", "--name", "late", "--role", "read").code)
	require.Equal(t, exitRefused, o.run("token", "revoke", "nobody").code)
	o.ok("token", "revoke", "late")
}

func TestTheAdminsTokenMayComeFromTheEnvironment(t *testing.T) {
	o, _ := newOperator(t)
	o.env[adminVariable] = "a-token-that-the-operator-chose"
	stop := o.serve()
	_, err := os.Stat(filepath.Join(filepath.Dir(o.config), "data", adminTokenFile))
	require.ErrorIs(t, err, os.ErrNotExist, "what the operator has is not left in a file")
	require.Equal(t, exitUsage, o.run("item", "list").code, "no token is at hand")
	o.env["JUMPRING_TOKEN"] = o.env[adminVariable]
	o.ok("item", "list")
	served := stop()
	require.NotContains(t, served.out+served.err, o.env[adminVariable])
}

func TestMistakesOfUsage(t *testing.T) {
	o, _ := newOperator(t)
	for _, args := range [][]string{
		{"verify"}, // there is no data folder yet
		{"item", "get"},
		{"item", "get", "a", "b"},
		{"item", "list", "--colour", "red"},
		{"item", "paint"},
		{"item", "list", "-o", "xml"},
		{"drift", "a", "b"},
		{"token", "create", "--name", "a"},
		{"token", "create", "--name", "a", "--role", "king"},
		{"token", "create", "--name", "a", "--role", "read", "--expires", "soon"},
		{"verify", "--scope", "half"},
		{"connector", "none"},
		{"match", "import", "files", "/nowhere"},
	} {
		e := o.run(args...)
		require.Equal(t, exitUsage, e.code, "jumpring %s: %s", strings.Join(args, " "), e.err)
		require.NotEmpty(t, e.err)
	}
	broken := filepath.Join(t.TempDir(), "broken.yaml")
	require.NoError(t, os.WriteFile(broken, []byte("lissen: x\n"), 0o600))
	e := (&operator{t: t, config: broken}).run("serve")
	require.Equal(t, exitUsage, e.code)
	require.Contains(t, e.err, "did you mean listen?")
	require.NoError(t, os.WriteFile(broken, []byte("connections: [{name: a, connector: prestashop}]\n"), 0o600))
	e = (&operator{t: t, config: broken}).run("serve")
	require.Equal(t, exitUsage, e.code)
	require.Contains(t, e.err, "bigcommerce, csv, edge-files, magento, shopify, webhook-out, woocommerce")
	require.Contains(t, o.ok("version"), "shopify")
	require.Contains(t, o.ok("--help"), "Exit codes")
}

func TestWhatAPlatformWroteDoesNotSteerTheTerminal(t *testing.T) {
	var out bytes.Buffer
	con := newConsole(strings.NewReader(""), &out, &out)
	con.format = "table"
	require.NoError(t, con.table([]column{{"title", "title"}}, []any{map[string]any{"title": "ring\x1b[31m\u202e\nx"}}, nil))
	require.Equal(t, "TITLE\nring [31m  x\n", out.String())
}
