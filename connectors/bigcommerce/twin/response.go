package twin

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

// row is an entity as the store states it.
type row map[string]any

// response is an answer before it is written.
type response struct {
	status int
	kind   string
	body   []byte
	value  any
}

func answer(status int, v any) *response {
	return &response{status: status, kind: "application/json", value: v}
}

// data is the envelope of v3 around one entity.
func data(v any) *response { return answer(http.StatusOK, row{"data": v, "meta": row{}}) }

const statusCodes = "https://developer.bigcommerce.com/api-docs/getting-started/api-status-codes"

// problem is the platform's error: v2 has a list of messages, v3 a problem document.
func problem(path string, status int, title string, fields map[string]string) *response {
	if strings.Contains(path, "/v2/") {
		return answer(status, []row{{"status": status, "message": title}})
	}
	if fields == nil {
		fields = map[string]string{}
	}
	return &response{status: status, kind: "application/problem+json", value: row{"status": status, "title": title, "type": statusCodes, "errors": fields}}
}

func (r *request) problem(status int, title string, fields map[string]string) *response {
	path := "/v3/"
	if r.v2 {
		path = "/v2/"
	}
	return problem(path, status, title, fields)
}

func (r *request) missing() *response {
	return r.problem(http.StatusNotFound, "The requested resource was not found.", nil)
}

// seal writes the value out while nobody changes what it refers to.
func (r *response) seal() *response {
	if r.body == nil && r.value != nil {
		body, err := json.Marshal(r.value)
		if err != nil {
			return problem("", http.StatusInternalServerError, err.Error(), nil)
		}
		r.body = body
	}
	return r
}

func (r *response) write(w http.ResponseWriter) {
	r = r.seal()
	if r.kind != "" {
		w.Header().Set("Content-Type", r.kind)
	}
	w.WriteHeader(r.status)
	_, _ = w.Write(r.body) // the client may be gone
}

func readBody(r *http.Request) ([]byte, *response) {
	raw, err := io.ReadAll(io.LimitReader(r.Body, 8<<20))
	if err != nil {
		return nil, problem(r.URL.Path, http.StatusBadRequest, "The body can't be read.", nil)
	}
	if len(raw) == 0 {
		return nil, nil
	}
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		return nil, problem(r.URL.Path, http.StatusUnsupportedMediaType, "Unsupported media type", nil)
	}
	if !json.Valid(raw) {
		return nil, problem(r.URL.Path, http.StatusBadRequest, "Input is invalid: Syntax error", nil)
	}
	return raw, nil
}

// decode reads a body, refusing fields that the resource does not have and values of another type.
func (r *request) decode(into any) *response {
	raw := r.body
	if len(raw) == 0 {
		raw = []byte("{}")
	}
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.DisallowUnknownFields()
	err := dec.Decode(into)
	if err == nil {
		return nil
	}
	if e, ok := err.(*json.UnmarshalTypeError); ok {
		if r.v2 {
			return r.problem(http.StatusBadRequest, "The field '"+e.Field+"' is invalid.", nil)
		}
		return r.problem(http.StatusUnprocessableEntity, "JSON data is missing or invalid", map[string]string{e.Field: "error.expected." + e.Type.String()})
	}
	name := strings.Trim(strings.TrimPrefix(err.Error(), "json: unknown field "), `"`)
	if r.v2 {
		return r.problem(http.StatusBadRequest, "The field '"+name+"' is not supported by this resource.", nil)
	}
	return r.problem(http.StatusUnprocessableEntity, "JSON data is missing or invalid", map[string]string{name: "error.unknown.field"})
}
