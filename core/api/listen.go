package api

import (
	"net"
	"sync"
	"sync/atomic"
)

// listener knows the connections on which nothing has come yet. A client opens such ones ahead of need, and a stop
// would wait for their first request as for one that is under way.
type listener struct {
	net.Listener

	mu     sync.Mutex
	silent map[*conn]bool
	closed bool
}

func newListener(ln net.Listener) *listener {
	return &listener{Listener: ln, silent: make(map[*conn]bool)}
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: accepted, from: l}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return c, c.Conn.Close()
	}
	l.silent[c] = true
	return c, nil
}

// closeSilent closes the connections on which nothing has come, now and from now on.
func (l *listener) closeSilent() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for c := range l.silent {
		_ = c.Conn.Close() // its reader sees it
	}
	clear(l.silent)
}

func (l *listener) spoke(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.silent, c)
}

// conn tells its listener when the first byte has come.
type conn struct {
	net.Conn
	from  *listener
	spoke atomic.Bool
}

// Read implements net.Conn.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if !c.spoke.Load() && (n > 0 || err != nil) && c.spoke.CompareAndSwap(false, true) {
		c.from.spoke(c)
	}
	return n, err
}
