package host

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"unicode/utf8"

	connectorv1 "github.com/jumpring/jumpring/plugins/proto"
)

// serveHost opens the way back and answers the connector's questions until the process ends. It returns when the
// connector can ask.
func (c *Connection) serveHost(ctx context.Context, p *process) error {
	stream, err := p.rpc.HostServices(p.ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.spec.Deadlines.Open)
	defer cancel()
	stopCancel := context.AfterFunc(ctx, p.cancel)
	_, err = stream.Header()
	if !stopCancel() {
		err = errors.Join(err, ctx.Err())
	}
	if err != nil {
		return err
	}
	p.owned.Go(func() {
		for {
			question, err := stream.Recv()
			if err != nil {
				return // the process ended, or gave up asking
			}
			if err := stream.Send(c.answer(question)); err != nil {
				return
			}
		}
	})
	return nil
}

// answer does what the connector asks for. A question of a newer protocol gets an answer with its id alone.
func (c *Connection) answer(question *connectorv1.HostServicesResponse) *connectorv1.HostServicesRequest {
	answer := &connectorv1.HostServicesRequest{Id: question.GetId()}
	switch ask := question.GetAsk().(type) {
	case *connectorv1.HostServicesResponse_RotateSecret:
		err := c.rotate(ask.RotateSecret.GetKey(), ask.RotateSecret.GetValue())
		answer.Answer = &connectorv1.HostServicesRequest_RotateSecret{RotateSecret: &connectorv1.RotateSecretResponse{Error: c.words(err)}}
	case *connectorv1.HostServicesResponse_GetSecret:
		value, ok := c.secrets()[ask.GetSecret.GetKey()]
		answer.Answer = &connectorv1.HostServicesRequest_GetSecret{GetSecret: &connectorv1.GetSecretResponse{Value: value, Found: ok}}
	case *connectorv1.HostServicesResponse_Now:
		answer.Answer = &connectorv1.HostServicesRequest_Now{Now: &connectorv1.NowResponse{UnixNanos: c.spec.Now().UnixNano()}}
	case *connectorv1.HostServicesResponse_LoadValue:
		value, ok, err := c.load(ask.LoadValue.GetKey())
		answer.Answer = &connectorv1.HostServicesRequest_LoadValue{LoadValue: &connectorv1.LoadValueResponse{Value: value, Found: ok, Error: c.words(err)}}
	case *connectorv1.HostServicesResponse_StoreValue:
		err := c.store(ask.StoreValue)
		answer.Answer = &connectorv1.HostServicesRequest_StoreValue{StoreValue: &connectorv1.StoreValueResponse{Error: c.words(err)}}
	case *connectorv1.HostServicesResponse_ListValues:
		keys, err := c.keys()
		answer.Answer = &connectorv1.HostServicesRequest_ListValues{ListValues: &connectorv1.ListValuesResponse{Keys: keys, Error: c.words(err)}}
	case *connectorv1.HostServicesResponse_Count:
		err := c.count(ask.Count.GetName(), ask.Count.GetAdd())
		answer.Answer = &connectorv1.HostServicesRequest_Count{Count: &connectorv1.CountResponse{Error: c.words(err)}}
	}
	return answer
}

// words gives an error as the connector may see it; "" for none.
func (c *Connection) words(err error) string {
	if err == nil {
		return ""
	}
	return c.text(err.Error())
}

// What a connector may keep and count.
const (
	maxKey      = 60 // of a kept value or of a counter, in bytes
	maxValue    = 1 << 20
	maxKept     = 1000 // values of a connection
	maxCounters = 100  // of a connection
)

var errNoValues = errors.New("this hub keeps no values")

func checkKey(key string) error {
	if key == "" || len(key) > maxKey || !utf8.ValidString(key) {
		return fmt.Errorf("a key has 1 to %d bytes of UTF-8", maxKey)
	}
	return nil
}

func (c *Connection) load(key string) ([]byte, bool, error) {
	if c.spec.Values == nil {
		return nil, false, errNoValues
	}
	if err := checkKey(key); err != nil {
		return nil, false, err
	}
	return c.spec.Values.Load(key)
}

func (c *Connection) store(ask *connectorv1.StoreValueRequest) error {
	if c.spec.Values == nil {
		return errNoValues
	}
	if err := checkKey(ask.GetKey()); err != nil {
		return err
	}
	if ask.GetRemove() {
		return c.spec.Values.Remove(ask.GetKey())
	}
	if len(ask.GetValue()) > maxValue {
		return fmt.Errorf("a value has at most %d bytes", maxValue)
	}
	keys, err := c.spec.Values.Keys()
	if err != nil {
		return err
	}
	if len(keys) >= maxKept && !slices.Contains(keys, ask.GetKey()) {
		return fmt.Errorf("a connection keeps at most %d values", maxKept)
	}
	return c.spec.Values.Store(ask.GetKey(), ask.GetValue())
}

func (c *Connection) keys() ([]string, error) {
	if c.spec.Values == nil {
		return nil, errNoValues
	}
	return c.spec.Values.Keys()
}

var counterName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

func (c *Connection) count(name string, add float64) error {
	switch {
	case len(name) > maxKey || !counterName.MatchString(name):
		return fmt.Errorf("a counter's name has 1 to %d lower case letters, digits and _", maxKey)
	case !(add >= 0) || math.IsInf(add, 0):
		return errors.New("a counter only grows")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.counts[name]; !ok && len(c.counts) >= maxCounters {
		return fmt.Errorf("a connection has at most %d counters", maxCounters)
	}
	c.counts[name] += add
	return nil
}

// Counts gives what the connector counted since the launch.
func (c *Connection) Counts() map[string]float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.counts)
}

// rotate makes a changed secret durable before the connector may use it.
func (c *Connection) rotate(key, value string) error {
	c.redact.add(value)
	if c.spec.Rotate == nil {
		return errors.New("this hub keeps no rotated secrets")
	}
	if err := c.spec.Rotate(key, value); err != nil {
		return fmt.Errorf("the rotated secret %q is not durable: %w", key, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.secret == nil {
		c.secret = map[string]string{}
	}
	c.secret[key] = value
	return nil
}
