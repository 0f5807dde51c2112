package rabbit

import (
	"errors"
	"fmt"
	"time"
)

// ErrClosed is returned after Close.
var ErrClosed = errors.New("rabbit: closed")

// ErrUnroutable is returned for a message that no queue was bound for. The broker did not keep it.
var ErrUnroutable = errors.New("rabbit: message reached no queue")

// ErrNotTaken is returned for a message that the broker refused to keep, a full queue's for example.
var ErrNotTaken = errors.New("rabbit: broker did not take the message")

// ErrStale is returned for an acknowledgement of a delivery whose connection is gone: the broker delivers it again.
var ErrStale = errors.New("rabbit: the delivery's connection is gone")

// Unconfirmed says that a message was not confirmed in time. It may or may not have been kept, and is not sent again.
type Unconfirmed struct {
	// After is how long the publisher waited.
	After time.Duration
	// Cause is what stood in the way: the state of the connection.
	Cause string
}

func (u *Unconfirmed) Error() string {
	return fmt.Sprintf("rabbit: not confirmed within %s: %s", u.After, u.Cause)
}

// Blocked says that the broker takes no messages, for want of memory or disk.
type Blocked struct {
	Reason string
	After  time.Duration
}

func (b *Blocked) Error() string {
	return fmt.Sprintf("rabbit: the broker has blocked publishers for %s: %s", b.After, b.Reason)
}
