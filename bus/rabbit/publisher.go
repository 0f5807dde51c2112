package rabbit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Message is what is published, and where.
type Message struct {
	// Exchange may be empty: the default exchange, on which Key is a queue's name.
	Exchange, Key string
	// Optional is for messages that need no reader: without it a message that reaches no queue is ErrUnroutable.
	Optional bool
	// Publishing is the message. Keep it persistent (DeliveryMode) where it must survive; its body must not change until
	// the message is confirmed.
	Publishing amqp.Publishing
}

// Publisher publishes with confirms over a Connection. Many messages are on their way at once; each caller learns the
// fate of its own. It is safe for concurrent use, and messages of one caller arrive in its order.
//
// What was not confirmed when a connection is lost is sent again on the next one, in order: readers see it at least
// once, and may see it twice.
type Publisher struct {
	conn   *Connection
	slots  chan struct{} // one for each outstanding message
	queue  chan *Pending // from callers to the sender
	cancel context.CancelFunc
	ctx    context.Context // ends with Close
	ended  chan struct{}

	order sync.Mutex // callers queue their messages one by one

	stalls atomic.Int32 // channels in a row that were given up because a confirm did not come
}

// check refuses what can't be encoded; the library would end the whole connection over it.
func (m Message) check() error {
	p := m.Publishing
	for _, s := range []string{
		m.Exchange, m.Key, p.ContentType, p.ContentEncoding, p.CorrelationId, p.ReplyTo,
		p.Expiration, p.MessageId, p.Type, p.UserId, p.AppId,
	} {
		if len(s) > 255 {
			return fmt.Errorf("rabbit: a name or property of %d bytes; AMQP allows 255", len(s))
		}
	}
	for name := range p.Headers {
		if len(name) > 255 {
			return fmt.Errorf("rabbit: a header's name of %d bytes; AMQP allows 255", len(name))
		}
	}
	if err := p.Headers.Validate(); err != nil {
		return fmt.Errorf("rabbit: %w", err)
	}
	return nil
}

// Pending is a message on its way.
type Pending struct {
	msg     Message
	release func() // gives the slot back
	done    chan struct{}
	timeout time.Duration
	state   func() error // what stands in the way

	mu        sync.Mutex
	confirm   *amqp.DeferredConfirmation
	err       error
	finished  bool
	abandoned bool   // the caller left: not to be sent any more
	returned  string // the broker's reason for returning it
}

// NewPublisher starts a publisher on a connection, which it does not close. The caller closes the publisher first.
func NewPublisher(conn *Connection) *Publisher {
	ctx, cancel := context.WithCancel(context.Background())
	p := &Publisher{
		conn: conn, ctx: ctx, cancel: cancel, ended: make(chan struct{}),
		slots: make(chan struct{}, conn.cfg.Outstanding), queue: make(chan *Pending, conn.cfg.Outstanding),
	}
	go p.run()
	return p
}

// Publish sends a message and returns when the broker has it. It returns ErrUnroutable, ErrNotTaken, *Blocked,
// *Unconfirmed, ErrClosed, the broker's own error for a message that it can't accept (*amqp.Error: no such exchange, no
// permission), or the context's. After an error of the last three kinds and *Unconfirmed the broker may have it.
func (p *Publisher) Publish(ctx context.Context, msg Message) error {
	pending, err := p.Send(ctx, msg)
	if err != nil {
		return err
	}
	return pending.Wait(ctx)
}

// Send queues a message behind the ones sent before and returns without waiting for its confirm, which Wait gives.
// It blocks while Config.Outstanding messages are unconfirmed.
func (p *Publisher) Send(ctx context.Context, msg Message) (*Pending, error) {
	if err := msg.check(); err != nil {
		return nil, err
	}
	timer := time.NewTimer(p.conn.cfg.PublishTimeout)
	defer timer.Stop()
	select { // an ended context must not win a slot by chance
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-p.ctx.Done():
		return nil, ErrClosed
	default:
	}
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-p.ctx.Done():
		return nil, ErrClosed
	case <-timer.C:
		return nil, p.obstacle(p.conn.cfg.PublishTimeout)
	}
	pending := &Pending{
		msg: msg, done: make(chan struct{}), timeout: p.conn.cfg.PublishTimeout,
		release: func() { <-p.slots }, state: func() error { return p.obstacle(p.conn.cfg.PublishTimeout) },
	}
	p.order.Lock()
	defer p.order.Unlock()
	if p.ctx.Err() != nil {
		<-p.slots
		return nil, ErrClosed
	}
	p.queue <- pending // has room: it is as long as there are slots
	return pending, nil
}

// obstacle is the error of a publish that took too long.
func (p *Publisher) obstacle(after time.Duration) error {
	state := p.conn.State()
	switch {
	case state.Blocked != "":
		return &Blocked{Reason: state.Blocked, After: after}
	case state.Host == "" && state.Err != nil:
		return &Unconfirmed{After: after, Cause: "no connection: " + state.Err.Error()}
	case state.Host == "":
		return &Unconfirmed{After: after, Cause: "no connection yet"}
	}
	return &Unconfirmed{After: after, Cause: "no answer from " + state.Host}
}

// Wait returns when the broker has the message, or with an error as Publish does.
func (m *Pending) Wait(ctx context.Context) error {
	timer := time.NewTimer(m.timeout)
	defer timer.Stop()
	select {
	case <-m.done:
		return m.err
	case <-ctx.Done():
		return m.abandon(ctx.Err())
	case <-timer.C:
		return m.abandon(m.state())
	}
}

// Done is closed when the message's fate is known; Wait gives it then at once.
func (m *Pending) Done() <-chan struct{} { return m.done }

// abandon keeps a message from being sent, if it was not yet, or sent again.
func (m *Pending) abandon(err error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.finished {
		return m.err
	}
	m.abandoned = true
	return err
}

func (m *Pending) dropped() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.abandoned
}

func (m *Pending) finish(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.finished {
		m.finished, m.err = true, err
		close(m.done)
		m.release()
	}
}

// Close fails what is not confirmed yet with ErrClosed and returns when the publisher's goroutines have ended. Calling
// it again does nothing. To lose nothing, wait for what was sent before.
func (p *Publisher) Close() error {
	p.order.Lock()
	p.cancel()
	p.order.Unlock()
	<-p.ended
	return nil
}

// run sends over one session after the other. unconfirmed holds what has to be sent again, in order.
func (p *Publisher) run() {
	defer close(p.ended)
	var unconfirmed []*Pending
	for {
		session, err := p.conn.Session(p.ctx)
		if err != nil { // closed, this or the connection
			p.cancel()
			p.order.Lock()
			defer p.order.Unlock()
			for _, m := range unconfirmed {
				m.finish(ErrClosed)
			}
			for len(p.queue) > 0 {
				(<-p.queue).finish(ErrClosed)
			}
			return
		}
		unconfirmed = p.serve(session, unconfirmed)
		sleep(p.ctx, jitter(10*time.Millisecond))
	}
}

// serve publishes on one session until its channel or the session ends. It begins with what an earlier channel left,
// and returns what this one leaves.
//
// A broker answers a message that it can't accept by closing the channel, and with it everything unconfirmed. To find
// the culprit, what was left is sent again one by one: who closes the channel alone is failed with the broker's error.
func (p *Publisher) serve(session *Session, unconfirmed []*Pending) []*Pending {
	l, err := p.openLane(session)
	if err != nil {
		select { // a session that ends now shows it soon
		case <-session.Done():
		case <-p.ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
		return unconfirmed
	}
	defer p.conn.endChannel(l.ch)
	for i, m := range unconfirmed {
		if !p.mayWrite(session, l) {
			return unconfirmed[i:]
		}
		if m.dropped() {
			m.finish(context.Canceled)
			continue
		}
		l.publish(m)
		select {
		case <-m.done:
			continue
		case <-l.ended:
		case <-p.ctx.Done():
			return unconfirmed[i:]
		}
		if refusal := l.refusal(); refusal != nil {
			m.finish(refusal)
			i++
		}
		return unconfirmed[i:]
	}
	for p.mayWrite(session, l) {
		select {
		case m := <-p.queue:
			if !p.mayWrite(session, l) {
				return append(l.unfinished(), m)
			}
			if m.dropped() {
				m.finish(context.Canceled)
				continue
			}
			l.publish(m)
		case <-l.ended:
		case <-p.ctx.Done():
		}
	}
	return l.unfinished()
}

// mayWrite waits while the broker blocks publishers, and tells whether the lane still lives.
func (p *Publisher) mayWrite(session *Session, l *lane) bool {
	select {
	case <-session.unblocked():
	case <-l.ended:
	case <-p.ctx.Done():
	}
	select {
	case <-l.ended:
		return false
	case <-p.ctx.Done():
		return false
	default:
		return true
	}
}

// lane is one AMQP channel in confirm mode. The publisher's goroutine writes; another one reads returns and confirms,
// because a broker that is not read from stops reading.
type lane struct {
	ch      *amqp.Channel
	sent    chan *Pending
	returns chan amqp.Return
	closed  chan *amqp.Error
	ended   chan struct{} // closed when the reader has ended

	mu   sync.Mutex
	out  []*Pending // written and not finished, in order
	fail *amqp.Error
}

// patience is how long the oldest message may be without an answer.
func (p *Publisher) patience() time.Duration {
	return min(p.conn.cfg.ConfirmTimeout<<min(p.stalls.Load(), 10), max(p.conn.cfg.PublishTimeout, p.conn.cfg.ConfirmTimeout))
}

func (p *Publisher) openLane(session *Session) (*lane, error) {
	ch, err := session.Channel()
	if err != nil {
		return nil, err
	}
	if err := ch.Confirm(false); err != nil {
		_ = ch.Close() // its connection is going, or its own error closed it
		return nil, fmt.Errorf("rabbit: confirm mode: %w", err)
	}
	l := &lane{
		ch: ch, sent: make(chan *Pending, cap(p.slots)), ended: make(chan struct{}),
		// A return has to be taken before the confirm behind it is looked at, so this one has no room.
		returns: ch.NotifyReturn(make(chan amqp.Return)),
		closed:  ch.NotifyClose(make(chan *amqp.Error, 1)),
	}
	go l.collect(p, session)
	return l, nil
}

// publish writes a message. It fails only when channel or connection end, which the collector sees.
func (l *lane) publish(m *Pending) {
	l.mu.Lock()
	l.out = append(l.out, m)
	l.mu.Unlock()
	m.mu.Lock()
	m.confirm, m.returned = nil, ""
	m.mu.Unlock()
	confirm, err := l.ch.PublishWithDeferredConfirm(m.msg.Exchange, m.msg.Key, !m.msg.Optional, false, m.msg.Publishing)
	if err != nil {
		return
	}
	m.mu.Lock()
	m.confirm = confirm
	m.mu.Unlock()
	select {
	case l.sent <- m:
	case <-l.ended:
	}
}

// collect finishes messages in the order in which they were written, until the channel is closed. It closes the channel
// itself when the oldest one gets no answer.
func (l *lane) collect(p *Publisher, session *Session) {
	defer close(l.ended)
	var head *Pending
	var confirmed <-chan struct{}
	sent := l.sent
	overdue := time.NewTimer(p.patience())
	defer overdue.Stop()
	for {
		select {
		case r, ok := <-l.returns:
			if !ok {
				l.drain(head)
				return
			}
			l.giveBack(r)
		case m := <-sent:
			head, confirmed, sent = m, m.confirm.Done(), nil
			overdue.Reset(p.patience())
		case <-confirmed:
			// Every return before this confirm was taken: the library hands them over in the broker's order.
			if !l.settle(head) {
				for range l.returns { // the channel is closing; its end closes this
				}
				l.drain(nil)
				return
			}
			p.stalls.Store(0)
			head, confirmed, sent = nil, nil, l.sent
		case <-overdue.C:
			switch {
			case head == nil:
			case session.Blocked() != "":
				overdue.Reset(p.patience())
			default:
				p.stalls.Add(1)
				p.conn.log.Warn("RabbitMQ leaves a message without an answer: it is sent again", "exchange", head.msg.Exchange, "key", head.msg.Key)
				p.conn.endChannel(l.ch) // which ends returns
			}
		}
	}
}

// settle gives a message its fate. It returns false if there is none because the channel closed.
func (l *lane) settle(m *Pending) bool {
	acked := m.confirm.Acked()
	if !acked && l.ch.IsClosed() { // a closing channel "nacks" everything
		return false
	}
	m.mu.Lock()
	returned := m.returned
	m.mu.Unlock()
	l.mu.Lock()
	for i, o := range l.out {
		if o == m {
			l.out = append(l.out[:i], l.out[i+1:]...)
			break
		}
	}
	l.mu.Unlock()
	switch {
	case !acked:
		m.finish(fmt.Errorf("%w (exchange %q, key %q)", ErrNotTaken, m.msg.Exchange, m.msg.Key))
	case returned != "":
		m.finish(fmt.Errorf("%w (exchange %q, key %q): %s", ErrUnroutable, m.msg.Exchange, m.msg.Key, returned))
	default:
		m.finish(nil)
	}
	return true
}

// giveBack marks the message that the broker returned. A return does not say which one it was, but messages that are
// alike in all that it shows went to the same place.
func (l *lane) giveBack(r amqp.Return) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range l.out {
		m.mu.Lock()
		match := m.returned == "" && m.msg.Exchange == r.Exchange && m.msg.Key == r.RoutingKey &&
			m.msg.Publishing.MessageId == r.MessageId && bytes.Equal(m.msg.Publishing.Body, r.Body)
		if match {
			m.returned = r.ReplyText
		}
		m.mu.Unlock()
		if match {
			return
		}
	}
}

// drain settles what was confirmed before the channel closed and keeps the broker's reason for closing it.
func (l *lane) drain(head *Pending) {
	if head != nil {
		l.settleIfAcked(head)
	}
	for len(l.sent) > 0 {
		l.settleIfAcked(<-l.sent)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case l.fail = <-l.closed:
	default:
	}
}

func (l *lane) settleIfAcked(m *Pending) {
	select {
	case <-m.confirm.Done():
		if m.confirm.Acked() {
			l.settle(m)
		}
	default:
	}
}

// refusal is the broker's reason for closing the channel alone, and not its connection.
func (l *lane) refusal() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var fail *amqp.Error
	if l.fail == nil || !errors.As(l.fail, &fail) || !fail.Server || !fail.Recover {
		return nil
	}
	return fmt.Errorf("rabbit: the broker refuses the message: %w", fail)
}

// unfinished gives what was written and has no fate yet, in order.
func (l *lane) unfinished() []*Pending {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]*Pending(nil), l.out...)
}
