package conformance

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jumpring/jumpring/plugins/host"
	"github.com/jumpring/jumpring/plugins/sdk/tape"
)

// The files of a recording beside its exchanges: see docs/plugins/recordings.md.
const (
	recordingFile = "recording.json"
	clockFile     = "clock.txt"
	twinFile      = "twin.json"
	formatVersion = 1
)

// recordingAbout says what a recording is of.
type recordingAbout struct {
	Format    int       `json:"format"`
	Connector string    `json:"connector"`
	Version   string    `json:"version"`
	Began     time.Time `json:"began"`
	// URL is the platform's address in what it answered, which the connector gets as its own in a replay.
	URL string `json:"url"`
	// HookURL is where webhooks were registered for.
	HookURL string `json:"hook_url,omitempty"`
	// Seed makes the keys of writes, which have to be the same in a replay and others in the next recording.
	Seed string `json:"seed"`
	// Sells and Hooked tell what the twin could: what it said stands in twin.json of each check.
	Sells  bool `json:"sells,omitempty"`
	Hooked bool `json:"hooked,omitempty"`
	// Consumed tells that what was read from the twin is gone.
	Consumed bool     `json:"consumed,omitempty"`
	Checks   []string `json:"checks"` // that were recorded
}

// taping is a run that records, or that answers from a recording.
type taping struct {
	dir    string
	replay bool
	key    string
	about  recordingAbout
	clocks []*tapeClock
}

// startTaping looks at what the options ask for; nil where they ask for neither.
func startTaping(o *Options) (*taping, error) {
	switch {
	case o.Record != "" && o.Replay != "":
		return nil, errors.New("record and replay exclude each other")
	case o.Record != "":
		return startRecording(o)
	case o.Replay != "":
		return startReplay(o)
	}
	return nil, nil
}

func startRecording(o *Options) (*taping, error) {
	if o.Twin == nil || o.Twin.URL() == "" || o.URLKey == "" {
		return nil, errors.New("record: the platform is not reached over HTTP: name a twin that has an address, and the configuration key that takes it")
	}
	dir, err := filepath.Abs(o.Record)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("record: %w", err)
	}
	if len(entries) > 0 {
		return nil, fmt.Errorf("record: %s is not empty: name another folder, or remove it", dir)
	}
	consumed, ok := o.Twin.(Consumed)
	_, sells := seller(o.Twin)
	_, hooked := hookedTwin(o.Twin)
	return &taping{dir: dir, key: rand.Text(), about: recordingAbout{
		Sells: sells, Hooked: hooked,
		Format: formatVersion, Began: time.Now().UTC().Truncate(time.Second), Seed: strings.ToLower(rand.Text()[:10]), Consumed: ok && consumed.Consumed(),
	}}, nil
}

func startReplay(o *Options) (*taping, error) {
	dir, err := filepath.Abs(o.Replay)
	if err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(filepath.Join(dir, recordingFile))
	if err != nil {
		return nil, fmt.Errorf("replay: %s is no recording: make one with --record: %w", dir, err)
	}
	t := &taping{dir: dir, replay: true}
	if err := json.Unmarshal(raw, &t.about); err != nil {
		return nil, fmt.Errorf("replay: %s: %w", recordingFile, err)
	}
	if t.about.Format != formatVersion {
		return nil, fmt.Errorf("replay: the recording has format %d, this kit reads %d: record again", t.about.Format, formatVersion)
	}
	o.Twin = replayedTwin{url: t.about.URL, consumed: t.about.Consumed}
	return t, nil
}

// finish writes what a recording is of. Without that file it is none.
func (t *taping) finish(k *kit) error {
	for _, c := range t.clocks {
		if err := c.close(); err != nil {
			return err
		}
	}
	if t.replay {
		return nil
	}
	t.about.Connector, t.about.Version, t.about.URL = k.about.Name, k.about.Version, k.proxy.url()
	raw, err := json.MarshalIndent(t.about, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(t.dir, recordingFile), append(raw, '\n'), 0o600)
}

// replayedTwin stands for the platform in a replay: what it would do is in the recording.
type replayedTwin struct {
	url      string
	consumed bool
}

func (t replayedTwin) URL() string                       { return t.url }
func (t replayedTwin) Reset(context.Context, int) error  { return nil }
func (t replayedTwin) Change(context.Context, int) error { return nil }
func (t replayedTwin) Consumed() bool                    { return t.consumed }

// tapes tells whether the check's traffic is recorded or replayed. Where the network misbehaves it is not: those checks are
// made of what a recording can't have.
func (t *trial) tapes() bool { return t.tape != nil && !t.live }

// disturbs tells whether the check may have the network misbehave.
func (t *trial) disturbs() bool { return t.proxy != nil && !t.tapes() }

// traffic gives where the next process of the check records to or answers from, and the clock that it asks.
func (t *trial) traffic(workDir string) (*host.Traffic, func() time.Time, error) {
	if !t.tapes() {
		return nil, nil, nil
	}
	t.processes++
	name := t.check.name
	if name == "" {
		name = "start" // before any check
	}
	dir := filepath.Join(t.tape.dir, name, strconv.Itoa(t.processes))
	if t.tape.replay {
		clock, err := readClock(filepath.Join(dir, clockFile), t.tape.about.Began)
		if err != nil {
			return nil, nil, err
		}
		if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) { // a process that asked nothing
			if dir = filepath.Join(workDir, "recorded-nothing"); os.MkdirAll(dir, 0o700) != nil {
				return nil, nil, err
			}
		}
		t.workDirs = append(t.workDirs, workDir)
		return &host.Traffic{Replay: dir}, clock.now, nil
	}
	clock := &tapeClock{path: filepath.Join(dir, clockFile)}
	t.tape.clocks = append(t.tape.clocks, clock)
	return &host.Traffic{Record: dir, Key: t.tape.key}, clock.now, nil
}

// twinSays asks the twin, and keeps what it said or gives what it said when it was recorded.
func twinSays[T any](t *trial, ask func() (T, error)) (v T, err error) {
	if !t.tapes() {
		return ask()
	}
	path := filepath.Join(t.tape.dir, t.check.name, twinFile)
	if !t.tape.replay {
		if v, err = ask(); err != nil {
			return v, err
		}
		raw, err := json.Marshal(v)
		t.twinSaid = append(t.twinSaid, raw)
		if err != nil {
			return v, err
		}
		all, err := json.MarshalIndent(t.twinSaid, "", "  ")
		return v, errors.Join(err, os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, append(all, '\n'), 0o600))
	}
	if t.twinSaid == nil {
		raw, err := os.ReadFile(path)
		if err = errors.Join(err, json.Unmarshal(raw, &t.twinSaid)); err != nil {
			return v, fmt.Errorf("replay: %w", err)
		}
	}
	if len(t.twinSaid) == 0 {
		return v, errors.New("replay: the check asks the twin more than it did: record again")
	}
	next := t.twinSaid[0]
	t.twinSaid = t.twinSaid[1:]
	return v, json.Unmarshal(next, &v)
}

// unmatched reports requests that the recording has no answer to. The connector may not have told: it takes them for a
// platform that does not answer.
func (t *trial) unmatched() error {
	for _, dir := range t.workDirs {
		raw, err := os.ReadFile(filepath.Join(dir, tape.StateFile))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		for line := range strings.SplitSeq(string(raw), "\n") {
			if text, ok := strings.CutPrefix(line, tape.StateUnmatched); ok {
				t.findings = append([]Finding{{What: text, Do: "if the connector's requests changed on purpose, record again; else undo what changed them"}}, t.findings...)
			}
		}
	}
	t.findings = t.findings[:min(len(t.findings), maxFindings)]
	return nil
}

// now is the present, or that of the recording.
func (k *kit) now() time.Time {
	if k.tape != nil {
		return k.tape.about.Began
	}
	return time.Now()
}

// writeKey makes a key that was never used.
func (t *trial) writeKey() string {
	if !t.tapes() {
		return "conformance-" + strings.ToLower(rand.Text())
	}
	t.keys++
	return fmt.Sprintf("conformance-%s-%s-%d", t.tape.about.Seed, t.check.name, t.keys)
}

// tapeClock gives the hub's time to a connector and keeps it, or gives what was kept in the same order.
type tapeClock struct {
	path string

	mu     sync.Mutex
	file   *os.File
	err    error
	replay []time.Time // what is left
	last   time.Time
}

func readClock(path string, began time.Time) (*tapeClock, error) {
	c := &tapeClock{replay: []time.Time{}, last: began}
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return c, nil // nobody asked
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		at, err := time.Parse(time.RFC3339Nano, lines.Text())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		c.replay = append(c.replay, at)
	}
	return c, lines.Err()
}

func (c *tapeClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.replay != nil {
		if len(c.replay) > 0 {
			c.last = c.replay[0]
			c.replay = c.replay[1:]
		}
		return c.last
	}
	at := time.Now().UTC()
	if c.file == nil && c.err == nil {
		if c.err = os.MkdirAll(filepath.Dir(c.path), 0o700); c.err == nil {
			c.file, c.err = os.OpenFile(c.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		}
	}
	if c.err == nil {
		_, c.err = fmt.Fprintln(c.file, at.Format(time.RFC3339Nano))
	}
	return at
}

func (c *tapeClock) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.file == nil {
		return c.err
	}
	return errors.Join(c.err, c.file.Close())
}
