package vault

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// writeDurably replaces a file as a whole: whoever reads it, after a power cut too, finds the old content or the new.
func writeDurably(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), tmpPrefix)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	// The new name is durable with its folder.
	if err := syncDir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("the change may not be durable: %w", err)
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// makeDir makes a folder, and those that it is in, for its owner alone, and makes their names durable.
func makeDir(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := makeDir(filepath.Dir(dir)); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(filepath.Dir(dir))
}

// escape makes a file name of any text: bytes other than a-z, 0-9, "-", "_" and "." inside become %XX. Upper case is
// escaped too, so that names differ where the file system ignores case.
func escape(name string) (string, error) {
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-', c == '_', c == '.' && i > 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	if b.Len() == 0 || b.Len() > maxName {
		return "", fmt.Errorf("vault: the name %.40q has %d bytes as a file's name, want 1 to %d", name, b.Len(), maxName)
	}
	return b.String(), nil
}

func unescape(file string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(file); i++ {
		if file[i] != '%' {
			b.WriteByte(file[i])
			continue
		}
		if i+3 > len(file) {
			return "", fmt.Errorf("%w: unexpected file name %q", ErrDamaged, file)
		}
		c, err := hex.DecodeString(file[i+1 : i+3])
		if err != nil {
			return "", fmt.Errorf("%w: unexpected file name %q", ErrDamaged, file)
		}
		b.WriteByte(c[0])
		i += 2
	}
	return b.String(), nil
}
