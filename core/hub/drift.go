package hub

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/jumpring/jumpring/core/api"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/intake"
	"github.com/jumpring/jumpring/core/reconcile"
	"github.com/jumpring/jumpring/core/vault"
)

// The place of the key in the vault that drift reports are signed with: its seed, of ed25519.SeedSize bytes.
const (
	driftNamespace = "drift"
	driftSeed      = "seed"
)

// newDrifter makes what sweeps a connection.
func (h *Hub) newDrifter(spec *Connection, j reconcile.Journal, in *intake.Connection, reads bool) (*reconcile.Drifter, error) {
	return reconcile.NewDrifter(reconcile.DrifterOptions{
		Name: spec.Name, Journal: j, Store: h.store, Sweeper: in, Ready: h.ready, Policy: spec.Drift, Reads: reads, Key: h.driftKey,
		Log: h.log.Named("drift"),
	})
}

// driftKey gives the key that this hub signs drift reports with. It is made when it is first needed, and is in backups
// with the rest of the vault, so that old reports can be verified after a restore. Nodes that share the journal have the
// same.
func (h *Hub) driftKey() (ed25519.PrivateKey, error) {
	h.driftMu.Lock()
	defer h.driftMu.Unlock()
	seed, err := h.side.Get(driftNamespace, driftSeed)
	if errors.Is(err, vault.ErrNotFound) {
		err = h.side.Change(driftNamespace, driftSeed, func(was []byte) ([]byte, error) {
			if seed = was; was != nil { // another node made it just now
				return was, nil
			}
			seed = make([]byte, ed25519.SeedSize)
			_, err := rand.Read(seed)
			return seed, err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("hub: key of drift reports: %w", err)
	}
	if len(seed) != ed25519.SeedSize {
		return nil, errors.New("hub: the key of drift reports in the vault is damaged; remove it there, then a new one is made")
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// DriftKey gives the public key of this hub's drift reports, in base64.
func (d Doors) DriftKey(context.Context) (string, error) {
	key, err := d.driftKey()
	if err != nil {
		return "", err
	}
	public, ok := key.Public().(ed25519.PublicKey)
	if !ok {
		return "", errors.New("hub: the key of drift reports has no public part")
	}
	return base64.StdEncoding.EncodeToString(public), nil
}

// Drift sweeps a connection, or waits for the sweep that is under way, and gives its report.
func (d Doors) Drift(ctx context.Context, name string, progress func(intake.Progress)) (*canon.DriftReport, error) {
	c, _, err := d.plugin(name)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	drifter := c.drifter
	c.mu.Unlock()
	if drifter == nil {
		return nil, api.ErrUnavailable
	}
	r, err := drifter.Check(ctx, progress)
	if errors.Is(err, intake.ErrStopped) {
		err = fmt.Errorf("%w: %w", api.ErrUnavailable, err)
	}
	return r, unavailable(err)
}
