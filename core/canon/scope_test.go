package canon

import "testing"

func TestTheModeOfAPartIsItsOwnElseThatOfTheWider(t *testing.T) {
	c := &Connection{Mode: ModeShadow, Scopes: []ScopedMode{
		{Scope: Scope{Entity: ScopeOrder}, Mode: ModeLive},
		{Scope: Scope{Entity: ScopeStock, Location: "paris"}, Mode: ModeLive},
		{Scope: Scope{Entity: ScopeStock, Location: "lyon"}, Mode: ModeObserve},
	}}
	for scope, want := range map[Scope]Mode{
		{}:                                        ModeShadow,
		{Entity: ScopeOrder}:                      ModeLive,
		{Entity: ScopeStock}:                      ModeShadow,
		{Entity: ScopeStock, Location: "paris"}:   ModeLive,
		{Entity: ScopeStock, Location: "lyon"}:    ModeObserve,
		{Entity: ScopeStock, Location: "geneva"}:  ModeShadow,
		{Entity: ScopeStock, Location: "nowhere"}: ModeShadow,
	} {
		if got := c.ModeOf(scope); got != want {
			t.Errorf("%q is in %s, want %s", scope, got, want)
		}
	}
	c.PutScope(ScopedMode{Scope: Scope{Entity: ScopeStock}, Mode: ModeObserve})
	if got := c.ModeOf(Scope{Entity: ScopeStock, Location: "geneva"}); got != ModeObserve {
		t.Errorf("geneva goes by all stock: got %s", got)
	}
	if got := c.ModeOf(Scope{Entity: ScopeStock, Location: "paris"}); got != ModeLive {
		t.Errorf("paris has its own: got %s", got)
	}
}

func TestALevelOfSeveralLocationsIsLiveOnlyWhenAllAre(t *testing.T) {
	c := &Connection{Mode: ModeShadow}
	for _, step := range []struct {
		live string
		want map[string]Mode
	}{
		{"", map[string]Mode{"paris": ModeShadow, "paris+lyon": ModeShadow}},
		{"paris", map[string]Mode{"paris": ModeLive, "lyon": ModeShadow, "paris+lyon": ModeShadow}},
		{"lyon", map[string]Mode{"paris": ModeLive, "lyon": ModeLive, "paris+lyon": ModeLive, "paris+lyon+geneva": ModeShadow}},
	} {
		if step.live != "" {
			c.PutScope(ScopedMode{Scope: Scope{Entity: ScopeStock, Location: step.live}, Mode: ModeLive})
		}
		places := map[string][]string{"paris": {"paris"}, "lyon": {"lyon"}, "paris+lyon": {"paris", "lyon"}, "paris+lyon+geneva": {"paris", "lyon", "geneva"}}
		for name, want := range step.want {
			if got := c.StockMode(places[name]); got != want {
				t.Errorf("after %q: %s is in %s, want %s", step.live, name, got, want)
			}
		}
	}
}

func TestWhatIsNoPartIsRefused(t *testing.T) {
	for _, tc := range []struct {
		entity, location string
		want             Scope
		wrong            bool
	}{
		{"", "", Scope{}, false},
		{"", "paris", Scope{Entity: ScopeStock, Location: "paris"}, false},
		{"stock", "", Scope{Entity: ScopeStock}, false},
		{"order", "", Scope{Entity: ScopeOrder}, false},
		{"order", "paris", Scope{}, true},
		{"prices", "", Scope{}, true},
	} {
		got, err := NewScope(ScopeEntity(tc.entity), tc.location)
		if got != tc.want || (err != nil) != tc.wrong {
			t.Errorf("entity %q, location %q: got %v, %v", tc.entity, tc.location, got, err)
		}
	}
}
