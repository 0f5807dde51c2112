package reconcile

import (
	"fmt"
	"slices"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/store"
)

// reach is how far the hub may go with each part of a connection.
type reach struct {
	conn *canon.Connection
	// settings are loaded only where parts have modes of their own: they say which places a level stands for.
	settings *canon.Settings
}

// reachOf gives the reach of a connection as the view has it. parts tells that places are asked for in any case.
func reachOf(r store.Reader, conn *canon.Connection, parts bool) (*reach, error) {
	re := &reach{conn: conn}
	if len(conn.Scopes) == 0 && !parts {
		return re, nil
	}
	var err error
	re.settings, err = store.Load[canon.Settings](r, store.KeySettings)
	return re, err
}

// loadReach reads a connection and its reach.
func loadReach(r store.Reader, name string) (*reach, error) {
	conn, err := loadConnection(r, name)
	if err != nil {
		return nil, err
	}
	return reachOf(r, conn, false)
}

func (r *reach) places(levelID string) []string {
	return router.LevelPlaces(r.settings.Connection(r.conn.Name), r.settings, levelID)
}

// level gives the mode of a level: the least of those of the places that it stands for.
func (r *reach) level(levelID string) canon.Mode {
	if len(r.conn.Scopes) == 0 {
		return r.conn.Mode
	}
	return r.conn.StockMode(r.places(levelID))
}

// action gives the mode of a kind of action.
func (r *reach) action(kind canon.ActionKind) canon.Mode { return r.conn.ModeOf(kind.Scope()) }

// stopped reports whether nothing may be written, whatever the modes are.
func (r *reach) stopped() bool { return r.conn.Paused || r.conn.Fused != "" }

// writes reports whether any part may be written.
func (r *reach) writes() bool { return r.conn.Live() && !r.stopped() }

// writesLevel reports whether calls that change a level may go to the platform. Invariant 9.
func (r *reach) writesLevel(levelID string) bool {
	return !r.stopped() && r.level(levelID) == canon.ModeLive
}

// acts reports whether a kind of action may be carried out at the platform. Invariant 9.
func (r *reach) acts(kind canon.ActionKind) bool {
	return !r.stopped() && r.action(kind) == canon.ModeLive
}

// with gives the reach as it would be if a part had this mode.
func (r *reach) with(s canon.Scope, m canon.Mode) *reach {
	conn := *r.conn
	if s.IsZero() {
		conn.Mode = m
	} else {
		conn.PutScope(canon.ScopedMode{Scope: s, Mode: m})
	}
	return &reach{conn: &conn, settings: r.settings}
}

// why says which parts keep a level from being written.
func (r *reach) why(levelID string) string {
	for _, place := range r.places(levelID) {
		if m := r.conn.ModeOf(canon.Scope{Entity: canon.ScopeStock, Location: place}); m != canon.ModeLive {
			return fmt.Sprintf("stock of %s is in %s", place, m)
		}
	}
	return fmt.Sprintf("stock is in %s", r.level(levelID))
}

// raised reports whether a part is live in now that was not in before.
func raised(before, now *canon.Connection) bool {
	if now.Mode == canon.ModeLive && before.Mode != canon.ModeLive {
		return true
	}
	return slices.ContainsFunc(now.Scopes, func(s canon.ScopedMode) bool {
		return s.Mode == canon.ModeLive && before.ModeOf(s.Scope) != canon.ModeLive
	})
}
