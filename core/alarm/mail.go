package alarm

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/smtp"
	"net/textproto"
	"strings"
	"time"
)

// The ways in which a mail server is spoken to.
const (
	StartTLS = "starttls" // plain, then encrypted; a server that can't is refused
	TLS      = "tls"      // encrypted from the start
	PlainTCP = "off"      // a relay on this machine
)

// Mail tells by SMTP.
type Mail struct {
	Server string // host:port
	From   string
	To     []string
	// User and Password log in with AUTH PLAIN, which is only sent over an encrypted connection or to this machine.
	User, Password string
	Security       string         // StartTLS, TLS or PlainTCP
	Roots          *x509.CertPool // nil for the system's
}

// Tell implements Teller.
func (m *Mail) Tell(ctx context.Context, n *Notice, now time.Time) error {
	host, _, err := net.SplitHostPort(m.Server)
	if err != nil {
		return errors.New("its server is no host and port")
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", m.Server)
	if err != nil {
		return errors.New("its server could not be reached: " + reason(err))
	}
	if ends, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(ends); err != nil {
			return errors.Join(errors.New("its server could not be spoken to"), conn.Close())
		}
	}
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })() // a stop does not wait for a server that is silent
	secure := &tls.Config{ServerName: host, RootCAs: m.Roots, MinVersion: tls.VersionTLS12}
	if m.Security == TLS {
		conn = tls.Client(conn, secure)
	}
	c, err := smtp.NewClient(conn, host)
	if err != nil {
		_ = conn.Close()
		return said("greeting", err)
	}
	defer func() { _ = c.Close() }()
	if m.Security == StartTLS {
		if ok, _ := c.Extension("STARTTLS"); !ok {
			return errors.New("its server offers no STARTTLS; use another one, or tls: tls")
		}
		if err := c.StartTLS(secure); err != nil {
			return said("STARTTLS", err)
		}
	}
	if m.User != "" {
		if err := c.Auth(smtp.PlainAuth("", m.User, m.Password, host)); err != nil {
			return said("AUTH", err)
		}
	}
	if err := c.Mail(m.From); err != nil {
		return said("MAIL FROM", err)
	}
	for _, to := range m.To {
		if err := c.Rcpt(to); err != nil {
			return said("RCPT TO", err)
		}
	}
	w, err := c.Data()
	if err != nil {
		return said("DATA", err)
	}
	_, err = w.Write(m.compose(n, now))
	if err == nil {
		err = w.Close() // the server's word that it has the mail
	}
	if err != nil {
		return said("DATA", err)
	}
	_ = c.Quit() // it has the mail
	return nil
}

// said tells at which step a server refused, and its code: its text may quote an address.
func said(step string, err error) error {
	var proto *textproto.Error
	if errors.As(err, &proto) {
		return fmt.Errorf("its server answered %d to %s", proto.Code, step)
	}
	return fmt.Errorf("its server did not answer to %s: %s", step, reason(err))
}

// compose writes the mail. What stands in its head has no line ends.
func (m *Mail) compose(n *Notice, now time.Time) []byte {
	one := strings.NewReplacer("\r", " ", "\n", " ")
	sum := sha256.Sum256([]byte(n.ID))
	domain := "jumpring.invalid"
	if _, after, ok := strings.Cut(m.From, "@"); ok {
		domain = strings.Trim(after, "<> ")
	}
	head := []string{
		"From: " + one.Replace(m.From), "To: " + one.Replace(strings.Join(m.To, ", ")), "Subject: " + mime.QEncoding.Encode("utf-8", one.Replace("[Jumpring] "+n.Title())),
		"Date: " + now.Format(time.RFC1123Z), "Message-ID: <" + hex.EncodeToString(sum[:16]) + "@" + one.Replace(domain) + ">",
		"Auto-Submitted: auto-generated", "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit",
	}
	return []byte(strings.Join(head, "\r\n") + "\r\n\r\n" + strings.ReplaceAll(n.Text(), "\n", "\r\n"))
}

// Text tells a notice to a person.
func (n *Notice) Text() string {
	var b strings.Builder
	b.WriteString(n.Title() + "\n\n" + n.What + "\n")
	if n.Do != "" && n.Phase != Cleared {
		b.WriteString("What to do: " + n.Do + "\n")
	}
	b.WriteString("Raised: " + n.RaisedAt.UTC().Format(time.RFC3339) + "\n")
	if n.Phase == Cleared {
		b.WriteString("Cleared: " + n.ClearedAt.UTC().Format(time.RFC3339) + "\n")
	}
	return b.String()
}
