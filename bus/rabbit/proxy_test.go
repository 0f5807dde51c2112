package rabbit_test

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// slowProxy passes bytes to an address and answers back after a delay, as a distant broker would.
func slowProxy(t *testing.T, to string, delay time.Duration) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var conns sync.WaitGroup
	t.Cleanup(func() {
		_ = l.Close()
		conns.Wait()
	})
	conns.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				_ = in.Close()
				continue
			}
			conns.Go(func() { _, _ = io.Copy(out, in); _ = out.Close() })
			conns.Go(func() { delayed(in, out, delay); _ = in.Close() })
		}
	})
	return l.Addr().String()
}

// delayed copies, each piece so long after it came.
func delayed(to io.Writer, from io.Reader, delay time.Duration) {
	type piece struct {
		due  time.Time
		data []byte
	}
	pieces := make(chan piece, 1000)
	var writer sync.WaitGroup
	writer.Go(func() {
		for p := range pieces {
			<-time.After(time.Until(p.due))
			if _, err := to.Write(p.data); err != nil && !errors.Is(err, net.ErrClosed) {
				continue // the reader notices the same end
			}
		}
	})
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			pieces <- piece{time.Now().Add(delay), append([]byte(nil), buffer[:n]...)}
		}
		if err != nil {
			break
		}
	}
	close(pieces)
	writer.Wait()
}
