package views

import (
	"encoding/json"
	"fmt"

	"github.com/jumpring/jumpring/core/canon"
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

// CountStates lists the states of a count's lines.
func CountStates() []string { return []string{"seen", "unknown", "missing", "unexpected", "differing"} }

// CountLines lists the lines of a count in one state: scans, or what its newest comparison found.
func CountLines(r store.Reader, session, state string, p Paging) (Page, error) {
	raw, err := Get(r, store.TypeCount, session)
	if err != nil {
		return Page{}, err
	}
	var s canon.CountSession
	if err := json.Unmarshal(raw, &s); err != nil {
		return Page{}, fmt.Errorf("a stored count: %w", err)
	}
	prefix := store.PrefixCounted + s.ID + "/" + state
	if state != "seen" && state != "unknown" {
		prefix += fmt.Sprint(s.Run)
	}
	return each(r, prefix+"/", p, nil)
}

// CreditLines lists the lines of a gift card or store credit.
func CreditLines(r store.Reader, account string, p Paging) (Page, error) {
	if _, err := Get(r, store.TypeCredit, account); err != nil {
		return Page{}, err
	}
	return each(r, store.PrefixCredit+account+"/", p, nil)
}
