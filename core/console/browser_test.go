package console

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/access"
)

// chromium finds the browser, and installs Debian's where the test runs as root on Debian.
func chromium(t *testing.T) string {
	t.Helper()
	find := func() string {
		for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
			if path, err := exec.LookPath(name); err == nil {
				return path
			}
		}
		return ""
	}
	if path := find(); path != "" {
		return path
	}
	if _, err := os.Stat("/etc/debian_version"); err == nil && os.Geteuid() == 0 {
		install := exec.CommandContext(t.Context(), "sh", "-c", "apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core")
		if out, err := install.CombinedOutput(); err != nil {
			t.Logf("chromium could not be installed: %v\n%s", err, out)
		}
	}
	if path := find(); path != "" {
		return path
	}
	t.Skip("SKIPPED: THE CONSOLE WAS NOT TRIED IN A BROWSER: there is no chromium, and it could not be installed (root on Debian installs it)")
	return ""
}

// window is a browser's window on the boutique.
type window struct {
	t    *testing.T
	ctx  context.Context
	at   string // the hub's address
	into string // folder for screenshots
}

// patience is how long a page may take before the test gives up: the machine may be busy with other tests.
const patience = 90 * time.Second

func openWindow(t *testing.T, b *boutique) *window {
	t.Helper()
	path := chromium(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = b.api.Serve(ln) }() // ends with the API, which the boutique closes
	into := os.Getenv("JUMPRING_SHOTS")
	if into == "" {
		into = filepath.Join("..", "..", "bench", "out", "console") // where the machine keeps what runs leave
	}
	into, err = filepath.Abs(into)
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(into, 0o750))
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("lang", "en"), chromedp.WindowSize(1180, 900), chromedp.WSURLReadTimeout(patience))
	allocated, endBrowser := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, endWindow := chromedp.NewContext(allocated)
	t.Cleanup(func() {
		endWindow()
		endBrowser()
	})
	w := &window{t: t, ctx: ctx, at: "http://" + ln.Addr().String(), into: into}
	// The browser's life is the test's, not one step's. A window without a screen has no focus of its own.
	require.NoError(t, chromedp.Run(ctx, emulation.SetFocusEmulationEnabled(true)), "the browser does not start")
	return w
}

func (w *window) run(what string, actions ...chromedp.Action) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	if err := chromedp.Run(ctx, actions...); err != nil {
		var body string
		late, end := context.WithTimeout(w.ctx, patience)
		defer end()
		_ = chromedp.Run(late, chromedp.Evaluate(`document.body ? document.body.innerText : ""`, &body))
		w.t.Fatalf("%s: %v; the page says:\n%s", what, err, body)
	}
}

// until waits for a condition in JavaScript. A page that is just being left has no answer: it is asked again.
func (w *window) until(what, condition string) {
	w.t.Helper()
	every := time.NewTicker(50 * time.Millisecond)
	defer every.Stop()
	for end := time.Now().Add(patience); ; <-every.C {
		var holds bool
		ctx, cancel := context.WithTimeout(w.ctx, patience)
		err := chromedp.Run(ctx, chromedp.Evaluate(condition, &holds))
		cancel()
		if err == nil && holds {
			return
		}
		if time.Now().After(end) {
			w.run("wait for "+what, chromedp.ActionFunc(func(context.Context) error { return fmt.Errorf("it does not come: %w", err) }))
		}
	}
}

// open goes to a page by its address.
func (w *window) open(path string) {
	w.t.Helper()
	w.run("open "+path, chromedp.Navigate(w.at+path))
	w.until("the page "+path, `document.readyState === "complete"`)
}

// says waits until the page has a text.
func (w *window) says(text string) {
	w.t.Helper()
	w.until(text, fmt.Sprintf(`document.readyState === "complete" && document.body.innerText.includes(%q)`, text))
}

// press sends keys to whatever has the focus, as a person without a mouse does.
func (w *window) press(keys ...string) {
	w.t.Helper()
	for _, k := range keys {
		w.run("press a key", chromedp.KeyEvent(k))
	}
}

// tabTo presses Tab until the element with the focus fits a condition, in JavaScript about e.
func (w *window) tabTo(what, condition string) {
	w.t.Helper()
	for range 200 {
		var there bool
		w.run("look at the focus", chromedp.Evaluate(`(function(e){return !!(e && (`+condition+`))})(document.activeElement)`, &there))
		if there {
			var visible string
			w.run("look at the focus", chromedp.Evaluate(`getComputedStyle(document.activeElement).outlineStyle`, &visible))
			require.NotEqual(w.t, "none", visible, "one can't see that the focus is on %s", what)
			return
		}
		w.press(kb.Tab)
	}
	w.t.Fatalf("%s can't be reached by the keyboard", what)
}

// follow presses Enter on what has the focus and waits for the page behind it.
func (w *window) follow() {
	w.t.Helper()
	w.run("leave a mark", chromedp.Evaluate(`window.before = true`, nil))
	w.press(kb.Enter)
	w.until("the next page", `window.before === undefined && document.readyState === "complete"`)
}

// download presses Enter on the link that has the focus, and gives the file that the browser keeps.
func (w *window) download() string {
	w.t.Helper()
	into := w.t.TempDir()
	w.run("let files come in", chromedp.ActionFunc(func(ctx context.Context) error {
		return cdpbrowser.SetDownloadBehavior(cdpbrowser.SetDownloadBehaviorBehaviorAllow).WithDownloadPath(into).Do(cdp.WithExecutor(ctx, chromedp.FromContext(ctx).Browser))
	}))
	w.press(kb.Enter)
	every := time.NewTicker(50 * time.Millisecond)
	defer every.Stop()
	for end := time.Now().Add(patience); ; <-every.C {
		files, err := filepath.Glob(filepath.Join(into, "*.csv")) // one that is still coming has another name
		require.NoError(w.t, err)
		if len(files) == 1 {
			raw, err := os.ReadFile(files[0])
			require.NoError(w.t, err)
			return string(raw)
		}
		require.True(w.t, time.Now().Before(end), "the file does not come")
	}
}

func (w *window) screenshot(name string) {
	w.t.Helper()
	var png []byte
	w.run("screenshot of "+name, chromedp.FullScreenshot(&png, 100))
	require.Greater(w.t, len(png), 5_000, "the picture of %s is empty", name)
	require.NoError(w.t, os.WriteFile(filepath.Join(w.into, name+".png"), png, 0o600))
}

func (w *window) dark(on bool) {
	scheme := "light"
	if on {
		scheme = "dark"
	}
	w.run("choose "+scheme, chromedp.ActionFunc(func(ctx context.Context) error {
		return emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}).Do(ctx)
	}))
}

// signIn signs in by the keyboard alone.
func (w *window) signIn(name string) {
	w.t.Helper()
	w.open("/console/sign-in")
	w.tabTo("the name", `e.id === "name"`)
	w.press(name, kb.Tab, password)
	w.follow()
	w.says("Overview")
}

// TestAManagersDayByKeyboard is what the pages are for, as a person does it: no mouse, only Tab, Space, Enter and typing.
func TestAManagersDayByKeyboard(t *testing.T) {
	b := newBoutique(t)
	b.furnish()
	b.hire("anna", access.RoleManager, "paris")
	w := openWindow(t, b)
	w.signIn("anna")

	w.tabTo("the search field", `e.id === "q"`)
	w.press(reportNumber)
	w.follow()
	w.says("GIA " + reportNumber)
	w.says("Sold twice")
	w.screenshot("day-1-ring")

	w.tabTo("the case", `e.tagName === "A" && e.getAttribute("href").startsWith("/console/cases/")`)
	w.follow()
	w.tabTo("the proposals", `e.name === "proposal"`)
	w.press(" ")
	w.tabTo("the note", `e.id === "note"`)
	w.press("first come, first served")
	w.tabTo("the button", `e.tagName === "BUTTON" && e.innerText === "Resolve"`)
	w.screenshot("day-2-case")
	w.follow()
	w.says("first come, first served")
	w.says("Decided. The case closes when every platform shows it.")

	w.tabTo("the clients", `e.tagName === "A" && e.getAttribute("href") === "/console/clients"`)
	w.follow()
	w.tabTo("the field", `e.id === "q"`)
	w.press("amélie martin")
	w.follow()
	w.tabTo("the client", `e.tagName === "A" && e.getAttribute("href").startsWith("/console/clients/cli_")`)
	w.follow()
	w.says("Amélie Martin")
	w.tabTo("unmerge", `e.tagName === "BUTTON" && e.innerText === "Unmerge"`)
	w.screenshot("day-3-client")
	w.follow()
	w.says("The merge is undone.")

	w.tabTo("the match list", `e.tagName === "A" && e.getAttribute("href") === "/console/matches"`)
	w.follow()
	w.tabTo("the connection", `e.id === "connection"`)
	w.press("web")
	w.tabTo("the button", `e.tagName === "BUTTON" && e.innerText === "Show"`)
	w.follow()
	w.says("Ring without a number")
	w.tabTo("the choice", `e.name === "decision"`)
	w.press(" ") // a piece of its own
	w.tabTo("the button", `e.tagName === "BUTTON" && e.innerText === "Decide"`)
	w.screenshot("day-4-match")
	w.follow()
	w.says("Decided.")

	w.tabTo("the reports", `e.tagName === "A" && e.getAttribute("href") === "/console/reports"`)
	w.follow()
	w.says("Orders placed in the period")
	w.tabTo("the inventory", `e.tagName === "A" && e.innerText === "Inventory"`)
	w.follow()
	w.says("Pieces of the house on hand now")
	w.tabTo("what the rows are by", `e.id === "by"`)
	w.press("Metal")
	w.tabTo("the button", `e.tagName === "BUTTON" && e.innerText === "Show"`)
	w.follow()
	w.says("Inventory · by Metal")
	w.tabTo("the file", `e.tagName === "A" && e.innerText === "Export CSV"`)
	w.screenshot("day-5-report")
	file := w.download()
	require.Contains(t, file, "metal,currency,pieces,value", "the report as a file")
	require.Contains(t, file, "1260.00", "what Paris has")

	w.tabTo("signing out", `e.tagName === "BUTTON" && e.innerText === "Sign out"`)
	w.follow()
	w.says("You are signed out.")
}

// TestEveryPageInABrowser takes pictures of all pages, in light and dark, in French and on a tablet, and has the browser
// tell whether anything is blocked by the policy, wider than the window, or done by a script that came in as data.
func TestEveryPageInABrowser(t *testing.T) {
	b := newBoutique(t)
	b.furnish()
	b.hire("root", access.RoleAdmin, "")
	b.hire("anna", access.RoleManager, "paris")
	b.compareAll(b.signedIn("root"))
	pages := b.everyPage()
	w := openWindow(t, b)
	w.run("listen", chromedp.ActionFunc(func(ctx context.Context) error {
		_, err := cdppage.AddScriptToEvaluateOnNewDocument(`window.blocked = []; addEventListener("securitypolicyviolation", function (e) { window.blocked.push(e.violatedDirective + " " + e.blockedURI) })`).Do(ctx)
		return err
	}))
	w.open("/console/sign-in")
	w.screenshot("sign-in")
	w.signIn("root")
	require.Eventually(t, func() bool { return !strings.Contains(b.signedIn("root").get("/console").body, "being computed") }, patience, 100*time.Millisecond)
	names := make([]string, 0, len(pages))
	for name := range pages {
		names = append(names, name)
	}
	slices.Sort(names)
	look := func(name string) {
		t.Helper()
		var blocked []string
		var wide int
		var title string
		w.run("look at "+name, chromedp.Evaluate(`window.blocked`, &blocked), chromedp.Title(&title),
			chromedp.Evaluate(`document.documentElement.scrollWidth - document.documentElement.clientWidth`, &wide))
		require.Empty(t, blocked, "%s: the policy blocks something of the page", name)
		require.LessOrEqual(t, wide, 0, "%s is wider than the window", name)
		require.NotContains(t, title, "pwned", "%s ran a script that came in as a name", name)
	}
	for _, name := range names {
		w.open(pages[name])
		look(name)
		w.screenshot(name)
	}
	w.open("/console/clients?q=weber")
	w.says("<script>")
	look("a client with a script for a name")
	w.dark(true)
	for _, name := range []string{"overview", "passport", "case", "reports", "connection", "audit", "parked-one"} {
		w.open(pages[name])
		w.screenshot(name + "-dark")
	}
	w.dark(false)
	w.run("a tablet", chromedp.EmulateViewport(768, 1024))
	for _, name := range names {
		w.open(pages[name])
		look(name + " on a tablet")
	}
	for _, name := range []string{"passport", "overview", "reports", "search"} {
		w.open(pages[name])
		w.screenshot(name + "-tablet")
	}
	w.run("a window", chromedp.EmulateViewport(1180, 900))
	w.open("/console/language?to=fr&back=" + "/console")
	w.says("Vue d’ensemble")
	w.screenshot("overview-french")
	w.open("/console/language?to=en&back=/console")
	b.level("till-file", "t2", "paris", 5)
	w.until("the row that comes by itself", `Array.from(document.querySelectorAll("#live li")).some(function (li) { return li.innerText.includes("till-file") })`)
}
