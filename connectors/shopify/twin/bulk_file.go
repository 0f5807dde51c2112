package twin

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/vektah/gqlparser/v2/ast"
)

// below is a connection that stands in a row: its own rows become lines.
type below struct {
	node  node
	field *collected
}

// bulkWriter collects the connections of the row that is written.
type bulkWriter struct{ found []below }

// run makes the file. The server's mutex is held.
func (op *bulkOperation) run(s *Server, inner *ast.OperationDefinition, grouped bool) {
	x := &execution{srv: s, op: inner, bulk: &bulkWriter{}}
	var roots, children bytes.Buffer
	rows := func(b below, parent string, into *bytes.Buffer) {
		p, ok := b.node.field(x, b.field.field.Name, x.arguments(b.field.field)).(*page)
		if !ok {
			op.denied = true // a *graphError
			return
		}
		edges := only(b.field.field.SelectionSet, "edges")
		set := only(edges.SelectionSet, "node").SelectionSet
		for _, r := range p.rows {
			op.row(x, r.node, set, parent, into, &children, grouped)
		}
	}
	op.rows = rows
	root := inner.SelectionSet[0].(*ast.Field)
	rows(below{queryRoot{}, &collected{root, root.SelectionSet}}, "", &roots)
	op.rows = nil
	op.denied = op.denied || len(x.errors) > 0
	roots.Write(children.Bytes())
	op.file = roots.Bytes()
}

// row writes one line, and behind it, or into children, the lines of its connections.
func (op *bulkOperation) row(x *execution, n node, set ast.SelectionSet, parent string, into, children *bytes.Buffer, grouped bool) {
	x.bulk.found = nil
	raw, ok := x.selection(n, schema.Types[n.typeName()], set, nil)
	if !ok {
		return
	}
	found := x.bulk.found
	op.objects++
	if parent == "" {
		op.roots++
		into.Write(raw)
	} else {
		into.Write(raw[:len(raw)-1])
		fmt.Fprintf(into, `,"__parentId":%s}`, scalar(parent))
	}
	into.WriteByte('\n')
	id, _ := n.field(x, "id", nil).(string)
	to := children
	if grouped {
		to = into
	}
	for _, b := range found {
		op.rows(b, id, to)
	}
}

// bulkURL gives where an operation's file is: signed, for a time, on the host that the API was asked under.
func (s *Server) bulkURL(op *bulkOperation, host string, until time.Time) string {
	expires := strconv.FormatInt(until.Unix(), 10)
	return "http://" + host + "/bulk/" + op.name + ".jsonl?" + url.Values{"Expires": {expires}, "Signature": {s.bulkSignature(host, op.name, expires)}}.Encode()
}

func (s *Server) bulkSignature(host, name, expires string) string {
	mac := hmac.New(sha256.New, []byte("file "+s.opts.ClientSecret))
	mac.Write([]byte(host + "\n" + name + "\n" + expires))
	return hex.EncodeToString(mac.Sum(nil))
}

// bulkDownload serves a file, whole or from a byte on. The storage is no part of the API: it knows the signature alone, and
// an access token that is sent to it has leaked.
func (s *Server) bulkDownload(w http.ResponseWriter, r *http.Request) {
	refuse := func(status int, code string) { http.Error(w, "<Error><Code>"+code+"</Code></Error>", status) }
	q := r.URL.Query()
	name := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/bulk/"), ".jsonl")
	s.mu.Lock()
	var op *bulkOperation
	for _, o := range s.state.bulk {
		if o.name == name {
			op = o
		}
	}
	leaked := r.Header.Get("X-Shopify-Access-Token") != ""
	if leaked {
		s.ledger.Counts.LeakedTokens++
	}
	now := s.opts.Clock()
	status := ""
	first := false
	if op != nil {
		status, _ = s.bulkStatus(op, now)
		first = op.served == 0
		op.served++
		s.ledger.Counts.BulkDownloads++
	}
	s.mu.Unlock()
	expires, _ := strconv.ParseInt(q.Get("Expires"), 10, 64)
	signed := hmac.Equal([]byte(q.Get("Signature")), []byte(s.bulkSignature(r.Host, name, q.Get("Expires"))))
	switch {
	case r.Method != http.MethodGet:
		refuse(http.StatusMethodNotAllowed, "MethodNotAllowed")
		return
	case leaked:
		refuse(http.StatusBadRequest, "InvalidArgument")
		return
	case op == nil || !signed:
		refuse(http.StatusForbidden, "SignatureDoesNotMatch")
		return
	case now.Unix() >= expires || status == bulkExpired:
		refuse(http.StatusBadRequest, "ExpiredToken")
		return
	}
	file := op.file
	if status == bulkFailed && q.Get("partial") == "1" {
		file = file[:len(file)/2]
	}
	if f := op.fault; f != nil && first {
		switch f.Kind {
		case FaultBulkGone:
			refuse(http.StatusNotFound, "NoSuchKey")
			return
		case FaultBulkCut:
			w.Header().Set("Content-Length", strconv.Itoa(len(file)))
			w.WriteHeader(http.StatusOK)
			_, _ = w.Write(file[:len(file)/2]) // and nothing more: the connection is closed before the stated end
			return
		}
	}
	w.Header().Set("Content-Type", "application/jsonl")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(file))
}
