package support

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// File is one file of a bundle.
type File struct {
	Name string
	Body []byte
}

// JSON makes a file of a value that has no free text in it: what may have some goes through Scrubber.Text before.
func JSON(name string, v any) (File, error) {
	raw, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return File{}, fmt.Errorf("support: %s: %w", name, err)
	}
	return File{Name: name, Body: append(raw, '\n')}, nil
}

// Write writes a bundle as a zip archive. Each file, whatever it is, goes through Scrubber.Plain once more.
func Write(w io.Writer, s *Scrubber, made time.Time, files []File) error {
	z := zip.NewWriter(w)
	for _, f := range files {
		to, err := z.CreateHeader(&zip.FileHeader{Name: f.Name, Method: zip.Deflate, Modified: made})
		if err == nil {
			_, err = io.WriteString(to, s.Plain(string(f.Body)))
		}
		if err != nil {
			return fmt.Errorf("support: %s: %w", f.Name, err)
		}
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("support: %w", err)
	}
	return nil
}

// maxFile is the largest file of a bundle that is read, in bytes.
const maxFile = 64 << 20

// Read gives the files of a bundle.
func Read(raw []byte) ([]File, error) {
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return nil, fmt.Errorf("support: %w", err)
	}
	out := make([]File, 0, len(z.File))
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			return nil, fmt.Errorf("support: %s: %w", f.Name, err)
		}
		body, err := io.ReadAll(io.LimitReader(r, maxFile))
		if err != nil {
			return nil, fmt.Errorf("support: %s: %w", f.Name, err)
		}
		out = append(out, File{Name: f.Name, Body: body})
	}
	return out, nil
}

// Readme is what a bundle says of itself.
func Readme(made time.Time, files []File) File {
	var b strings.Builder
	fmt.Fprintf(&b, "A hub about itself, %s.\n\nNo records, no credentials, no environment. In logs and errors only the program's own words were kept;\n%s stands for the rest. Look through it before you send it.\n\n", made.UTC().Format(time.RFC3339), Mark)
	for _, f := range files {
		b.WriteString(f.Name + "\n")
	}
	return File{Name: "README.txt", Body: []byte(b.String())}
}
