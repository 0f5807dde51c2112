package router

import "fmt"

// Fault is a deterministic reason why an entry can't be applied: the same entry on the same state always fails with
// it. The entry is parked (invariant 6). Every other error of the fold is one of I/O and stops the node.
type Fault struct {
	Code   string // stable, "observation.malformed"
	Reason string // for a person, with what to do; no personal data
}

func (f *Fault) Error() string { return f.Code + ": " + f.Reason }

func faultf(code, format string, args ...any) error {
	return &Fault{Code: code, Reason: fmt.Sprintf(format, args...)}
}
