package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// maxFile is the largest configuration file, in bytes.
const maxFile = 256 << 10

// Finding is one thing that is wrong with a configuration. It repeats no value that came by reference.
type Finding struct {
	Line   int    `json:"line,omitempty"` // from 1; 0 when it concerns no line
	Column int    `json:"column,omitempty"`
	Path   string `json:"path,omitempty"` // "connections[0].mode"
	What   string `json:"what"`
	Do     string `json:"do,omitempty"`
}

// String gives "line 12, column 5: connections[0].mode: is not a mode; write observe, shadow or live".
func (f Finding) String() string {
	var b strings.Builder
	if f.Line > 0 {
		fmt.Fprintf(&b, "line %d, column %d: ", f.Line, f.Column)
	}
	if f.Path != "" {
		b.WriteString(f.Path + ": ")
	}
	b.WriteString(f.What)
	if f.Do != "" {
		b.WriteString("; " + f.Do)
	}
	return b.String()
}

// InvalidError has everything that is wrong with a configuration, in the order of the file.
type InvalidError struct {
	File     string
	Findings []Finding
}

func (e *InvalidError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "configuration %s has %d problems:", e.File, len(e.Findings))
	if len(e.Findings) == 1 {
		b.Reset()
		fmt.Fprintf(&b, "configuration %s has a problem:", e.File)
	}
	for _, f := range e.Findings {
		b.WriteString("\n  " + f.String())
	}
	return b.String()
}

// Source is where references are looked up.
type Source struct {
	// Env looks an environment variable up.
	Env func(name string) (string, bool)
	// ReadFile reads a file that ${file:PATH} names.
	ReadFile func(path string) ([]byte, error)
	// Partial tells that references get a word in their place: such values are not checked.
	Partial bool
}

// System looks references up in the process's environment and file system.
func System() Source { return Source{Env: os.LookupEnv, ReadFile: os.ReadFile} }

// Load reads a configuration file and the policy that it names. Relative paths in it are relative to its folder. What is
// wrong with either comes back as an *InvalidError with all findings.
func Load(path string, src Source) (*Config, error) {
	raw, err := readWhole(path)
	if err != nil {
		return nil, err
	}
	c, err := Parse(raw, path, src)
	if err != nil || c.Policy == "" {
		return c, err
	}
	if c.rules, err = LoadPolicy(c.Policy, src, c.Names()); err != nil {
		return nil, err
	}
	return c, nil
}

// Parse reads a configuration without its policy. file names it in findings, and its folder is what relative paths start
// from.
func Parse(raw []byte, file string, src Source) (*Config, error) {
	if len(raw) > maxFile {
		return nil, &InvalidError{file, []Finding{{What: fmt.Sprintf("the file has %d bytes, at most %d are read", len(raw), maxFile)}}}
	}
	folder := filepath.Dir(file)
	d := newDecoder(src, folder, "the configuration", "configs/jumpring.yaml")
	c := Default()
	d.document(raw, c)
	if !d.broken {
		c.check(d)
	}
	if err := d.result(file); err != nil {
		return nil, err
	}
	if c.Policy != "" && !filepath.IsAbs(c.Policy) {
		c.Policy = filepath.Join(folder, c.Policy)
	}
	if !filepath.IsAbs(c.Data) {
		c.Data = filepath.Join(folder, c.Data)
	}
	if !filepath.IsAbs(c.Plugins) {
		c.Plugins = filepath.Join(folder, c.Plugins)
	}
	if c.Audit.Copy != "" && !filepath.IsAbs(c.Audit.Copy) {
		c.Audit.Copy = filepath.Join(folder, c.Audit.Copy)
	}
	if !filepath.IsAbs(c.Backup.To) {
		c.Backup.To = filepath.Join(folder, c.Backup.To)
	}
	for i := range c.Alarms.Ways {
		if m := &c.Alarms.Ways[i].Mail; m.CA != "" && !filepath.IsAbs(m.CA) {
			m.CA = filepath.Join(folder, m.CA)
		}
	}
	if c.Rates != "" && !filepath.IsAbs(c.Rates) {
		c.Rates = filepath.Join(folder, c.Rates)
	}
	if c.Bus.Archive != "" && !filepath.IsAbs(c.Bus.Archive) {
		c.Bus.Archive = filepath.Join(folder, c.Bus.Archive)
	}
	return c, nil
}

// errReference is wrapped by errors of references.
var errReference = errors.New("reference")

// expand puts the values of ${env:NAME} and ${file:PATH} into a string; $${ stands for ${. changed tells that there was
// a reference, so that the value must not be repeated anywhere.
func (s Source) expand(text, folder string) (value string, changed bool, err error) {
	var b strings.Builder
	for {
		i := strings.Index(text, "${")
		if i < 0 {
			b.WriteString(text)
			return b.String(), changed, nil
		}
		if i > 0 && text[i-1] == '$' {
			b.WriteString(text[:i-1] + "${")
			text = text[i+2:]
			continue
		}
		b.WriteString(text[:i])
		end := strings.IndexByte(text[i:], '}')
		if end < 0 {
			return "", changed, fmt.Errorf("%w is not closed: write ${env:NAME} or ${file:PATH}, and $${ for the characters themselves", errReference)
		}
		v, err := s.lookup(text[i+2:i+end], folder)
		if err != nil {
			return "", true, err
		}
		b.WriteString(v)
		changed, text = true, text[i+end+1:]
	}
}

func (s Source) lookup(reference, folder string) (string, error) {
	kind, name, _ := strings.Cut(reference, ":")
	switch {
	case kind == "env" && name != "":
		v, ok := s.Env(name)
		if !ok {
			return "", fmt.Errorf("%w: the environment variable %s is not set; set it before the hub starts", errReference, name)
		}
		if v == "" {
			return "", fmt.Errorf("%w: the environment variable %s is empty; give it a value", errReference, name)
		}
		return v, nil
	case kind == "file" && name != "":
		path := name
		if !filepath.IsAbs(path) {
			path = filepath.Join(folder, path)
		}
		b, err := s.ReadFile(path)
		if err != nil {
			var bad *os.PathError
			if errors.As(err, &bad) {
				err = bad.Err
			}
			return "", fmt.Errorf("%w: the file %s can't be read (%v); make it readable for the hub alone", errReference, name, err)
		}
		if len(b) > maxFile {
			return "", fmt.Errorf("%w: the file %s is too large for a value", errReference, name)
		}
		return strings.TrimRight(string(b), "\r\n"), nil
	}
	return "", fmt.Errorf("%w: write ${env:NAME} or ${file:PATH}", errReference)
}
