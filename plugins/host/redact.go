package host

import (
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
}

func newRedactor(secrets map[string]string) *redactor {
	r := &redactor{}
	for _, v := range secrets {
		r.secrets = append(r.secrets, v)
	}
	r.current.Store(sdk.NewRedactorWithMark(RedactedMark, r.secrets...))
	return r
}

func (r *redactor) add(secret string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.secrets = append(r.secrets, secret)
	r.current.Store(sdk.NewRedactorWithMark(RedactedMark, r.secrets...))
}

// String gives s without secrets.
func (r *redactor) String(s string) string { return r.current.Load().String(s) }
