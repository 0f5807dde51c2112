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
	return err == nil && base64.StdEncoding.EncodeToString(want) == signature && verifyHMAC([]byte(secret), raw, want)
}

// VerifyHMACHex is VerifyHMACBase64 for a signature in hexadecimal, of either case.
func VerifyHMACHex(secret string, raw []byte, signature string) bool {
	want, err := hex.DecodeString(signature)
	return err == nil && verifyHMAC([]byte(secret), raw, want)
}

// SignHMACBase64 makes what VerifyHMACBase64 verifies, for twins and tests.
func SignHMACBase64(secret string, raw []byte) string {
	return base64.StdEncoding.EncodeToString(signHMAC([]byte(secret), raw))
}

// SignHMACHex makes what VerifyHMACHex verifies, for twins and tests.
func SignHMACHex(secret string, raw []byte) string {
	return hex.EncodeToString(signHMAC([]byte(secret), raw))
}

func signHMAC(secret, raw []byte) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write(raw)
	return mac.Sum(nil)
}

func verifyHMAC(secret, raw, want []byte) bool {
	return len(secret) > 0 && len(want) == sha256.Size && hmac.Equal(signHMAC(secret, raw), want)
}
