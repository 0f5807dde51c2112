package bigcommerce

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/connectors/bigcommerce/twin"
	"github.com/jumpring/jumpring/core/canon"
)

// Serial, certificate, EPC and the shop's own attributes come back as they were entered, as custom fields, as metafields of the
// product and as metafields of a variant, by poll and by read.
func TestRoundTrip(t *testing.T) {
	const epc = "3034257BF468D480000003EC"
	for i, words := range []map[string]string{
		{"serial": "000123", "certificate": "2141438171", "lab": "GIA", "epc": "urn:epc:id:sgtin:0614141.812345.6789", "engraving": "À toi & moi <3"},
		{"serial": "SN-0042/é", "certificate": "LG-12345 A", "lab": "IGI", "epc": epc, "vault row": "Row 2, right"},
	} {
		for _, as := range []string{"custom", "product", "variant"} {
			t.Run(fmt.Sprint(as, i), func(t *testing.T) {
				ts := newShop(t)
				fields := map[string]string{}
				prefix := ""
				if as != "custom" {
					prefix = "jumpring."
				}
				for k, v := range words {
					fields[prefix+k] = v
				}
				spec := twin.ProductSpec{SKU: "P", Name: "Piece", Price: "990.50", Stock: map[int64]int64{1: 1}}
				switch as {
				case "custom":
					spec.Custom = fields
				case "product":
					spec.Metafields = fields
				default:
					spec.SKU = ""
					spec.Variants = []twin.VariantSpec{{SKU: "P", Value: "52", Metafields: fields, Stock: map[int64]int64{1: 1}}, {SKU: "Q", Value: "54"}}
				}
				id, err := ts.twin.CreateProduct(spec)
				require.NoError(t, err)
				v := idText(ts.twin.Variants(id)[0])
				polled, _, _ := ts.round(streamProducts, nil, 0, nil)
				imported, _, _ := ts.imported(10)
				for _, obs := range [][]canon.Observation{polled, imported, ts.read(ref(canon.KindProduct, id)).Observations} {
					l := find(obs, canon.KindListing, v).Listing
					require.Equal(t, words["serial"], l.Serial)
					require.Equal(t, []canon.StatedCert{{Lab: words["lab"], Number: words["certificate"]}}, l.Certificates)
					require.Equal(t, words["epc"], l.EPC)
					require.Equal(t, []canon.StatedMoney{{Amount: "990.5", Currency: "EUR"}}, l.Prices)
					for k, x := range words {
						if k == "engraving" || k == "vault row" {
							require.Equal(t, []canon.StatedAttribute{{Code: prefix + k, Value: x}}, l.Attributes)
						}
					}
				}
			})
		}
	}
}

// What another program wrote by the platform's API comes back the same.
func TestMetafieldsWrittenByTheAPI(t *testing.T) {
	ts := newShop(t)
	product, ring := ts.piece("R1", 1)
	body := map[string]any{"namespace": "jumpring", "key": "epc", "value": "3034257BF468D480000003EC", "permission_set": "read"}
	_, err := ts.conn.store.client.do(t.Context(), http.MethodPost, "v3/catalog/products/"+idText(product)+"/metafields", nil, body, nil)
	require.NoError(t, err)
	l := find(ts.read(ref(canon.KindProduct, product)).Observations, canon.KindListing, idText(ring)).Listing
	require.Equal(t, "3034257BF468D480000003EC", l.EPC)
	require.Equal(t, "S-R1", l.Serial)
}

// What is said of a product with several variants names none of their pieces.
func TestVariants(t *testing.T) {
	ts := newShop(t)
	id, err := ts.twin.CreateProduct(twin.ProductSpec{
		Name: "Band", Price: "300", Sale: "250", Option: "Ring size", GTIN: "4006381333931", Brand: "Atelier Nord", Custom: map[string]string{"Serial": "X-1", "Metal": "Platinum", "Certificate": "C-1"},
		Variants: []twin.VariantSpec{{SKU: "B50", Value: "50", GTIN: "4006381333948", Stock: map[int64]int64{1: 1}}, {SKU: "B52", Value: "52", Price: "320", Stock: map[int64]int64{1: 2}}},
	})
	require.NoError(t, err)
	v := ts.twin.Variants(id)
	obs := ts.read(ref(canon.KindProduct, id)).Observations
	require.Equal(t, []string{idText(v[0]), idText(v[1])}, find(obs, canon.KindProduct, idText(id)).Product.ListingIDs)
	a, b := find(obs, canon.KindListing, idText(v[0])).Listing, find(obs, canon.KindListing, idText(v[1])).Listing
	require.Empty(t, a.Serial+b.Serial)
	require.Empty(t, a.Certificates)
	require.Equal(t, []string{"50", "Platinum", "4006381333948", "Atelier Nord", "50", "B50"}, []string{a.RingSize, a.Metal, a.GTIN, a.Brand, a.VariantTitle, a.SKU})
	require.Empty(t, b.GTIN, "the product's barcode is not its variants'")
	require.Equal(t, "300", a.Prices[0].Amount)
	require.Equal(t, []canon.StatedOffer{{ID: "sale", Kind: canon.OfferSale, Price: canon.StatedMoney{Amount: "250", Currency: "EUR"}}}, a.Offers)
	require.Equal(t, "320", b.Prices[0].Amount)
	require.Empty(t, b.Offers, "the sale is off the product's own price")
	require.Equal(t, ofVariant(v[0]), a.StockID)
	require.EqualValues(t, 2, *find(obs, canon.KindLevel, canon.LevelID(ofVariant(v[1]), "1")).Level.Available)
}

// Where the product is counted, its variants share one stock; where nothing is counted, no number is made up.
func TestTracking(t *testing.T) {
	ts := newShop(t)
	shared, err := ts.twin.CreateProduct(twin.ProductSpec{Name: "Chain", Price: "1", Tracking: "product", Stock: map[int64]int64{1: 3}, Variants: []twin.VariantSpec{{SKU: "C1", Value: "40"}, {SKU: "C2", Value: "45"}}})
	require.NoError(t, err)
	none, err := ts.twin.CreateProduct(twin.ProductSpec{Name: "Polishing", Price: "1", Tracking: "none"})
	require.NoError(t, err)
	obs := ts.read(ref(canon.KindProduct, shared), ref(canon.KindProduct, none)).Observations
	for _, v := range ts.twin.Variants(shared) {
		require.Equal(t, ofProduct(shared), find(obs, canon.KindListing, idText(v)).Listing.StockID)
	}
	require.EqualValues(t, 3, *find(obs, canon.KindLevel, canon.LevelID(ofProduct(shared), "1")).Level.Available)
	l := find(obs, canon.KindListing, idText(ts.twin.Variants(none)[0])).Listing
	require.False(t, *l.Tracked)
	require.Nil(t, find(obs, canon.KindLevel, canon.LevelID(l.StockID, "1")).Level.Available)
}

// The mapping is the configuration's: another field holds the serial, and the usual one is a field like others.
func TestMappingByConfiguration(t *testing.T) {
	ts := newShop(t)
	id, err := ts.twin.CreateProduct(twin.ProductSpec{SKU: "P", Name: "Ring", Price: "1", UPC: "012345678905", MPN: "ST-9", Description: "<p>Fine &amp; old</p>", Custom: map[string]string{
		"Stücknummer": "S-1", "Serial": "old", "Metal": "Platinum", "Fineness": "950", "Ring size": "52", "Stone": "Diamond", "Carat": "0.51", "Stone colour": "D", "Clarity": "VVS1", "Metal-weight": "4.2 g",
	}, Metafields: map[string]string{"erp.vault": "12"}, Images: []string{"https://cdn.example.com/1.jpg"}})
	require.NoError(t, err)
	ts.conn = ts.open(map[string]any{"serial_keys": []string{"stücknummer"}, "metafield_namespaces": []string{"erp"}}, testSecrets())
	obs := ts.read(ref(canon.KindProduct, id)).Observations
	l := find(obs, canon.KindListing, idText(ts.twin.Variants(id)[0])).Listing
	require.Equal(t, "S-1", l.Serial)
	require.Equal(t, []string{"Platinum", "950", "52", "ST-9", "012345678905", "4.2 g"}, []string{l.Metal, l.Fineness, l.RingSize, l.StyleNo, l.GTIN, l.Weight})
	require.Equal(t, []canon.StatedStone{{Kind: "Diamond", Carat: "0.51", Colour: "D", Clarity: "VVS1"}}, l.Stones)
	require.Equal(t, []canon.StatedAttribute{{Code: "erp.vault", Value: "12"}, {Code: "Serial", Value: "old"}}, l.Attributes)
	require.Equal(t, []string{"https://cdn.example.com/1.jpg"}, l.ImageURLs)
	require.Equal(t, "Fine & old", find(obs, canon.KindProduct, idText(id)).Product.Description)
}

func TestOrderStates(t *testing.T) {
	for status, want := range map[int64]canon.OrderStatus{
		0: canon.OrderCancelled, 1: canon.OrderPending, 2: canon.OrderFulfilled, 3: canon.OrderOpen, 4: canon.OrderOpen, 5: canon.OrderCancelled, 6: canon.OrderCancelled,
		7: canon.OrderPending, 8: canon.OrderOpen, 9: canon.OrderOpen, 10: canon.OrderFulfilled, 11: canon.OrderOpen, 12: canon.OrderOpen, 13: canon.OrderOpen, 14: canon.OrderOpen,
	} {
		got, err := orderStatus(&order{ID: 1, StatusID: status})
		require.NoError(t, err)
		require.Equal(t, want, got, "%d", status)
	}
	got, err := orderStatus(&order{StatusID: statusRefunded, ItemsShipped: "1"})
	require.NoError(t, err)
	require.Equal(t, canon.OrderFulfilled, got, "what was shipped and refunded was fulfilled")
	_, err = orderStatus(&order{StatusID: 15})
	require.Error(t, err)
}

func TestNumbers(t *testing.T) {
	for in, want := range map[text]string{
		"1250": "1250", "1250.5": "1250.5", "0.30000000000000004": "0.3", "1.0e-5": "0", "1.25e+3": "1250", "-10.0000": "-10.0000", "": "", "x": "x",
	} {
		require.Equal(t, want, amount(in), "%q", in)
	}
	for in, want := range map[text]int64{"1": 1, "1.0000": 1, "2.9": 2, "-0.5": -1, "-1": -1, "1e2": 100} {
		n, ok := whole(in)
		require.True(t, ok)
		require.Equal(t, want, n, "%q", in)
	}
	_, ok := whole("1e99")
	require.False(t, ok)
	for in, want := range map[text]int64{
		"Wed, 10 Jan 2018 21:05:30 +0000": 1515618330, "2018-01-10T21:05:30Z": 1515618330, "2018-01-10T22:05:30+01:00": 1515618330, "2018-01-10T21:05:30": 1515618330,
	} {
		at, ok := moment(in)
		require.True(t, ok, in)
		require.Equal(t, want, at.Unix(), in)
	}
	total, ok := sum("1.10", "2.2", "")
	require.True(t, ok)
	require.Equal(t, "3.30", total)
}

// A row that can't be read spoils no other, and is told of.
func TestUnreadableRows(t *testing.T) {
	var got page[product]
	require.NoError(t, json.Unmarshal([]byte(`{"data":[{"id":1,"variants":"none"},{"id":2,"name":"x"}],"meta":{}}`), &got))
	require.Error(t, got.Data[0].err)
	require.EqualValues(t, 1, got.Data[0].id)
	require.NoError(t, got.Data[1].err)
}
