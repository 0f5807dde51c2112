package shopify

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"github.com/jumpring/jumpring/plugins/sdk"
)

// specs finds the vendor's published files, which are not part of the project.
func specs(t *testing.T) string {
	t.Helper()
	for _, dir := range []string{os.Getenv("JUMPRING_SPECS"), "../../../shared/specs"} {
		if dir == "" {
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, "shopify")); err == nil {
			return filepath.Join(dir, "shopify")
		}
	}
	t.Skip("THE VENDOR'S SCHEMA IS NOT CHECKED: no shopify folder in $JUMPRING_SPECS nor in ../shared/specs beside the repository")
	return ""
}

func vendorSchema(t *testing.T) *ast.Schema {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(specs(t), "admin-2026-10.min.graphql"))
	require.NoError(t, err)
	schema, err := gqlparser.LoadSchema(&ast.Source{Name: "admin-2026-10", Input: string(raw)})
	require.NoError(t, err)
	return schema
}

func TestDocumentsFitTheVendorsSchema(t *testing.T) {
	schema := vendorSchema(t)
	for _, doc := range documents() {
		t.Run(doc.name, func(t *testing.T) {
			query, errs := gqlparser.LoadQueryWithRules(schema, doc.text, rules.NewDefaultRules())
			require.Empty(t, errs)
			require.NotNil(t, query.Operations.ForName(doc.name), "the operation has the document's name")
		})
	}
}

// What most public examples still show is refused, so the test above is able to fail.
func TestTheVendorsSchemaRefusesTheOldStockMutation(t *testing.T) {
	_, errs := gqlparser.LoadQueryWithRules(vendorSchema(t), `mutation { inventorySetQuantities(input: {name: "available", reason: "correction",
	  quantities: [{inventoryItemId: "gid://shopify/InventoryItem/1", locationId: "gid://shopify/Location/1", quantity: 0, compareQuantity: 1}]})
	  @idempotent(key: "k") { userErrors { code } } }`, rules.NewDefaultRules())
	require.NotEmpty(t, errs)
	require.Contains(t, errs.Error(), "compareQuantity")
}

// Every topic that Register subscribes to exists at the vendor and is translated.
func TestTopicsAreTheVendorsAndAreTranslated(t *testing.T) {
	known := vendorSchema(t).Types["WebhookSubscriptionTopic"]
	c := open(t, "", nil, nil)
	for _, topic := range topics {
		require.NotNil(t, known.EnumValues.ForName(topic), topic)
		header := strings.ToLower(topic)
		i := strings.LastIndexByte(header, '_')
		if strings.HasPrefix(header, "app_") {
			i = len("app")
		}
		header = header[:i] + "/" + header[i+1:]
		res, err := c.HandleWebhook(context.Background(), delivery(header, testShop, sign(testSecret, []byte("{}")), []byte("{}")))
		require.NoError(t, err)
		require.NotContains(t, res.Reason, "is not translated", topic)
	}
}

// The vendor's own example payloads, of several API versions, are translated or refused with a reason.
func TestVendorExamplePayloads(t *testing.T) {
	topicOf := map[string]string{
		"order": "orders/create", "product": "products/update", "customer": "customers/update",
		"inventory_level": "inventory_levels/update", "location": "locations/update", "inventory_item": "inventory_items/update",
		"fulfillment": "fulfillments/create", "transaction": "order_transactions/create",
	}
	translated := map[string]bool{}
	files, err := filepath.Glob(filepath.Join(specs(t), "rest-payload-examples", "*.json"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 19)
	for _, f := range files {
		raw, err := os.ReadFile(f)
		require.NoError(t, err)
		var envelope map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(raw, &envelope), f)
		for key, body := range envelope {
			topic, ok := topicOf[key]
			if !ok {
				topic = key + "/update"
			}
			t.Run(filepath.Base(f)+"/"+topic, func(t *testing.T) {
				c := open(t, "", nil, nil)
				res, err := c.HandleWebhook(context.Background(), delivery(topic, testShop, sign(testSecret, body), body))
				require.NoError(t, err)
				switch res.Verdict {
				case sdk.VerdictAccepted:
					translated[key] = true
					for i := range res.Observations {
						require.NoError(t, res.Observations[i].Check())
					}
				default:
					require.NotEmpty(t, res.Reason)
				}
			})
		}
	}
	for _, key := range []string{"order", "product", "customer", "inventory_level", "location"} {
		require.True(t, translated[key], "%s is translated", key)
	}
}
