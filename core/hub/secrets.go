package hub

import (
	"fmt"
	"maps"
	"path/filepath"
)

func (h *Hub) folder(name string) string { return filepath.Join(h.o.Data, name) }

// vaultNamespace is where a connection's rotated secrets are kept.
func vaultNamespace(connection string) string { return "secrets." + connection }

// secrets gives a connection's secrets: the configured ones, with those that were rotated since in their place.
func (h *Hub) secrets(c *Connection) (map[string]string, error) {
	out := maps.Clone(c.Secrets)
	if out == nil {
		out = make(map[string]string)
	}
	rotated, err := h.rotated(c.Name)
	if err != nil {
		return nil, fmt.Errorf("rotated secrets: %w", err)
	}
	for key, value := range rotated {
		out[key] = value
	}
	return out, nil
}
