package host

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"
)

// clientCertVariable hands the hub's certificate to the process, which answers with its own: go-plugin's automatic mutual
// TLS, as every connector speaks it.
const clientCertVariable = "PLUGIN_CLIENT_CERT"

// newClientTLS makes the hub's certificate for one start, and the configuration that shows it; go-plugin adds the
// process's certificate as the only one that it trusts. go-plugin would do the same with a key on P-521, which costs some
// twenty times as much as one on P-256, at every start.
func newClientTLS() (config *tls.Config, certPEM string, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, "", fmt.Errorf("certificate: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, "", fmt.Errorf("certificate: %w", err)
	}
	const name = "localhost"
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name, Organization: []string{"Jumpring"}}, DNSNames: []string{name}, SerialNumber: serial,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, IsCA: true, // it is its own issuer
		// A process may run for years. The key is in this process's memory alone and gone with the connection.
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(30, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, "", fmt.Errorf("certificate: %w", err)
	}
	certPEM = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS13, ServerName: name,
		// Until the handshake line has named the process's certificate nobody is trusted.
		RootCAs: x509.NewCertPool(),
	}, certPEM, nil
}
