package router

import (
	"slices"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/lifecycle"
	"github.com/jumpring/jumpring/core/store"
)

// LevelPlaces gives the hub's locations that a level stands for: those whose stock it shows, and the one that it is
// mapped to, sold from or not.
func LevelPlaces(cs *canon.ConnectionSettings, s *canon.Settings, levelID string) []string {
	if cs == nil || s == nil {
		return nil
	}
	_, external := canon.SplitLevelID(levelID)
	all := places(cs, s, external)
	if external == "" {
		return all
	}
	if own := mapLocation(cs, s, external); own != "" && !slices.Contains(all, own) {
		all = append(slices.Clone(all), own)
	}
	return all
}

// writes reports whether a connection is live for one of a listing's levels.
func (f *fold) writes(conn *canon.Connection, cs *canon.ConnectionSettings, levels []shownLevel) bool {
	if len(conn.Scopes) == 0 {
		return conn.Mode == canon.ModeLive
	}
	return slices.ContainsFunc(levels, func(l shownLevel) bool {
		return conn.StockMode(LevelPlaces(cs, f.settings, l.binding.ExternalID)) == canon.ModeLive
	})
}

// takeModes takes over the modes that a configuration asks for. Less is taken at once; live needs its plan.
// Invariant 9: what the configuration no longer names gets no more than it had by that.
func takeModes(c *canon.Connection, cs *canon.ConnectionSettings) {
	was := *c
	if c.Asked != cs.Mode {
		c.Asked, c.Lowered = cs.Mode, false
		if cs.Mode != canon.ModeLive {
			c.Mode = cs.Mode
			for _, part := range was.Scopes {
				if part.Asked == "" && c.Mode.Less(part.Mode) {
					part.Mode = c.Mode
					c.PutScope(part)
				}
			}
		}
	}
	named := make(map[canon.Scope]bool, len(cs.Modes))
	for _, wish := range cs.Modes {
		named[wish.Scope] = true
		part := canon.ScopedMode{Scope: wish.Scope, Mode: was.ModeOf(wish.Scope)}
		if own := c.Scoped(wish.Scope); own != nil {
			part = *own
		}
		if part.Asked != wish.Mode {
			part.Asked, part.Lowered = wish.Mode, false
			if wish.Mode != canon.ModeLive {
				part.Mode = wish.Mode
			}
		}
		c.PutScope(part)
	}
	for _, part := range slices.Clone(c.Scopes) {
		if part.Asked == "" || named[part.Scope] {
			continue
		}
		without := *c
		without.DropScope(part.Scope)
		if part.Mode.Less(without.ModeOf(part.Scope)) {
			part.Asked = c.Asked // it goes where the rest is by the way of every raise: its own plan
			c.PutScope(part)
		} else {
			*c = without
		}
	}
}

// lowerAll takes every part that is live back to shadow and forgets the plans that were accepted; it gives what changed.
func lowerAll(c *canon.Connection) []canon.Change {
	var changes []canon.Change
	c.PlanDigest = ""
	if c.Mode == canon.ModeLive {
		c.Mode = canon.ModeShadow
		changes = append(changes, modeChange(canon.Scope{}, canon.ModeLive, c.Mode))
	}
	for _, part := range c.Scopes {
		was := part.Mode
		if part.PlanDigest = ""; was == canon.ModeLive {
			part.Mode = canon.ModeShadow
			changes = append(changes, modeChange(part.Scope, was, part.Mode))
		}
		c.PutScope(part)
	}
	return changes
}

// modeChange is a mode before and after, for the timeline.
func modeChange(s canon.Scope, before, after canon.Mode) canon.Change {
	field := "mode"
	if !s.IsZero() {
		field += "." + s.String()
	}
	return canon.Change{Field: field, Before: quoted(string(before)), After: quoted(string(after))}
}

// setMode changes how far the hub may go with a connection or a part of it. Invariant 9: live needs the plan that was
// looked at, of exactly the part that it is for.
func (f *fold) setMode(m *canon.SetMode) (*canon.Outcome, error) {
	c, err := f.connection(m.Connection)
	if err != nil {
		return nil, err
	}
	if c == nil || c.Connector == "" {
		return refuse(404, "connection.unknown", "no connection is named %q", m.Connection), nil
	}
	var scope canon.Scope
	if m.Scope != nil {
		if scope, err = canon.NewScope(m.Scope.Entity, m.Scope.Location); err != nil {
			return refuse(422, "scope.unknown", "%s", err.Error()), nil
		}
		if scope.Location != "" && !contains(f.settings.Locations, scope.Location) {
			return refuse(422, "scope.unknown", "the hub has no location %q", scope.Location), nil
		}
	}
	switch m.Mode {
	case canon.ModeObserve, canon.ModeShadow:
	case canon.ModeLive:
		if m.PlanDigest == "" || m.PlanDigest != m.Plan {
			return refuse(409, "plan.stale", "the plan has changed since it was looked at: run `jumpring connection plan %s` and accept its digest", m.Connection), nil
		}
		if c.LiveSince.IsZero() {
			c.LiveSince = f.f.pos
			if c.Baseline.IsZero() {
				c.Baseline = firstWatched(c)
			}
		}
	default:
		return refuse(422, "mode.unknown", "mode must be observe, shadow or live"), nil
	}
	changes := changeMode(c, scope, m)
	if err := f.save(store.PrefixConn+c.Name, c); err != nil {
		return nil, err
	}
	if err := f.row(canon.Row{Entity: "connection:" + c.Name, Type: "connection", Event: "connection." + string(m.Mode), Changes: changes}); err != nil {
		return nil, err
	}
	result := map[string]string{"connection": c.Name, "mode": string(m.Mode)}
	if !scope.IsZero() {
		result["scope"] = scope.String()
	}
	return done(200, result)
}

// changeMode carries out an admitted command and gives what changed.
func changeMode(c *canon.Connection, scope canon.Scope, m *canon.SetMode) []canon.Change {
	lowered := func(before canon.Mode, already bool) bool {
		return m.Mode != canon.ModeLive && (already || m.Mode.Less(before))
	}
	if !scope.IsZero() {
		part := canon.ScopedMode{Scope: scope, Mode: c.ModeOf(scope)}
		if own := c.Scoped(scope); own != nil {
			part = *own
		}
		was := part.Mode
		part.Mode, part.Lowered = m.Mode, lowered(was, part.Lowered)
		if m.Mode == canon.ModeLive {
			part.PlanDigest = m.PlanDigest
		}
		c.PutScope(part)
		return []canon.Change{modeChange(scope, was, part.Mode)}
	}
	was := c.Mode
	c.Mode, c.Lowered = m.Mode, lowered(was, c.Lowered)
	if m.Mode == canon.ModeLive {
		c.PlanDigest = m.PlanDigest
	}
	changes := []canon.Change{modeChange(scope, was, c.Mode)}
	if m.Scope != nil {
		return changes
	}
	for _, part := range slices.Clone(c.Scopes) {
		if before := part.Mode; m.Mode.Less(before) {
			part.Mode, part.Lowered = m.Mode, true
			changes = append(changes, modeChange(part.Scope, before, part.Mode))
			c.PutScope(part)
		}
		if part.Asked == "" && part.Mode == c.Mode {
			c.DropScope(part.Scope) // a person made it apart, and it is no more
		}
	}
	return changes
}

func (f *fold) setPause(p *canon.SetPause) (*canon.Outcome, error) {
	c, err := f.connection(p.Connection)
	if err != nil {
		return nil, err
	}
	if c == nil || c.Connector == "" {
		return refuse(404, "connection.unknown", "no connection is named %q", p.Connection), nil
	}
	c.Paused = p.Paused
	event := "connection.paused"
	if !p.Paused {
		event = "connection.resumed"
		if c.Fused != "" {
			c.Fused = ""
			if err := f.closeCase(lifecycle.CaseID(canon.CaseFuse, c.Name), "resumed"); err != nil {
				return nil, err
			}
		}
	}
	if err := f.save(store.PrefixConn+c.Name, c); err != nil {
		return nil, err
	}
	if err := f.row(canon.Row{Entity: "connection:" + c.Name, Type: "connection", Event: event}); err != nil {
		return nil, err
	}
	return done(200, map[string]any{"connection": c.Name, "paused": c.Paused})
}
