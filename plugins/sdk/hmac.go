package sdk

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
)

// VerifyHMACBase64 reports whether signature is the base64 of the HMAC-SHA256 of the raw bytes under secret, as
// Shopify and WooCommerce sign their webhooks. It compares in constant time. An empty secret or signature verifies
// nothing: a connection without its secret must not accept everything.
func VerifyHMACBase64(secret string, raw []byte, signature string) bool {
	// Decoding is lenient: line ends and unused bits of the last letter pass. The one right spelling is compared.
	want, err := base64.StdEncoding.DecodeString(signature)
	return err == nil && base64.StdEncoding.EncodeToString(want) == signature && verifyHMAC(secret, raw, want)
}

// VerifyHMACHex is VerifyHMACBase64 for a signature in hexadecimal, of either case.
func VerifyHMACHex(secret string, raw []byte, signature string) bool {
	want, err := hex.DecodeString(signature)
	return err == nil && verifyHMAC(secret, raw, want)
}

func verifyHMAC(secret string, raw, want []byte) bool {
	if secret == "" || len(want) != sha256.Size {
		return false
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(raw)
	return hmac.Equal(mac.Sum(nil), want)
}
