package hub

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/vault"
)

// valuesPrefix is before a connection's name in the namespace of what its connector keeps.
const valuesPrefix = "values."

// values are what one connection's connector keeps, in a namespace of the side state that is its own: what is kept at one
// node of several is there at each.
type values struct {
	side      access.Storage
	namespace string
}

func (h *Hub) values(connection string) values {
	return values{side: h.side, namespace: valuesPrefix + connection}
}

// Load implements host.Values.
func (v values) Load(key string) ([]byte, bool, error) {
	value, err := v.side.Get(v.namespace, key)
	if errors.Is(err, vault.ErrNotFound) {
		return nil, false, nil
	}
	return value, err == nil, err
}

// Store implements host.Values.
func (v values) Store(key string, value []byte) error { return v.side.Put(v.namespace, key, value) }

// Remove implements host.Values.
func (v values) Remove(key string) error { return v.side.Delete(v.namespace, key) }

// Keys implements host.Values.
func (v values) Keys() ([]string, error) { return v.side.List(v.namespace) }

// counted exports what connectors count.
type counted struct{ hub *Hub }

var countedDesc = prometheus.NewDesc("jumpring_connector_total", "What a connector counts by itself, since its connection was launched.",
	[]string{"connection", "name"}, nil)

// Describe implements prometheus.Collector.
func (c counted) Describe(out chan<- *prometheus.Desc) { out <- countedDesc }

// Collect implements prometheus.Collector.
func (c counted) Collect(out chan<- prometheus.Metric) {
	connections, _ := c.hub.each()
	for _, connection := range connections {
		p, _, _, _, _ := connection.parts()
		if p == nil {
			continue
		}
		for name, n := range p.Counts() {
			out <- prometheus.MustNewConstMetric(countedDesc, prometheus.CounterValue, n, connection.spec.Name, name)
		}
	}
}
