package reconcile

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jumpring/jumpring/core/canon"
)

// ErrSeal is wrapped when a report's seal does not prove it.
var ErrSeal = errors.New("the report is not proven")

// statement is what a seal signs: that at a position of a journal nothing differed, and what was compared to say so.
type statement struct {
	Journal    string           `json:"journal"`
	ID         string           `json:"id"`
	Connection string           `json:"connection"`
	Position   canon.Position   `json:"position"`
	StartedAt  string           `json:"started_at"`
	At         string           `json:"at"`
	Rows       int64            `json:"rows"`
	Compared   map[string]int64 `json:"compared"`
	Levels     int64            `json:"levels"`
	Changed    int64            `json:"changed"`
	Unread     int64            `json:"unread"`
	Repaired   map[string]int64 `json:"repaired"`
	Unwritten  map[string]int64 `json:"unwritten"`
	State      string           `json:"state"`
}

// statementOf gives the signed bytes: a line that names the format, and JSON with sorted keys.
func statementOf(r *canon.DriftReport) ([]byte, error) {
	s := statement{
		Journal: r.Journal, ID: r.ID, Connection: r.Connection, Position: r.Position, StartedAt: r.StartedAt.UTC().Format(time.RFC3339Nano),
		At: r.At.UTC().Format(time.RFC3339Nano), Rows: int64(len(r.Rows)) + r.More, Compared: r.Compared, Levels: r.Levels, Changed: r.Changed,
		Unread: r.Unread, Repaired: make(map[string]int64), Unwritten: r.Unwritten, State: r.State,
	}
	for cause, n := range r.RepairedCounts {
		s.Repaired[string(cause)] = n
	}
	if len(s.Unwritten) == 0 {
		s.Unwritten = nil // an empty one is left out of the report's JSON
	}
	body, err := json.Marshal(s)
	return append([]byte("jumpring drift 1\n"), body...), err
}

// Seal signs a report without rows; one with rows is an error.
func Seal(r *canon.DriftReport, key ed25519.PrivateKey) error {
	if len(r.Rows) > 0 || r.More > 0 {
		return fmt.Errorf("reconcile: a report with %d rows is not signed", int64(len(r.Rows))+r.More)
	}
	text, err := statementOf(r)
	if err != nil {
		return fmt.Errorf("reconcile: seal the drift report: %w", err)
	}
	public, ok := key.Public().(ed25519.PublicKey)
	if !ok {
		return errors.New("reconcile: the key has no public part")
	}
	r.Seal = &canon.DriftSeal{
		Key:       base64.StdEncoding.EncodeToString(public),
		Signature: base64.StdEncoding.EncodeToString(ed25519.Sign(key, text)),
	}
	return nil
}

// VerifySeal checks that a report has no rows and that the hub with this public key, in base64, signed it as it is. What
// it finds wrong wraps ErrSeal.
func VerifySeal(r *canon.DriftReport, key string) error {
	switch {
	case len(r.Rows) > 0 || r.More > 0:
		return fmt.Errorf("%w: it has %d rows", ErrSeal, int64(len(r.Rows))+r.More)
	case r.Seal == nil:
		return fmt.Errorf("%w: it has no signature", ErrSeal)
	case r.Seal.Key != key:
		return fmt.Errorf("%w: another key signed it", ErrSeal)
	}
	public, err := base64.StdEncoding.DecodeString(key)
	if err != nil || len(public) != ed25519.PublicKeySize {
		return fmt.Errorf("%w: the key is none of Ed25519 in base64", ErrSeal)
	}
	signature, err := base64.StdEncoding.DecodeString(r.Seal.Signature)
	if err != nil {
		return fmt.Errorf("%w: the signature is not base64", ErrSeal)
	}
	text, err := statementOf(r)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSeal, err)
	}
	if !ed25519.Verify(public, text, signature) {
		return fmt.Errorf("%w: the signature is not of this report", ErrSeal)
	}
	return nil
}
