package edgefiles

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"path"
	"sync"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// remote is an exchange on an SFTP server. It connects when it is used first, and anew after a failure.
type remote struct {
	s *server

	mu     sync.Mutex
	conn   *ssh.Client
	client *sftp.Client
}

// session gives a working client. Only the server that has the pinned key is spoken to.
func (r *remote) session(ctx context.Context) (*sftp.Client, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.client != nil {
		return r.client, nil
	}
	dialer := net.Dialer{Timeout: r.s.config.Timeout}
	raw, err := dialer.DialContext(ctx, "tcp", r.s.address)
	if err != nil {
		return nil, fmt.Errorf("connect to the SFTP server: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	conn, channels, requests, err := ssh.NewClientConn(raw, r.s.address, r.s.config)
	if err != nil {
		stop()
		return nil, errors.Join(fmt.Errorf("log in at the SFTP server: %w", err), closed(raw.Close()))
	}
	r.conn = ssh.NewClient(conn, channels, requests)
	r.client, err = sftp.NewClient(r.conn)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		r.drop()
		return nil, fmt.Errorf("open SFTP: %w", err)
	}
	return r.client, nil
}

// closed leaves out that something was closed before.
func closed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// drop ends the session; the caller holds the lock. The connection goes first: a client that is closed waits for its server
// to say goodbye, and not every server does.
func (r *remote) drop() {
	if r.conn != nil {
		_ = r.conn.Close() // it is being given up
	}
	if r.client != nil {
		_ = r.client.Close()
	}
	r.client, r.conn = nil, nil
}

// use makes a call in a session that ends when the context does. After a failure that is none of a file the next call
// connects anew.
func (r *remote) use(ctx context.Context, do func(c *sftp.Client) error) error {
	c, err := r.session(ctx)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.client == c {
			r.drop()
		}
	})
	defer stop()
	err = do(c)
	var status *sftp.StatusError
	if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrPermission) || errors.As(err, &status) {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.client == c {
		r.drop()
	}
	return errors.Join(err, ctx.Err())
}

func (r *remote) at(name string) string { return path.Join(r.s.root, name) }

func (r *remote) list(ctx context.Context, dir string) (out []entry, err error) {
	err = r.use(ctx, func(c *sftp.Client) error {
		if _, err := c.Stat(r.s.root); err != nil {
			return fmt.Errorf("the exchange: %w", err)
		}
		all, err := c.ReadDirContext(ctx, r.at(dir))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("list %s: %w", dir, err)
		}
		for _, info := range all {
			if info.Mode().IsRegular() {
				out = append(out, entry{info.Name(), info.Size(), info.ModTime()})
			}
		}
		return nil
	})
	return out, err
}

func (r *remote) read(ctx context.Context, name string) (raw []byte, err error) {
	err = r.use(ctx, func(c *sftp.Client) error {
		f, err := c.Open(r.at(name))
		if err != nil {
			return err
		}
		defer f.Close()
		raw, err = readBounded(f, name)
		return err
	})
	return raw, err
}

func (r *remote) create(ctx context.Context, name string, content []byte) error {
	return r.use(ctx, func(c *sftp.Client) error {
		if err := c.MkdirAll(path.Dir(r.at(name))); err != nil {
			return fmt.Errorf("make the folder of %s: %w", name, err)
		}
		// Not every server has O_EXCL; only one connector writes here.
		if _, err := c.Lstat(r.at(name)); err == nil {
			return fmt.Errorf("write %s: %w", name, fs.ErrExist)
		}
		f, err := c.Create(r.at(name))
		if err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
		if _, err = f.Write(content); err == nil {
			if err = f.Sync(); isUnsupported(err) {
				err = nil
			}
		}
		if err = errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
		return nil
	})
}

// isUnsupported tells that a server lacks fsync@openssh.com.
func isUnsupported(err error) bool {
	var status *sftp.StatusError
	return errors.As(err, &status) && status.FxCode() == sftp.ErrSSHFxOpUnsupported
}

func (r *remote) rename(ctx context.Context, from, to string) error {
	return r.use(ctx, func(c *sftp.Client) error {
		if err := c.MkdirAll(path.Dir(r.at(to))); err != nil {
			return fmt.Errorf("make the folder of %s: %w", to, err)
		}
		if _, err := c.Lstat(r.at(to)); err == nil {
			return fmt.Errorf("rename %s: %w", from, fs.ErrExist)
		}
		if err := c.Rename(r.at(from), r.at(to)); err != nil {
			return fmt.Errorf("rename %s to %s: %w", from, to, err)
		}
		return nil
	})
}

func (r *remote) remove(ctx context.Context, name string) error {
	return r.use(ctx, func(c *sftp.Client) error { return c.Remove(r.at(name)) })
}

func (r *remote) exists(ctx context.Context, name string) (there bool, err error) {
	err = r.use(ctx, func(c *sftp.Client) error {
		_, err := c.Lstat(r.at(name))
		if there = err == nil; errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	return there, err
}

func (r *remote) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drop()
	return nil
}
