package report

import (
	"math/big"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// inventory adds up what is on hand now.
func inventory(r store.Reader, a Ask, to *sums) error {
	return each(r, store.TypeItem, func(item *canon.Item) error {
		t := traitsOf(item)
		age := ""
		for i := range item.Stock {
			at := &item.Stock[i]
			if at.OnHand <= 0 || a.Location != "" && at.Location != a.Location {
				continue
			}
			key := orNone(at.Location)
			switch a.By {
			case ByMetal:
				key = t.metal
			case ByCategory:
				key = t.category
			case ByAge:
				if age == "" {
					since, err := firstSeen(r, item.ID, item.Nodes)
					if err != nil {
						return err
					}
					age = ageBand(since, a.To)
				}
				key = age
			}
			if foreign(item) {
				to.add(Line{Key: key, Currency: currencyOf(item), Others: at.OnHand})
				continue
			}
			row := Line{Key: key, Currency: currencyOf(item), Pieces: at.OnHand}
			if len(item.Prices) > 0 {
				row.Value = to.times(item.Prices[0].Minor, at.OnHand)
			} else {
				row.Unpriced = at.OnHand
			}
			if c := item.Cost; c != nil && (c.Currency == row.Currency || row.Currency == "") {
				row.Currency, row.Cost, row.Costed = c.Currency, to.times(c.Minor, at.OnHand), at.OnHand
			} else if c != nil {
				to.add(Line{Key: key, Currency: c.Currency, Cost: to.times(c.Minor, at.OnHand), Costed: at.OnHand})
			}
			to.add(row)
		}
		return nil
	})
}

// foreign reports whether a piece belongs to somebody else.
func foreign(item *canon.Item) bool {
	return item.Consignment != "" || item.Ownership != nil && item.Ownership.Kind != "" && item.Ownership.Kind != canon.Owned
}

// currencyOf gives the currency of the price that an item is valued at; empty where it has none.
func currencyOf(item *canon.Item) string {
	if len(item.Prices) == 0 {
		return ""
	}
	return item.Prices[0].Currency
}

// firstSeen gives the fold time of the oldest row in a record's timeline; zero where it has none.
func firstSeen(r store.Reader, id string, nodes []string) (time.Time, error) {
	var first time.Time
	for _, node := range append([]string{id}, nodes...) {
		err := r.Scan(store.PrefixEntity+node+"/", "", func(key string, _ []byte) (bool, error) {
			row, err := store.Load[canon.Row](r, store.RowOfEntityKey(key))
			if err == nil && row != nil && (first.IsZero() || row.At.Before(first)) {
				first = row.At
			}
			return false, err
		})
		if err != nil {
			return first, err
		}
	}
	return first, nil
}

// ageBand says for how long something has been there, in whole days.
func ageBand(since, now time.Time) string {
	if since.IsZero() {
		return None
	}
	switch days := now.Sub(since) / (24 * time.Hour); {
	case days <= 90:
		return "000-090 days"
	case days <= 180:
		return "091-180 days"
	case days <= 365:
		return "181-365 days"
	}
	return "366 days and more"
}

// turnover sets what was sold beside what is there. It knows pieces alone, no currency.
func turnover(r store.Reader, a Ask, to *sums) error {
	moved := newSums()
	if err := sales(r, a, moved); err != nil {
		return err
	}
	there := newSums()
	if err := inventory(r, a, there); err != nil {
		return err
	}
	for _, row := range moved.rows() {
		to.add(Line{Key: row.Key, Pieces: row.Pieces, Back: row.Back})
	}
	for _, row := range there.rows() {
		to.add(Line{Key: row.Key, OnHand: row.Pieces})
	}
	return nil
}

// turned computes the turnover of a row.
func turned(a Ask, row *Line) {
	if row.OnHand <= 0 {
		return
	}
	const year = 365 * 24 * time.Hour
	n := new(big.Int).Mul(big.NewInt(row.Pieces-row.Back), big.NewInt(int64(year)))
	n.Mul(n, big.NewInt(1000))
	n.Quo(n, new(big.Int).Mul(big.NewInt(int64(a.To.Sub(a.From))), big.NewInt(row.OnHand)))
	if n.IsInt64() {
		row.Turnover = n.Int64()
	}
}

// counts adds up completed counts.
func counts(r store.Reader, a Ask, to *sums) error {
	return each(r, store.TypeCount, func(s *canon.CountSession) error {
		if s.Status != "completed" || !s.Compared || !a.within(s.SubmittedAt) || a.Location != "" && s.Location != a.Location {
			return nil
		}
		key := orNone(s.Location)
		if a.By == ByMonth {
			key = s.SubmittedAt.UTC().Format("2006-01")
		}
		to.add(Line{Key: key, Documents: 1, Expected: s.Expected, Missing: s.Missing, Unexpected: s.Unexpected, Differing: s.Differing})
		return nil
	})
}
