// Package twin plays a till that has no API: it writes its sales, returns and counts into a folder as files, in the
// ways that tills do. It keeps a ledger of its own, from which an auditor can tell what the hub must have seen.
package twin

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Line is one line of a receipt, a return or a count.
type Line struct {
	Serial, SKU, EPC, Title string
	Quantity                int64  // 0 means one
	Price                   string // of one, a decimal string
	Currency                string // ISO 4217
}

// Entry is one line of the till's ledger.
type Entry struct {
	Till, Receipt string
	Line          int // from 1
	At            time.Time
	Location      string
	Customer      string // id of clients.csv, empty for a guest
	Goods         Line
	// OriginalReceipt and OriginalLine are of a return alone; the original till is this one.
	OriginalReceipt string
	OriginalLine    int
}

// OrderID gives the external id of the entry's order or, for a return, refund as the connector builds it.
func (e Entry) OrderID() string {
	if e.OriginalReceipt != "" {
		return e.Till + "/" + e.Receipt + ":" + e.Till + "/" + e.OriginalReceipt
	}
	return e.Till + "/" + e.Receipt
}

// Till is one till. Its methods can be called concurrently.
type Till struct {
	folder, name, location string

	mu       sync.Mutex
	receipts int
	files    int
	sales    []Entry
	returns  []Entry
	counts   []Entry
	written  struct{ sales, returns, counts int } // how many entries are in files
}

// New makes a till that writes into folder. name and location must not have "/", "%" or ":" in them.
func New(folder, name, location string) *Till {
	return &Till{folder: folder, name: name, location: location}
}

// Sell rings up a receipt and gives its number. It is in no file before WriteFiles or StartSlow.
func (t *Till) Sell(at time.Time, customer string, lines ...Line) (receipt string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	receipt = t.nextReceipt()
	for i, l := range lines {
		t.sales = append(t.sales, t.entry(receipt, i, at, customer, l))
	}
	return receipt
}

// Return takes lines of one receipt of this till back; originals are their numbers on that receipt, one for each line.
func (t *Till) Return(at time.Time, originalReceipt string, originals []int, lines ...Line) (receipt string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	receipt = t.nextReceipt()
	for i, l := range lines {
		e := t.entry(receipt, i, at, "", l)
		e.OriginalReceipt, e.OriginalLine = originalReceipt, originals[i]
		t.returns = append(t.returns, e)
	}
	return receipt
}

// Count notes what was counted at the till's location.
func (t *Till) Count(at time.Time, lines ...Line) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range lines {
		t.counts = append(t.counts, t.entry("", len(t.counts), at, "", l))
	}
}

func (t *Till) nextReceipt() string {
	t.receipts++
	return fmt.Sprintf("%06d", t.receipts)
}

func (t *Till) entry(receipt string, i int, at time.Time, customer string, l Line) Entry {
	if l.Quantity == 0 {
		l.Quantity = 1
	}
	return Entry{Till: t.name, Receipt: receipt, Line: i + 1, At: at, Location: t.location, Customer: customer, Goods: l}
}

// Sales gives every line sold so far, in files or not.
func (t *Till) Sales() []Entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.sales)
}

// Returns gives every line taken back so far.
func (t *Till) Returns() []Entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.returns)
}

// WriteFiles puts what is in no file yet into files, each written under a temporary name and renamed. It gives their
// names: sales first, then returns, then counts.
func (t *Till) WriteFiles() (names []string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.files++
	for _, part := range []struct {
		kind    string
		entries []Entry
		written *int
		render  func([]Entry) []byte
	}{
		{"sales", t.sales, &t.written.sales, renderSales},
		{"returns", t.returns, &t.written.returns, renderReturns},
		{"counts", t.counts, &t.written.counts, renderCounts},
	} {
		fresh := part.entries[*part.written:]
		if len(fresh) == 0 {
			continue
		}
		name := fmt.Sprintf("%s-%s-%04d.csv", part.kind, t.name, t.files)
		if err := Drop(t.folder, name, bytes.NewReader(part.render(fresh))); err != nil {
			return names, err
		}
		*part.written = len(part.entries)
		names = append(names, name)
	}
	return names, nil
}

// StartSlow begins a file of the sales that are in none, which grows by steps under its final name.
func (t *Till) StartSlow() (*SlowFile, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.files++
	content := renderSales(t.sales[t.written.sales:])
	t.written.sales = len(t.sales)
	path := filepath.Join(t.folder, fmt.Sprintf("sales-%s-%04d.csv", t.name, t.files))
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err != nil {
		return nil, fmt.Errorf("begin a sales file: %w", err)
	}
	return &SlowFile{Path: path, file: file, rest: content}, nil
}

// SlowFile is a file that a till is still writing.
type SlowFile struct {
	Path string
	file *os.File
	rest []byte
}

// Step writes the next n bytes and tells whether the file is whole.
func (s *SlowFile) Step(n int) (whole bool, err error) {
	n = min(n, len(s.rest))
	if _, err := s.file.Write(s.rest[:n]); err != nil {
		return false, fmt.Errorf("write a sales file: %w", err)
	}
	s.rest = s.rest[n:]
	return len(s.rest) == 0, nil
}

// Close writes what is left and ends the file.
func (s *SlowFile) Close() error {
	if _, err := s.Step(len(s.rest)); err != nil {
		return err
	}
	return s.file.Close()
}

// Drop puts content into folder as a whole file: written as NAME.tmp, then renamed.
func Drop(folder, name string, content io.Reader) error {
	path := filepath.Join(folder, name)
	file, err := os.OpenFile(path+".tmp", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o640)
	if err != nil {
		return fmt.Errorf("drop %s: %w", name, err)
	}
	if _, err := io.Copy(file, content); err != nil {
		return fmt.Errorf("drop %s: %w", name, errors.Join(err, file.Close()))
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("drop %s: %w", name, err)
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		return fmt.Errorf("drop %s: %w", name, err)
	}
	return nil
}

func renderSales(entries []Entry) []byte {
	return render([]string{"till", "receipt", "line", "time", "location", "serial", "sku", "epc", "title", "quantity", "price", "currency", "customer"}, entries, func(e Entry) []string {
		l := e.Goods
		return []string{e.Till, e.Receipt, strconv.Itoa(e.Line), e.At.Format(time.RFC3339), e.Location, l.Serial, l.SKU, l.EPC, l.Title, strconv.FormatInt(l.Quantity, 10), l.Price, l.Currency, e.Customer}
	})
}

func renderReturns(entries []Entry) []byte {
	return render([]string{"till", "receipt", "line", "time", "location", "original_till", "original_receipt", "original_line", "quantity", "amount", "currency", "restocked"}, entries, func(e Entry) []string {
		l := e.Goods
		return []string{e.Till, e.Receipt, strconv.Itoa(e.Line), e.At.Format(time.RFC3339), e.Location, e.Till, e.OriginalReceipt, strconv.Itoa(e.OriginalLine), strconv.FormatInt(l.Quantity, 10), l.Price, l.Currency, "yes"}
	})
}

func renderCounts(entries []Entry) []byte {
	return render([]string{"till", "line", "time", "location", "serial", "sku", "epc", "quantity"}, entries, func(e Entry) []string {
		l := e.Goods
		return []string{e.Till, strconv.Itoa(e.Line), e.At.Format(time.RFC3339), e.Location, l.Serial, l.SKU, l.EPC, strconv.FormatInt(l.Quantity, 10)}
	})
}

func render(header []string, entries []Entry, row func(Entry) []string) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	rows := [][]string{header}
	for _, e := range entries {
		rows = append(rows, row(e))
	}
	if err := w.WriteAll(rows); err != nil {
		panic(err) // a buffer takes every write
	}
	return b.Bytes()
}
