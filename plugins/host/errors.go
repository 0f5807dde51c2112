package host

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	connectorv1 "github.com/jumpring/jumpring/plugins/proto"
)

// What can go wrong with a call or a launch, for errors.Is. Each *Error is one of them.
var (
	// ErrUnavailable: there was no running connector until the call's deadline. The call was not sent.
	ErrUnavailable = errors.New("connector unavailable")
	// ErrBroken: the connector is not started any more, Status says why. The call was not sent. It is ErrUnavailable too.
	ErrBroken = errors.New("connector broken")
	// ErrStopped: the connection was closed. The call was not sent.
	ErrStopped = errors.New("connection closed")
	// ErrUnsupported: the connector lacks the capability. The call was not sent, or refused.
	ErrUnsupported = errors.New("not supported by the connector")
	// ErrTooLarge: the request is larger than a message may be. The call was not sent.
	ErrTooLarge = errors.New("request too large")
	// ErrDeadline: no answer came in time. What the connector did is not known.
	ErrDeadline = errors.New("connector did not answer in time")
	// ErrInterrupted: the process ended during the call. What it did is not known.
	ErrInterrupted = errors.New("connector ended during the call")
	// ErrBadAnswer: the connector broke the protocol. What it did is not known.
	ErrBadAnswer = errors.New("connector gave an invalid answer")
	// ErrConnector: the connector answered with an error of its own, whose code is Error.Code.
	ErrConnector = errors.New("connector failed")
	// ErrChecksum: the program's file is not the one that was registered.
	ErrChecksum = errors.New("checksum mismatch")
	// ErrConfig: the connector refused its configuration; Status has the diagnostics.
	ErrConfig = errors.New("configuration refused")
	// ErrProtocol: the program speaks no protocol version that the hub speaks, or is no connector.
	ErrProtocol = errors.New("protocol not spoken")
)

// The codes of errors that arise in the host. A connector's own codes pass unchanged.
const (
	CodeUnavailable = "plugin.unavailable"
	CodeBroken      = "plugin.broken"
	CodeStopped     = "plugin.stopped"
	CodeUnsupported = "plugin.unsupported"
	CodeTooLarge    = "plugin.request_too_large"
	CodeDeadline    = "plugin.deadline"
	CodeInterrupted = "plugin.interrupted"
	CodeBadAnswer   = "plugin.bad_answer"
	CodeChecksum    = "plugin.checksum"
	CodeConfig      = "plugin.config"
	CodeProtocol    = "plugin.protocol"
	CodeStart       = "plugin.start"
	CodeMemory      = "plugin.memory"
)

// Error is every error of this package that concerns a connector.
type Error struct {
	Kind       error // one of the Err… values
	Code       string
	Connection string
	Call       string // "Apply"; "start" for the launch
	Message    string // redacted
	Do         string // what a person should do; may be empty
	RetryAfter time.Duration
	cause      error // context errors, for errors.Is
}

// Error gives "connection web-eu: Apply: plugin.deadline: message".
func (e *Error) Error() string {
	return fmt.Sprintf("connection %s: %s: %s: %s", e.Connection, e.Call, e.Code, e.Message)
}

// Is reports whether target is the error's kind.
func (e *Error) Is(target error) bool {
	return target == e.Kind || target == ErrUnavailable && e.Kind == ErrBroken
}

// Unwrap gives the context's error, where one ended the call.
func (e *Error) Unwrap() error { return e.cause }

// NotSent reports whether the connector never began the call that gave err, so that sending it again is safe. Every
// other error of Apply means that the outcome is not known.
func NotSent(err error) bool {
	for _, kind := range []error{ErrUnavailable, ErrStopped, ErrUnsupported, ErrTooLarge} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

func (c *Connection) errorf(kind error, code, call, format string, args ...any) *Error {
	return &Error{Kind: kind, Code: code, Connection: c.spec.Connection, Call: call, Message: c.redact.String(fmt.Sprintf(format, args...))}
}

func (c *Connection) badAnswer(call, format string, args ...any) *Error {
	e := c.errorf(ErrBadAnswer, CodeBadAnswer, call, format, args...)
	e.Do = "report it to the connector's author"
	return e
}

// callError turns what gRPC said about a call into an Error. ctx is the call's own.
func (c *Connection) callError(ctx context.Context, p *process, call string, err error) *Error {
	st, _ := status.FromError(err)
	for _, d := range st.Details() {
		if detail, ok := d.(*connectorv1.ErrorDetail); ok {
			return c.connectorError(call, detail.GetCode(), st.Message(), detail.GetDo(), time.Duration(detail.GetRetryAfterMillis())*time.Millisecond)
		}
	}
	switch code := st.Code(); {
	case ctx.Err() != nil:
		return c.contextError(ctx, call)
	case code == codes.Unavailable || p.ended():
		// The socket of a local process does not fail while the process is well.
		p.fail(err)
		return c.errorf(ErrInterrupted, CodeInterrupted, call, "the connector's process ended during the call")
	case code == codes.DeadlineExceeded: // gRPC's clock ran out a moment before the context's
		e := c.errorf(ErrDeadline, CodeDeadline, call, "no answer in time")
		e.cause = context.DeadlineExceeded
		return e
	case code == codes.Canceled: // the process is being ended
		return c.errorf(ErrInterrupted, CodeInterrupted, call, "the connector's process was ended during the call")
	case code == codes.Unimplemented:
		return c.errorf(ErrUnsupported, CodeUnsupported, call, "the connector does not know this call")
	case code == codes.ResourceExhausted:
		return c.badAnswer(call, "%s", st.Message())
	}
	return c.badAnswer(call, "%v: %s", st.Code(), st.Message())
}

// contextError says that the call's context ended it.
func (c *Connection) contextError(ctx context.Context, call string) *Error {
	e := c.errorf(ErrDeadline, CodeDeadline, call, "no answer in time")
	if errors.Is(ctx.Err(), context.Canceled) {
		e.Message = "the caller gave up before the answer"
	}
	e.cause = ctx.Err()
	return e
}

func (c *Connection) connectorError(call, code, message, do string, retryAfter time.Duration) *Error {
	kind := ErrConnector
	if code == "connector.unsupported" {
		kind = ErrUnsupported
	}
	return &Error{
		Kind: kind, Code: clip(code, maxCode), Connection: c.spec.Connection, Call: call,
		Message: clip(c.redact.String(message), maxText), Do: clip(c.redact.String(do), maxText), RetryAfter: retryAfter,
	}
}
