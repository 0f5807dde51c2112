package sdk

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The vector is test case 2 of RFC 4231.
func TestVerifyHMAC(t *testing.T) {
	const secret, raw = "Jefe", "what do ya want for nothing?"
	const inHex = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
	sum, err := hex.DecodeString(inHex)
	require.NoError(t, err)
	in64 := base64.StdEncoding.EncodeToString(sum)

	require.True(t, VerifyHMACHex(secret, []byte(raw), inHex))
	require.True(t, VerifyHMACHex(secret, []byte(raw), strings.ToUpper(inHex)))
	require.True(t, VerifyHMACBase64(secret, []byte(raw), in64))

	for name, ok := range map[string]bool{
		"unused bits of the last letter": VerifyHMACBase64("hush-shopify-client-secret", []byte(vectorBody), "PiXSK7NA3DxJN5HPepg2TMEhMCDKQ5cmmlOcN8EPJ2d="),
		"line end":                       VerifyHMACBase64(secret, []byte(raw), in64+"\n"),
		"flipped body":                   VerifyHMACBase64(secret, []byte(raw+" "), in64),
		"other secret":                   VerifyHMACBase64("jefe", []byte(raw), in64),
		"no signature":                   VerifyHMACBase64(secret, []byte(raw), ""),
		"half signature":                 VerifyHMACHex(secret, []byte(raw), inHex[:32]),
		"not base64":                     VerifyHMACBase64(secret, []byte(raw), "***"),
		"no secret":                      VerifyHMACBase64("", []byte(raw), in64),
		"hex given as b64":               VerifyHMACBase64(secret, []byte(raw), inHex),
	} {
		require.False(t, ok, name)
	}
}

// vectorBody is signed as PiXSK7NA3DxJN5HPepg2TMEhMCDKQ5cmmlOcN8EPJ2c= under hush-shopify-client-secret.
const vectorBody = `{"id":820982911946154508,"admin_graphql_api_id":"gid:\/\/shopify\/Order\/820982911946154508","name":"#9999","total_price":"12500.00","currency":"USD"}`

func TestTheVendorsVectorVerifies(t *testing.T) {
	require.True(t, VerifyHMACBase64("hush-shopify-client-secret", []byte(vectorBody), "PiXSK7NA3DxJN5HPepg2TMEhMCDKQ5cmmlOcN8EPJ2c="))
}
