// Generate collects the words that the program's own messages are made of: of the texts that are given to errors, problems
// and logs, without what is data, such as lists of given names.
package main

import (
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// says are the functions that messages are given to.
var says = map[string]bool{
	"Errorf": true, "New": true, "Error": true, "Warn": true, "Info": true, "Debug": true, "Trace": true, "Named": true,
	"NewGaugeFunc": true, "problem": true, "notLeader": true, "NewEntry": true,
}

// without are folders whose texts are data, tests or examples.
var without = []string{"twin", "testdata", "demo", "trial", "learn", "generate", "example", "bench", "bustest", "rabbittest", "conformance", "scaffold", "tools", ".git"}

var wordRule = regexp.MustCompile(`[A-Za-z][a-z]+|[A-Z]{2,}`)

func main() {
	source := flag.String("source", ".", "the checkout")
	out := flag.String("out", "words.txt", "file to write")
	flag.Parse()
	if err := generate(*source, *out); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func generate(source, out string) error {
	found := map[string]bool{}
	err := filepath.WalkDir(source, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains(without, d.Name()):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		return words(path, found)
	})
	list := make([]string, 0, len(found))
	for w := range found {
		list = append(list, w)
	}
	slices.Sort(list)
	return errors.Join(err, os.WriteFile(out, []byte(strings.Join(list, "\n")+"\n"), 0o600))
}

// words collects those of one file.
func words(path string, found map[string]bool) error {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		return err
	}
	collect := func(n ast.Node) {
		ast.Inspect(n, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if text, err := strconv.Unquote(lit.Value); err == nil {
					for _, w := range wordRule.FindAllString(verbs.ReplaceAllString(text, " "), -1) {
						found[w] = true
					}
				}
			}
			return true
		})
	}
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		name := ""
		switch f := call.Fun.(type) {
		case *ast.Ident:
			name = f.Name
		case *ast.SelectorExpr:
			name = f.Sel.Name
		}
		if says[name] {
			for _, arg := range call.Args {
				collect(arg)
			}
		}
		return true
	})
	for _, whole := range []string{"core/problem/codes.go", "core/doctor/", "core/alarm/"} { // tables of messages
		if strings.Contains(filepath.ToSlash(path), whole) {
			collect(file)
		}
	}
	return nil
}

// verbs are those of formats: the s of %s is no word.
var verbs = regexp.MustCompile(`%[-+# 0-9.]*[a-zA-Z]`)
