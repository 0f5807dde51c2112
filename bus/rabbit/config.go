package rabbit

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"
)

// Config says how to reach a broker. The zero value of each field but URLs is a default.
type Config struct {
	// URLs are the brokers of one cluster, amqp:// or amqps://user:password@host:port/vhost. They are tried in turn,
	// beginning with a random one. They hold passwords: neither errors nor logs show more than the host.
	URLs []string
	// TLS is for amqps addresses.
	TLS TLS
	// Name is what the broker shows for the connection, such as "jumpring node-a publish".
	Name string
	// Heartbeat is the interval of heartbeats; a broker that is silent for two of them is given up. At least 1 s;
	// default 10 s.
	Heartbeat time.Duration
	// DialTimeout bounds one attempt to connect, handshakes included; default 10 s.
	DialTimeout time.Duration
	// WriteTimeout bounds one write to the socket; default 20 s. A broker that does not read for that long is given up.
	WriteTimeout time.Duration
	// PublishTimeout bounds how long a publish waits for its confirm: through a reconnect, or while the broker blocks
	// publishers. Default 30 s. A context with a deadline can make it shorter.
	PublishTimeout time.Duration
	// ConfirmTimeout is how long a broker that takes messages may leave one without an answer before the channel is given
	// up and what is unconfirmed is sent again on another; default 10 s. It doubles each time, up to PublishTimeout: a
	// queue whose leader died with the message in hand never answers, a slow disk does.
	ConfirmTimeout time.Duration
	// Outstanding bounds the messages of one publisher that wait for their confirm; default 128.
	Outstanding int
	// Backoff is the wait between attempts to connect.
	Backoff Backoff
}

// Backoff doubles from Min to Max; each wait is drawn at random from its upper half.
type Backoff struct {
	// Min is the first wait; default 250 ms.
	Min time.Duration
	// Max is the longest wait; default 30 s.
	Max time.Duration
}

// TLS names PEM files. Without CA the machine's roots are trusted; Cert and Key are for brokers that ask for a client's
// certificate.
type TLS struct {
	CA, Cert, Key string
	// ServerName is the name in the broker's certificate, if it is not the host of the URL.
	ServerName string
}

// Defaults gives the configuration with its defaults filled in.
func (c Config) Defaults() Config {
	set := func(d *time.Duration, to time.Duration) {
		if *d == 0 {
			*d = to
		}
	}
	set(&c.Heartbeat, 10*time.Second)
	set(&c.DialTimeout, 10*time.Second)
	set(&c.WriteTimeout, 20*time.Second)
	set(&c.PublishTimeout, 30*time.Second)
	set(&c.ConfirmTimeout, 10*time.Second)
	set(&c.Backoff.Min, 250*time.Millisecond)
	set(&c.Backoff.Max, 30*time.Second)
	if c.Outstanding == 0 {
		c.Outstanding = 128
	}
	if c.Name == "" {
		c.Name = "jumpring"
	}
	return c
}

// Validate names everything that is wrong, without ever showing a URL's password.
func (c Config) Validate() error {
	var errs []error
	if len(c.URLs) == 0 {
		errs = append(errs, errors.New("rabbit: urls is empty"))
	}
	for i, raw := range c.URLs {
		u, err := url.Parse(raw)
		switch {
		case err != nil: // url.Error shows what it could not parse
			errs = append(errs, fmt.Errorf("rabbit: urls[%d] is no URL", i))
		case u.Scheme != "amqp" && u.Scheme != "amqps":
			errs = append(errs, fmt.Errorf("rabbit: urls[%d] begins with %q, not with amqp or amqps", i, u.Scheme))
		case u.Hostname() == "":
			errs = append(errs, fmt.Errorf("rabbit: urls[%d] has no host", i))
		}
	}
	if (c.TLS.Cert == "") != (c.TLS.Key == "") {
		errs = append(errs, errors.New("rabbit: tls.cert and tls.key go together"))
	}
	for name, d := range map[string]time.Duration{
		"dial_timeout": c.DialTimeout, "write_timeout": c.WriteTimeout, "publish_timeout": c.PublishTimeout,
		"confirm_timeout": c.ConfirmTimeout,
		"backoff.min":     c.Backoff.Min, "backoff.max": c.Backoff.Max,
	} {
		if d < 0 {
			errs = append(errs, fmt.Errorf("rabbit: %s is negative", name))
		}
	}
	if c.Heartbeat != 0 && c.Heartbeat < time.Second {
		errs = append(errs, errors.New("rabbit: heartbeat is under a second"))
	}
	if c.Outstanding < 0 || c.Outstanding > 10_000 {
		errs = append(errs, errors.New("rabbit: outstanding is not between 1 and 10,000"))
	}
	return errors.Join(errs...)
}

// load reads the files.
func (t TLS) load() (*tls.Config, error) {
	out := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fmt.Errorf("rabbit: tls.ca: %w", err)
		}
		out.RootCAs = x509.NewCertPool()
		if !out.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("rabbit: tls.ca: %s holds no certificate", t.CA)
		}
	}
	if t.Cert != "" {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fmt.Errorf("rabbit: tls.cert: %w", err)
		}
		out.Certificates = []tls.Certificate{pair}
	}
	return out, nil
}
