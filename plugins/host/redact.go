package host

import (
	"bytes"
	"encoding/json"
	"sync"
	"sync/atomic"

	"github.com/jumpring/jumpring/plugins/sdk"
)

// RedactedMark stands where the host took a secret out of what a connector wrote. It differs from the mark of the SDK,
// so that one sees which connector should have been more careful.
const RedactedMark = "[redacted by the hub]"

// redactor takes a connection's secrets out of texts. Secrets that rotate are added to it; old ones stay, since they
// may still be valid.
type redactor struct {
	mu      sync.Mutex
	secrets []string
	current atomic.Pointer[sdk.Redactor]
	long    atomic.Pointer[[][]byte]
	found   atomic.Int64 // facts that had a secret in them
}

// leastInFacts is the shortest secret that is looked for in facts: a shorter one may be a word of a shop's own texts.
const leastInFacts = 12

// use makes what secrets has count; the lock is held, or nobody else knows r yet.
func (r *redactor) use() {
	r.current.Store(sdk.NewRedactorWithMark(RedactedMark, r.secrets...))
	var long [][]byte
	for _, s := range r.secrets {
		if len(s) < leastInFacts {
			continue
		}
		quoted, _ := json.Marshal(s) // a string always has a JSON form
		long = append(long, quoted[1:len(quoted)-1])
	}
	r.long.Store(&long)
}

// clean gives a section of a fact without secrets. Invariant 7: what a connector puts into a fact would stay in the journal.
func (r *redactor) clean(section []byte) []byte {
	for _, s := range *r.long.Load() {
		if bytes.Contains(section, s) {
			section = bytes.ReplaceAll(section, s, []byte(RedactedMark))
			r.found.Add(1)
		}
	}
	return section
}

func newRedactor(secrets map[string]string) *redactor {
	r := &redactor{}
	for _, v := range secrets {
		r.secrets = append(r.secrets, v)
	}
	r.use()
	return r
}

func (r *redactor) add(secret string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.secrets = append(r.secrets, secret)
	r.use()
}

// String gives s without secrets.
func (r *redactor) String(s string) string { return r.current.Load().String(s) }

// Clean gives a text without the connection's secrets of twelve bytes and more.
func (c *Connection) Clean(text []byte) []byte {
	for _, s := range *c.redact.long.Load() {
		if bytes.Contains(text, s) {
			text = bytes.ReplaceAll(text, s, []byte(RedactedMark))
		}
	}
	return text
}
