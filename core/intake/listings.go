package intake

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/goccy/go-json"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// rescanEvery bounds how often an unknown stock id makes Listings read all listings anew.
const rescanEvery = 5 * time.Second

// ListingRef names the listing that a stock level belongs to.
type ListingRef struct {
	ListingID string
	ProductID string // the platform's product; empty where it has none
}

// Listings tells which listing of one connection a stock id belongs to. Where the platform's stock id is not the
// listing's own id it reads all listings once and remembers; what it remembers is checked at each use.
type Listings struct {
	connection string
	mu         sync.Mutex
	byStock    map[string]string // listing id by stock id, where they differ
	scanned    time.Time
}

// NewListings serves one connection.
func NewListings(connection string) *Listings { return &Listings{connection: connection} }

// Of gives the listing of a stock id; false when the view knows none.
func (l *Listings) Of(r store.Reader, stockID string) (ListingRef, bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if id, ok := l.byStock[stockID]; ok {
		if ref, ok, err := l.check(r, id, stockID); ok || err != nil {
			return ref, ok, err
		}
	}
	if ref, ok, err := l.check(r, stockID, stockID); ok || err != nil {
		return ref, ok, err
	}
	if l.byStock != nil && time.Since(l.scanned) < rescanEvery {
		return ListingRef{}, false, nil
	}
	if err := l.scan(r); err != nil {
		return ListingRef{}, false, err
	}
	if id, ok := l.byStock[stockID]; ok {
		return l.check(r, id, stockID)
	}
	return ListingRef{}, false, nil
}

// check reads a listing and confirms that its levels have this stock id.
func (l *Listings) check(r store.Reader, listingID, stockID string) (ListingRef, bool, error) {
	b, err := Binding(r, canon.BindingKey{Connection: l.connection, Kind: canon.KindListing, ExternalID: listingID, Aspect: canon.AspectMain})
	if err != nil || b == nil || b.Deleted {
		return ListingRef{}, false, err
	}
	state, err := listingStock(b)
	if err != nil || state.stockID(listingID) != stockID {
		return ListingRef{}, false, err
	}
	return ListingRef{ListingID: listingID, ProductID: state.Listing.ProductID}, true, nil
}

func (l *Listings) scan(r store.Reader) error {
	found := make(map[string]string)
	prefix := store.PrefixBinding + l.connection + "/" + string(canon.KindListing) + "/" + string(canon.AspectMain) + "/"
	err := r.Scan(prefix, "", func(key string, value []byte) (bool, error) {
		var b canon.Binding
		if err := json.Unmarshal(value, &b); err != nil {
			return false, fmt.Errorf("intake: binding %s: %w", key, err)
		}
		if b.Deleted {
			return true, nil
		}
		id := strings.TrimPrefix(key, prefix)
		state, err := listingStock(&b)
		if err != nil {
			return false, err
		}
		if stock := state.stockID(id); stock != id {
			found[stock] = id
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	l.byStock, l.scanned = found, time.Now()
	return nil
}

// listingIDs is the part of a listing's observation that names its product and its stock.
type listingIDs struct {
	Listing struct {
		ProductID string `json:"product_id"`
		StockID   string `json:"stock_id"`
	} `json:"listing"`
}

func (s *listingIDs) stockID(listingID string) string {
	if s.Listing.StockID != "" {
		return s.Listing.StockID
	}
	return listingID
}

func listingStock(b *canon.Binding) (*listingIDs, error) {
	state := new(listingIDs)
	shown := b.Current()
	if shown == nil {
		return state, nil
	}
	if err := json.Unmarshal(shown.Observation, state); err != nil {
		return nil, fmt.Errorf("intake: observation of %s: %w", b.BindingKey, err)
	}
	return state, nil
}

// Binding loads a binding; nil when the view has none.
func Binding(r store.Reader, key canon.BindingKey) (*canon.Binding, error) {
	return store.Load[canon.Binding](r, store.BindingKey(key))
}

// LevelKey is the key of a stock level's binding.
func LevelKey(connection, externalID string) canon.BindingKey {
	return canon.BindingKey{Connection: connection, Kind: canon.KindLevel, ExternalID: externalID, Aspect: canon.AspectMain}
}
