package twin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"unicode/utf8"
)

// response is an answer that is not sent yet, so that a fault can come between the work and the answer.
type response struct {
	status int
	header http.Header
	body   []byte
}

func (r *response) write(w http.ResponseWriter) {
	for k, v := range r.header {
		w.Header()[k] = v
	}
	w.Header().Set("X-Robots-Tag", "noindex")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(r.status)
	_, _ = w.Write(r.body) // the client may be gone; a shop does not notice either
}

func jsonResponse(status int, v any) *response {
	return &response{status: status, header: http.Header{"Content-Type": {"application/json; charset=UTF-8"}}, body: phpJSON(v)}
}

func htmlPage(status int, title string) *response {
	return &response{
		status: status, header: http.Header{"Content-Type": {"text/html; charset=UTF-8"}},
		body: []byte("<!DOCTYPE html>\n<html><head><title>" + title + "</title></head><body><h1>" + title + "</h1></body></html>\n"),
	}
}

// apiError is WordPress's error shape.
type apiError struct {
	status  int
	code    string
	message string
	params  map[string]string // by parameter, for rest_invalid_param
}

func (e *apiError) object() map[string]any {
	data := map[string]any{"status": e.status}
	if e.params != nil {
		details := map[string]any{}
		for k, m := range e.params {
			details[k] = map[string]any{"code": "rest_invalid_type", "message": m, "data": nil}
		}
		data["params"], data["details"] = e.params, details
	}
	return map[string]any{"code": e.code, "message": e.message, "data": data}
}

func (e *apiError) response() *response {
	r := jsonResponse(e.status, e.object())
	return r
}

func invalidParam(name, message string) *apiError {
	return &apiError{http.StatusBadRequest, "rest_invalid_param", "Invalid parameter(s): " + name, map[string]string{name: message}}
}

// phpJSON writes JSON as wp_json_encode does: with escaped slashes and without anything beyond ASCII.
func phpJSON(v any) []byte {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(fmt.Sprintf("twin: encode an answer: %v", err)) // all types are the twin's own
	}
	src := bytes.TrimSpace(buf.Bytes())
	out := make([]byte, 0, len(src)+len(src)/8)
	for i := 0; i < len(src); {
		if c := src[i]; c == '/' {
			out = append(out, '\\', '/')
			i++
			continue
		} else if c < utf8.RuneSelf {
			out = append(out, c)
			i++
			continue
		}
		r, n := utf8.DecodeRune(src[i:])
		i += n
		if r > 0xFFFF {
			r -= 0x10000
			out = fmt.Appendf(out, `\u%04x\u%04x`, 0xD800+(r>>10), 0xDC00+(r&0x3FF))
			continue
		}
		out = fmt.Appendf(out, `\u%04x`, r)
	}
	return out
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
