package conformance

import (
	"bufio"
	"context"
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

// httpTwin moves a twin by its doors: POST CONTROL/reset?n=, CONTROL/change?n= and CONTROL/expire.
type httpTwin struct {
	base    string
	control string
	client  *http.Client
}

// expiringTwin is an httpTwin that has the door `expire`.
type expiringTwin struct{ *httpTwin }

func (t *httpTwin) URL() string { return t.base }

func (t *httpTwin) Reset(ctx context.Context, n int) error {
	return t.door(ctx, "reset", url.Values{"n": {strconv.Itoa(n)}})
}

func (t *httpTwin) Change(ctx context.Context, n int) error {
	return t.door(ctx, "change", url.Values{"n": {strconv.Itoa(n)}})
}

// Expire implements Expirer.
func (t expiringTwin) Expire(ctx context.Context) error { return t.door(ctx, "expire", nil) }

func (t *httpTwin) door(ctx context.Context, name string, query url.Values) error {
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
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 200)) // only quoted
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("the twin's door %s answers %d: %s", name, resp.StatusCode, body)
	}
	return nil
}

// StartTwin runs a twin's program in dir. It has to print its address as its first line, and to end when its input is
// closed. control is the path of its doors, "/_twin"; expires tells that it has the door `expire`. stop ends it.
func StartTwin(ctx context.Context, dir string, command []string, control string, expires bool) (t Twin, stop func() error, err error) {
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
	h := &httpTwin{base: base, control: control, client: &http.Client{
		Timeout: 60 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}, // see newProxy
	}}
	if expires {
		return expiringTwin{h}, stop, nil
	}
	return h, stop, nil
}
