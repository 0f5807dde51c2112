package hub

import (
	"context"
	"encoding/json"
	"errors"
	"maps"

	"golang.org/x/sync/errgroup"
)

// errNotLeading is returned to a connector that rotates a credential at a node that does not lead.
var errNotLeading = errors.New("this node does not poll and write now: who does keeps the credentials")

// rotate seals a secret that the connector changed. It is durable when this returns, and, where nodes share the journal,
// folded: whoever takes over goes on with it. A node that lost its lease can't: what it has is older than what the node
// that took over may have got since.
func (c *connection) rotate(key, value string) error {
	raw, err := json.Marshal(rotated{Instead: hashOf(c.spec.Secrets[key]), Value: value})
	if err != nil {
		return err
	}
	c.secretsMu.Lock()
	defer c.secretsMu.Unlock()
	if err := c.hub.keepRotated(secretsNamespace(c.spec.Name), key, raw); err != nil {
		return err
	}
	if c.secrets == nil {
		c.secrets = make(map[string]string)
	}
	c.secrets[key] = value
	return nil
}

func (h *Hub) keepRotated(space, key string, raw []byte) error {
	if h.shared == nil {
		return h.vault.Put(space, key, raw)
	}
	guard := h.guard.Load()
	if guard == nil {
		return errNotLeading
	}
	ctx, cancel := context.WithTimeout(context.Background(), h.shared.within)
	defer cancel()
	return h.shared.change(ctx, guard, space, key, func([]byte) ([]byte, error) { return raw, nil })
}

// current tells whether the connector's process has the credentials that count: another node may have rotated them.
func (c *connection) current() bool {
	if c.hub.shared == nil {
		return true
	}
	c.secretsMu.Lock()
	defer c.secretsMu.Unlock()
	now, err := c.hub.secrets(c.spec)
	if err != nil {
		c.hub.log.Error("a connection's credentials can't be read", "connection", c.spec.Name, "error", err)
		return true
	}
	return c.secrets == nil || maps.Equal(now, c.secrets)
}

// askRenewal has the connections looked at whose credentials another node rotated.
func (h *Hub) askRenewal() {
	select {
	case h.renewals <- struct{}{}:
	default:
	}
}

// renew starts the connectors anew that have credentials which another node rotated since. Their webhooks wait meanwhile.
func (h *Hub) renew(ctx context.Context, g *errgroup.Group) error {
	all, _ := h.each()
	var ended, begun []*connection
	for _, c := range all {
		if c != nil && !c.current() {
			ended = append(ended, c)
		}
	}
	if len(ended) == 0 {
		return nil
	}
	h.mu.Lock()
	for _, c := range ended {
		made := newConnection(h, c.spec)
		h.connections[c.spec.Name] = made
		begun = append(begun, made)
		h.log.Info("another node rotated a credential; the connector begins anew with it", "connection", c.spec.Name)
	}
	close(h.changed)
	h.changed = make(chan struct{})
	h.mu.Unlock()
	return h.follow(ctx, g, ended, begun)
}
