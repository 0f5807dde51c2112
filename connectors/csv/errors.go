package csv

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/jumpring/jumpring/plugins/sdk"
)

const errorsSuffix = ".errors.csv"

// errorsName gives "sales-1.0123.errors.csv" for sales-1.0123.csv.
func errorsName(name string) string {
	return strings.TrimSuffix(name, filepath.Ext(name)) + errorsSuffix
}

// writeErrors lists the refused rows of a file in the folder that it is moved to. It reads the file once more instead
// of keeping the list between pages, so that a restart in between loses none of it. The list has places, keys and
// reasons, and nothing of what the rows say.
func (c *connector) writeErrors(in *inspection, at cursor, to string) (err error) {
	dir := filepath.Join(c.folder.path, to)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("make the folder %s: %w", to, err)
	}
	path := filepath.Join(dir, errorsName(movedName(at.File, at.Sum)))
	file, err := os.CreateTemp(dir, ".errors-*")
	if err != nil {
		return fmt.Errorf("list refused rows: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("list refused rows of %s: %w", at.File, err), file.Close(), os.Remove(file.Name()))
		}
	}()
	w := csv.NewWriter(file)
	if err := w.Write([]string{"place", "row", "code", "reason"}); err != nil {
		return err
	}
	if err := eachBad(in, at.File, func(bad sdk.RowError) error {
		return w.Write([]string{bad.Place, bad.Row, bad.Code, bad.Reason})
	}); err != nil {
		return err
	}
	w.Flush()
	if err := errors.Join(w.Error(), file.Sync(), file.Chmod(0o640)); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return err
	}
	return file.Close()
}

// eachBad calls f with every refused row of a file, in order.
func eachBad(in *inspection, name string, f func(sdk.RowError) error) error {
	if in.fatal != nil {
		t := table{file: name}
		return f(t.rowError(1, "", in.fatal))
	}
	r, err := in.open(0, 0)
	if err != nil {
		return err
	}
	defer r.close()
	for {
		_, bad, err := r.next()
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		for _, b := range bad {
			if err := f(b); err != nil {
				return err
			}
		}
	}
}
