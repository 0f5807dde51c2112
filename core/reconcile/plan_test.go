package reconcile

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/intake/intaketest"
	"github.com/jumpring/jumpring/core/store"
)

// list puts a listing with an item and a level into the view.
func list(h *intaketest.Hub, connection, stockID, title string, connections ...string) {
	node := canon.NodeID("itm", connection, canon.KindListing, "v-"+stockID)
	item := canon.Item{ID: "itm_" + stockID, Title: title, SKU: "SKU-" + stockID}
	for _, c := range append([]string{connection}, connections...) {
		item.Listings = append(item.Listings, canon.Listing{Connection: c, ExternalID: "v-" + stockID})
	}
	h.Put(store.StockIDKey(connection, stockID), store.StockID{Listing: "v-" + stockID, Levels: []string{stockID + "@1"}})
	h.Put(store.PrefixNode+node, store.Node{Type: store.TypeItem, Golden: item.ID})
	h.Put(store.RecordKey(store.TypeItem, item.ID), item)
	h.Put(store.BindingKey(canon.BindingKey{Connection: connection, Kind: canon.KindListing, ExternalID: "v-" + stockID, Aspect: canon.AspectMain}), canon.Binding{
		Unversioned: &canon.Shown{Observation: []byte(`{"kind":"listing","external_id":"v-` + stockID + `","listing":{"product_id":"p-` + stockID + `"}}`)},
	})
}

func planOf(t *testing.T, h *intaketest.Hub, connection string) *Plan {
	t.Helper()
	v, err := h.Store.View()
	require.NoError(t, err)
	defer v.Close()
	p, err := MakePlan(v, connection, canon.Scope{})
	require.NoError(t, err)
	return p
}

func TestPlanListsEachCall(t *testing.T) {
	h := intaketest.New()
	list(h, "web", "b", "Ring")
	list(h, "web", "a", "Chain")
	list(h, "web", "c", "Pin")
	list(h, "other", "a", "Chain")
	h.Observe("web", "b@1", 1, true)
	h.Observe("web", "a@1", 2, true)
	h.Observe("web", "c@1", 3, true)
	h.Observe("other", "a@1", 9, true)
	cause := h.Want("web", "b@1", 0, true)
	h.Want("web", "a@1", 5, false)
	h.Want("web", "c@1", 3, false)
	h.Want("other", "a@1", 5, false)

	p := planOf(t, h, "web")
	require.Len(t, p.Rows, 2)
	require.Equal(t, "a@1", p.Rows[0].ExternalID)
	require.Equal(t, PlanRow{
		Connection: "web", ExternalID: "b@1", ListingID: "v-b", ItemID: "itm_b", Title: "Ring", SKU: "SKU-b", Field: "available",
		Location: "1", Shows: 1, Should: 0, Cause: cause, ByClaim: true,
	}, p.Rows[1])
	require.Empty(t, p.Blocked)
	require.Equal(t, p.Digest, planOf(t, h, "web").Digest)
}

func TestPlanDigest(t *testing.T) {
	h := intaketest.New()
	list(h, "web", "a", "Chain")
	h.Observe("web", "a@1", 2, true)
	h.Want("web", "a@1", 2, false)
	require.Equal(t, EmptyPlan(), planOf(t, h, "web").Digest)
	require.Equal(t, EmptyPlan(), planOf(t, h, "none").Digest)
	require.Equal(t, "6d0d40af79548a79", EmptyPlan()[:16], "the empty plan's digest is fixed")

	h.Want("web", "a@1", 1, false)
	one := planOf(t, h, "web").Digest
	list(h, "web", "a", "Chain, 18 karat")
	require.Equal(t, one, planOf(t, h, "web").Digest, "a title changes no call")
	h.Want("web", "a@1", 0, false)
	require.NotEqual(t, one, planOf(t, h, "web").Digest)
	h.Want("web", "a@1", 1, false)
	require.Equal(t, one, planOf(t, h, "web").Digest)
	h.Observe("web", "a@1", 3, true)
	require.NotEqual(t, one, planOf(t, h, "web").Digest, "what is shown is part of the call")
}

func TestPlanListsApartWhatIsBlocked(t *testing.T) {
	h := intaketest.New()
	two := int64(2)
	block := func(id string, w *canon.Want) {
		h.Observe("web", id, 1, true)
		b := h.Binding("web", id)
		b.Wants = w
		h.Put(store.BindingKey(b.BindingKey), b)
	}
	block("a@1", &canon.Want{Blocked: "location.unmapped", Shows: 1})
	block("b@1", nil)
	block("c@1", &canon.Want{Quantity: &two, Shows: 1, Write: canon.WriteRejected, Reason: "inventory is not tracked"})
	block("d@1", &canon.Want{Quantity: &two, Shows: 1, Write: canon.WriteNotRepresentable})
	p := planOf(t, h, "web")
	require.Equal(t, EmptyPlan(), p.Digest)
	var reasons []string
	for _, b := range p.Blocked {
		reasons = append(reasons, b.ExternalID+" "+b.Reason+" "+b.Detail)
	}
	require.Equal(t, []string{
		"a@1 location.unmapped ", "b@1 listing.unbound ", "c@1 write.rejected inventory is not tracked", "d@1 write.not_representable ",
	}, reasons)
}

func TestGoingLiveWithAStalePlanIsRefused(t *testing.T) {
	h := intaketest.New()
	h.SetMode("web", canon.ModeShadow)
	h.Observe("web", "a@1", 2, true)
	h.Want("web", "a@1", 1, false)
	seen := planOf(t, h, "web").Digest
	propose := func() (*canon.SetMode, error) {
		v, err := h.Store.View()
		require.NoError(t, err)
		defer v.Close()
		return ProposeLive(v, "web", canon.Scope{}, seen)
	}
	set, err := propose()
	require.NoError(t, err)
	require.Equal(t, &canon.SetMode{Connection: "web", Mode: canon.ModeLive, PlanDigest: seen, Plan: seen}, set)

	h.Observe("web", "a@1", 7, true)
	_, err = propose()
	var stale *StalePlanError
	require.ErrorAs(t, err, &stale)
	require.Equal(t, seen, stale.Seen)
	require.Len(t, stale.Current.Rows, 1)
	require.Contains(t, err.Error(), "jumpring connection plan web")

	h.Tell(canon.EntrySnapshot, canon.Head{Connection: "web"}, canon.SnapshotMark{ID: "s", Page: []byte("2"), Rows: 12})
	_, err = propose()
	require.ErrorIs(t, err, ErrNotImported)
}

func TestNextStep(t *testing.T) {
	complete := &canon.SnapshotMark{Complete: true}
	rows := func(n int) func(canon.Scope) (*Plan, error) {
		return func(canon.Scope) (*Plan, error) {
			p := &Plan{Rows: make([]PlanRow, n)}
			p.Digest = planDigest(canon.Scope{}, p.Rows, nil)
			return p, nil
		}
	}
	never := func(canon.Scope) (*Plan, error) { return nil, errors.New("the plan is not asked for") }
	two, err := rows(2)(canon.Scope{})
	require.NoError(t, err)
	tests := map[string]struct {
		conn  canon.Connection
		plan  func(canon.Scope) (*Plan, error)
		mode  canon.Mode
		waits string
	}{
		"observe stays":                 {canon.Connection{Mode: canon.ModeObserve, Asked: canon.ModeObserve}, never, "", ""},
		"a person's live is not taken":  {canon.Connection{Mode: canon.ModeLive, Asked: canon.ModeObserve}, never, "", ""},
		"shadow is taken at once":       {canon.Connection{Mode: canon.ModeObserve, Asked: canon.ModeShadow}, never, canon.ModeShadow, ""},
		"live begins with shadow":       {canon.Connection{Mode: canon.ModeObserve, Asked: canon.ModeLive}, never, canon.ModeShadow, "shadow"},
		"live waits for the import":     {canon.Connection{Mode: canon.ModeShadow, Asked: canon.ModeLive}, never, "", "initial import"},
		"live waits for all the import": {canon.Connection{Mode: canon.ModeShadow, Asked: canon.ModeLive, Snapshot: &canon.SnapshotMark{}}, never, "", "initial import"},
		"live waits while paused":       {canon.Connection{Mode: canon.ModeShadow, Asked: canon.ModeLive, Snapshot: complete, Paused: true}, never, "", "resume"},
		"an empty plan goes live":       {canon.Connection{Mode: canon.ModeShadow, Asked: canon.ModeLive, Snapshot: complete}, rows(0), canon.ModeLive, ""},
		"a plan waits for a person":     {canon.Connection{Name: "web", Mode: canon.ModeShadow, Asked: canon.ModeLive, Snapshot: complete}, rows(2), "", "jumpring connection live web --plan " + two.Digest},
		"an accepted plan goes live":    {canon.Connection{Mode: canon.ModeShadow, Asked: canon.ModeLive, Snapshot: complete, PlanDigest: two.Digest}, rows(2), canon.ModeLive, ""},
		"another plan than accepted":    {canon.Connection{Mode: canon.ModeShadow, Asked: canon.ModeLive, Snapshot: complete, PlanDigest: two.Digest}, rows(3), "", "3 rows"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s, err := nextStep(&tt.conn, true, tt.plan)
			require.NoError(t, err)
			require.Equal(t, tt.mode, s.mode)
			if tt.waits == "" {
				require.Empty(t, s.waits)
			}
			require.Contains(t, s.waits, tt.waits)
		})
	}
}
