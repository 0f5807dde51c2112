package router

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

func (b *batches) side(space, key string) *canon.SideValue {
	v, err := b.to.store.View()
	require.NoError(b.t, err)
	defer v.Close()
	kept, err := SideValue(v, space, key)
	require.NoError(b.t, err)
	return kept
}

func (b *batches) changeSide(head canon.Head, key string, seen canon.Position, sealed string) canon.Position {
	return b.fold([16]byte{}, b.entry(canon.EntrySide, head, canon.SideChanged{Space: "tokens", Key: key, Seen: seen, Sealed: []byte(sealed)}))
}

func TestASealedValueCountsOnlyAsItsSenderSawIt(t *testing.T) {
	b := newBatches(t)
	first := b.changeSide(canon.Head{}, "till", canon.Position{}, "one")
	b.changeSide(canon.Head{}, "till", canon.Position{}, "another node's")
	require.Equal(t, "one", string(b.side("tokens", "till").Sealed), "the first in the journal counts")
	require.Equal(t, first, b.side("tokens", "till").Position)

	second := b.changeSide(canon.Head{}, "till", first, "two")
	b.changeSide(canon.Head{}, "till", first, "late")
	require.Equal(t, "two", string(b.side("tokens", "till").Sealed))

	removed := b.changeSide(canon.Head{}, "till", second, "")
	require.Empty(t, b.side("tokens", "till").Sealed)
	b.changeSide(canon.Head{}, "till", canon.Position{}, "one")
	require.Empty(t, b.side("tokens", "till").Sealed, "what was removed is not brought back by what was on its way")
	b.changeSide(canon.Head{}, "till", removed, "made anew")
	require.Equal(t, "made anew", string(b.side("tokens", "till").Sealed))
	require.Zero(t, b.count(store.PrefixParked))
}

func TestWhoLostTheLeaseRotatesNoCredential(t *testing.T) {
	b := newBatches(t)
	ask := func(node string, seen canon.Position) canon.Position {
		return b.fold([16]byte{}, b.entry(canon.EntryLease, canon.Head{}, canon.LeaseAsked{Name: "outward", Node: node, Run: node, Seen: seen}))
	}
	term := ask("a", canon.Position{})
	under := func(term canon.Position) canon.Head {
		return canon.Head{Lease: &canon.LeaseGuard{Name: "outward", Term: term}}
	}
	first := b.changeSide(under(term), "refresh", canon.Position{}, "one")
	require.NotNil(t, b.side("tokens", "refresh"))

	next := ask("b", term)
	b.changeSide(under(term), "refresh", first, "of the leader before")
	require.Equal(t, "one", string(b.side("tokens", "refresh").Sealed))
	b.changeSide(under(next), "refresh", first, "of the leader")
	require.Equal(t, "of the leader", string(b.side("tokens", "refresh").Sealed))
}

func TestTheFirstProofOfTheKeyCounts(t *testing.T) {
	b := newBatches(t)
	for _, proof := range []string{"the first", "another node's"} {
		b.fold([16]byte{}, b.entry(canon.EntrySideKey, canon.Head{}, canon.SideKey{Proof: []byte(proof)}))
	}
	v, err := b.to.store.View()
	require.NoError(t, err)
	defer v.Close()
	proof, err := SideProof(v)
	require.NoError(t, err)
	require.Equal(t, "the first", string(proof))
}

func TestWhatIsNoSealedValueIsParked(t *testing.T) {
	b := newBatches(t)
	for _, data := range []any{
		canon.SideChanged{Space: "tokens", Sealed: []byte("x")},
		canon.SideChanged{Key: "till", Sealed: []byte("x")},
		canon.SideChanged{Space: "tokens", Key: "till", Sealed: make([]byte, maxSideValue+1)},
		map[string]string{"space": "tokens", "key": "till", "sealed": "no base64"},
	} {
		b.fold([16]byte{}, b.entry(canon.EntrySide, canon.Head{}, data))
	}
	b.fold([16]byte{}, b.entry(canon.EntrySideKey, canon.Head{}, canon.SideKey{}))
	require.Equal(t, 5, b.count(store.PrefixParked))
	require.Nil(t, b.side("tokens", "till"))
}

// TestASideChangeIsToldBeforeItsPosition: whoever waits for the entry finds that its watchers were told.
func TestASideChangeIsToldBeforeItsPosition(t *testing.T) {
	var r *Router
	told := map[Side]canon.Position{}
	r = &Router{folded: make(chan struct{}), subs: map[*subscription]bool{}, sides: func(changed []Side) {
		for _, s := range changed {
			told[s] = r.Mark().Position
		}
	}}
	till := Side{Space: "tokens", Key: "till"}
	r.passed(Commit{Mark: store.Mark{Position: canon.Position{Offset: 7}}, Side: []Side{till}})
	require.Equal(t, map[Side]canon.Position{till: {}}, told)
	require.EqualValues(t, 7, r.Mark().Position.Offset)
}
