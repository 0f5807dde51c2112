package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/jumpring/jumpring/plugins/sdk"
)

// File is a test.yaml: what the kit has to know of a connector.
type File struct {
	// Program and its arguments, relative to the file's folder; the command line may name another one.
	Program []string `yaml:"program"`
	// Build is run in the file's folder first; empty builds nothing.
	Build []string `yaml:"build"`
	// Config and Secrets are a valid configuration. Secrets should be texts that occur nowhere else.
	Config  map[string]any    `yaml:"config"`
	Secrets map[string]string `yaml:"secrets"`
	// Env has variables that the process needs, such as PATH of a script.
	Env  map[string]string `yaml:"env"`
	Twin *FileTwin         `yaml:"twin"`
	// ReplayWindow is how old a signed delivery may be, "5m"; empty where the platform signs no time.
	ReplayWindow string         `yaml:"replay_window"`
	Deliveries   []FileDelivery `yaml:"deliveries"`
	// Deadline of each call and of the shutdown ["30s"].
	Deadline string `yaml:"deadline"`
}

// FileTwin says how the twin is started and reached.
type FileTwin struct {
	// Command is run in the file's folder. Its first line of output is its address; it ends when its input is closed.
	Command []string `yaml:"command"`
	// URLKey is the configuration key that takes the platform's address.
	URLKey string `yaml:"url_key"`
	// Control is the path of the twin's doors reset and change ["/_twin"].
	Control string `yaml:"control"`
	// Expires tells that there is a door expire too, after which the platform takes the present access token no more.
	Expires bool `yaml:"expires"`
	// Sells tells that it has the doors sell and effects: for connectors with actions.
	Sells bool `yaml:"sells"`
	// Hooks tells that it has the doors hooks and drop-hook: for connectors that register webhooks.
	Hooks bool `yaml:"hooks"`
}

// FileDelivery is one webhook.
type FileDelivery struct {
	Method  string            `yaml:"method"` // [POST]
	Path    string            `yaml:"path"`
	Query   string            `yaml:"query"`
	Headers map[string]string `yaml:"headers"`
	Body    string            `yaml:"body"`
	Sign    *FileSign         `yaml:"sign"`
	Expect  sdk.Verdict       `yaml:"expect"` // [accepted]
	Answer  string            `yaml:"answer"` // to a challenge
}

// FileSign has the kit sign a delivery.
type FileSign struct {
	// Scheme is hmac-sha256-hex, hmac-sha256-base64 or standard-webhooks.
	Scheme string `yaml:"scheme"`
	Header string `yaml:"header"` // for the two of HMAC
	Secret string `yaml:"secret"` // its name under secrets
}

// LoadFile reads a test.yaml, builds and starts what it names, and gives the options to Check. program replaces the
// file's own where it is not empty. stop ends the twin.
func LoadFile(ctx context.Context, path string, program []string) (o Options, stop func() error, err error) {
	stop = func() error { return nil }
	f, dir, o, err := loadFile(ctx, path, program)
	if err != nil || f.Twin == nil {
		return o, stop, err
	}
	control := f.Twin.Control
	if control == "" {
		control = "/_twin"
	}
	if o.Twin, stop, err = StartTwin(ctx, dir, inFolder(dir, f.Twin.Command), control, Doors{Expire: f.Twin.Expires, Sell: f.Twin.Sells, Hooks: f.Twin.Hooks}); err != nil {
		return o, func() error { return nil }, fmt.Errorf("%s: %w", path, err)
	}
	return o, stop, nil
}

// LoadFileForReplay is LoadFile for a run that answers from the recording in a folder: no twin is started.
func LoadFileForReplay(ctx context.Context, path string, program []string, recording string) (Options, error) {
	_, _, o, err := loadFile(ctx, path, program)
	o.Replay = recording
	return o, err
}

// loadFile reads a test.yaml and builds what it names. dir is the file's folder.
func loadFile(ctx context.Context, path string, program []string) (f *File, dir string, o Options, err error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, "", o, err
	}
	f = &File{}
	if err := yaml.UnmarshalWithOptions(raw, f, yaml.Strict()); err != nil {
		return nil, "", o, fmt.Errorf("%s: %w", path, err)
	}
	if dir, err = filepath.Abs(filepath.Dir(path)); err != nil {
		return nil, "", o, err
	}
	if len(f.Build) > 0 {
		cmd := exec.CommandContext(ctx, f.Build[0], f.Build[1:]...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, "", o, fmt.Errorf("build (%s): %w\n%s", strings.Join(f.Build, " "), err, out)
		}
	}
	if o, err = f.options(dir, program); err != nil {
		return nil, "", o, fmt.Errorf("%s: %w", path, err)
	}
	if f.Twin != nil {
		o.URLKey = f.Twin.URLKey
	}
	return f, dir, o, nil
}

func (f *File) options(dir string, program []string) (o Options, err error) {
	if len(program) == 0 {
		program = inFolder(dir, f.Program)
	}
	if len(program) == 0 {
		return o, errors.New("no program is named")
	}
	o = Options{Command: slices.Clone(program), Secrets: f.Secrets, Env: f.Env}
	if o.Command[0], err = exec.LookPath(o.Command[0]); err != nil {
		return o, err
	}
	if o.Command[0], err = filepath.Abs(o.Command[0]); err != nil {
		return o, err
	}
	if f.Config == nil {
		f.Config = map[string]any{}
	}
	if o.Config, err = json.Marshal(f.Config); err != nil {
		return o, fmt.Errorf("config: %w", err)
	}
	for text, into := range map[string]*time.Duration{f.ReplayWindow: &o.ReplayWindow, f.Deadline: &o.Deadline} {
		if text == "" {
			continue
		}
		if *into, err = time.ParseDuration(text); err != nil {
			return o, err
		}
	}
	for i, d := range f.Deliveries {
		delivery, err := d.delivery(f.Secrets, time.Now())
		if err != nil {
			return o, fmt.Errorf("delivery %d: %w", i+1, err)
		}
		o.Deliveries = append(o.Deliveries, delivery)
	}
	return o, nil
}

// inFolder makes what begins with "./" relative to the folder of the file. An argument may be a script's path.
func inFolder(dir string, command []string) []string {
	out := slices.Clone(command)
	for i, part := range out {
		if rest, ok := strings.CutPrefix(part, "./"); ok {
			out[i] = filepath.Join(dir, rest)
		}
	}
	return out
}

func (d *FileDelivery) delivery(secrets map[string]string, now time.Time) (Delivery, error) {
	out := Delivery{Expect: d.Expect, Answer: d.Answer, WebhookRequest: sdk.WebhookRequest{
		Method: d.Method, Path: d.Path, Query: d.Query, Body: []byte(d.Body), Headers: map[string][]string{}, ReceivedAt: now,
	}}
	if out.Method == "" {
		out.Method = http.MethodPost
	}
	for k, v := range d.Headers {
		out.Headers[http.CanonicalHeaderKey(k)] = []string{v}
	}
	if d.Sign == nil {
		return out, nil
	}
	secret, ok := secrets[d.Sign.Secret]
	if !ok {
		return out, fmt.Errorf("there is no secret %q to sign with", d.Sign.Secret)
	}
	set := func(header, value string) { out.Headers[http.CanonicalHeaderKey(header)] = []string{value} }
	switch d.Sign.Scheme {
	case "hmac-sha256-hex":
		set(d.Sign.Header, sdk.SignHMACHex(secret, out.Body))
	case "hmac-sha256-base64":
		set(d.Sign.Header, sdk.SignHMACBase64(secret, out.Body))
	case "standard-webhooks":
		id, at := "msg_"+strconv.FormatInt(now.UnixNano(), 36), now
		set(sdk.StandardWebhookID, id)
		set(sdk.StandardWebhookTimestamp, strconv.FormatInt(at.Unix(), 10))
		signature, err := sdk.SignStandardWebhook(secret, id, at, out.Body)
		if err != nil {
			return out, err
		}
		set(sdk.StandardWebhookSignature, signature)
	default:
		return out, fmt.Errorf("the scheme %q is not known; use hmac-sha256-hex, hmac-sha256-base64 or standard-webhooks", d.Sign.Scheme)
	}
	return out, nil
}
