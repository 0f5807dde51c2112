package conformance

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path"
	"strconv"
	"strings"
	"time"
)

// Twin is a sandbox of the platform that the kit can move. Its methods return when what they did can be read.
type Twin interface {
	// URL is where it answers; "" where the connector reaches it in another way (a folder).
	URL() string
	// Reset leaves n entities at the platform and nothing else, with stock that can be written where stock can be.
	Reset(ctx context.Context, n int) error
	// Change changes up to n of them, all at one and the same moment by the platform's clock, in something that the
	// connector observes.
	Change(ctx context.Context, n int) error
}

// Expirer is a Twin whose access token can be made to expire, so that the connector has to get a new one.
type Expirer interface {
	Expire(ctx context.Context) error
}

// Consumed is a Twin whose rows can be read once only (files that are moved when they were read).
type Consumed interface {
	Consumed() bool
}

// Seller is a Twin at which goods are bought, so that a connector's actions have orders to work on.
type Seller interface {
	// Sell leaves an order at the platform that is paid and not handed over, with one piece in each of so many lines. It can be
	// called a hundred times after a Reset, whatever stock there was.
	Sell(ctx context.Context, lines int) (Sale, error)
	// Effects tells what the platform has done with an order since, by its own books.
	Effects(ctx context.Context, order string) (Effects, error)
}

// Sale is an order by the ids that the connector knows it and its lines by.
type Sale struct {
	Order string   `json:"order"`
	Lines []string `json:"lines"`
}

// Effects count what was done with an order: how often it was cancelled, and how many refunds it has. A cancellation that
// gives money back may count as both.
type Effects struct {
	Cancels int `json:"cancels"`
	Refunds int `json:"refunds"`
}

// Hooked is a Twin that shows its webhook subscriptions.
type Hooked interface {
	// Hooks lists those that are active, one text for each, such as "orders/create https://…". Those that were there after a
	// Reset need not be shown.
	Hooks(ctx context.Context) ([]string, error)
	// DropHook deletes or disables one of them, as a platform does after deliveries that failed.
	DropHook(ctx context.Context) error
}

// Doors name what a twin's program has beside its doors reset and change.
type Doors struct {
	Expire bool // CONTROL/expire
	Sell   bool // CONTROL/sell?lines= and CONTROL/effects?order=
	Hooks  bool // CONTROL/hooks and CONTROL/drop-hook
}

// httpTwin moves a twin by its doors, all by POST: CONTROL/reset?n= and CONTROL/change?n=, and those of Doors.
type httpTwin struct {
	base    string
	control string
	has     Doors
	client  *http.Client
}

// A twin has what it implements; one that is moved by doors, what these are.

func expirer(t Twin) (Expirer, bool) {
	e, ok := t.(Expirer)
	h, moved := t.(*httpTwin)
	return e, ok && (!moved || h.has.Expire)
}

func seller(t Twin) (Seller, bool) {
	s, ok := t.(Seller)
	h, moved := t.(*httpTwin)
	return s, ok && (!moved || h.has.Sell)
}

func hookedTwin(t Twin) (Hooked, bool) {
	s, ok := t.(Hooked)
	h, moved := t.(*httpTwin)
	return s, ok && (!moved || h.has.Hooks)
}

func (t *httpTwin) URL() string { return t.base }

func (t *httpTwin) Reset(ctx context.Context, n int) error {
	return t.door(ctx, "reset", url.Values{"n": {strconv.Itoa(n)}}, nil)
}

func (t *httpTwin) Change(ctx context.Context, n int) error {
	return t.door(ctx, "change", url.Values{"n": {strconv.Itoa(n)}}, nil)
}

// Expire implements Expirer.
func (t *httpTwin) Expire(ctx context.Context) error { return t.door(ctx, "expire", nil, nil) }

// Sell implements Seller.
func (t *httpTwin) Sell(ctx context.Context, lines int) (s Sale, err error) {
	return s, t.door(ctx, "sell", url.Values{"lines": {strconv.Itoa(lines)}}, &s)
}

// Effects implements Seller.
func (t *httpTwin) Effects(ctx context.Context, order string) (e Effects, err error) {
	return e, t.door(ctx, "effects", url.Values{"order": {order}}, &e)
}

// Hooks implements Hooked.
func (t *httpTwin) Hooks(ctx context.Context) (list []string, err error) {
	return list, t.door(ctx, "hooks", nil, &list)
}

// DropHook implements Hooked.
func (t *httpTwin) DropHook(ctx context.Context) error { return t.door(ctx, "drop-hook", nil, nil) }

// door knocks at one, and decodes what it answers where into is given.
func (t *httpTwin) door(ctx context.Context, name string, query url.Values, into any) error {
	u, err := url.Parse(t.base)
	if err != nil {
		return err
	}
	u.Path, u.RawQuery = path.Join("/", t.control, name), query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), nil)
	if err != nil {
		return err
	}
	resp, err := t.client.Do(req)
	if err != nil {
		return fmt.Errorf("the twin's door %s: %w", name, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("the twin's door %s answers %d: %s", name, resp.StatusCode, brief(string(body)))
	}
	if err == nil && into != nil {
		err = json.Unmarshal(body, into)
	}
	if err != nil {
		return fmt.Errorf("the twin's door %s: %w", name, err)
	}
	return nil
}

// StartTwin runs a twin's program in dir. It has to print its address as its first line, and to end when its input is
// closed. control is the path of its doors, "/_twin", and doors are those that it has beside reset and change. stop ends it.
func StartTwin(ctx context.Context, dir string, command []string, control string, doors Doors) (t Twin, stop func() error, err error) {
	if len(command) == 0 {
		return nil, nil, errors.New("the twin has no command")
	}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir, cmd.Stderr, cmd.WaitDelay = dir, os.Stderr, 5*time.Second
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, fmt.Errorf("twin: %w", err)
	}
	stop = func() error {
		_ = in.Close()
		kill := time.AfterFunc(5*time.Second, func() { _ = cmd.Process.Kill() })
		defer kill.Stop()
		if err := cmd.Wait(); err != nil {
			return fmt.Errorf("twin: %w", err)
		}
		return nil
	}
	lines := bufio.NewReader(out)
	first, err := lines.ReadString('\n')
	base := strings.TrimSpace(first)
	if u, parseErr := url.Parse(base); err != nil || parseErr != nil || u.Host == "" {
		_ = cmd.Process.Kill()
		_ = stop()
		return nil, nil, fmt.Errorf("the twin's first line is %q, want its address, such as http://127.0.0.1:8080", base)
	}
	go func() { _, _ = io.Copy(io.Discard, lines) }() // ends with the process
	return &httpTwin{base: base, control: control, has: doors, client: &http.Client{
		Timeout: 60 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}, // see newProxy
	}}, stop, nil
}
