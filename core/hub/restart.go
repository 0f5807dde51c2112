package hub

import (
	"context"

	"github.com/jumpring/jumpring/core/api"
)

// RestartConnector ends a connector's process in order and starts it again, and closes an open breaker. It does not wait
// for either: it answers how the connection stands.
func (d Doors) RestartConnector(ctx context.Context, name string) (api.ConnectionStatus, error) {
	_, p, err := d.plugin(name)
	if err != nil {
		return api.ConnectionStatus{}, err
	}
	p.Restart()
	all, err := d.Connections(ctx)
	if err != nil {
		return api.ConnectionStatus{}, err
	}
	for _, s := range all {
		if s.Name == name {
			return s, nil
		}
	}
	return api.ConnectionStatus{}, api.ErrUnknownConnection
}
