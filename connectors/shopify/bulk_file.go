package shopify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/jumpring/jumpring/plugins/sdk"
)

// How much of a result is fetched at once. Memory is bounded by bulkWindow; a single entity that does not fit into it has
// it grow, up to bulkWindowMost.
const (
	bulkWindow     = 1 << 20
	bulkWindowMost = 64 << 20
)

// bulkRow is an entity of a result with the lines that belong to it. In a result that is not grouped every line is one.
type bulkRow struct {
	line     []byte
	parent   string // of a line that belongs to another one
	children [][]byte
}

// fileGoneError tells that a result can't be had any more.
type fileGoneError struct{ status int }

func (e *fileGoneError) Error() string {
	return fmt.Sprintf("shopify: the bulk operation's file is gone (HTTP %d)", e.status)
}

// bulkRead hands over the next rows of a result and moves the offset behind them; end tells that there are no more.
func (s *session) bulkRead(ctx context.Context, op *bulkOp, q bulkQuery, state *bulkState, limit int, res *sdk.SnapshotResponse) (end bool, err error) {
	if limit <= 0 {
		limit = productPage * 25
	}
	if err := s.learnCurrency(ctx, laneBackground); err != nil {
		return false, err
	}
	size := state.size()
	part := s.results.rest(op.ID, op.Offset)
	for window := int64(bulkWindow); ; window *= 4 {
		known := part != nil
		if !known {
			var total int64
			if part, total, err = s.bulkFetch(ctx, state.URL, op.Offset, window); err != nil {
				return false, err
			}
			size = max(size, total)
			s.results.fetched(op.ID, part, op.Offset)
		}
		rows, used, err := splitRows(part, q.grouped, limit, op.Offset+int64(len(part)) >= size)
		if err != nil {
			return false, err
		}
		if used == 0 && op.Offset < size {
			if known { // it ends within a row
				part, window = nil, window/4
				continue
			}
			if int64(len(part)) < window || window*4 > bulkWindowMost {
				return false, &apiError{kind: failTransient, code: "shopify.bulk_cut", reason: fmt.Sprintf("the bulk operation's file broke off at byte %d of %d", op.Offset+int64(len(part)), size)}
			}
			part = nil
			continue
		}
		t := &translated{since: version(state.CreatedAt) - bulkMargin.Microseconds()}
		if err := q.rows(s, rows, t); err != nil {
			return false, err
		}
		if err := s.readAnew(ctx, t); err != nil {
			return false, err
		}
		res.Observations, res.RowErrors = t.out, t.bad
		op.Offset += used
		return op.Offset >= size, nil
	}
}

// bulkFetch gives the part of a file that begins at an offset, and how long the whole is where the answer says so. The
// file lies at a storage that is not the shop: it gets no token, and redirects are not followed.
func (s *session) bulkFetch(ctx context.Context, address string, offset, window int64) (part []byte, total int64, err error) {
	if problem := s.fileProblem(address); problem != "" {
		return nil, 0, &apiError{kind: failRefused, code: "shopify.bulk_address", reason: problem}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, 0, fmt.Errorf("shopify: the bulk operation's file: %w", err)
	}
	req.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", offset, offset+window-1))
	req.Header.Set("Accept-Encoding", "identity") // offsets count the bytes of the file
	req.Header.Set("User-Agent", "jumpring-shopify/"+Version)
	res, err := s.client.http.Do(req)
	if err != nil {
		var failed *url.Error
		if errors.As(err, &failed) {
			err = failed.Err // the address is signed: it is nobody's business
		}
		return nil, 0, &apiError{kind: failTransient, code: "shopify.bulk_unreachable", reason: "the bulk operation's file could not be reached", wait: plainRetryDelay, cause: err}
	}
	defer res.Body.Close()
	switch res.StatusCode {
	case http.StatusPartialContent:
		_, whole, _ := strings.Cut(res.Header.Get("Content-Range"), "/")
		total, _ = strconv.ParseInt(whole, 10, 64)
		if from := "bytes " + strconv.FormatInt(offset, 10) + "-"; !strings.HasPrefix(res.Header.Get("Content-Range"), from) {
			return nil, 0, &apiError{kind: failTransient, code: "shopify.bulk_range", reason: "the storage gave another part of the file than asked for"}
		}
	case http.StatusOK: // it does not know ranges
		total = res.ContentLength
		if _, err := io.CopyN(io.Discard, res.Body, offset); err != nil {
			return nil, 0, cutOff(err)
		}
	case http.StatusRequestedRangeNotSatisfiable: // offset is the end
		return nil, offset, nil
	case http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusGone:
		return nil, 0, &fileGoneError{res.StatusCode}
	default:
		return nil, 0, &apiError{kind: failTransient, code: "shopify.bulk_storage", reason: fmt.Sprintf("the storage answered HTTP %d", res.StatusCode), wait: plainRetryDelay}
	}
	part, err = io.ReadAll(io.LimitReader(res.Body, window))
	if err != nil && len(part) == 0 {
		return nil, 0, cutOff(err)
	}
	return part, total, nil // what came before it broke off is good: lines that are whole are taken
}

func cutOff(err error) error {
	return &apiError{kind: failTransient, code: "shopify.bulk_cut", reason: "the bulk operation's file broke off", cause: err}
}

// fileProblem says why an address is not fetched: files are had by https, and from a sandbox on this machine by http.
func (s *session) fileProblem(address string) string {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.User != nil:
		return "the bulk operation's file has no address that can be used"
	case u.Scheme == "http" && strings.HasPrefix(s.endpoint, "http://"):
		if at, err := url.Parse(s.endpoint); err == nil && at.Hostname() == u.Hostname() {
			return ""
		}
		return "the bulk operation's file is neither at the sandbox nor at https"
	case u.Scheme != "https":
		return "the bulk operation's file is not at https"
	case net.ParseIP(u.Hostname()) != nil || !strings.Contains(u.Hostname(), "."):
		return "the bulk operation's file is at no public name"
	}
	return ""
}

// splitRows cuts a part of a file into rows and tells how many bytes they take. The last row is left out where more of it
// may follow, behind the part or behind the limit.
func splitRows(part []byte, grouped bool, limit int, whole bool) (rows []bulkRow, used int64, err error) {
	at := 0
	for at < len(part) {
		end := bytes.IndexByte(part[at:], '\n')
		next := at + end + 1
		if end < 0 {
			if !whole {
				break
			}
			end, next = len(part)-at, len(part)
		}
		line := part[at : at+end]
		var head struct {
			Parent string `json:"__parentId"`
		}
		if len(bytes.TrimSpace(line)) > 0 {
			if err := json.Unmarshal(line, &head); err != nil {
				return nil, 0, &apiError{kind: failTransient, code: "shopify.bulk_line", reason: "a line of the bulk operation's file is not JSON"}
			}
			if head.Parent == "" || !grouped || len(rows) == 0 {
				used = int64(at) // everything before it is whole
				if len(rows) == limit {
					return rows, used, nil
				}
				rows = append(rows, bulkRow{line: line, parent: head.Parent})
			} else {
				last := &rows[len(rows)-1]
				last.children = append(last.children, line)
			}
		}
		at = next
	}
	switch {
	case whole && at == len(part), !grouped:
		return rows, int64(at), nil
	case len(rows) == 0:
		return nil, 0, nil
	}
	return rows[:len(rows)-1], used, nil
}
