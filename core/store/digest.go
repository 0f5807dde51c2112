package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
)

// Scope says what a digest covers.
type Scope string

// The scopes. State: all that the journal makes, so that the same journal gives the same digest. Golden: values and
// links, without versions, positions and closed cases, so that the same set of observations in any order does.
const (
	ScopeState  Scope = "state"
	ScopeGolden Scope = "golden"
)

// RecordType is one kind of record of the view.
type RecordType struct {
	// Prefix is what the keys of these records begin with, and no others.
	Prefix string
	// New gives a pointer to an empty record; nil for values that are not JSON, which count byte by byte. When what
	// it gives has a method InGolden() bool, a record that answers false is left out of the golden digest.
	New func() any
	// Golden tells that the records count in the golden digest, but for fields tagged `golden:"-"`.
	Golden bool
}

// Report is what Digest found.
type Report struct {
	// Digest is SHA-256 in hexadecimal.
	Digest string `json:"digest"`
	// Counts are the records that count, by prefix.
	Counts map[string]int `json:"counts"`
	// Unlisted is how many keys belong to none of the types, and so are not covered.
	Unlisted int `json:"unlisted"`
}

// Digest sums up every field of every record of the types: for each key, in order, a line with the key and one with
// the record's canonical JSON (see AppendCanonical). Fields count even when they are zero, so that no value can come
// or go without changing the digest. A record with a field that its type does not have is an error that wraps
// ErrCorrupt: the digest would be blind to it.
func Digest(ctx context.Context, r Reader, types []RecordType, scope Scope) (Report, error) {
	if scope != ScopeState && scope != ScopeGolden {
		return Report{}, fmt.Errorf("store: digest: unknown scope %q: want %q or %q", scope, ScopeState, ScopeGolden)
	}
	d, err := newDigester(types, scope)
	if err != nil {
		return Report{}, err
	}
	report := Report{Counts: make(map[string]int, len(types))}
	sum := sha256.New()
	var line []byte
	err = r.Scan("", "", func(key string, value []byte) (bool, error) {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		typ := d.typeOf(key)
		if typ == nil {
			report.Unlisted++
			return true, nil
		}
		if scope == ScopeGolden && !typ.Golden {
			return true, nil
		}
		line = append(appendString(line[:0], key), '\n')
		var counts bool
		var err error
		if line, counts, err = d.record(line, typ, key, value); err != nil || !counts {
			return err == nil, err
		}
		report.Counts[typ.Prefix]++
		_, err = sum.Write(append(line, '\n'))
		return true, err
	})
	if err != nil {
		return Report{}, fmt.Errorf("store: digest: %w", err)
	}
	report.Digest = hex.EncodeToString(sum.Sum(nil))
	return report, nil
}

// record appends a record's canonical JSON; counts is false when it stays out of this scope.
func (d *digester) record(dst []byte, typ *RecordType, key string, value []byte) (_ []byte, counts bool, err error) {
	if typ.New == nil {
		return appendBytes(dst, value), true, nil
	}
	record := typ.New()
	dec := json.NewDecoder(bytes.NewReader(value))
	dec.UseNumber()
	dec.DisallowUnknownFields()
	if err := dec.Decode(record); err != nil {
		// Invariant 7: the error names the key, never the content.
		return dst, false, fmt.Errorf("%w: key %q: its value is not the JSON of a %T, or has fields that it lacks",
			ErrCorrupt, key, record)
	}
	if _, err := dec.Token(); err != io.EOF {
		return dst, false, fmt.Errorf("%w: key %q: something follows its JSON", ErrCorrupt, key)
	}
	if d.json.scope == ScopeGolden {
		if g, ok := record.(interface{ InGolden() bool }); ok && !g.InGolden() {
			return dst, false, nil
		}
	}
	dst, err = d.json.value(dst, reflect.ValueOf(record))
	if err != nil {
		return dst, false, fmt.Errorf("key %q: %w", key, err)
	}
	return dst, true, nil
}

// digester finds a key's type and writes its record.
type digester struct {
	types []RecordType // sorted by prefix; none is the beginning of another
	json  *canonizer
}

func newDigester(types []RecordType, scope Scope) (*digester, error) {
	sorted := slices.SortedFunc(slices.Values(types), func(a, b RecordType) int {
		return strings.Compare(a.Prefix, b.Prefix)
	})
	for i := 1; i < len(sorted); i++ {
		if strings.HasPrefix(sorted[i].Prefix, sorted[i-1].Prefix) {
			return nil, fmt.Errorf("store: digest: prefix %q is inside prefix %q", sorted[i].Prefix, sorted[i-1].Prefix)
		}
	}
	return &digester{types: sorted, json: newCanonizer(scope)}, nil
}

func (d *digester) typeOf(key string) *RecordType {
	i, found := slices.BinarySearchFunc(d.types, key, func(t RecordType, key string) int {
		return strings.Compare(t.Prefix, key)
	})
	if !found {
		i-- // the last prefix that is not greater than key
	}
	if i < 0 || !strings.HasPrefix(key, d.types[i].Prefix) {
		return nil
	}
	return &d.types[i]
}
