// Package stream is the journal on a RabbitMQ stream: the log that several hub nodes fold.
//
// One batch is one message. Its frame is that of the embedded journal's batch (docs/journal-format.md), and before it
// stands what the appender knew of the stream when it sent it. A message's place is the offset that the broker gave it:
// readers of a stream see the same messages in the same order, without a gap, and only those that a majority of the
// replicas has (invariant 1). Offset 0 holds the stream's name for life, so that batches count from 1.
//
// Since several nodes append, none knows a message's place when it sends it. Readers compute what depends on it: the hash
// chain and the fold time. To begin in the middle, a reader takes a message's link, which names an earlier batch with its
// chain and time, and reads on from there.
//
// AMQP does not recognize a message that a reconnect sends twice. Both are in the stream, with the same Batch.ID, and the
// fold takes the first; so does the appender that waits for it.
package stream

import (
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/bus/embedded"
	"github.com/jumpring/jumpring/bus/rabbit"
)

// Options configure a journal. The zero value of each field but Rabbit is a default.
type Options struct {
	// Rabbit says how to reach the brokers. Outstanding bounds the batches that wait for their confirm; default 128.
	Rabbit rabbit.Config
	// Name of the stream; default "jumpring.journal".
	Name string
	// Known is the id of the journal that this node has folded before; empty for none. With it, a stream that is not
	// there is not made anew, and another one is refused.
	Known string
	// MaxBatchBytes bounds the encoded size of one batch; default 4 MiB.
	MaxBatchBytes int
	// CacheBytes bounds the newest batches that are kept in memory for the fold; default 16 MiB.
	CacheBytes int
	// Limits bound what waits to be sent, by class; a class that is not named has its default.
	Limits map[bus.Class]embedded.Limit
	// LagLimit is the number of batches by which the fold may lag before bulk has to yield; default 10,000. It works once
	// SetFold was called.
	LagLimit uint64
	// Patience is how long a broker may take to show what the stream is known to hold, before the stream counts as cut
	// short; default 30 s.
	Patience time.Duration
	// Clock is the time source; default the system's.
	Clock embedded.Clock
	// Logger gets reconnects, warnings and failures; default none.
	Logger hclog.Logger
}

const (
	defaultName     = "jumpring.journal"
	defaultMaxBatch = 4 << 20
	defaultCache    = 16 << 20
	defaultLagLimit = 10_000
	// replicas is how many brokers keep a journal that may lose one.
	replicas = 3
)

func (o Options) withDefaults() (Options, error) {
	if o.Name == "" {
		o.Name = defaultName
	}
	if len(o.Name) > 200 || strings.HasPrefix(o.Name, "amq.") {
		return o, fmt.Errorf("stream: %q is no name for a stream: at most 200 bytes, not beginning with amq", o.Name)
	}
	if o.MaxBatchBytes == 0 {
		o.MaxBatchBytes = defaultMaxBatch
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = defaultCache
	}
	if o.LagLimit == 0 {
		o.LagLimit = defaultLagLimit
	}
	if o.Patience == 0 {
		o.Patience = 30 * time.Second
	}
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	limits := map[bus.Class]embedded.Limit{
		bus.ClassCommand: {Bytes: 8 << 20, Count: 16384},
		bus.ClassWebhook: {Bytes: 32 << 20, Count: 32768},
		bus.ClassDevice:  {Bytes: 8 << 20, Count: 8192},
		bus.ClassPoll:    {Bytes: 8 << 20, Count: 4096},
		bus.ClassBulk:    {Bytes: 4 << 20, Count: 1024},
	}
	for class, l := range o.Limits {
		if _, ok := limits[class]; !ok || l.Bytes <= 0 || l.Count <= 0 {
			return o, fmt.Errorf("stream: limit for %s: want a known class, bytes and count over zero", class)
		}
		limits[class] = l
	}
	o.Limits = limits
	if err := o.Rabbit.Validate(); err != nil {
		return o, err
	}
	o.Rabbit = o.Rabbit.Defaults()
	return o, nil
}

// Foreign says that the stream is not the one that this node has folded, or not all of it any more. The journal does not
// go on by itself: what is lost has to be seen by a person.
type Foreign struct {
	// Stream is its name.
	Stream string
	// Reason says what is different.
	Reason string
}

func (f *Foreign) Error() string {
	return fmt.Sprintf("stream %s is not the journal that this node has folded: %s. Nothing is folded over it. "+
		"Bring the brokers back with the data that they had, or with a copy of it; if that is lost, move the data folder away to begin anew", f.Stream, f.Reason)
}
