// Package audit makes it noticed when history is cut short or changed: it seals the journal's end and the log of reads by
// signatures that can be kept somewhere else, and verifies a journal against them.
package audit

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/jumpring/jumpring/bus"
)

// Seal says, signed, that a journal had a batch with this hash at a time. Whoever cuts the journal off before it, or writes
// it anew, contradicts it.
type Seal struct {
	Number  uint64 `json:"number"` // 1, 2, 3 …
	Journal string `json:"journal"`
	Offset  uint64 `json:"offset"` // of the batch
	// Hash is the journal's hash chain up to and with that batch, in hexadecimal; Time the batch's fold time.
	Hash string    `json:"hash"`
	Time time.Time `json:"time"`
	At   time.Time `json:"at"` // when it was sealed
	// Reads is how many lines the log of reads had, ReadsHash its chain then; empty where there was none.
	Reads     uint64 `json:"reads"`
	ReadsHash string `json:"reads_hash,omitempty"`
	// Before is the SHA-256 of the seal before it, in hexadecimal, so that none can be taken out.
	Before    string `json:"before,omitempty"`
	Key       string `json:"key"`       // public key, Ed25519, in base64
	Signature string `json:"signature"` // of everything above, in base64
}

// statement gives the signed bytes: a line that names the format, and the seal's JSON without its signature.
func (s Seal) statement() ([]byte, error) {
	s.Signature = ""
	body, err := json.Marshal(s)
	return append([]byte("jumpring seal 1\n"), body...), err
}

// line gives a seal as it stands in its file, and the hash that the next one names.
func (s Seal) line() (raw []byte, hash string, err error) {
	if raw, err = json.Marshal(s); err != nil {
		return nil, "", err
	}
	sum := sha256.Sum256(raw)
	return append(raw, '\n'), hex.EncodeToString(sum[:]), nil
}

// Errors that the findings of a verification wrap.
var (
	// ErrTruncated: a seal names a batch that the journal does not have any longer.
	ErrTruncated = errors.New("history is missing")
	// ErrAltered: what is there is not what was sealed.
	ErrAltered = errors.New("history was altered")
)

// Journal is what sealing and verifying ask of a journal.
type Journal interface {
	ID() string
	End() uint64
	batchReader
}

// Sealed reads a file of seals. A last line that was cut off by a crash is not taken for one.
func Sealed(path string) ([]Seal, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("audit: the seals: %w", err)
	}
	var out []Seal
	for n := 1; ; n++ {
		line, rest, whole := bytes.Cut(raw, []byte("\n"))
		if !whole {
			return out, nil
		}
		var s Seal
		if err := json.Unmarshal(line, &s); err != nil {
			return nil, fmt.Errorf("%w: line %d of %s is no seal", ErrAltered, n, filepath.Base(path))
		}
		out, raw = append(out, s), rest
	}
}

// makeSeal signs the journal's end as it is now, behind the seal before.
func makeSeal(at time.Time, journal string, batch *bus.Batch, reads Head, before *Seal, key ed25519.PrivateKey) (Seal, error) {
	s := Seal{
		Number: 1, Journal: journal, Offset: batch.Offset, Hash: hex.EncodeToString(batch.Hash[:]), Time: time.Unix(0, batch.Time).UTC(),
		At: at.UTC(), Reads: reads.Lines, ReadsHash: reads.Hash, Key: base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey)),
	}
	if before != nil {
		_, hash, err := before.line()
		if err != nil {
			return s, fmt.Errorf("audit: seal: %w", err)
		}
		s.Number, s.Before = before.Number+1, hash
	}
	text, err := s.statement()
	if err != nil {
		return s, fmt.Errorf("audit: seal: %w", err)
	}
	s.Signature = base64.StdEncoding.EncodeToString(ed25519.Sign(key, text))
	return s, nil
}

// check proves one seal: its signature, and that it follows the one before.
func (s Seal) check(before *Seal, key string) error {
	if key != "" && s.Key != key {
		return fmt.Errorf("%w: seal %d is signed by another key", ErrAltered, s.Number)
	}
	public, err := base64.StdEncoding.DecodeString(s.Key)
	if err != nil || len(public) != ed25519.PublicKeySize {
		return fmt.Errorf("%w: seal %d has no key", ErrAltered, s.Number)
	}
	signature, err := base64.StdEncoding.DecodeString(s.Signature)
	text, textErr := s.statement()
	if err != nil || textErr != nil || !ed25519.Verify(public, text, signature) {
		return fmt.Errorf("%w: the signature of seal %d is not its own", ErrAltered, s.Number)
	}
	if before == nil {
		return nil // the first that is there: older ones may have been put away
	}
	_, hash, err := before.line()
	if err != nil {
		return err
	}
	switch {
	case s.Number != before.Number+1 || s.Before != hash:
		return fmt.Errorf("%w: seal %d does not follow seal %d", ErrAltered, s.Number, before.Number)
	case s.Offset < before.Offset || s.Reads < before.Reads:
		return fmt.Errorf("%w: seal %d says less than seal %d", ErrAltered, s.Number, before.Number)
	}
	return nil
}
