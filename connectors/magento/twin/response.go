package twin

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

// row is an entity as the shop states it.
type row map[string]any

// response is an answer before it is written.
type response struct {
	status int
	kind   string
	body   []byte
	value  any // of a JSON answer, until it is trimmed
}

func answer(v any) *response {
	return &response{status: http.StatusOK, kind: "application/json; charset=utf-8", value: v}
}

// page is what is in front of the shop, or PHP itself.
func page(status int, title string) *response {
	return &response{status: status, kind: "text/html", body: []byte("<!doctype html><title>" + title + "</title><h1>" + title + "</h1>")}
}

// failure is the vendor's error; parameters are of the placeholders in it.
func failure(status int, message string, parameters ...any) *response {
	body := map[string]any{"message": message}
	if len(parameters) == 1 {
		body["parameters"] = parameters[0]
	}
	resp := answer(body)
	resp.status = status
	return resp
}

func noSuchEntity() *response {
	return failure(http.StatusNotFound, "The entity that was requested doesn't exist. Verify the entity and try again.")
}

// hidden is what a shop in production mode says of an exception that it did not expect, which many faulty requests are.
func hidden() *response {
	return failure(http.StatusInternalServerError, "Internal Error. Details are available in Magento log file. Report ID: webapi-5f3e9a0c71d42")
}

func (r *response) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", r.kind)
	r = r.seal()
	w.WriteHeader(r.status)
	_, _ = w.Write(r.body) // the client may be gone
}

// seal writes the value out while nobody changes what it refers to.
func (r *response) seal() *response {
	if r.body == nil {
		body, err := json.Marshal(r.value)
		if err != nil {
			return page(http.StatusInternalServerError, err.Error())
		}
		r.body = body
	}
	return r
}

// only keeps the fields that a request named: "items[sku,qty],total_count".
func (r *response) only(fields string) *response {
	if fields == "" || r.status != http.StatusOK {
		return r
	}
	raw, err := json.Marshal(r.value)
	if err != nil {
		return r
	}
	var v any
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.UseNumber()
	if dec.Decode(&v) != nil {
		return r
	}
	tree, rest := parseFields(fields)
	if rest != "" {
		return r
	}
	r.value = prune(v, tree)
	return r
}

type fieldTree map[string]fieldTree

func parseFields(s string) (fieldTree, string) {
	tree := fieldTree{}
	for s != "" {
		i := strings.IndexAny(s, ",[]")
		name := s
		if i >= 0 {
			name = s[:i]
		}
		if name != "" && tree[name] == nil {
			tree[name] = nil
		}
		switch {
		case i < 0:
			return tree, ""
		case s[i] == '[':
			tree[name], s = parseFields(s[i+1:])
		case s[i] == ']':
			return tree, s[i+1:]
		default:
			s = s[i+1:]
		}
	}
	return tree, s
}

func prune(v any, tree fieldTree) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = prune(v[i], tree)
		}
		return v
	case map[string]any:
		for k := range v {
			sub, keep := tree[k]
			switch {
			case !keep:
				delete(v, k)
			case sub != nil:
				v[k] = prune(v[k], sub)
			}
		}
		return v
	}
	return v
}

func readBody(r *http.Request) ([]byte, *response) {
	raw, err := io.ReadAll(io.LimitReader(r.Body, 32<<20))
	if err != nil {
		return nil, failure(http.StatusBadRequest, "The body can't be read.")
	}
	if len(raw) == 0 {
		return nil, nil
	}
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		return nil, failure(http.StatusBadRequest, "Server cannot understand Content-Type HTTP header media type "+r.Header.Get("Content-Type"))
	}
	if !json.Valid(raw) {
		return nil, failure(http.StatusBadRequest, "Decoding error: \nSyntax error")
	}
	return raw, nil
}

// decode reads a body, refusing what the vendor's interface has no setter for and values of another type.
func decode(raw []byte, into any) *response {
	if len(raw) == 0 {
		raw = []byte("{}")
	}
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.DisallowUnknownFields()
	err := dec.Decode(into)
	switch e := err.(type) {
	case nil:
		return nil
	case *json.UnmarshalTypeError:
		return failure(http.StatusBadRequest, `Error occurred during "%fieldName" processing. %details`, map[string]string{
			"fieldName": e.Field, "details": `The "` + e.Value + `" value's type is invalid. The "` + e.Type.String() + `" type was expected. Verify and try again.`,
		})
	}
	name := strings.Trim(strings.TrimPrefix(err.Error(), "json: unknown field "), `"`)
	return failure(http.StatusBadRequest, `Property "`+camel(name)+`" does not have accessor method "get`+camel(name)+`" in class.`)
}

func camel(s string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(s, "_") {
		if part != "" {
			b.WriteString(strings.ToUpper(part[:1]) + part[1:])
		}
	}
	return b.String()
}
