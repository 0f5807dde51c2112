package csv

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// maxRecord bounds one record in bytes, so that a quote that is never closed can't swallow a whole file.
const maxRecord = 256 << 10

// record is one record of a file with its place. raw is valid until the next call of next.
type record struct {
	raw        []byte
	offset     int64 // of its first byte in the file
	end        int64 // of the first byte behind it
	line       int64 // number of its first line, from 1
	terminated bool  // it ends with a line end
	problem    string
}

// splitter cuts a file into records: lines, where a line end inside of quotes does not count. A quote opens only at a
// field's start ("18" chain" in an unquoted field is text).
type splitter struct {
	r           io.Reader
	comma       byte
	buf         []byte
	start, fill int
	offset      int64 // of buf[start] in the file
	line        int64 // number of the line that begins at start
	eof         bool
	skipping    bool // the rest of a line that was too long is being passed over
}

// newSplitter reads from r, whose first byte is at offset and on line of the file.
func newSplitter(r io.Reader, comma byte, offset, line int64) *splitter {
	return &splitter{r: r, comma: comma, buf: make([]byte, 16<<10), offset: offset, line: line}
}

// reset starts over at another place.
func (s *splitter) reset(r io.Reader, offset, line int64) {
	*s = splitter{r: r, comma: s.comma, buf: s.buf, offset: offset, line: line}
}

// next gives the next record, io.EOF after the last one. A record that can't be cut out (a quote never closes, a line
// is too long) has a problem and consists of its first line alone, so that one bad quote costs one line.
func (s *splitter) next() (record, error) {
	for {
		window := s.buf[s.start:s.fill]
		if s.skipping {
			if i := bytes.IndexByte(window, '\n'); i >= 0 {
				s.take(i+1, "")
				s.skipping = false
				continue
			}
			s.take(len(window), "")
			if err := s.read(); err != nil {
				return record{}, err
			}
			if s.eof && s.start == s.fill {
				return record{}, io.EOF
			}
			continue
		}
		if end, sound := recordEnd(window, s.comma); end > 0 {
			if line := bytes.IndexByte(window, '\n') + 1; !sound && line < end {
				return s.take(line, unclosed), nil
			}
			return s.take(end, ""), nil
		}
		if !s.eof && len(window) < maxRecord {
			if err := s.read(); err != nil {
				return record{}, err
			}
			continue
		}
		line := bytes.IndexByte(window, '\n') + 1
		switch {
		case len(window) == 0:
			return record{}, io.EOF
		case line > 0:
			return s.take(line, unclosed), nil
		case s.eof && openQuote(window, s.comma):
			return s.take(len(window), unclosed), nil
		case s.eof:
			return s.take(len(window), ""), nil
		}
		s.skipping = true
		return s.take(len(window), fmt.Sprintf("the line is longer than %d bytes", maxRecord)), nil
	}
}

func (s *splitter) take(n int, problem string) record {
	raw := s.buf[s.start : s.start+n]
	rec := record{raw: raw, offset: s.offset, end: s.offset + int64(n), line: s.line, problem: problem, terminated: n > 0 && raw[n-1] == '\n'}
	s.start += n
	s.offset += int64(n)
	s.line += int64(bytes.Count(raw, []byte{'\n'}))
	return rec
}

// read fills the buffer's free end, after moving what is left in it to its front.
func (s *splitter) read() error {
	if s.start > 0 {
		copy(s.buf, s.buf[s.start:s.fill])
		s.fill -= s.start
		s.start = 0
	}
	if s.fill == len(s.buf) && len(s.buf) < maxRecord {
		s.buf = append(s.buf, make([]byte, len(s.buf))...)
	}
	n, err := s.r.Read(s.buf[s.fill:])
	s.fill += n
	if errors.Is(err, io.EOF) {
		s.eof = true
		return nil
	}
	return err
}

// Where in a record a byte stands.
const (
	atFieldStart = iota
	inText
	inQuotes
	behindQuote // behind a quote that closes the field, unless another one doubles it
)

const unclosed = "a quote is opened and never closed"

// recordEnd gives the length of the first record with its line end, 0 when it is not all there. A record with text
// behind a closing quote is not sound: where it has several lines, the quote that opened was no quote.
func recordEnd(window []byte, comma byte) (end int, sound bool) {
	sound = true
	state := atFieldStart
	for i, b := range window {
		switch {
		case state == inQuotes && b == '"':
			state = behindQuote
		case state == inQuotes:
		case b == '"' && (state == atFieldStart || state == behindQuote):
			state = inQuotes
		case b == '\n':
			return i + 1, sound
		case b == comma:
			state = atFieldStart
		case state == behindQuote && b != '\r':
			sound, state = false, inText
		default:
			state = inText
		}
	}
	return 0, sound
}

func openQuote(window []byte, comma byte) bool {
	end, _ := recordEnd(append(bytes.Clone(window), '\n'), comma)
	return end == 0
}

// fields takes a record apart (RFC 4180, with text quotes allowed inside of unquoted fields).
func fields(raw []byte, comma byte) ([]string, error) {
	if !utf8.Valid(raw) {
		return nil, errEncoding
	}
	s := strings.TrimSuffix(strings.TrimSuffix(string(raw), "\n"), "\r")
	var out []string
	for {
		if !strings.HasPrefix(s, `"`) {
			field, rest, more := strings.Cut(s, string(comma))
			out = append(out, field)
			if !more {
				return out, nil
			}
			s = rest
			continue
		}
		var field strings.Builder
		s = s[1:]
		for {
			i := strings.IndexByte(s, '"')
			if i < 0 {
				return nil, errQuote
			}
			field.WriteString(s[:i])
			s = s[i+1:]
			if !strings.HasPrefix(s, `"`) {
				break
			}
			field.WriteByte('"')
			s = s[1:]
		}
		out = append(out, field.String())
		if s == "" {
			return out, nil
		}
		if s[0] != comma {
			return nil, errQuote
		}
		s = s[1:]
	}
}

var (
	errEncoding = errors.New("the row is not UTF-8")
	errQuote    = errors.New("the quotes of the row do not match")
)
