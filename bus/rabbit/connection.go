package rabbit

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	amqp "github.com/rabbitmq/amqp091-go"
)

// Connection keeps an AMQP connection to one of the configured brokers, and makes it again when it is lost. It is safe
// for concurrent use.
type Connection struct {
	cfg    Config
	tls    *tls.Config
	log    hclog.Logger
	cancel context.CancelFunc
	ended  chan struct{} // closed when the supervisor has returned

	mu      sync.Mutex
	session *Session
	changed chan struct{} // closed and replaced when session changes
	lastErr error
	closed  bool
	tasks   sync.WaitGroup // channels being closed
}

// Session is one AMQP connection while it lives.
type Session struct {
	conn *amqp.Connection
	host string
	done chan struct{}

	mu     sync.Mutex
	reason string        // why the broker blocks publishers; empty when it does not
	free   chan struct{} // closed while not blocked
	err    error
}

// State is what an operator wants to know of a connection.
type State struct {
	// Host is the broker that it is connected to; empty when there is none.
	Host string
	// Blocked is the broker's reason for not taking messages; empty when it does.
	Blocked string
	// Err is why there is no connection, or why the last one ended.
	Err error
}

// Connect begins to connect and returns at once; what can be wrong without a broker is an error. The caller closes the
// Connection.
func Connect(cfg Config, log hclog.Logger) (*Connection, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if log == nil {
		log = hclog.NewNullLogger()
	}
	tlsConfig, err := cfg.TLS.load()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	c := &Connection{cfg: cfg.Defaults(), tls: tlsConfig, log: log, cancel: cancel, ended: make(chan struct{}), changed: make(chan struct{})}
	go c.supervise(ctx)
	return c, nil
}

// Session waits for a living session until ctx ends.
func (c *Connection) Session(ctx context.Context) (*Session, error) {
	for {
		c.mu.Lock()
		session, changed, closed, lastErr := c.session, c.changed, c.closed, c.lastErr
		c.mu.Unlock()
		if closed {
			return nil, ErrClosed
		}
		if ctx.Err() != nil {
			return nil, errors.Join(ctx.Err(), lastErr)
		}
		if session != nil {
			return session, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), lastErr)
		}
	}
}

// State tells how the connection is.
func (c *Connection) State() State {
	c.mu.Lock()
	session, err := c.session, c.lastErr
	c.mu.Unlock()
	if session == nil {
		return State{Err: err}
	}
	return State{Host: session.host, Blocked: session.Blocked(), Err: err}
}

// Close ends the connection and everything on it. Calling it again does nothing.
func (c *Connection) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel()
	<-c.ended
	c.tasks.Wait()
	return nil
}

// endChannel closes a channel without waiting for the broker's answer, which may never come: then the channel ends with
// its connection.
func (c *Connection) endChannel(ch *amqp.Channel) {
	c.tasks.Go(func() { _ = ch.Close() }) // or its connection ended, which ends it too
}

func (c *Connection) set(session *Session, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.session = session
	if err != nil {
		c.lastErr = err
	}
	close(c.changed)
	c.changed = make(chan struct{})
}

// supervise connects, waits for the connection's end, and begins again until ctx ends.
func (c *Connection) supervise(ctx context.Context) {
	defer close(c.ended)
	defer c.set(nil, ErrClosed)
	next := rand.IntN(len(c.cfg.URLs))
	wait := c.cfg.Backoff.Min
	for ctx.Err() == nil {
		session, err := c.dial(ctx, c.cfg.URLs[next%len(c.cfg.URLs)])
		next++
		if err != nil {
			c.set(nil, err)
			c.log.Warn("no connection to RabbitMQ", "error", err, "retry_in", wait.String())
			sleep(ctx, jitter(wait))
			wait = min(2*wait, c.cfg.Backoff.Max)
			continue
		}
		c.log.Info("connected to RabbitMQ", "host", session.host)
		c.set(session, nil)
		began := time.Now()
		select {
		case <-session.done:
			c.set(nil, session.Err())
			c.log.Warn("lost the connection to RabbitMQ", "host", session.host, "error", session.Err())
			if time.Since(began) > c.cfg.Backoff.Max { // it had been well
				wait = c.cfg.Backoff.Min
			}
			sleep(ctx, jitter(wait))
			wait = min(2*wait, c.cfg.Backoff.Max)
		case <-ctx.Done():
			_ = session.conn.CloseDeadline(time.Now().Add(time.Second)) // the broker may be gone, and then that is that
			<-session.done
		}
	}
}

// dial makes one session. Its errors name the host, never the credentials.
func (c *Connection) dial(ctx context.Context, raw string) (*Session, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, errors.New("rabbit: unreadable URL")
	}
	deadline := time.Now().Add(c.cfg.DialTimeout)
	var socket net.Conn
	conf := amqp.Config{
		Heartbeat:       c.cfg.Heartbeat,
		Locale:          "en_US",
		TLSClientConfig: c.tls.Clone(),
		Properties:      amqp.Table{"connection_name": c.cfg.Name, "product": "jumpring"},
		Dial: func(network, addr string) (net.Conn, error) {
			dialer := net.Dialer{Deadline: deadline}
			conn, err := dialer.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			socket = conn
			// The handshake has a deadline; later the heartbeats set it.
			return &boundedConn{Conn: conn, timeout: c.cfg.WriteTimeout}, conn.SetReadDeadline(deadline)
		},
	}
	if len(c.tls.Certificates) > 0 && u.User == nil {
		conf.SASL = []amqp.Authentication{&amqp.ExternalAuth{}}
	}
	conn, err := amqp.DialConfig(raw, conf)
	if err != nil {
		if socket != nil { // the library leaves it open when the broker turns the handshake down
			err = errors.Join(err, ignoreClosed(socket.Close()))
		}
		return nil, fmt.Errorf("rabbit: connect to %s: %w", u.Host, err)
	}
	s := &Session{conn: conn, host: u.Host, done: make(chan struct{}), free: make(chan struct{})}
	close(s.free)
	// Room in the channels: the library sends while it holds its locks.
	go s.watch(conn.NotifyClose(make(chan *amqp.Error, 1)), conn.NotifyBlocked(make(chan amqp.Blocking, 16)))
	return s, nil
}

// watch follows the session's state to its end.
func (s *Session) watch(closed <-chan *amqp.Error, blocked <-chan amqp.Blocking) {
	defer close(s.done)
	for blocked != nil || closed != nil {
		select {
		case b, ok := <-blocked:
			if !ok {
				blocked = nil
				continue
			}
			s.setBlocked(b)
		case err := <-closed:
			s.mu.Lock()
			if err != nil {
				s.err = fmt.Errorf("rabbit: connection to %s ended: %w", s.host, err)
			} else {
				s.err = ErrClosed
			}
			s.mu.Unlock()
			return
		}
	}
}

func (s *Session) setBlocked(b amqp.Blocking) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case b.Active && s.reason == "":
		s.reason = b.Reason
		if s.reason == "" {
			s.reason = "no reason given"
		}
		s.free = make(chan struct{})
	case !b.Active && s.reason != "":
		s.reason = ""
		close(s.free)
	}
}

// Channel opens an AMQP channel, which the caller closes. It ends with the session.
func (s *Session) Channel() (*amqp.Channel, error) {
	ch, err := s.conn.Channel()
	if err != nil {
		return nil, fmt.Errorf("rabbit: open a channel on %s: %w", s.host, err)
	}
	return ch, nil
}

// Done is closed when the connection has ended.
func (s *Session) Done() <-chan struct{} { return s.done }

// Err says why the session ended; nil while it lives.
func (s *Session) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Blocked is the broker's reason for not taking messages; empty when it does.
func (s *Session) Blocked() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reason
}

// unblocked is closed while the broker takes messages.
func (s *Session) unblocked() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.free
}

// boundedConn gives up on a peer that stops reading. The client library itself would wait for ever, holding a lock that
// its shutdown needs.
type boundedConn struct {
	net.Conn
	timeout time.Duration
}

func (b *boundedConn) Write(p []byte) (int, error) {
	if err := b.SetWriteDeadline(time.Now().Add(b.timeout)); err != nil {
		return 0, err
	}
	return b.Conn.Write(p)
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// jitter draws from the upper half of a wait.
func jitter(d time.Duration) time.Duration {
	return d/2 + time.Duration(rand.Int64N(int64(d/2)+1))
}

// sleep waits until the time is over or ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// with waits for a session and runs do on a channel of it.
func (c *Connection) with(ctx context.Context, do func(*amqp.Channel) error) error {
	session, err := c.Session(ctx)
	if err != nil {
		return err
	}
	ch, err := session.Channel()
	if err != nil {
		return err
	}
	defer c.endChannel(ch)
	return do(ch)
}
