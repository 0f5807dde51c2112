// Package scaffold writes a new connector's project: a working connector for an invented system with a sandbox of its
// own, whose three files the author fills in. What it writes is package acme beside it, which is built and tested like
// everything else here.
package scaffold

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

//go:embed acme/*.go acme/*.tmpl acme/test.yaml acme/twin/*.go
var files embed.FS

// names maps files to what they are called in a project.
var names = map[string]string{"gitignore.tmpl": ".gitignore", "connector_test.go.tmpl": "connector_test.go", "README.md.tmpl": "README.md"}

// module is this project's.
const module = "github.com/jumpring/jumpring"

var nameRule = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// Project says what to write.
type Project struct {
	// Name of the connector, its program and its folder: lower case, digits, single dashes.
	Name string
	// Dir is the new folder; it must not exist.
	Dir string
	// SDK is a checkout of Jumpring to build against; empty builds against the published module.
	SDK string
	// Version of the published module, where SDK is empty.
	Version string
}

// Write writes the project and gives the files' names. A failure in between leaves what is written.
func Write(p Project) (written []string, err error) {
	if !nameRule.MatchString(p.Name) || len(p.Name) > 40 {
		return nil, fmt.Errorf("%q is no name for a connector: use lower case, digits and single dashes, such as acme-erp", p.Name)
	}
	if _, err := os.Lstat(p.Dir); err == nil {
		return nil, fmt.Errorf("%s is there already", p.Dir)
	}
	goMod, goSum, err := p.module()
	if err != nil {
		return nil, err
	}
	put := func(name, text string) error {
		file := filepath.Join(p.Dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		written = append(written, name)
		return os.WriteFile(file, []byte(text), 0o644)
	}
	err = fs.WalkDir(files, "acme", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := files.ReadFile(file)
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(file, "acme/")
		if other, ok := names[path.Base(name)]; ok {
			name = path.Join(path.Dir(name), other)
		}
		return put(name, p.rename(string(raw)))
	})
	if err != nil {
		return written, fmt.Errorf("write the project: %w", err)
	}
	if err := put("go.mod", goMod); err != nil {
		return written, err
	}
	if goSum != "" {
		err = put("go.sum", goSum)
	}
	return written, err
}

// rename puts the project's names where the invented ones are.
func (p Project) rename(text string) string {
	words := strings.Split(p.Name, "-")
	for i, w := range words {
		words[i] = strings.ToUpper(w[:1]) + w[1:]
	}
	return strings.NewReplacer(
		module+"/plugins/scaffold/acme", p.Name, "X-Acme", "X-"+strings.Join(words, "-"),
		"Acme ERP", strings.Join(words, " "), "Acme Jewelers", strings.Join(words, " "), "Acme", strings.Join(words, " "), "acme", p.Name,
	).Replace(text)
}

var moduleLine = regexp.MustCompile(`(?m)^module .*$`)

// module gives go.mod and go.sum. Against a checkout they have all that the checkout itself needs, so that the project
// builds without a download.
func (p Project) module() (goMod, goSum string, err error) {
	if p.SDK == "" {
		return fmt.Sprintf("module %s\n\ngo 1.26\n\nrequire %s %s\n", p.Name, module, p.Version), "", nil
	}
	sdk, err := filepath.Abs(p.SDK)
	if err != nil {
		return "", "", err
	}
	raw, err := os.ReadFile(filepath.Join(sdk, "go.mod"))
	if err != nil {
		return "", "", fmt.Errorf("%s is no checkout of Jumpring: %w", p.SDK, err)
	}
	if moduleLine.FindString(string(raw)) != "module "+module {
		return "", "", errors.New(p.SDK + " is no checkout of Jumpring: its module is another one")
	}
	sum, err := os.ReadFile(filepath.Join(sdk, "go.sum"))
	if err != nil {
		return "", "", err
	}
	goMod = moduleLine.ReplaceAllLiteralString(string(raw), "module "+p.Name) +
		fmt.Sprintf("\nrequire %s v0.0.0\n\nreplace %s => %q\n", module, module, sdk)
	return goMod, string(sum), nil
}
