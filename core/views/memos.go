package views

import (
	"encoding/json"
	"fmt"

	"github.com/jumpring/jumpring/core/store"
)

// Memos lists memos in the order of their ids, those of one state where it is named.
func Memos(r store.Reader, status string, p Paging) (Page, error) {
	return each(r, store.PrefixRecord+store.TypeMemo+"/", p, func(raw []byte) (bool, error) {
		if status == "" {
			return true, nil
		}
		var m struct {
			Status string `json:"status"`
		}
		if err := json.Unmarshal(raw, &m); err != nil {
			return false, fmt.Errorf("a stored memo: %w", err)
		}
		return m.Status == status, nil
	})
}

// Memo gives one memo.
func Memo(r store.Reader, id string) (json.RawMessage, error) {
	raw, ok, err := r.Get(store.RecordKey(store.TypeMemo, id))
	if err != nil {
		return nil, fmt.Errorf("views: memo: %w", err)
	}
	if !ok {
		return nil, ErrNotFound
	}
	return raw, nil
}
