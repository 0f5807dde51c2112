package bare

import (
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// Log appends to one preallocated file. Whoever comes while a group is being synced is in the next one.
type Log struct {
	mu     sync.Mutex
	file   *os.File
	buf    []byte
	at     int64
	joined *group // takes those who come; nil until the first of them
	sync   sync.Mutex
}

type group struct {
	once sync.Once
	err  error
}

// OpenLog makes a log of at most size bytes.
func OpenLog(path string, size int64) (*Log, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	return &Log{file: f}, unix.Fallocate(int(f.Fd()), 0, 0, size)
}

// Append returns when p is on the disk.
func (l *Log) Append(p []byte) error {
	l.mu.Lock()
	if l.joined == nil {
		l.joined = &group{}
	}
	g := l.joined
	l.buf = append(l.buf, p...)
	l.mu.Unlock()
	g.once.Do(func() {
		l.sync.Lock()
		defer l.sync.Unlock()
		l.mu.Lock()
		buf, at := l.buf, l.at
		l.buf, l.joined, l.at = nil, nil, at+int64(len(buf))
		l.mu.Unlock()
		if _, g.err = l.file.WriteAt(buf, at); g.err == nil {
			g.err = unix.Fdatasync(int(l.file.Fd()))
		}
	})
	return g.err
}

// Close closes the file.
func (l *Log) Close() error { return l.file.Close() }
