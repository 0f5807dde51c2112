package catalog

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// listName is the list of what was let in, in the plugins folder.
const listName = "catalog.json"

// keptEarlier is how many versions before the newest stay in the plugins folder.
const keptEarlier = 3

// Catalog is the plugins folder. One process at a time changes it; any number read it.
type Catalog struct{ dir string }

// Open gives the catalog of a folder, which need not be there yet.
func Open(dir string) *Catalog { return &Catalog{dir: dir} }

// Entry is one connector that was let in.
type Entry struct {
	Name      string `json:"name"`
	Version   string `json:"version"`
	Publisher string `json:"publisher"`
	// Key is the publisher's, in base64; empty for one that was let in unsigned.
	Key string `json:"key,omitempty"`
	// Manifest is the SHA-256 of the manifest that was let in, Folder where it and the files are, in the plugins folder.
	Manifest string    `json:"manifest"`
	Folder   string    `json:"folder"`
	AddedAt  time.Time `json:"added_at"`
	// Earlier are the folders of versions before this one, which a running connector may still use.
	Earlier []string `json:"earlier,omitempty"`
}

type list struct {
	Plugins []Entry `json:"plugins"`
	// Trusted are the keys of publishers that may be let in, by the key in base64, with their names.
	Trusted map[string]string `json:"trusted,omitempty"`
}

func (c *Catalog) load() (*list, error) {
	raw, err := readBounded(filepath.Join(c.dir, listName))
	if errors.Is(err, fs.ErrNotExist) {
		return &list{Trusted: map[string]string{}}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("plugins folder: %w", err)
	}
	l := &list{}
	if err := json.Unmarshal(raw, l); err != nil {
		return nil, fmt.Errorf("plugins folder: %s can't be read: restore it from the backup, or delete it and add the plugins again: %w", filepath.Join(c.dir, listName), err)
	}
	if l.Trusted == nil {
		l.Trusted = map[string]string{}
	}
	return l, nil
}

func (c *Catalog) save(l *list) error {
	raw, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return err
	}
	return writeDurably(filepath.Join(c.dir, listName), append(raw, '\n'))
}

func (l *list) find(name string) *Entry {
	for i := range l.Plugins {
		if l.Plugins[i].Name == name {
			return &l.Plugins[i]
		}
	}
	return nil
}

// List gives what was let in, by name.
func (c *Catalog) List() ([]Entry, error) {
	l, err := c.load()
	if err != nil {
		return nil, err
	}
	slices.SortFunc(l.Plugins, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	return l.Plugins, nil
}

// AddOptions say what a person allows.
type AddOptions struct {
	// Trust is a publisher's key in base64 that may be let in from now on; empty means only those that are trusted already.
	Trust string
	// Unsigned lets in a folder without a signature: one's own build.
	Unsigned bool
	// Reserved are names that may not be taken: those of the built-in connectors.
	Reserved []string
}

// Add lets a connector in: it checks everything, copies the folder, and makes it the version that is started from then on.
// A connector that runs goes on with the version that it was started with until its next start.
func (c *Catalog) Add(from string, o AddOptions) (*Entry, error) {
	m, err := Read(from)
	if err != nil {
		return nil, err
	}
	if slices.Contains(o.Reserved, m.Name) {
		return nil, fmt.Errorf("%w: %s is the name of a built-in connector", ErrManifest, m.Name)
	}
	if err := m.Fits(); err != nil {
		return nil, err
	}
	l, err := c.load()
	if err != nil {
		return nil, err
	}
	unsigned := o.Unsigned && len(m.Signature) == 0
	if unsigned {
		if m.Files, err = sums(from); err != nil {
			return nil, err
		}
		m.Publisher.Key = nil
	} else if err := c.checkPublisher(m, l, o.Trust); err != nil {
		return nil, err
	}
	if err := m.CheckFiles(from); err != nil {
		return nil, err
	}
	raw, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(raw)
	e := Entry{
		Name: m.Name, Version: m.Version, Publisher: m.Publisher.Name, Manifest: hex.EncodeToString(sum[:]),
		Folder: filepath.Join(m.Name, m.Version+"-"+hex.EncodeToString(sum[:4])), AddedAt: time.Now().UTC(),
	}
	if !unsigned {
		e.Key = KeyText(m.Publisher.Key)
	}
	if err := c.copyIn(from, &e, m, raw); err != nil {
		return nil, err
	}
	if old := l.find(m.Name); old != nil {
		if old.Folder != e.Folder {
			e.Earlier = append(slices.DeleteFunc(old.Earlier, func(f string) bool { return f == e.Folder }), old.Folder)
			for len(e.Earlier) > keptEarlier {
				if err := os.RemoveAll(filepath.Join(c.dir, e.Earlier[0])); err != nil {
					return nil, fmt.Errorf("plugins folder: %w", err)
				}
				e.Earlier = e.Earlier[1:]
			}
		}
		*old = e
	} else {
		l.Plugins = append(l.Plugins, e)
	}
	return &e, c.save(l)
}

// checkPublisher checks the signature and whether its key is trusted. Another key than before needs a person's word anew,
// whatever the publisher's name is.
func (c *Catalog) checkPublisher(m *Manifest, l *list, trust string) error {
	if err := m.CheckSignature(); err != nil {
		return err
	}
	key := KeyText(m.Publisher.Key)
	if trust != "" {
		if raw, err := base64.StdEncoding.DecodeString(trust); err != nil || len(raw) != ed25519.PublicKeySize {
			return fmt.Errorf("%w: the key to trust is none: it is %d bytes in base64", ErrUntrusted, ed25519.PublicKeySize)
		}
		if trust != key {
			return fmt.Errorf("%w: %s %s was signed with %s, not with the key to trust", ErrUntrusted, m.Name, m.Version, key)
		}
		l.Trusted[key] = m.Publisher.Name
	}
	if _, ok := l.Trusted[key]; !ok {
		return fmt.Errorf("%w: %s %s is signed by %q with the key %s. Compare the key with what the publisher made known elsewhere, then add the plugin with --trust %s",
			ErrUntrusted, m.Name, m.Version, m.Publisher.Name, key, key)
	}
	if old := l.find(m.Name); old != nil && old.Key != "" && old.Key != key && trust != key {
		return fmt.Errorf("%w: %s was signed with another key before (%s). If the publisher changed it, add the plugin with --trust %s", ErrUntrusted, m.Name, old.Key, key)
	}
	return nil
}

// copyIn copies a folder under the plugins folder. It appears there whole or not at all.
func (c *Catalog) copyIn(from string, e *Entry, m *Manifest, manifest []byte) error {
	to := filepath.Join(c.dir, e.Folder)
	if err := os.MkdirAll(filepath.Dir(to), 0o750); err != nil {
		return fmt.Errorf("plugins folder: %w", err)
	}
	if _, err := os.Stat(to); err == nil {
		if err := m.CheckFiles(to); err == nil {
			return nil // added before
		}
		if err := os.RemoveAll(to); err != nil { // it was changed there: what is added now takes its place
			return fmt.Errorf("plugins folder: %w", err)
		}
	}
	staged, err := os.MkdirTemp(filepath.Dir(to), ".adding-")
	if err != nil {
		return fmt.Errorf("plugins folder: %w", err)
	}
	defer os.RemoveAll(staged)
	for path := range m.Files {
		if err := copyFile(filepath.Join(from, filepath.FromSlash(path)), filepath.Join(staged, filepath.FromSlash(path))); err != nil {
			return fmt.Errorf("plugins folder: %w", err)
		}
	}
	if err := os.Chmod(filepath.Join(staged, m.Program), 0o550); err != nil {
		return fmt.Errorf("plugins folder: %w", err)
	}
	if err := writeDurably(filepath.Join(staged, ManifestName), manifest); err != nil {
		return fmt.Errorf("plugins folder: %w", err)
	}
	// What was copied is checked, not what was looked at before.
	if err := m.CheckFiles(staged); err != nil {
		return err
	}
	if err := os.Chmod(staged, 0o750); err != nil {
		return fmt.Errorf("plugins folder: %w", err)
	}
	if err := os.Rename(staged, to); err != nil {
		return fmt.Errorf("plugins folder: %w", err)
	}
	return syncDir(filepath.Dir(to))
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o750); err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o440|info.Mode().Perm()&0o110)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err == nil {
		err = out.Sync()
	}
	return errors.Join(err, out.Close())
}

// Remove takes a connector and all its versions out. One that runs goes on until its next start, which is refused.
func (c *Catalog) Remove(name string) error {
	l, err := c.load()
	if err != nil {
		return err
	}
	e := l.find(name)
	if e == nil {
		return fmt.Errorf("%w: there is no %s in %s", ErrUnknown, name, c.dir)
	}
	l.Plugins = slices.DeleteFunc(l.Plugins, func(x Entry) bool { return x.Name == name })
	if err := c.save(l); err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(c.dir, name)); err != nil {
		return fmt.Errorf("plugins folder: %w", err)
	}
	return nil
}

// Program is what a connection starts.
type Program struct {
	Name, Version string
	Command       []string
	Checksum      [sha256.Size]byte
	// Environment names the variables that it gets.
	Environment []string
	// Verify checks again that everything is what was let in.
	Verify func() error
}

// Find gives the program of a connector, after checking it.
func (c *Catalog) Find(name string) (*Program, error) {
	l, err := c.load()
	if err != nil {
		return nil, err
	}
	e := l.find(name)
	if e == nil {
		return nil, fmt.Errorf("%w: there is no %s in %s", ErrUnknown, name, c.dir)
	}
	dir, err := filepath.Abs(filepath.Join(c.dir, e.Folder))
	if err != nil {
		return nil, err
	}
	m, err := e.verify(dir)
	if err != nil {
		return nil, err
	}
	p := &Program{
		Name: m.Name, Version: m.Version, Command: append([]string{filepath.Join(dir, m.Program)}, m.Args...), Environment: m.Environment,
		Verify: func() error { _, err := e.verify(dir); return err },
	}
	sum, err := hex.DecodeString(m.Files[filepath.ToSlash(m.Program)])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrManifest, err)
	}
	copy(p.Checksum[:], sum)
	return p, nil
}

// Verify checks everything of a connector.
func (c *Catalog) Verify(name string) error {
	_, err := c.Find(name)
	return err
}

// verify checks that a folder is what was let in.
func (e *Entry) verify(dir string) (*Manifest, error) {
	raw, err := readBounded(filepath.Join(dir, ManifestName))
	if err != nil {
		return nil, fmt.Errorf("%w: %s %s: %w: add it again with jumpring plugin add", ErrChanged, e.Name, e.Version, err)
	}
	if sum := sha256.Sum256(raw); hex.EncodeToString(sum[:]) != e.Manifest {
		return nil, fmt.Errorf("%w: the manifest of %s %s is not the one that was added", ErrChanged, e.Name, e.Version)
	}
	m, err := Read(dir)
	if err != nil {
		return nil, err
	}
	if e.Key != "" {
		if err := m.CheckSignature(); err != nil {
			return nil, err
		}
	}
	if err := m.Fits(); err != nil {
		return nil, err
	}
	return m, m.CheckFiles(dir)
}

// writeDurably replaces a file as a whole.
func writeDurably(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-")
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
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
