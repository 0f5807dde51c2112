package magento

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/connectors/magento/twin"
	"github.com/jumpring/jumpring/core/canon"
)

// What makes a piece recognizable, and what the shop's owner has added, is read back as it was entered: by a person, by the
// API, through snapshot, poll and read alike.
func TestAttributesSurviveTheRoundTrip(t *testing.T) {
	ts := newShop(t)
	ts.twin.AddAttribute("jumpring_serial", "text", "Serial")
	ts.twin.AddAttribute("vault_row", "select", "Vault row", "Row 1 – left", "Row 2, right")
	const serial, epc = " SN-0042/é ", "urn:epc:id:sgtin:4012345.066666.12345"
	for i, words := range []map[string]string{
		{"serial_number": "000123", "certificate_number": "2141438171", "certificate_lab": "GIA", "epc": "30340789000C0E42", "engraving": "À toi & moi <3"},
		{"jumpring_serial": serial, "certificate_number": "LG-12345 A", "certificate_lab": "IGI", "epc": epc, "vault_row": "Row 2, right", "occasions": "Wedding, Christmas"},
	} {
		sku := fmt.Sprint("P", i)
		id, err := ts.twin.CreateProduct(twin.ProductSpec{SKU: sku, Name: "Piece", Price: "990.50", Stock: map[string]int64{"default": 1}, Attributes: words})
		require.NoError(t, err)
		ref := canon.Ref{Kind: canon.KindListing, ExternalID: idText(id)}
		polled, _, _ := ts.round(streamProducts, nil, 0, nil)
		for _, obs := range [][]canon.Observation{polled, ts.read(ref).Observations} {
			l := find(obs, canon.KindListing, idText(id)).Listing
			require.Equal(t, []canon.StatedCert{{Lab: words["certificate_lab"], Number: words["certificate_number"]}}, l.Certificates)
			require.Equal(t, words["epc"], l.EPC)
			require.Equal(t, []canon.StatedMoney{{Amount: "990.5", Currency: "EUR"}}, l.Prices)
			if i == 0 {
				require.Equal(t, "000123", l.Serial)
				require.Equal(t, []canon.StatedAttribute{{Code: "engraving", Value: "À toi & moi <3"}}, l.Attributes)
			} else {
				require.Equal(t, "SN-0042/é", l.Serial)
				require.Equal(t, []canon.StatedAttribute{{Code: "occasions", Value: "Wedding, Christmas"}, {Code: "vault_row", Value: "Row 2, right"}}, l.Attributes)
			}
		}
	}
}

// What another program wrote by the vendor's API comes back the same.
func TestAttributesWrittenByTheAPI(t *testing.T) {
	ts := newShop(t)
	body := map[string]any{"product": map[string]any{
		"sku": "API-1", "name": "Ring", "price": 1250.10, "attribute_set_id": 4,
		"custom_attributes": []map[string]any{{"attribute_code": "serial_number", "value": "A-77"}, {"attribute_code": "carat", "value": "0.51"}},
	}}
	var made product
	_, err := ts.conn.shop.client.do(t.Context(), http.MethodPost, "V1/products", nil, body, &made)
	require.NoError(t, err)
	got := ts.read(canon.Ref{Kind: canon.KindProduct, ExternalID: idText(made.ID)})
	l := find(got.Observations, canon.KindListing, idText(made.ID)).Listing
	require.Equal(t, "A-77", l.Serial)
	require.Equal(t, []canon.StatedStone{{Carat: "0.51"}}, l.Stones)
	require.Equal(t, "1250.1", l.Prices[0].Amount)
}

// The mapping is the configuration's: another attribute holds the serial, and the usual one is an attribute like others.
func TestMappingByConfiguration(t *testing.T) {
	ts := newShop(t)
	ts.twin.AddAttribute("stuecknummer", "text", "Stücknummer")
	id, err := ts.twin.CreateProduct(twin.ProductSpec{SKU: "P", Name: "Ring", Price: "1", Attributes: map[string]string{
		"stuecknummer": "S-1", "serial_number": "old", "metal": "Platinum", "fineness": "950", "ring_size": "52", "style_number": "ST-9", "manufacturer": "Atelier Nord",
		"stone": "Diamond", "carat": "0.51", "stone_colour": "D", "clarity": "VVS1", "metal_weight": "4.2 g",
	}})
	require.NoError(t, err)
	ts.conn = ts.open(map[string]any{"url": ts.url, "serial_keys": []string{"stuecknummer"}}, testSecrets())
	got := ts.read(canon.Ref{Kind: canon.KindProduct, ExternalID: idText(id)})
	l := find(got.Observations, canon.KindListing, idText(id)).Listing
	require.Equal(t, "S-1", l.Serial)
	require.Equal(t, []string{"Platinum", "950", "52", "ST-9", "Atelier Nord", "4.2 g"}, []string{l.Metal, l.Fineness, l.RingSize, l.StyleNo, l.Brand, l.Weight})
	require.Equal(t, []canon.StatedStone{{Kind: "Diamond", Carat: "0.51", Colour: "D", Clarity: "VVS1"}}, l.Stones)
	require.Equal(t, []canon.StatedAttribute{{Code: "serial_number", Value: "old"}}, l.Attributes)
}

func TestConfigurableProducts(t *testing.T) {
	ts := newShop(t)
	small, large := ts.piece("B50", 1), ts.piece("B52", 2)
	parent, err := ts.twin.CreateProduct(twin.ProductSpec{SKU: "B", Name: "Band", Price: "300", Type: "configurable", Children: []string{"B50", "B52"}})
	require.NoError(t, err)
	got := ts.read(canon.Ref{Kind: canon.KindProduct, ExternalID: idText(parent)})
	require.Equal(t, []string{small, large}, got.Observations[0].Product.ListingIDs)
	require.Empty(t, ids(got.Observations, canon.KindListing), "what has no stock of its own is no listing")
}

func TestOrderStates(t *testing.T) {
	for state, want := range map[string]canon.OrderStatus{
		"new": canon.OrderPending, "pending_payment": canon.OrderPending, "payment_review": canon.OrderPending, "processing": canon.OrderOpen, "holded": canon.OrderOpen,
		"complete": canon.OrderFulfilled, "closed": canon.OrderOpen, "canceled": canon.OrderCancelled, "in_workshop": canon.OrderOpen,
	} {
		got, err := orderStatus(&order{EntityID: 1, State: text(state)})
		require.NoError(t, err)
		require.Equal(t, want, got, state)
	}
	got, err := orderStatus(&order{State: "closed", Items: []orderItem{{Shipped: "1.0000"}}})
	require.NoError(t, err)
	require.Equal(t, canon.OrderFulfilled, got, "what was shipped and refunded was fulfilled")
	_, err = orderStatus(&order{})
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
}

// A row that can't be read spoils no other, and is told of.
func TestUnreadableRows(t *testing.T) {
	var got found[order]
	require.NoError(t, json.Unmarshal([]byte(`{"items":[{"entity_id":1,"state":"new","items":"none"},{"entity_id":2,"state":"new"}],"total_count":2}`), &got))
	require.Error(t, got.Items[0].err)
	require.EqualValues(t, 1, got.Items[0].id)
	require.NoError(t, got.Items[1].err)
}
