package woocommerce

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/connectors/woocommerce/twin"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

const listingKey = "0123456789abcdef0123456789abcdef"

func ringContent() canon.ListingContent {
	return canon.ListingContent{
		Title: "Solitaire & Co", Description: "A ring.", Brand: "Maison", StyleNo: "ST-9", SKU: "NEW-1", GTIN: "4006381333931",
		Serial: "SN-0042", EPC: "3034257BF7194E4000001A85", Metal: "gold 750 yellow", Weight: "4.2 g", RingSize: "54",
		Certificates: []canon.StatedCert{{Lab: "GIA", Number: "2141438171"}}, Attributes: []canon.StatedAttribute{{Code: "House Line", Value: "Bridal \"Été\""}},
		ImageURLs: []string{"https://example.com/ring.jpg"}, Serialized: true,
		Price: &canon.StatedMoney{Amount: "1290.00", Currency: "EUR"}, Sale: &canon.StatedMoney{Amount: "990.00", Currency: "EUR"},
	}
}

func making(at time.Time) sdk.Write {
	return sdk.Write{Key: listingKey, Ref: canon.Ref{Kind: canon.KindListing}, Action: &sdk.Action{
		Kind: canon.ActionCreateListing, AttemptedAt: at, Listing: &canon.ListingTask{Item: "itm_1", Content: ringContent()},
	}}
}

func onListing(kind canon.ActionKind, made *canon.ListingMade, content canon.ListingContent, fields ...string) sdk.Write {
	t := &canon.ListingTask{Item: "itm_1", ExternalID: made.ExternalID, ProductID: made.ProductID, StockID: made.StockID, Content: content}
	for _, f := range fields {
		t.Fields = append(t.Fields, canon.FieldWish{Field: f})
	}
	return sdk.Write{Key: "k", Ref: canon.Ref{Kind: canon.KindListing, ExternalID: made.ExternalID}, Action: &sdk.Action{Kind: kind, Listing: t}}
}

// Serial, certificate, EPC and custom attributes come back as they were written.
func TestAListingIsMadeHiddenOnceAndComesBackUnchanged(t *testing.T) {
	ts := newShop(t, false)
	r := ts.apply(making(time.Now()))[0]
	require.Equal(t, sdk.StatusApplied, r.Status, r.Reason)
	l, want := r.Shows.Listing, ringContent()
	require.Equal(t, "draft", l.Status)
	require.Equal(t, want.Serial, l.Serial)
	require.Equal(t, want.EPC, l.EPC)
	require.Equal(t, want.Certificates, l.Certificates)
	require.Equal(t, want.Attributes, l.Attributes)
	require.Equal(t, []string{want.Title, want.Brand, want.SKU, want.GTIN, want.Metal, want.Weight, want.RingSize, want.StyleNo},
		[]string{l.Title, l.Brand, l.SKU, l.GTIN, l.Metal, l.Weight, l.RingSize, l.StyleNo})
	require.Equal(t, []canon.StatedMoney{*want.Price}, l.Prices)
	require.Equal(t, *want.Sale, l.Offers[0].Price)
	require.Equal(t, want.ImageURLs, l.ImageURLs)
	again := ts.apply(making(time.Now()))[0]
	require.Equal(t, sdk.StatusDuplicate, again.Status)
	require.Equal(t, r.Made, again.Made)

	r = ts.apply(onListing(canon.ActionShowListing, r.Made, canon.ListingContent{}))[0]
	require.Equal(t, "active", r.Shows.Listing.Status, r.Reason)
	made := again.Made
	r = ts.apply(onListing(canon.ActionHideListing, made, canon.ListingContent{}))[0]
	require.Equal(t, "draft", r.Shows.Listing.Status, r.Reason)
	change := canon.ListingContent{Title: "Other", Serial: "SN-0043", Attributes: []canon.StatedAttribute{{Code: "House Line", Value: "Daily"}, {Code: "New", Value: "1"}}}
	r = ts.apply(onListing(canon.ActionUpdateListing, made, change, "title", "serial", "attributes"))[0]
	require.Equal(t, sdk.StatusApplied, r.Status, r.Reason)
	require.Equal(t, []any{"Other", "SN-0043", want.EPC}, []any{r.Shows.Listing.Title, r.Shows.Listing.Serial, r.Shows.Listing.EPC}, "what is not named stays")
	require.Equal(t, change.Attributes, r.Shows.Listing.Attributes)
	price := &canon.StatedMoney{Amount: "1500.00", Currency: "EUR"}
	r = ts.apply(onListing(canon.ActionPriceListing, made, canon.ListingContent{Price: price}, "price"))[0]
	require.Equal(t, []canon.StatedMoney{*price}, r.Shows.Listing.Prices, r.Reason)
	require.Empty(t, r.Shows.Listing.Offers, "the promotion is over")
}

func TestAMadeListingWhoseAnswerWasLostIsFoundByItsMark(t *testing.T) {
	for name, fault := range map[string]twin.FaultKind{"done": twin.FaultDropAfter, "not done": twin.FaultDropBefore, "an error after it was done": twin.FaultErrorAfter} {
		t.Run(name, func(t *testing.T) {
			ts := newShop(t, false)
			look := func(at time.Time) sdk.Result {
				res, err := ts.conn.Lookup(context.Background(), &sdk.LookupRequest{Writes: []sdk.Write{making(at)}})
				require.NoError(t, err)
				return res.Results[0]
			}
			ts.twin.Inject(twin.Fault{Kind: fault, Method: "POST"})
			require.Equal(t, sdk.StatusUnknown, ts.apply(making(time.Now()))[0].Status)
			if fault == twin.FaultDropBefore {
				r := look(time.Now())
				require.Equal(t, "woocommerce.may_run", r.Code)
				require.Positive(t, r.RetryAfterMillis)
				require.Equal(t, "woocommerce.not_done", look(time.Now().Add(-time.Hour)).Code)
				return
			}
			r := look(time.Now())
			require.Equal(t, sdk.StatusApplied, r.Status, r.Reason)
			again := ts.apply(making(time.Now()))[0]
			require.Equal(t, sdk.StatusDuplicate, again.Status)
			require.Equal(t, r.Made, again.Made)
		})
	}
}

func TestAPriceInAnotherCurrencyIsNotWritten(t *testing.T) {
	ts := newShop(t, false)
	w := making(time.Now())
	w.Action.Listing.Content.Price = &canon.StatedMoney{Amount: "1", Currency: "USD"}
	r := ts.apply(w)[0]
	require.Equal(t, []any{sdk.StatusNotRepresentable, "woocommerce.currency"}, []any{r.Status, r.Code})
}
