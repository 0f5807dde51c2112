package rabbit_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus/rabbit"
	"github.com/jumpring/jumpring/bus/rabbit/rabbittest"
)

// authority signs certificates for a test.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t}
	a.cert, a.key, a.pem, _ = a.sign("authority", nil)
	return a
}

// sign makes a certificate; by itself when there is no authority yet.
func (a *authority) sign(name string, hosts []net.IP) (*x509.Certificate, *ecdsa.PrivateKey, []byte, []byte) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, IPAddresses: hosts,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true, IsCA: a.cert == nil,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	require.NoError(a.t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(a.t, err)
	raw, err := x509.MarshalECPrivateKey(key)
	require.NoError(a.t, err)
	block := func(kind string, b []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}) }
	return cert, key, block("CERTIFICATE", der), block("EC PRIVATE KEY", raw)
}

// TestTLS talks to a broker that wants certificates of its clients.
func TestTLS(t *testing.T) {
	if testing.Short() {
		t.Skip("SHORT: NO BROKER WITH TLS IS STARTED; run make test")
	}
	ours, others := newAuthority(t), newAuthority(t)
	_, _, server, serverKey := ours.sign("broker", []net.IP{net.IPv4(127, 0, 0, 1)})
	_, _, client, clientKey := ours.sign("hub", nil)
	b := rabbittest.StartFor(t, rabbittest.Options{
		Files: map[string][]byte{
			"ca.pem": ours.pem, "other.pem": others.pem, "server.pem": server, "server.key": serverKey, "client.pem": client, "client.key": clientKey,
		},
		Config: []string{
			"listeners.ssl.default = 127.0.0.1:{port1}", "ssl_options.cacertfile = {dir}/ca.pem", "ssl_options.certfile = {dir}/server.pem",
			"ssl_options.keyfile = {dir}/server.key", "ssl_options.verify = verify_peer", "ssl_options.fail_if_no_peer_cert = true",
		},
	})
	file := func(name string) string { return filepath.Join(b.Dir(), name) }
	cfg := config(fmt.Sprintf("amqps://guest:guest@127.0.0.1:%d/", b.Node(0).Port(1)))
	cfg.TLS = rabbit.TLS{CA: file("ca.pem"), Cert: file("client.pem"), Key: file("client.key")}
	pub, conn := publisher(t, cfg)
	queue := rabbit.Queue{Name: "sealed"}
	declare(t, conn, queue.Declare)
	require.NoError(t, pub.Publish(limited(t), rabbit.Message{Key: queue.Name}))

	for name, spoil := range map[string]func(*rabbit.Config){
		"a broker that another authority vouches for": func(c *rabbit.Config) { c.TLS.CA = file("other.pem") },
		"a broker of another name":                    func(c *rabbit.Config) { c.TLS.ServerName = "rabbit.example.com" },
		"a client without a certificate":              func(c *rabbit.Config) { c.TLS.Cert, c.TLS.Key = "", "" },
	} {
		bad := cfg
		spoil(&bad)
		conn := connect(t, bad)
		require.Eventually(t, func() bool { return conn.State().Err != nil }, patience, 10*time.Millisecond, name)
		require.Empty(t, conn.State().Host, name)
		require.NotContains(t, conn.State().Err.Error(), "guest", name)
	}
	missing := cfg
	missing.TLS.CA = file("nowhere.pem")
	_, err := rabbit.Connect(missing, nil)
	require.ErrorContains(t, err, "tls.ca")
}
