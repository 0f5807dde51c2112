package alarm

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// mailbox is a small mail server: STARTTLS, AUTH PLAIN, and what it was given.
type mailbox struct {
	t        *testing.T
	ln       net.Listener
	tls      *tls.Config
	roots    *x509.CertPool
	noTLS    bool   // it offers none
	user     string // with a password, "user\x00password"
	refuse   string // a command that it answers with 550
	mu       sync.Mutex
	mails    []string
	unsecure bool // somebody logged in over a plain connection
}

func newMailbox(t *testing.T) *mailbox {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	b := &mailbox{t: t, roots: x509.NewCertPool(), tls: &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}}
	b.roots.AddCert(cert)
	b.ln, err = net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := b.ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { b.talk(conn) })
		}
	})
	t.Cleanup(func() { _ = b.ln.Close(); wg.Wait() })
	return b
}

func (b *mailbox) got() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string{}, b.mails...)
}

func (b *mailbox) talk(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	secure := false
	r := bufio.NewReader(conn)
	say := func(s string) { _, _ = conn.Write([]byte(s + "\r\n")) }
	say("220 mailbox")
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSpace(line)
		verb, rest, _ := strings.Cut(line, " ")
		switch verb = strings.ToUpper(verb); {
		case b.refuse != "" && strings.HasPrefix(strings.ToUpper(line), b.refuse):
			say("550 no, not for zzsecret@example.com")
		case verb == "EHLO":
			switch {
			case secure:
				say("250-mailbox\r\n250 AUTH PLAIN")
			case b.noTLS:
				say("250 mailbox")
			default:
				say("250-mailbox\r\n250 STARTTLS")
			}
		case verb == "STARTTLS":
			say("220 go on")
			conn = tls.Server(conn, b.tls)
			r, secure = bufio.NewReader(conn), true
		case verb == "AUTH":
			raw, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(rest, "PLAIN "))
			b.mu.Lock()
			b.unsecure = b.unsecure || !secure
			b.mu.Unlock()
			if string(raw) != "\x00"+b.user {
				say("535 wrong password for zzsecret@example.com")
				continue
			}
			say("235 welcome")
		case verb == "DATA":
			say("354 write")
			var mail strings.Builder
			for {
				l, err := r.ReadString('\n')
				if err != nil {
					return
				}
				if l == ".\r\n" {
					break
				}
				mail.WriteString(l)
			}
			b.mu.Lock()
			b.mails = append(b.mails, mail.String())
			b.mu.Unlock()
			say("250 taken")
		case verb == "QUIT":
			say("221 bye")
			return
		default:
			say("250 fine")
		}
	}
}
