package twin

import (
	"bytes"
	"slices"
	"strconv"
	"time"
)

// Bulk operations: a query that the shop runs by itself and whose rows it gives as one file, a line of JSON each.

const (
	// bulkKept is how long a result can be fetched.
	bulkKept = 7 * 24 * time.Hour
	// bulkLongest is how long an operation may run before it fails.
	bulkLongest = 24 * time.Hour
)

// The states of a bulk operation.
const (
	bulkCreated   = "CREATED"
	bulkRunning   = "RUNNING"
	bulkCompleted = "COMPLETED"
	bulkFailed    = "FAILED"
	bulkCanceling = "CANCELING"
	bulkCanceled  = "CANCELED"
	bulkExpired   = "EXPIRED"
)

// bulkOperation is one run. What it gives is what the shop has when it begins; the time it takes is told by the clock.
type bulkOperation struct {
	id             int64
	query          string
	createdAt      time.Time
	takes          time.Duration
	objects, roots int64
	file           []byte
	name           string // of the file: nobody guesses it
	fault          *Fault
	canceledAt     time.Time
	denied         bool                                             // a field was not allowed
	served         int                                              // downloads that began
	rows           func(b below, parent string, into *bytes.Buffer) // while it runs: writes a connection's rows
}

// bulkStatus gives the state of an operation at a moment.
func (s *Server) bulkStatus(op *bulkOperation, now time.Time) (status string, done time.Time) {
	done = op.createdAt.Add(op.takes)
	fault := FaultKind("")
	if op.fault != nil {
		fault = op.fault.Kind
	}
	switch {
	case !op.canceledAt.IsZero() && now.Before(op.canceledAt.Add(s.opts.BulkTime)):
		return bulkCanceling, done
	case !op.canceledAt.IsZero():
		return bulkCanceled, op.canceledAt
	case now.Before(op.createdAt.Add(op.takes / 10)):
		return bulkCreated, done
	case now.Before(done) && now.Before(op.createdAt.Add(bulkLongest)):
		return bulkRunning, done
	case op.denied || fault == FaultBulkFailed || op.takes > bulkLongest:
		return bulkFailed, done
	case fault == FaultBulkCanceled:
		return bulkCanceled, done
	case fault == FaultBulkExpired || !now.Before(done.Add(bulkKept)):
		return bulkExpired, done
	}
	return bulkCompleted, done
}

// runBulk begins an operation.
func (x *execution) runBulk(args map[string]any) any {
	query, _ := args["query"].(string)
	payload := func(op any, code, message string) node {
		errs := []node{}
		if code != "" {
			errs = append(errs, object{"BulkOperationUserError", map[string]any{"code": code, "field": []string{"query"}, "message": message}})
		}
		return object{"BulkOperationRunQueryPayload", map[string]any{"bulkOperation": op, "userErrors": errs}}
	}
	inner, problem := prepareBulk(query)
	if problem != "" {
		return payload(nil, "INVALID", problem)
	}
	s := x.srv
	now, running := s.opts.Clock(), 0
	for _, op := range s.state.bulk {
		if status, _ := s.bulkStatus(op, now); status == bulkCreated || status == bulkRunning || status == bulkCanceling {
			running++
		}
	}
	switch {
	case running >= s.opts.BulkAtOnce && s.opts.BulkAtOnce == 1:
		return payload(nil, "OPERATION_IN_PROGRESS", "A bulk query operation for this app and shop is already in progress.")
	case running >= s.opts.BulkAtOnce:
		return payload(nil, "LIMIT_REACHED", "Bulk operations limit reached. Please try again later.")
	}
	op := &bulkOperation{id: s.state.id(), query: query, createdAt: now, name: random(), fault: s.faults.take(faultsOfBulk)}
	op.run(s, inner, args["groupObjects"] == true)
	op.takes = s.opts.BulkTime + time.Duration(op.objects)*s.opts.BulkPerObject
	s.state.bulk = append(s.state.bulk, op)
	s.ledger.Counts.BulkRuns++
	return payload(s.bulkNode(op, x.host), "", "")
}

// cancelBulk asks an operation to end.
func (x *execution) cancelBulk(args map[string]any) any {
	errs := []node{}
	op := x.srv.bulkByID(args["id"].(string))
	switch {
	case op == nil:
		errs = append(errs, object{"UserError", map[string]any{"field": []string{"id"}, "message": "Bulk operation does not exist"}})
		return object{"BulkOperationCancelPayload", map[string]any{"bulkOperation": nil, "userErrors": errs}}
	default:
		now := x.srv.opts.Clock()
		if status, _ := x.srv.bulkStatus(op, now); status == bulkCreated || status == bulkRunning {
			op.canceledAt = now
		} else {
			errs = append(errs, object{"UserError", map[string]any{"field": []string{"id"}, "message": "A bulk operation cannot be canceled when it is " + status}})
		}
	}
	return object{"BulkOperationCancelPayload", map[string]any{"bulkOperation": x.srv.bulkNode(op, x.host), "userErrors": errs}}
}

func (s *Server) bulkByID(id string) *bulkOperation {
	typ, n, ok := parseGID(id)
	if !ok || typ != "BulkOperation" {
		return nil
	}
	for _, op := range s.state.bulk {
		if op.id == n {
			return op
		}
	}
	return nil
}

// bulkOperations lists the newest first, which is the one order that is asked for here.
func (x *execution) bulkOperations(args map[string]any) any {
	if args["reverse"] != true || args["sortKey"] != "CREATED_AT" {
		return fail("BAD_REQUEST", "this sandbox lists bulk operations by CREATED_AT in reverse only")
	}
	first, ok := whole(args["first"])
	if !ok || first < 1 || first > maxPage {
		return fail("BAD_REQUEST", "first must be between 1 and %d", maxPage)
	}
	p := &page{}
	for _, op := range slices.Backward(x.srv.state.bulk) {
		if int64(len(p.rows)) == first {
			p.more = true
			break
		}
		p.rows = append(p.rows, row{node: x.srv.bulkNode(op, x.host), id: op.id})
		p.cursors = append(p.cursors, strconv.FormatInt(op.id, 10))
	}
	return p
}

// bulkNode gives an operation as the API shows it. host is what the API was asked under: the file is there too.
func (s *Server) bulkNode(op *bulkOperation, host string) node {
	status, done := s.bulkStatus(op, s.opts.Clock())
	values := map[string]any{
		"id": gid("BulkOperation", op.id), "status": status, "type": "QUERY", "query": op.query, "createdAt": stamp(op.createdAt),
		"objectCount": "0", "rootObjectCount": "0",
	}
	switch status {
	case bulkRunning:
		share := int64(s.opts.Clock().Sub(op.createdAt)) * 100 / int64(op.takes)
		values["objectCount"], values["rootObjectCount"] = strconv.FormatInt(op.objects*share/100, 10), strconv.FormatInt(op.roots*share/100, 10)
	case bulkCompleted:
		values["objectCount"], values["rootObjectCount"] = strconv.FormatInt(op.objects, 10), strconv.FormatInt(op.roots, 10)
		values["completedAt"] = stamp(done)
		if op.objects > 0 { // without rows there is no file
			values["fileSize"] = strconv.Itoa(len(op.file))
			values["url"] = s.bulkURL(op, host, done.Add(bulkKept))
		}
	case bulkFailed:
		values["errorCode"] = "INTERNAL_SERVER_ERROR"
		if op.fault != nil && op.fault.Code != "" {
			values["errorCode"] = op.fault.Code
		}
		if op.denied {
			values["errorCode"] = "ACCESS_DENIED"
		} else if op.objects > 0 {
			values["partialDataUrl"] = s.bulkURL(op, host, done.Add(bulkKept)) + "&partial=1"
		}
	}
	return object{"BulkOperation", values}
}
