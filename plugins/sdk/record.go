package sdk

import (
	"fmt"
	"net/http"
	"os"
	"sync"

	"github.com/jumpring/jumpring/plugins/sdk/tape"
)

// Environment variables by which a tool that tries a connector has its HTTP traffic recorded, or answered from a recording.
// A hub never sets them.
const (
	EnvRecord    = "JUMPRING_RECORD"     // the folder to record into
	EnvRecordKey = "JUMPRING_RECORD_KEY" // makes the marks that stand for secrets and people
	EnvReplay    = "JUMPRING_REPLAY"     // the folder to answer from
)

// recording is what the process's traffic is recorded by or answered from; both are nil as a rule.
type recording struct {
	recorder *tape.Recorder
	player   *tape.Player
	err      error // why it can't be
}

// traffic is the recording of this process. Like its standard output there is one, which the environment decides at the
// start: a process serves one connection.
var traffic = sync.OnceValue(func() *recording {
	r := &recording{}
	if dir := os.Getenv(EnvReplay); dir != "" {
		r.player, r.err = tape.NewPlayer(dir, tape.StateFile) // the working folder is the connection's own
	} else if dir := os.Getenv(EnvRecord); dir != "" {
		r.recorder, r.err = tape.NewRecorder(dir, os.Getenv(EnvRecordKey))
	}
	return r
})

func (r *recording) addSecrets(secrets ...string) {
	switch {
	case r.recorder != nil:
		r.recorder.AddSecrets(secrets...)
	case r.player != nil:
		r.player.AddSecrets(secrets...)
	}
}

// RecordedTransport gives base as it is, unless this process was started by a tool that records HTTP traffic or answers it
// from a recording: then it gives the transport that does so. HTTPClient and Tokens do it by themselves; a connector
// with an HTTP client of its own gives it its transport through this. secrets must not be in a recording, beside those that
// Open handed over and those that are known by their names.
func RecordedTransport(base http.RoundTripper, secrets ...string) http.RoundTripper {
	r := traffic()
	if _, already := base.(recorded); already {
		r.addSecrets(secrets...)
		return base
	}
	r.addSecrets(secrets...)
	switch {
	case r.err != nil:
		return recorded{failingTransport{r.err}}
	case r.player != nil:
		return recorded{r.player}
	case r.recorder != nil:
		return recorded{r.recorder.Transport(base)}
	}
	return base
}

// recorded marks a transport that is recorded already, so that it is not twice.
type recorded struct{ http.RoundTripper }

// CloseIdleConnections lets http.Client.CloseIdleConnections through.
func (r recorded) CloseIdleConnections() {
	if c, ok := r.RoundTripper.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

type failingTransport struct{ err error }

// RoundTrip implements http.RoundTripper.
func (t failingTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	return nil, fmt.Errorf("the recording can't be used: %w", t.err)
}
