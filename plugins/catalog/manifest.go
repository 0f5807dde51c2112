// Package catalog keeps the connectors of others: what a publisher signed, file by file, and what of it a person let in.
//
// A connector comes as a folder with a manifest. What is let in is copied into the plugins folder and found by its name; at
// every start its files have to be those of the manifest that was let in.
package catalog

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/jumpring/jumpring/plugins/sdk"
)

// ManifestName is the manifest's file in a connector's folder.
const ManifestName = "plugin.json"

// Bounds of a manifest and of what belongs to a connector.
const (
	maxManifest = 1 << 20 // bytes
	maxFiles    = 20_000
	maxBytes    = 1 << 30 // of all files
)

var (
	nameRule     = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	versionRule  = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z.+_-]{0,63}$`)
	variableRule = regexp.MustCompile(`^[A-Z_][A-Z0-9_]{0,127}$`)
)

// What may be wrong with a connector's folder, for errors.Is.
var (
	// ErrManifest: the manifest is missing, or says what can't be.
	ErrManifest = errors.New("plugin manifest")
	// ErrChanged: the files are not those of the manifest.
	ErrChanged = errors.New("plugin files changed")
	// ErrSignature: the manifest is not signed, or not by the key that it names.
	ErrSignature = errors.New("plugin signature")
	// ErrProtocol: it speaks no version of the protocol that this hub speaks, or was built for another machine.
	ErrProtocol = errors.New("plugin does not fit this hub")
	// ErrUntrusted: nobody said yet that its publisher may be let in.
	ErrUntrusted = errors.New("plugin publisher not trusted")
	// ErrUnknown: no connector of that name is there.
	ErrUnknown = errors.New("plugin unknown")
)

// Manifest says what a connector is, whose it is, and what it needs.
type Manifest struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Summary string `json:"summary,omitempty"`
	// Program is the file that is started, relative to the folder, with Args.
	Program string   `json:"program"`
	Args    []string `json:"args,omitempty"`
	// Protocol is the range of protocol versions that it speaks.
	Protocol Range `json:"protocol"`
	// Platform is the operating system and machine that it was built for, "linux/amd64"; empty for any.
	Platform  string    `json:"platform,omitempty"`
	Publisher Publisher `json:"publisher"`
	// Environment are the variables of the hub's environment that it gets; it gets no others.
	Environment []string `json:"environment,omitempty"`
	// Hosts are those that it talks to, for whoever decides whether to let it in. The hub does not enforce them.
	Hosts []string `json:"hosts,omitempty"`
	// Files has the SHA-256 of every file of the folder but the manifest, in hexadecimal, by its path.
	Files map[string]string `json:"files,omitempty"`
	// Signature is Ed25519 of the publisher's key over everything else.
	Signature []byte `json:"signature,omitempty"`
}

// Range is a range of protocol versions, both included.
type Range struct {
	Min int `json:"min"`
	Max int `json:"max"`
}

// Publisher is who signs.
type Publisher struct {
	Name string            `json:"name"`
	Key  ed25519.PublicKey `json:"key,omitempty"`
}

// KeyText gives a public key as it is written on command lines.
func KeyText(key ed25519.PublicKey) string { return base64.StdEncoding.EncodeToString(key) }

// Read reads and checks the manifest of a folder. It looks at no other file.
func Read(dir string) (*Manifest, error) {
	raw, err := readBounded(filepath.Join(dir, ManifestName))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrManifest, err)
	}
	m := new(Manifest)
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(m); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrManifest, ManifestName, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: %s has more than one value", ErrManifest, ManifestName)
	}
	return m, m.check()
}

func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxManifest+1))
	if err == nil && len(raw) > maxManifest {
		err = fmt.Errorf("%s has more than %d bytes", path, maxManifest)
	}
	return raw, err
}

func (m *Manifest) check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrManifest, fmt.Sprintf(format, args...))
	}
	switch {
	case !nameRule.MatchString(m.Name):
		return bad("name %q: use up to 63 small letters, digits and dashes", m.Name)
	case !versionRule.MatchString(m.Version):
		return bad("version %q: use letters, digits and . + _ -", m.Version)
	case m.Publisher.Name == "":
		return bad("publisher.name is missing")
	case len(m.Publisher.Key) != 0 && len(m.Publisher.Key) != ed25519.PublicKeySize:
		return bad("publisher.key has %d bytes, want %d in base64", len(m.Publisher.Key), ed25519.PublicKeySize)
	case m.Protocol.Min < 1 || m.Protocol.Max < m.Protocol.Min:
		return bad("protocol: min %d and max %d are no range", m.Protocol.Min, m.Protocol.Max)
	case m.Program == "" || !filepath.IsLocal(m.Program) || m.Program == ManifestName:
		return bad("program %q: name a file in the folder", m.Program)
	case len(m.Files) > maxFiles:
		return bad("%d files, at most %d are taken", len(m.Files), maxFiles)
	}
	for _, v := range m.Environment {
		if !variableRule.MatchString(v) || strings.HasPrefix(v, "JUMPRING_") || strings.HasPrefix(v, "PLUGIN_") || strings.HasPrefix(v, "LD_") {
			return bad("environment: %q can't be handed on", v)
		}
	}
	for path, sum := range m.Files {
		if raw, err := hex.DecodeString(sum); !filepath.IsLocal(path) || err != nil || len(raw) != sha256.Size {
			return bad("files: %q has no SHA-256 in hexadecimal, or is no path in the folder", path)
		}
	}
	return nil
}

// Fits reports whether this hub can run it.
func (m *Manifest) Fits() error {
	if sdk.ProtocolVersion < m.Protocol.Min || sdk.ProtocolVersion > m.Protocol.Max {
		return fmt.Errorf("%w: it speaks protocol versions %d to %d, this hub speaks %d: get another version of one of the two",
			ErrProtocol, m.Protocol.Min, m.Protocol.Max, sdk.ProtocolVersion)
	}
	if own := runtime.GOOS + "/" + runtime.GOARCH; m.Platform != "" && m.Platform != own {
		return fmt.Errorf("%w: it was built for %s, this machine is %s: get the publisher's build for it", ErrProtocol, m.Platform, own)
	}
	return nil
}

// signed gives the bytes that the signature is over.
func (m *Manifest) signed() []byte {
	bare := *m
	bare.Signature = nil
	raw, _ := json.Marshal(&bare) // plain values and a map, whose keys come sorted
	return append([]byte("jumpring plugin manifest 1\n"), raw...)
}

// CheckSignature reports whether the key that the manifest names signed it.
func (m *Manifest) CheckSignature() error {
	switch {
	case len(m.Signature) == 0 || len(m.Publisher.Key) == 0:
		return fmt.Errorf("%w: %s %s is not signed", ErrSignature, m.Name, m.Version)
	case !ed25519.Verify(m.Publisher.Key, m.signed(), m.Signature):
		return fmt.Errorf("%w: %s %s was changed after it was signed, or another key signed it", ErrSignature, m.Name, m.Version)
	}
	return nil
}

// CheckFiles reports whether a folder has exactly the manifest's files, byte for byte.
func (m *Manifest) CheckFiles(dir string) error {
	found, err := sums(dir)
	if err != nil {
		return err
	}
	for _, path := range slices.Sorted(maps.Keys(m.Files)) {
		switch sum, there := found[path]; {
		case !there:
			return fmt.Errorf("%w: %s is missing", ErrChanged, path)
		case sum != m.Files[path]:
			return fmt.Errorf("%w: %s has SHA-256 %s, the manifest of %s %s says %s", ErrChanged, path, sum, m.Name, m.Version, m.Files[path])
		}
	}
	for _, path := range slices.Sorted(maps.Keys(found)) {
		if m.Files[path] == "" {
			return fmt.Errorf("%w: %s is not in the manifest of %s %s", ErrChanged, path, m.Name, m.Version)
		}
	}
	if m.Files[filepath.ToSlash(m.Program)] == "" {
		return fmt.Errorf("%w: the program %s is not among the files", ErrManifest, m.Program)
	}
	return nil
}

// sums gives the SHA-256 of every file of a folder but the manifest. Anything but plain files and folders is refused: a
// link could lead elsewhere tomorrow.
func sums(dir string) (map[string]string, error) {
	out := map[string]string{}
	var size int64
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if rel == ManifestName {
			return nil
		}
		if !d.Type().IsRegular() {
			return fmt.Errorf("%w: %s is no plain file", ErrChanged, rel)
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		h := sha256.New()
		n, err := io.Copy(h, f)
		if err != nil {
			return fmt.Errorf("%s: %w", rel, err)
		}
		if size += n; size > maxBytes || len(out) >= maxFiles {
			return fmt.Errorf("%w: the folder has more than %d files or %d bytes", ErrManifest, maxFiles, maxBytes)
		}
		out[filepath.ToSlash(rel)] = hex.EncodeToString(h.Sum(nil))
		return nil
	})
	return out, err
}

// Sign puts the files of a folder, the key and the signature into its manifest.
func Sign(dir string, key ed25519.PrivateKey) (*Manifest, error) {
	m, err := Read(dir)
	if err != nil {
		return nil, err
	}
	if m.Files, err = sums(dir); err != nil {
		return nil, err
	}
	m.Publisher.Key, m.Signature = key.Public().(ed25519.PublicKey), nil
	m.Signature = ed25519.Sign(key, m.signed())
	if err := m.CheckFiles(dir); err != nil {
		return nil, err
	}
	raw, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, err
	}
	return m, writeDurably(filepath.Join(dir, ManifestName), append(raw, '\n'))
}
