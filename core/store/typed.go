package store

import (
	"fmt"

	"github.com/goccy/go-json"
)

// borrower is a Reader that can show a value without copying it.
type borrower interface {
	borrow(key string) ([]byte, bool, error)
}

// Load reads the record of a key; nil when there is none. The error of a record that does not decode names the key,
// never the content (invariant 7), and wraps ErrCorrupt.
func Load[T any](r Reader, key string) (*T, error) {
	get := r.Get
	if b, ok := r.(borrower); ok {
		get = b.borrow
	}
	raw, ok, err := get(key)
	if err != nil || !ok {
		return nil, err
	}
	return decodeRecord[T](key, raw)
}

// Peek is Load of a record that is shared: neither it nor what it points to may be changed. It is decoded once for as
// long as its bytes stay the same. decode makes it of them; nil stands for JSON of a T.
func Peek[T any](tx *Tx, key string, decode func(raw []byte) (*T, error)) (*T, error) {
	c, err := tx.cell(key)
	if err != nil || c.value == nil {
		return nil, err
	}
	if record, same := c.record.(*T); same {
		return record, nil
	}
	var record *T
	if decode != nil {
		record, err = decode(c.value)
	} else {
		record, err = decodeRecord[T](key, c.value)
	}
	if err != nil {
		return nil, err
	}
	tx.cells.set(c, c.value, record)
	return record, nil
}

func decodeRecord[T any](key string, raw []byte) (*T, error) {
	record := new(T)
	if err := json.Unmarshal(raw, record); err != nil {
		return nil, fmt.Errorf("%w: the record of key %q is not a %T", ErrCorrupt, key, *record)
	}
	return record, nil
}

// Save writes a record as JSON. Equal records give equal bytes: fields come in the struct's order and map keys sorted
// (invariant 3).
func Save(tx *Tx, key string, v any) error {
	raw, err := json.MarshalWithOption(v, json.DisableHTMLEscape())
	if err != nil {
		return fmt.Errorf("store: encode the record of key %q (%T): %w", key, v, err)
	}
	tx.Put(key, raw)
	return nil
}
