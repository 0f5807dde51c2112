package views

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/jumpring/jumpring/core/store"
)

// Undelivered lists the records whose changes wait because they could not be delivered, those of one connection or, with
// "", of all.
func Undelivered(r store.Reader, connection string, p Paging) (Page, error) {
	if strings.ContainsAny(connection, "/\x00") {
		return Page{}, ErrNotFound
	}
	prefix := store.PrefixHeld
	if connection != "" {
		prefix += connection + "/"
	}
	return each(r, prefix, p, nil)
}

// UndeliveredOf gives what waits of a record.
func UndeliveredOf(r store.Reader, connection, record string) (json.RawMessage, error) {
	raw, ok, err := r.Get(store.HeldKey(connection, record))
	if err != nil {
		return nil, fmt.Errorf("views: undelivered: %w", err)
	}
	if !ok {
		return nil, ErrNotFound
	}
	return raw, nil
}
