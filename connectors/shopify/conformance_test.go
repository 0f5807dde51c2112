package shopify

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/jumpring/jumpring/plugins/conformance"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// The test binary is also the connector's process, which the conformance kit launches.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "connector" {
		sdk.Serve(New)
		return
	}
	goleak.VerifyTestMain(m)
}

func TestConformance(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	var deliveries []sdk.WebhookRequest
	for _, name := range []string{"orders_create", "products_create", "inventory_levels_update", "customers_update"} {
		tc := webhookCases(t)[name]
		deliveries = append(deliveries, *delivery(tc.Topic, testShop, sign(testSecret, tc.Body), tc.Body))
	}
	conformance.Run(t, conformance.Options{
		Command:    []string{self, "connector"},
		Config:     []byte(`{"shop":"` + testShop + `","endpoint":"http://127.0.0.1:1"}`),
		Secrets:    map[string]string{"client_secret": testSecret, "access_token": "shpat_0123456789"},
		Deliveries: deliveries,
	})
}
