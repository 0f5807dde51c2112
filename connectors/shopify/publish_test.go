package shopify

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"github.com/jumpring/jumpring/connectors/shopify/twin"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// ringContent is everything that a listing of one piece can carry here.
func ringContent() canon.ListingContent {
	return canon.ListingContent{
		Title: "Solitaire & Co <1 ct>", Description: "<p>A ring.</p>", Brand: "Maison", Category: "Rings", StyleNo: "ST-9", SKU: "NEW-1", GTIN: "4006381333931",
		Serial: "SN-0042", EPC: "3034257BF7194E4000001A85", Metal: "gold 750 yellow", Weight: "4.2 g", RingSize: "54",
		Certificates: []canon.StatedCert{{Lab: "GIA", Number: "2141438171", URL: "https://example.com/r/2141438171"}},
		Attributes:   []canon.StatedAttribute{{Code: "house.line", Value: "Bridal \"Été\""}},
		ImageURLs:    []string{"https://example.com/ring.jpg"}, Serialized: true,
		Price: &canon.StatedMoney{Amount: "1290.00", Currency: "EUR"}, Sale: &canon.StatedMoney{Amount: "990.00", Currency: "EUR"},
	}
}

func making(change ...func(w *sdk.Write)) sdk.Write {
	w := sdk.Write{Key: actionKey, Ref: canon.Ref{Kind: canon.KindListing}, Action: &sdk.Action{
		Kind: canon.ActionCreateListing, AttemptedAt: time.Now().Add(-time.Minute), Listing: &canon.ListingTask{Item: "itm_1", Node: "itm_1", Content: ringContent()},
	}}
	for _, c := range change {
		c(&w)
	}
	return w
}

func onListing(kind canon.ActionKind, made *canon.ListingMade, content canon.ListingContent, fields ...string) sdk.Write {
	t := &canon.ListingTask{Item: "itm_1", ExternalID: made.ExternalID, ProductID: made.ProductID, StockID: made.StockID, Content: content}
	for _, f := range fields {
		t.Fields = append(t.Fields, canon.FieldWish{Field: f})
	}
	return sdk.Write{Key: "k-" + string(kind), Ref: canon.Ref{Kind: canon.KindListing, ExternalID: made.ExternalID}, Action: &sdk.Action{Kind: kind, Listing: t}}
}

func publishingShop(t testing.TB) *shop {
	s := newShop(t, twin.Options{}, map[string]any{"attributes": []string{"house.line"}, "publications": []string{"gid://shopify/Publication/7"}}, nil)
	s.twin.AddLocation("Paris", "FR")
	return s
}

// Serial, certificate, EPC and custom attributes come back as they were written.
func TestAListingIsMadeHiddenOnceAndComesBackUnchanged(t *testing.T) {
	s := publishingShop(t)
	place := s.twin.AddLocation("Lyon", "FR")
	w := making(func(w *sdk.Write) { w.Action.Listing.Places = []string{place} })
	r := s.apply(t, w)[0]
	require.Equal(t, sdk.StatusApplied, r.Status, r.Reason)
	require.Equal(t, r.Made.ExternalID, r.Shows.ExternalID)
	l, want := r.Shows.Listing, ringContent()
	require.Equal(t, "draft", l.Status, "it is put up by a step of its own")
	require.Equal(t, want.Serial, l.Serial)
	require.Equal(t, want.EPC, l.EPC)
	require.Equal(t, want.Certificates, l.Certificates)
	require.Equal(t, want.Attributes, l.Attributes)
	require.Equal(t, []string{want.Title, want.Brand, want.Category, want.SKU, want.GTIN, want.Metal, want.Weight, want.RingSize, want.StyleNo},
		[]string{l.Title, l.Brand, l.Category, l.SKU, l.GTIN, l.Metal, l.Weight, l.RingSize, l.StyleNo})
	require.Equal(t, []canon.StatedMoney{*want.Price}, l.Prices, "what it is lower than is the regular price")
	require.Equal(t, []canon.StatedOffer{{ID: "sale", Kind: canon.OfferSale, Price: *want.Sale}}, l.Offers)
	shown := s.twin.Products()
	require.Len(t, shown, 1)
	require.Equal(t, want.ImageURLs, shown[0].Images)
	require.Equal(t, want.Description, shown[0].Description)
	kinds := map[canon.Kind]int{}
	for _, o := range r.Also {
		kinds[o.Kind]++
		if o.Level != nil {
			require.Equal(t, place, o.Level.Location)
			require.EqualValues(t, 0, *o.Level.Available, "its stock is the stock writer's matter")
		}
	}
	require.Equal(t, map[canon.Kind]int{canon.KindProduct: 1, canon.KindLevel: 1}, kinds)

	again := s.apply(t, w)[0]
	require.Equal(t, sdk.StatusDuplicate, again.Status)
	require.Equal(t, r.Made, again.Made)
	require.Len(t, s.twin.Products(), 1)
}

func TestAMadeListingWhoseAnswerWasLostIsFoundByItsMark(t *testing.T) {
	for name, kind := range map[string]twin.FaultKind{"done": twin.FaultDropAfter, "not done": twin.FaultDropBefore} {
		t.Run(name, func(t *testing.T) {
			s := publishingShop(t)
			s.twin.Inject(twin.Fault{Kind: kind, Operation: "mutation"})
			w := making()
			require.Equal(t, sdk.StatusUnknown, s.apply(t, w)[0].Status)
			young := making(func(w *sdk.Write) { w.Action.AttemptedAt = time.Now() })
			if kind == twin.FaultDropBefore {
				r := s.look(t, young)
				require.Equal(t, sdk.StatusUnknown, r.Status, "a request may still be at work")
				require.Positive(t, r.RetryAfterMillis)
				require.Equal(t, "shopify.not_done", s.look(t, w).Code)
				require.Empty(t, s.twin.Products())
				return
			}
			r := s.look(t, young)
			require.Equal(t, sdk.StatusApplied, r.Status, r.Reason)
			require.Equal(t, r.Made.ExternalID, s.twin.Products()[0].VariantID)
			require.Equal(t, sdk.StatusDuplicate, s.apply(t, w)[0].Status)
			require.Len(t, s.twin.Products(), 1)
		})
	}
}

func TestAListingIsPutUpTakenDownAndChangedFieldByField(t *testing.T) {
	s := publishingShop(t)
	made := s.apply(t, making())[0].Made
	r := s.apply(t, onListing(canon.ActionShowListing, made, canon.ListingContent{}))[0]
	require.Equal(t, sdk.StatusApplied, r.Status, r.Reason)
	require.Equal(t, "active", r.Shows.Listing.Status)
	require.Equal(t, []string{"gid://shopify/Publication/7"}, s.twin.Products()[0].Publications)
	r = s.apply(t, onListing(canon.ActionHideListing, made, canon.ListingContent{}))[0]
	require.Equal(t, "draft", r.Shows.Listing.Status, r.Reason)

	r = s.apply(t, onListing(canon.ActionUpdateListing, made, canon.ListingContent{Title: "Other", Serial: "SN-0043"}, "title", "serial"))[0]
	require.Equal(t, sdk.StatusApplied, r.Status, r.Reason)
	require.Equal(t, "Other", r.Shows.Listing.Title)
	require.Equal(t, "SN-0043", r.Shows.Listing.Serial)
	require.Equal(t, ringContent().EPC, r.Shows.Listing.EPC, "what is not named stays")
	require.Equal(t, ringContent().Certificates, r.Shows.Listing.Certificates)
	require.NotEmpty(t, r.Shows.Listing.Offers)

	price := &canon.StatedMoney{Amount: "1500.00", Currency: "EUR"}
	r = s.apply(t, onListing(canon.ActionPriceListing, made, canon.ListingContent{Price: price}, "price"))[0]
	require.Equal(t, []canon.StatedMoney{*price}, r.Shows.Listing.Prices, r.Reason)
	require.Empty(t, r.Shows.Listing.Offers, "the promotion is over")
}

// wire is a way to the shop that looks at what is sent.
type wire func(*http.Request) (*http.Response, error)

func (w wire) RoundTrip(r *http.Request) (*http.Response, error) { return w(r) }

func TestWhatTheShopCantShowIsSaid(t *testing.T) {
	s := publishingShop(t)
	w := making(func(w *sdk.Write) {
		w.Action.Listing.Content.Price = &canon.StatedMoney{Amount: "1.00", Currency: "USD"}
	})
	r := s.apply(t, w)[0]
	require.Equal(t, []any{sdk.StatusNotRepresentable, "shopify.currency"}, []any{r.Status, r.Code})
	require.Empty(t, s.twin.Products())

	made, err := s.twin.CreateProduct(twin.NewProduct{Title: "Band", Variants: []twin.NewVariant{{Title: "52", Price: "1"}, {Title: "54", Price: "1"}}})
	require.NoError(t, err)
	r = s.apply(t, onListing(canon.ActionHideListing, &canon.ListingMade{ExternalID: made.Variants[0], ProductID: made.ID}, canon.ListingContent{}))[0]
	require.Equal(t, []any{sdk.StatusNotRepresentable, "shopify.shared_product"}, []any{r.Status, r.Code})
	require.Equal(t, "ACTIVE", s.twin.Products()[0].Status, "the other variant is still for sale")

	r = s.apply(t, onListing(canon.ActionUpdateListing, &canon.ListingMade{ExternalID: made.Variants[0], ProductID: made.ID}, canon.ListingContent{HUID: "AAAA11"}, "huid"))[0]
	require.Equal(t, "shopify.no_field", r.Code)
	r = s.apply(t, onListing(canon.ActionPriceListing, &canon.ListingMade{ExternalID: "gid://shopify/ProductVariant/9", ProductID: made.ID}, canon.ListingContent{Price: &canon.StatedMoney{Amount: "2", Currency: "EUR"}}, "price"))[0]
	require.Equal(t, []any{sdk.StatusRejected, "shopify.product_variant_does_not_exist"}, []any{r.Status, r.Code})
}

func TestAnAppWithoutTheScopeIsToldWhichItNeeds(t *testing.T) {
	s := newShop(t, twin.Options{Scopes: []string{"read_products", "read_inventory", "read_locations"}}, nil, nil)
	r := s.apply(t, making())[0]
	require.Equal(t, sdk.StatusRejected, r.Status)
	require.Contains(t, r.Reason, "write_products")
}

// What is sent fits the vendor's input types, and not only the sandbox's.
func TestWhatMakesAListingFitsTheVendorsInputs(t *testing.T) {
	schema := vendorSchema(t)
	s := publishingShop(t)
	var seen []string
	ses, err := s.session()
	require.NoError(t, err)
	inner := ses.client.http.Transport
	ses.client.http.Transport = wire(func(r *http.Request) (*http.Response, error) {
		raw, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		r.Body = io.NopCloser(bytes.NewReader(raw))
		var sent struct {
			Query     string         `json:"query"`
			Variables map[string]any `json:"variables"`
		}
		require.NoError(t, json.Unmarshal(raw, &sent))
		query, errs := gqlparser.LoadQueryWithRules(schema, sent.Query, rules.NewDefaultRules())
		require.Empty(t, errs, sent.Query)
		op := query.Operations[0]
		_, err = validator.VariableValues(schema, op, sent.Variables)
		require.NoError(t, err, op.Name)
		seen = append(seen, op.Name)
		return inner.RoundTrip(r)
	})
	place := s.twin.AddLocation("Lyon", "FR")
	made := s.apply(t, making(func(w *sdk.Write) { w.Action.Listing.Places = []string{place} }))[0].Made
	s.apply(t, onListing(canon.ActionShowListing, made, canon.ListingContent{}))
	all := ringContent()
	s.apply(t, onListing(canon.ActionUpdateListing, made, all, "title", "description", "brand", "category", "sku", "gtin", "serial", "epc", "certificates", "attributes"))
	s.apply(t, onListing(canon.ActionPriceListing, made, all, "price"))
	for _, name := range []string{"ListingMade", "ListingMake", "ListingFacts", "ListingPublish", "ProductUpdate", "VariantsUpdate"} {
		require.Contains(t, seen, name)
	}
}
