package host

import (
	"context"
	"errors"
	"fmt"

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

func (c *Connection) answer(question *connectorv1.HostServicesResponse) *connectorv1.HostServicesRequest {
	answer := &connectorv1.HostServicesRequest{Id: question.GetId()}
	if ask := question.GetRotateSecret(); ask != nil {
		result := &connectorv1.RotateSecretResponse{}
		if err := c.rotate(ask.GetKey(), ask.GetValue()); err != nil {
			result.Error = c.text(err.Error())
		}
		answer.Answer = &connectorv1.HostServicesRequest_RotateSecret{RotateSecret: result}
	}
	return answer
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
