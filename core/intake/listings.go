package intake

import (
	"fmt"

	"github.com/goccy/go-json"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// ListingRef names the listing that a stock level belongs to.
type ListingRef struct {
	ListingID string
	ProductID string // the platform's product; empty where it has none
}

// ListingOf gives the listing that a level belongs to; the zero ListingRef when the view knows none.
func ListingOf(r store.Reader, connection, levelID string) (ListingRef, error) {
	stockID, _ := canon.SplitLevelID(levelID)
	id, err := store.Load[store.StockID](r, store.StockIDKey(connection, stockID))
	if err != nil || id == nil || id.Listing == "" {
		return ListingRef{}, err
	}
	var state listingState
	if err := current(r, connection, canon.Ref{Kind: canon.KindListing, ExternalID: id.Listing}, &state); err != nil {
		return ListingRef{}, err
	}
	return ListingRef{ListingID: id.Listing, ProductID: state.Listing.ProductID}, nil
}

// listingState is the part of a listing's observation that names its product.
type listingState struct {
	Listing struct {
		ProductID string `json:"product_id"`
	} `json:"listing"`
}

// refundState is the part of a refund's observation that names its order.
type refundState struct {
	Refund struct {
		OrderID string `json:"order_id"`
	} `json:"refund"`
}

// current decodes the part of an entity's known state that into asks for; it stays empty when nothing is known.
func current(r store.Reader, connection string, ref canon.Ref, into any) error {
	key := canon.BindingKey{Connection: connection, Kind: ref.Kind, ExternalID: ref.ExternalID, Aspect: canon.AspectMain}
	b, err := store.Load[canon.Binding](r, store.BindingKey(key))
	if err != nil || b == nil || b.Current() == nil {
		return err
	}
	if err := json.Unmarshal(b.Current().Observation, into); err != nil {
		return fmt.Errorf("%w: the observation of %s does not decode", store.ErrCorrupt, key)
	}
	return nil
}

// LevelKey is the key of a stock level's binding.
func LevelKey(connection, levelID string) canon.BindingKey {
	return canon.BindingKey{Connection: connection, Kind: canon.KindLevel, ExternalID: levelID, Aspect: canon.AspectMain}
}
