package router

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// approving is a bench whose policy lets nobody melt alone.
func approving(t *testing.T) (*workbench, func(actor, key, role string) canon.Outcome, func(actor, key, role string, refuse bool) canon.Outcome) {
	s := testSettings()
	s.Policy = &canon.Policy{Approvals: &canon.ApprovalRule{Commands: []string{"item.melt"}, Seconds: 3600}}
	w := newWorkbench(t, s)
	threeSides(w)
	melt := func(actor, key, role string) canon.Outcome {
		return w.do(actor, canon.Command{Key: key, ID: "V" + key, Role: role, MoveItem: &canon.MoveItem{Item: w.item("web", "w1").ID, Event: "melt", Channel: "till-1"}})
	}
	decide := func(actor, key, role string, refuse bool) canon.Outcome {
		return w.do(actor, canon.Command{Key: key, ID: "D" + key, Role: role, Approve: &canon.Approve{Approval: "Va", Refuse: refuse}})
	}
	return w, melt, decide
}

func approvalOf(w *workbench, id string) *canon.Approval {
	return load[canon.Approval](w, store.RecordKey(store.TypeApproval, id))
}

func TestWhatTakesASecondPersonWaitsForOne(t *testing.T) {
	w, melt, decide := approving(t)
	out := melt("anna", "a", "manager")
	require.True(t, out.OK)
	require.Equal(t, 202, out.Status)
	require.Equal(t, "Va", out.Approval)
	require.Equal(t, canon.ItemInStock, w.item("web", "w1").Status, "nothing has happened yet")
	require.Empty(t, w.keys(store.PrefixClaim))
	require.Equal(t, out.Position, melt("anna", "a", "manager").Position, "a repeat gets the same answer")
	require.Equal(t, "approval.second_person", decide("anna", "1", "manager", false).Code)
	require.Equal(t, "transition.actor", decide("ben", "2", "till", false).Code)
	out = decide("ben", "3", "manager", false)
	require.True(t, out.OK, out.Reason)
	require.Equal(t, canon.ItemMelted, w.item("web", "w1").Status)
	a := approvalOf(w, "Va")
	require.Equal(t, canon.ApprovalConfirmed, a.Status)
	require.Equal(t, []string{"anna", "ben"}, []string{a.AskedBy, a.DecidedBy})
	require.Equal(t, "approval.closed", decide("ben", "4", "manager", false).Code)
	require.Subset(t, w.events(w.item("web", "w1").ID), []string{"approval.pending:item.melt", "approval.confirmed:item.melt"})
	coherent(t, w.store)
}

func TestWhatIsRefusedOrForgottenDoesNotHappen(t *testing.T) {
	w, melt, decide := approving(t)
	require.True(t, melt("anna", "a", "till").OK, "a till may ask; a manager confirms")
	require.True(t, decide("ben", "1", "manager", true).OK)
	require.Equal(t, canon.ApprovalRefused, approvalOf(w, "Va").Status)

	w, melt, decide = approving(t)
	require.True(t, melt("anna", "a", "manager").OK)
	w.now = w.now.Add(2 * time.Hour)
	w.settleDue()
	require.Equal(t, canon.ApprovalExpired, approvalOf(w, "Va").Status)
	require.Equal(t, "approval.closed", decide("ben", "1", "manager", false).Code)
	require.Equal(t, canon.ItemInStock, w.item("web", "w1").Status)
}

func TestWhatIsImpossibleIsRefusedAtOnceAndAtTheConfirmation(t *testing.T) {
	w, melt, decide := approving(t)
	require.True(t, melt("anna", "a", "manager").OK)
	w.pushed("web", order("o1", 10, line("1", "w1", 1)))
	require.Equal(t, "transition.illegal", melt("anna", "b", "manager").Code, "it is sold")
	require.Nil(t, approvalOf(w, "Vb"))
	require.Equal(t, "transition.illegal", decide("ben", "1", "manager", false).Code, "it was sold meanwhile")
	require.Equal(t, canon.ApprovalPending, approvalOf(w, "Va").Status)
	require.Equal(t, canon.ItemSold, w.item("web", "w1").Status)
}
