package api

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/jumpring/jumpring/core/body"
	"github.com/jumpring/jumpring/core/problem"
)

var pathParameter = regexp.MustCompile(`\{([a-z_]+)\}`)

// describe makes the OpenAPI 3.1 document of the table of routes.
func describe(table []route, s *body.Schemas, version string) *huma.OpenAPI {
	doc := &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{
			Title: "Jumpring", Version: version,
			Description: "One canonical record per piece and per client of a jeweler. Errors are RFC 9457 problems with a stable code; lists answer items and next_cursor.",
		},
		Components: &huma.Components{
			Schemas: s.Registry(),
			SecuritySchemes: map[string]*huma.SecurityScheme{
				"token": {Type: "http", Scheme: "bearer", Description: "A token of `jumpring token create`."},
			},
		},
		Paths: map[string]*huma.PathItem{},
	}
	refusal := &huma.Response{
		Description: "A problem: see docs/errors.md.",
		Content:     map[string]*huma.MediaType{problem.MediaType: {Schema: s.Of(typeOf(problem.Problem{}))}},
	}
	for i := range table {
		r := &table[i]
		path := strings.TrimSuffix(r.path, "/*")
		if path != r.path {
			path += "/{path}"
		}
		item := doc.Paths[path]
		if item == nil {
			item = &huma.PathItem{}
			doc.Paths[path] = item
		}
		op := &huma.Operation{OperationID: r.name, Summary: r.summary, Responses: map[string]*huma.Response{"default": refusal}}
		if !r.open {
			op.Security = []map[string][]string{{"token": {}}}
			op.Description = "Needs the permission `" + string(r.needs) + "`."
		}
		for _, m := range pathParameter.FindAllStringSubmatch(path, -1) {
			op.Parameters = append(op.Parameters, &huma.Param{Name: m[1], In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString}})
		}
		for _, q := range r.query {
			schema := &huma.Schema{Type: huma.TypeString}
			if q.name == "limit" {
				schema.Type = huma.TypeInteger
			}
			op.Parameters = append(op.Parameters, &huma.Param{Name: q.name, In: "query", Description: q.what, Schema: schema})
		}
		if r.keyed {
			op.Parameters = append(op.Parameters, &huma.Param{
				Name: idempotencyKey, In: "header", Schema: &huma.Schema{Type: huma.TypeString},
				Description: "Names the command: a repeat under the same key gets the same answer. One is made where it is left out.",
			})
			op.Responses["202"] = answer(s, gives{status: http.StatusAccepted, value: Command{}})
		}
		if r.takes != nil {
			op.RequestBody = &huma.RequestBody{Content: map[string]*huma.MediaType{"application/json": {Schema: s.Of(typeOf(r.takes))}}}
		}
		op.Responses[strconv.Itoa(r.gives.status)] = answer(s, r.gives)
		switch r.method {
		case http.MethodGet:
			item.Get = op
		case http.MethodPost:
			item.Post = op
		case http.MethodDelete:
			item.Delete = op
		}
	}
	return doc
}

func answer(s *body.Schemas, g gives) *huma.Response {
	media := g.media
	if media == "" {
		media = "application/json"
	}
	out := &huma.Response{Description: http.StatusText(g.status)}
	if g.status == http.StatusNoContent {
		return out
	}
	m := &huma.MediaType{}
	switch {
	case g.page:
		m.Schema = &huma.Schema{
			Type: huma.TypeObject, Required: []string{"items"},
			Properties: map[string]*huma.Schema{
				"items":       {Type: huma.TypeArray, Items: s.Of(typeOf(g.value))},
				"next_cursor": {Type: huma.TypeString},
			},
		}
	case g.value != nil:
		m.Schema = s.Of(typeOf(g.value))
	}
	out.Content = map[string]*huma.MediaType{media: m}
	return out
}
