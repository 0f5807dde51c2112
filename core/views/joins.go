package views

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// maxConflicts is how many conflicts of stock one report lists; all are counted.
const maxConflicts = 1000

// Joins says how a connection's listings stand: what an import report shows a person before anything goes live.
type Joins struct {
	Connection string `json:"connection"`
	Listings   int64  `json:"listings"`
	// Matched listings share their item with a listing of another connection; Created ones are items of their own.
	Matched int64 `json:"matched"`
	Created int64 `json:"created"`
	// Ambiguous listings wait in the match list; Skipped ones are deleted, or kept unbound by a person.
	Ambiguous int64 `json:"ambiguous"`
	Skipped   int64 `json:"skipped"`
	// Conflicts counts the items whose sides show different stock; Conflicting has the first thousand.
	Conflicts   int64           `json:"conflicts"`
	Conflicting []StockConflict `json:"conflicting"`
}

// StockConflict is an item of which the sides show different stock.
type StockConflict struct {
	Item  string      `json:"item"`
	SKU   string      `json:"sku,omitempty"`
	Title string      `json:"title,omitempty"`
	Sides []StockSide `json:"sides"`
}

// StockSide is what one connection shows of an item, in pieces.
type StockSide struct {
	Connection string `json:"connection"`
	Listing    string `json:"listing"`
	Location   string `json:"location,omitempty"` // the platform's
	Available  int64  `json:"available"`
}

// flagConflict is the item's flag that the fold sets where sources disagree about its stock.
const flagConflict = "stock.conflict"

// JoinsOf looks at every listing of a connection.
func JoinsOf(r store.Reader, connection string) (*Joins, error) {
	j := &Joins{Connection: connection, Conflicting: []StockConflict{}}
	waiting := map[string]bool{}
	prefix := store.PrefixMatch + connection + "/"
	err := r.Scan(prefix, "", func(_ string, raw []byte) (bool, error) {
		var m canon.MatchRow
		if err := json.Unmarshal(raw, &m); err != nil {
			return false, err
		}
		if m.Decision == "" {
			waiting[m.ListingID] = true
		}
		return true, nil
	})
	if err != nil {
		return nil, fmt.Errorf("views: match list of %s: %w", connection, err)
	}
	prefix = store.BindingKey(canon.BindingKey{Connection: connection, Kind: canon.KindListing, Aspect: canon.AspectMain})
	seen := map[string]bool{}
	err = r.Scan(prefix, "", func(key string, raw []byte) (bool, error) {
		var b struct {
			ExternalID string `json:"external_id"`
			Deleted    bool   `json:"deleted"`
		}
		if err := json.Unmarshal(raw, &b); err != nil {
			return false, fmt.Errorf("%s: %w", key, err)
		}
		return true, j.count(r, b.ExternalID, b.Deleted, waiting, seen)
	})
	if err != nil {
		return nil, fmt.Errorf("views: listings of %s: %w", connection, err)
	}
	return j, nil
}

func (j *Joins) count(r store.Reader, listing string, deleted bool, waiting, seen map[string]bool) error {
	j.Listings++
	switch {
	case deleted:
		j.Skipped++
		return nil
	case waiting[listing]:
		j.Ambiguous++
		return nil
	}
	golden, err := Resolve(r, store.TypeItem, canon.NodeID("itm", j.Connection, canon.KindListing, listing))
	if err != nil {
		return err
	}
	it, err := store.Load[canon.Item](r, store.RecordKey(store.TypeItem, golden))
	if err != nil {
		return err
	}
	if it == nil {
		j.Skipped++
		return nil
	}
	others := slices.ContainsFunc(it.Listings, func(l canon.Listing) bool { return l.Connection != j.Connection })
	if others {
		j.Matched++
	} else {
		j.Created++
	}
	if !slices.Contains(it.Flags, flagConflict) || seen[it.ID] {
		return nil
	}
	seen[it.ID] = true
	j.Conflicts++
	if len(j.Conflicting) == maxConflicts {
		return nil
	}
	sides, err := sidesOf(r, it)
	if err != nil {
		return err
	}
	j.Conflicting = append(j.Conflicting, StockConflict{Item: it.ID, SKU: it.SKU, Title: it.Title, Sides: sides})
	return nil
}

// sidesOf gives what each listing of an item shows.
func sidesOf(r store.Reader, it *canon.Item) ([]StockSide, error) {
	sides := []StockSide{}
	for _, l := range it.Listings {
		stockID := l.ExternalID
		b, err := store.Load[canon.Binding](r, store.BindingKey(canon.BindingKey{
			Connection: l.Connection, Kind: canon.KindListing, ExternalID: l.ExternalID, Aspect: canon.AspectMain,
		}))
		if err != nil {
			return nil, err
		}
		if b != nil && b.Current() != nil {
			var o canon.Observation
			if err := json.Unmarshal(b.Current().Observation, &o); err != nil {
				return nil, fmt.Errorf("%w: the observation of %s", store.ErrCorrupt, b.BindingKey)
			}
			if o.Listing != nil && o.Listing.StockID != "" {
				stockID = o.Listing.StockID
			}
		}
		prefix := store.BindingKey(canon.BindingKey{Connection: l.Connection, Kind: canon.KindLevel, Aspect: canon.AspectMain, ExternalID: canon.LevelID(stockID, "")})
		err = r.Scan(prefix, "", func(key string, raw []byte) (bool, error) {
			var level canon.Binding
			if err := json.Unmarshal(raw, &level); err != nil {
				return false, fmt.Errorf("%s: %w", key, err)
			}
			if level.Deleted || level.Current() == nil {
				return true, nil
			}
			var o canon.Observation
			if err := json.Unmarshal(level.Current().Observation, &o); err != nil {
				return false, fmt.Errorf("%s: %w", key, err)
			}
			if o.Level != nil && o.Level.Available != nil {
				sides = append(sides, StockSide{Connection: l.Connection, Listing: l.ExternalID, Location: o.Level.Location, Available: *o.Level.Available})
			}
			return true, nil
		})
		if err != nil {
			return nil, err
		}
	}
	return sides, nil
}
