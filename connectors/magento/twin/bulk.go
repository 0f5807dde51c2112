package twin

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/google/uuid"
)

// The states of an async operation.
const (
	opComplete  = 1
	opRetriable = 2
	opFailed    = 3
	opOpen      = 4
)

// bulk is one async call: the shop takes it unseen, and its consumers work on it later.
type bulk struct {
	due     time.Time
	started string
	run     func() *response
	status  int
	message string
	code    int
}

// schedule accepts an async call. What is wrong with it shows in its operation.
func (s *Server) schedule(r *request, rt route) *response {
	id := uuid.NewString()
	req := *r
	s.bulks[id] = &bulk{due: s.opts.Now().Add(s.opts.AsyncDelay), started: stamp(s.now()), status: opOpen, run: func() *response { return rt.serve(s, &req) }}
	sum := sha256.Sum256(r.body)
	resp := answer(row{
		"bulk_uuid": id, "request_items": []row{{"id": int64(0), "data_hash": hex.EncodeToString(sum[:]), "status": "accepted"}}, "errors": false,
	})
	resp.status = http.StatusAccepted
	return resp
}

// runConsumers works on what is due.
func (s *Server) runConsumers() {
	if s.opts.NoConsumers {
		return
	}
	for _, b := range s.bulks {
		if b.status != opOpen || !s.due(b.due) {
			continue
		}
		resp := b.run()
		b.status, b.message = opComplete, "Service execution success"
		if resp.status != http.StatusOK {
			b.status, b.code = opFailed, resp.status
			if resp.status == http.StatusInternalServerError {
				b.status = opRetriable
			}
			if m, ok := resp.value.(map[string]any); ok {
				b.message, _ = m["message"].(string)
			}
		}
	}
}

func (s *Server) bulkStatus(r *request) *response {
	s.runConsumers()
	b := s.bulks[r.vars["uuid"]]
	if b == nil {
		return failure(http.StatusNotFound, "Bulk uuid %bulkUuid not exist", map[string]string{"bulkUuid": r.vars["uuid"]})
	}
	return answer(row{
		"operations_list": []row{{"id": int64(0), "status": int64(b.status), "result_message": b.message, "error_code": int64(b.code)}},
		"user_type":       int64(1), "bulk_id": r.vars["uuid"], "description": "Topic async.magento.inventory", "start_time": b.started, "user_id": int64(1), "operation_count": int64(1),
	})
}
