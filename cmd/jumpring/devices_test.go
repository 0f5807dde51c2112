package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus/rabbit"
	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/config"
	"github.com/jumpring/jumpring/core/hub"
)

// devicesPage gives the blocks of docs/devices.md in a language.
func devicesPage(t *testing.T, language string) []byte {
	t.Helper()
	page, err := os.ReadFile("../../docs/devices.md")
	require.NoError(t, err)
	found := regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllSubmatch(page, -1)
	require.Len(t, found, 1, "docs/devices.md has one block of %s", language)
	return found[0][1]
}

func TestTheConfigurationOfTheDevicesPageIsRead(t *testing.T) {
	src := config.Source{
		Env:      func(string) (string, bool) { return "", false },
		ReadFile: func(string) ([]byte, error) { return []byte("p\n"), nil },
	}
	cfg, err := config.Parse(devicesPage(t, "yaml"), "/etc/jumpring/jumpring.yaml", src)
	require.NoError(t, err)
	b := busOf(&cfg.Bus)
	require.Equal(t, []string{"amqps://jumpring-hub:p@rabbit1:5671/jumpring", "amqps://jumpring-hub:p@rabbit2:5671/jumpring"}, b.Rabbit.URLs)
	require.Equal(t, access.Principal{Name: "till-1", Role: access.RoleTill, Location: "boutique-paris"}, b.Devices["till-1"])
	require.Nil(t, b.Anonymous)
}

// TestTheExamplesForDevicesRun runs the programs of docs/devices.md against a hub.
func TestTheExamplesForDevicesRun(t *testing.T) {
	x := newExchangeHouse(t)
	const place = "boutique-paris"
	s := &sandbox{t: t, spec: hubSpec{
		Data: filepath.Join(t.TempDir(), "data"), AdminToken: adminToken,
		Settings: canon.Settings{
			MatchItem: []string{"certificate", "epc", "serial", "sku"}, Serialized: "when_quantity_max_1", StockAuthority: "hub", Locations: []string{place},
		},
		Bus: &hub.Bus{
			Rabbit: x.config("hub"), ExchangeIn: "jumpring.in", ExchangeChanges: "jumpring.changes", ChangesRole: access.RoleRead,
			Devices: map[string]access.Principal{"till-1": {Name: "till-1", Role: access.RoleTill, Location: place}},
		},
	}}
	s.start()
	hubConn := x.connect("hub")
	require.NoError(t, rabbit.Declare(t.Context(), hubConn, rabbit.Queue{Name: "jumpring.in", Exchange: "jumpring.in", ExchangeType: amqp.ExchangeTopic, BindingKey: "#"}.Declare))
	require.NoError(t, rabbit.Declare(t.Context(), hubConn, func(ch *amqp.Channel) error {
		return rabbit.DeclareExchange(ch, "jumpring.changes", amqp.ExchangeTopic)
	}))
	for name, example := range map[string]struct {
		language string
		prepare  func(t *testing.T, source []byte) *exec.Cmd
	}{"go": {"go", goExample}, "python": {"python", pythonExample}, "js": {"js", nodeExample}} {
		t.Run(name, func(t *testing.T) {
			cmd := example.prepare(t, devicesPage(t, example.language))
			sku := "EX-" + strings.ToUpper(name)
			cmd.Env = append(os.Environ(), "SKU="+sku,
				"DEVICE_URL="+x.node.UserURL("till-1", brokerPassword, x.vhost), "READER_URL="+x.node.UserURL("reader", brokerPassword, x.vhost))
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s", out)
			require.Contains(t, string(out), "confirmed "+name+"-"+sku)
			require.Regexp(t, `change item\.[a-z_]+\.(boutique-paris|-) jumpring\.item\.[a-z_]+\.v1 itm_`, string(out))
			require.Eventually(t, func() bool {
				a, err := s.door.send(http.MethodGet, "/v1/items?sku="+sku, nil)
				return err == nil && strings.Contains(string(a.body), "Ring from")
			}, time.Minute, 50*time.Millisecond)
		})
	}
}

func patient(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// goExample builds the program inside the module, whose dependencies it uses.
func goExample(t *testing.T, source []byte) *exec.Cmd {
	t.Helper()
	dir := t.TempDir()
	file, program := filepath.Join(dir, "main.go"), filepath.Join(dir, "example")
	require.NoError(t, os.WriteFile(file, source, 0o600))
	out, err := exec.CommandContext(patient(t), "go", "build", "-o", program, file).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return exec.CommandContext(patient(t), program)
}

func pythonExample(t *testing.T, source []byte) *exec.Cmd {
	t.Helper()
	file := filepath.Join(t.TempDir(), "example.py")
	require.NoError(t, os.WriteFile(file, source, 0o600))
	for _, python := range []string{"python3", "/usr/bin/python3"} { // the second is where Debian's package is
		if exec.CommandContext(patient(t), python, "-c", "import pika").Run() == nil {
			return exec.CommandContext(patient(t), python, file)
		}
	}
	t.Skip("THE PYTHON EXAMPLE WAS NOT RUN: there is no Python with pika; apt-get install python3-pika")
	return nil
}

func nodeExample(t *testing.T, source []byte) *exec.Cmd {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skipf("THE JAVASCRIPT EXAMPLE WAS NOT RUN: there is no Node: %v", err)
	}
	dir := t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json"} {
		raw, err := os.ReadFile(filepath.Join("testdata", "node", name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), raw, 0o600))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "example.js"), source, 0o600))
	install := exec.CommandContext(patient(t), "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		t.Skipf("THE JAVASCRIPT EXAMPLE WAS NOT RUN: amqplib can't be had: %v\n%s", err, out)
	}
	cmd := exec.CommandContext(patient(t), node, "example.js")
	cmd.Dir = dir
	return cmd
}

func TestTheConfigurationOfTheNodesPageIsRead(t *testing.T) {
	page, err := os.ReadFile("../../docs/several-nodes.md")
	require.NoError(t, err)
	found := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(page, -1)
	require.Len(t, found, 1)
	src := config.Source{
		Env:      func(name string) (string, bool) { return "of " + name, true },
		ReadFile: func(string) ([]byte, error) { return []byte("p\n"), nil },
	}
	cfg, err := config.Parse(found[0][1], "/etc/jumpring/jumpring.yaml", src)
	require.NoError(t, err)
	cfg.Data = t.TempDir()
	o, err := serveOptions(cfg, t.TempDir(), io.Discard)
	require.NoError(t, err)
	require.NotNil(t, o.Bus, "the node that holds the lease takes devices and publishes changes")
	require.Equal(t, "hub-1", o.Node)
	require.Equal(t, "https://hub-1.example.com", o.Address)
	require.Equal(t, "jumpring.journal", o.Stream.Name)
	require.Len(t, o.Stream.Rabbit.URLs, 3)
	require.Equal(t, "amqps://jumpring-hub:p@rabbit3:5671/jumpring", o.Stream.Rabbit.URLs[2])
	require.Equal(t, &hub.Join{URL: "https://hub-2.example.com", Token: "of JOIN_TOKEN"}, o.Join)
}
