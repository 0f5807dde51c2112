package sdk

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	connectorv1 "github.com/jumpring/jumpring/plugins/proto"
)

// Codes that Serve gives to errors by itself. A connector's own codes begin with its name ("shopify.throttled").
const (
	CodeFailed         = "connector.failed"          // the connector returned an error without a code
	CodePanic          = "connector.panic"           // the call panicked; the process goes on
	CodeUnsupported    = "connector.unsupported"     // the connector lacks this capability
	CodeBadObservation = "connector.bad_observation" // an observation failed its own check
	CodeBadAnswer      = "connector.bad_answer"      // neither a response nor an error
	CodeTooLarge       = "connector.too_large"       // a result larger than MaxMessageBytes
)

// MaxMessageBytes is the largest message in either direction, in bytes.
const MaxMessageBytes = 64 << 20

// Error is an error with a stable code and what a person should do. A connector may return it from any call; other
// errors travel as CodeFailed with their text. The text must hold no secret and no personal data.
type Error struct {
	Code       string        // stable, "shopify.throttled"
	Message    string        // what went wrong
	Do         string        // what to do about it; may be empty
	RetryAfter time.Duration // when trying again makes sense; 0 when not known
	Err        error         // the cause; may be nil
}

// Error gives "code: message: cause".
func (e *Error) Error() string {
	s := e.Code
	if e.Message != "" {
		s += ": " + e.Message
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// asError finds the Error in err, or makes one of code CodeFailed.
func asError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Code: CodeFailed, Message: err.Error()}
}

// message is what follows the code in Error.
func (e *Error) message() string {
	return strings.ToValidUTF8(strings.TrimPrefix(strings.TrimPrefix(e.Error(), e.Code), ": "), "\uFFFD")
}

// toStatus turns err into a gRPC status that carries its code.
func toStatus(err error) error {
	e := asError(err)
	st, detailErr := status.New(codes.Unknown, e.message()).WithDetails(&connectorv1.ErrorDetail{
		Code: strings.ToValidUTF8(e.Code, "\uFFFD"), Do: strings.ToValidUTF8(e.Do, "\uFFFD"), RetryAfterMillis: e.RetryAfter.Milliseconds(),
	})
	if detailErr != nil {
		return status.Error(codes.Internal, fmt.Sprintf("error of code %s can't be encoded: %v", e.Code, detailErr))
	}
	return st.Err()
}

func unsupported(c Capability) error {
	return &Error{Code: CodeUnsupported, Message: fmt.Sprintf("this connector can't %s", c)}
}
