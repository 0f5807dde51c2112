package hub

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"

	"github.com/jumpring/jumpring/core/vault"
)

func (h *Hub) folder(name string) string { return filepath.Join(h.o.Data, name) }

// The vault's place in a data folder.
const (
	vaultFolder  = "vault"
	vaultKeyFile = "vault.key"
)

// OpenVault opens the vault of a data folder. key is what JUMPRING_KEY holds; without it the key is in a file that is
// made at the first start.
func OpenVault(data, key string) (*vault.Vault, error) {
	return vault.Open(filepath.Join(data, vaultFolder), keySource(data, key))
}

func keySource(data, key string) vault.KeySource {
	source := vault.KeySource{Secret: key}
	if key == "" {
		source.File = filepath.Join(data, vaultKeyFile)
	}
	return source
}

// rotated is a secret that a connector changed.
type rotated struct {
	// Instead is the SHA-256 of the configured secret that it took the place of: when a person configures another
	// one, that counts.
	Instead string `json:"instead"`
	Value   string `json:"value"`
}

// secretsPrefix begins the namespaces of rotated secrets.
const secretsPrefix = "secrets."

func secretsNamespace(connection string) string { return secretsPrefix + connection }

func hashOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// secrets gives a connection's secrets: the configured ones, with those that were rotated since in their place.
func (h *Hub) secrets(c *Connection) (map[string]string, error) {
	out := maps.Clone(c.Secrets)
	if out == nil {
		out = make(map[string]string)
	}
	keys, err := h.side.List(secretsNamespace(c.Name))
	if err != nil {
		return nil, fmt.Errorf("rotated secrets: %w", err)
	}
	for _, key := range keys {
		raw, err := h.side.Get(secretsNamespace(c.Name), key)
		if err != nil {
			return nil, fmt.Errorf("rotated secret %s: %w", key, err)
		}
		var r rotated
		if err := json.Unmarshal(raw, &r); err != nil {
			return nil, fmt.Errorf("rotated secret %s does not decode: remove it from the vault and configure it anew", key)
		}
		if r.Instead == hashOf(c.Secrets[key]) {
			out[key] = r.Value
		}
	}
	return out, nil
}
