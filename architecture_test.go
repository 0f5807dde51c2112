package jumpring_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/jumpring/jumpring/"

// rooms lists, for each room, the rooms of this project that it may import beside those of floors below it. A room is
// the longest prefix that matches. docs/architecture.md says why.
var rooms = map[string][]string{
	"core/canon":          {},
	"bus":                 {"core/canon", "bus"},
	"core/store":          {"core/canon", "core/store"},
	"core/vault":          {"core/canon"},
	"plugins/proto":       {"core/canon"},
	"core/delivery":       {"core/canon", "plugins/sdk"},
	"plugins/sdk":         {"core/canon", "plugins/proto", "plugins/sdk"},
	"core/normalize":      {"core/canon"},
	"core/identity":       {"core/canon", "core/normalize", "core/identity"},
	"core/lifecycle":      {"core/canon"},
	"core/policy":         {"core/canon"},
	"core/policy/example": {"core/canon", "core/policy", "core/router", "core/store"},
	"plugins/host":        {"core/canon", "core/vault", "plugins/proto", "plugins/sdk", "plugins/host"},
	"plugins/catalog":     {"plugins/sdk"},
	"plugins/conformance": {"core/canon", "core/vault", "plugins/proto", "plugins/sdk", "plugins/host"},
	"plugins/scaffold":    {"core/canon", "plugins/sdk", "plugins/scaffold"},
	"core/router":         {"bus", "core/canon", "core/store", "core/normalize", "core/identity", "core/lifecycle", "core/policy"},
	"core/intake":         {"bus", "core/canon", "core/store", "core/router", "plugins/sdk"},
	"core/reconcile":      {"bus", "core/canon", "core/store", "core/router", "core/intake", "core/lifecycle", "plugins/sdk"},
	"core/views":          {"core/canon", "core/store", "core/normalize", "core/lifecycle", "core/router"},
	"core/audit":          {"bus"},
	"core/doctor":         {},
	"core/support":        {},
	"core/alarm":          {},
	"core/report":         {"core/canon", "core/store"},
	"core/search":         {"core/canon", "core/store", "core/normalize", "core/router"},
	"core/outbox":         {"bus", "core/canon", "core/store", "core/router", "core/views", "core/access", "core/changes", "core/reconcile", "plugins/sdk"},
	"core/config":         {"core/outbox", "core/canon", "core/policy", "core/identity", "core/reconcile", "core/report", "core/access", "core/alarm"},
	"core/access":         {"core/canon", "core/vault"},
	"core/problem":        {"bus", "core/canon"},
	"core/body":           {"core/canon", "core/problem"},
	"core/changes":        {"bus", "core/canon", "core/store", "core/router", "core/views", "core/access"},
	"core/ingress":        {"bus", "core/canon", "core/store", "core/router", "core/body", "core/problem", "core/normalize", "core/access", "plugins/sdk"},
	"core/api":            {"bus", "core", "plugins/sdk"},
	"core/console":        {"bus", "core", "plugins/sdk"}, // what it may beside its tests: core/console TestThePagesHaveNoSecondWay
	"core/hub":            {"bus", "core", "plugins"},
	"cmd/jumpring":        {"bus", "core", "plugins", "connectors", "cmd", "configs"},
	"connectors":          {"core/canon", "plugins/sdk", "connectors"},
	"bench":               {"bus", "core", "plugins", "connectors", "cmd"},
	"configs":             {"core/canon"},
}

type listed struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
}

// TestEveryRoomImportsOnlyWhatItMay keeps the floors of the house apart: facts flow up, nothing reaches down into a
// connector, and connectors see nothing of the core but its model.
func TestEveryRoomImportsOnlyWhatItMay(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	dec := json.NewDecoder(strings.NewReader(string(out)))
	seen := 0
	for {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		path, inside := strings.CutPrefix(p.ImportPath, module)
		if !inside {
			continue
		}
		room := roomOf(path)
		if room == "" {
			t.Errorf("%s belongs to no room: give it one in this test and in docs/architecture.md", path)
			continue
		}
		seen++
		for _, imp := range p.Imports {
			if imp, own := strings.CutPrefix(imp, module); own && !allowed(room, path, imp) {
				t.Errorf("%s imports %s, which room %s may not", path, imp, room)
			}
		}
	}
	if seen < 10 {
		t.Fatalf("only %d packages were looked at", seen)
	}
}

func roomOf(path string) string {
	best := ""
	for r := range rooms {
		if (path == r || strings.HasPrefix(path, r+"/")) && len(r) > len(best) {
			best = r
		}
	}
	return best
}

func allowed(room, path, imp string) bool {
	if room == "connectors" { // a connector sees its own folder alone
		own := strings.Join(strings.SplitN(path, "/", 3)[:2], "/")
		if imp == own || strings.HasPrefix(imp, own+"/") {
			return true
		}
		if strings.HasPrefix(imp, "connectors/") {
			return false
		}
	}
	if roomOf(imp) == room {
		return true
	}
	for _, a := range rooms[room] {
		if imp == a || strings.HasPrefix(imp, a+"/") {
			return true
		}
	}
	return false
}

// TestCanonImportsTheStandardLibraryAlone holds floor 0.
func TestCanonImportsTheStandardLibraryAlone(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f", `{{join .Imports "\n"}}`, "./core/canon").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for _, imp := range strings.Fields(string(out)) {
		if strings.Contains(strings.Split(imp, "/")[0], ".") {
			t.Errorf("core/canon imports %s", imp)
		}
	}
}
