package hub

import (
	"context"

	"github.com/jumpring/jumpring/core/api"
	"github.com/jumpring/jumpring/core/canon"
)

var (
	_ api.Positions = Doors{}
	_ api.Snapshots = Doors{}
)

// Position is how far this node has folded the journal.
func (d Doors) Position() canon.Position { return d.router.Mark().Position }

// WaitPosition waits until this node has folded so far.
func (d Doors) WaitPosition(ctx context.Context, at canon.Position) error {
	return d.router.WaitFolded(ctx, at.Offset)
}

// SnapshotFile writes a snapshot of the view for another node.
func (d Doors) SnapshotFile(ctx context.Context) (string, error) { return d.Snapshot(ctx) }
