package ingress

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/jumpring/jumpring/core/body"
	"github.com/jumpring/jumpring/core/problem"
)

// MaxBatch is how many events one request may have.
const MaxBatch = 500

// The media types of CloudEvents 1.0's structured and batch modes.
const (
	MediaEvent = "application/cloudevents+json"
	MediaBatch = "application/cloudevents-batch+json"
)

// Envelope is a CloudEvents 1.0 event with the hub's extensions. Attributes that it does not name are ignored, as the
// specification asks of a consumer.
type Envelope struct {
	SpecVersion     string
	ID              string
	Source          string
	Type            string
	Subject         string
	Time            string
	DataContentType string
	CorrelationID   string
	// SourceVersion orders events about the same thing; 0 where none is stated.
	SourceVersion int64
	Data          json.RawMessage
}

// parsed is one event of a request, or why it can't be read; e may be there beside err.
type parsed struct {
	e   *Envelope
	err error
}

// split finds the events of a request or a delivery: one in binary mode (attributes beside the body), one in structured
// mode, or a batch. attribute gives, by its name, an attribute that stands beside the body; "" when it does not. Its error
// is about the request as a whole.
func split(contentType string, attribute func(string) string, b []byte) ([]parsed, error) {
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return nil, problem.New(problem.BodyMediaType, "")
	}
	if cs := params["charset"]; cs != "" && !strings.EqualFold(cs, "utf-8") {
		return nil, problem.New(problem.BodyNotUTF8, "the content type states another charset")
	}
	if media != MediaBatch && media != MediaEvent && media != "application/json" {
		return nil, problem.New(problem.BodyMediaType, "")
	}
	if err := body.Check(b); err != nil {
		return nil, err
	}
	switch {
	case media == MediaBatch:
		var raws []json.RawMessage
		if err := json.Unmarshal(b, &raws); err != nil {
			return nil, problem.New(problem.EventBatch, "a batch is a JSON array of events")
		}
		if len(raws) == 0 || len(raws) > MaxBatch {
			return nil, problem.New(problem.EventBatch, fmt.Sprintf("it has %d", len(raws)))
		}
		events := make([]parsed, len(raws))
		for i, raw := range raws {
			events[i].e, events[i].err = structured(raw)
		}
		return events, nil
	case media == "application/json" && attribute("specversion") != "":
		e, err := binary(attribute, b)
		return []parsed{{e, err}}, nil
	}
	e, err := structured(b) // also with the plain type, as many tills send it
	return []parsed{{e, err}}, nil
}

// inHeaders finds attributes as the HTTP binding writes them: in headers with ce- before the name, percent-encoded.
// header gives a header by its canonical name.
func inHeaders(header func(string) string) func(string) string {
	return func(name string) string {
		v := header("Ce-" + strings.ToUpper(name[:1]) + name[1:])
		if decoded, err := url.PathUnescape(v); err == nil {
			return decoded
		}
		return v
	}
}

// binary reads an event whose attributes are beside the body.
func binary(attribute func(string) string, b []byte) (*Envelope, error) {
	e := &Envelope{
		SpecVersion: attribute("specversion"), ID: attribute("id"), Source: attribute("source"), Type: attribute("type"),
		Subject: attribute("subject"), Time: attribute("time"), DataContentType: "application/json",
		CorrelationID: attribute("correlationid"), Data: b,
	}
	if v := attribute("sourceversion"); v != "" {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			return e, invalid(problem.Field{Path: "sourceversion", Message: "expected a whole number"})
		}
		e.SourceVersion = n
	}
	return e, e.check()
}

// structured reads an event in structured mode.
func structured(raw json.RawMessage) (*Envelope, error) {
	var attributes map[string]json.RawMessage
	if err := json.Unmarshal(raw, &attributes); err != nil || attributes == nil {
		return nil, invalid(problem.Field{Message: "an event is a JSON object"})
	}
	e := &Envelope{Data: attributes["data"]}
	var wrong []problem.Field
	for name, into := range map[string]*string{
		"specversion": &e.SpecVersion, "id": &e.ID, "source": &e.Source, "type": &e.Type, "subject": &e.Subject,
		"time": &e.Time, "datacontenttype": &e.DataContentType, "correlationid": &e.CorrelationID,
	} {
		if v, ok := attributes[name]; ok && json.Unmarshal(v, into) != nil {
			wrong = append(wrong, problem.Field{Path: name, Message: "expected string"})
		}
	}
	if v, ok := attributes["sourceversion"]; ok {
		// An integer attribute may come as a JSON number or as its string form.
		n, err := strconv.ParseInt(strings.Trim(string(v), `"`), 10, 64)
		if err != nil {
			wrong = append(wrong, problem.Field{Path: "sourceversion", Message: "expected a whole number"})
		}
		e.SourceVersion = n
	}
	if _, ok := attributes["data_base64"]; ok {
		wrong = append(wrong, problem.Field{Path: "data_base64", Message: "send data as JSON"})
	}
	if len(wrong) > 0 {
		sortFields(wrong)
		return e, invalid(wrong...)
	}
	return e, e.check()
}

// maxAttribute is the longest attribute, in bytes.
const maxAttribute = 512

// sourceRule is what a source may look like once slashes are colons: it becomes part of a connection's name.
var sourceRule = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$`)

func (e *Envelope) check() error {
	var wrong []problem.Field
	add := func(path, message string) { wrong = append(wrong, problem.Field{Path: path, Message: message}) }
	switch e.SpecVersion {
	case "1.0":
	case "":
		add("specversion", "is missing; send 1.0")
	default:
		add("specversion", "only 1.0 is taken")
	}
	for path, v := range map[string]string{"id": e.ID, "source": e.Source, "type": e.Type} {
		if v == "" {
			add(path, "is missing")
		}
	}
	for path, v := range map[string]string{"id": e.ID, "subject": e.Subject, "correlationid": e.CorrelationID, "type": e.Type} {
		if len(v) > maxAttribute {
			add(path, fmt.Sprintf("is longer than %d bytes", maxAttribute))
		} else if strings.ContainsFunc(v, func(r rune) bool { return r < 0x20 || r == 0x7f }) {
			add(path, "has control characters")
		}
	}
	if e.Source != "" && !sourceRule.MatchString(sourceName(e.Source)) {
		add("source", "use up to 100 letters, digits, dots, dashes, underscores, colons and slashes, such as paris-1")
	}
	if e.SourceVersion < 0 {
		add("sourceversion", "expected a number >= 0")
	}
	if e.DataContentType != "" {
		if media, _, err := mime.ParseMediaType(e.DataContentType); err != nil || media != "application/json" {
			add("datacontenttype", "only application/json is taken")
		}
	}
	if len(e.Data) == 0 || string(e.Data) == "null" {
		add("data", "is missing")
	}
	if len(wrong) > 0 {
		sortFields(wrong)
		return invalid(wrong...)
	}
	return nil
}

// sourceName is a source as it stands in a connection's name, where a slash would end it.
func sourceName(source string) string {
	return strings.ReplaceAll(strings.Trim(source, "/"), "/", ":")
}
