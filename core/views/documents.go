package views

import (
	"encoding/json"
	"fmt"

	"github.com/jumpring/jumpring/core/store"
)

// Documents lists the house's documents of a type in the order of their ids, those of one state where it is named.
func Documents(r store.Reader, typ, status string, p Paging) (Page, error) {
	return each(r, store.PrefixRecord+typ+"/", p, func(raw []byte) (bool, error) {
		if status == "" {
			return true, nil
		}
		var d struct {
			Status string `json:"status"`
		}
		if err := json.Unmarshal(raw, &d); err != nil {
			return false, fmt.Errorf("a stored %s: %w", typ, err)
		}
		return d.Status == status, nil
	})
}
