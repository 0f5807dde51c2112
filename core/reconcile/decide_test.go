package reconcile

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/canon"
)

func at(offset uint64) canon.Position { return canon.Position{Offset: offset} }

// level makes a binding that was fetched at offset 10 and should show another quantity because of the entry at 5.
func levelThatShows(shows, should int64) *canon.Binding {
	return &canon.Binding{
		BindingKey:  canon.BindingKey{Connection: "web", Kind: canon.KindLevel, ExternalID: "a@1", Aspect: canon.AspectMain},
		Unversioned: &canon.Shown{ReadStamp: at(10)},
		SeenAt:      time.Unix(1000, 0),
		Wants:       &canon.Want{Quantity: &should, Shows: shows, Cause: at(5)},
	}
}

func TestDecide(t *testing.T) {
	yes := func() (bool, error) { return true, nil }
	no := func() (bool, error) { return false, nil }
	type change func(s *situation)
	tests := map[string]struct {
		shows, should int64
		change        change
		want          action
	}{
		"what shows what it should needs nothing":     {1, 1, nil, idle},
		"a level without wants needs nothing":         {1, 0, func(s *situation) { s.level.Wants = nil }, idle},
		"a level that is gone needs nothing":          {1, 0, func(s *situation) { s.level = nil }, idle},
		"a level that must not be written waits":      {1, 0, func(s *situation) { s.level.Wants.Quantity = nil }, idle},
		"lowering is written":                         {1, 0, nil, write},
		"lowering does not wait for others":           {1, 0, func(s *situation) { s.caughtUp = no }, write},
		"lowering needs no fresh read":                {1, 0, func(s *situation) { s.level.Unversioned.ReadStamp = at(0) }, write},
		"raising what was read lately is written":     {0, 1, nil, write},
		"raising waits for others":                    {0, 1, func(s *situation) { s.caughtUp = no }, hold},
		"raising reads what was only pushed":          {0, 1, func(s *situation) { s.level.Unversioned.ReadStamp = at(0) }, refresh},
		"raising reads what was read before it freed": {0, 1, func(s *situation) { s.level.Wants.Cause = at(11) }, refresh},
		"raising reads what was read before the start": {
			0, 1, func(s *situation) { s.began = at(11) }, refresh,
		},
		"raising reads what was read long ago": {0, 1, func(s *situation) { s.now = s.now.Add(time.Hour) }, refresh},
		"a read of the writer counts as lately": {
			0, 1, func(s *situation) { s.now = s.now.Add(time.Hour); s.readAt = s.now }, write,
		},
		"an outcome that is not known is read first": {1, 0, func(s *situation) { s.unknown = at(9) }, verify},
		"an attempt of an earlier process is read first": {
			1, 0, func(s *situation) { s.level.Wants.Write, s.level.Wants.Attempt = canon.WriteAttempted, at(9) }, verify,
		},
		"an unknown outcome of an earlier process is read first": {
			1, 0, func(s *situation) { s.level.Wants.Write, s.level.Wants.Attempt = canon.WriteUnknown, at(9) }, verify,
		},
		"an unknown outcome is read even when nothing differs": {
			1, 1, func(s *situation) { s.level.Wants.Write, s.level.Wants.Attempt = canon.WriteUnknown, at(9) }, verify,
		},
		"after the read it is decided anew": {
			1, 0, func(s *situation) {
				s.level.Wants.Write, s.level.Wants.Attempt, s.verified = canon.WriteUnknown, at(9), at(9)
			}, write,
		},
		"an applied write is verified": {
			0, 0, func(s *situation) { s.level.Wants.Write, s.level.Wants.Attempt = canon.WriteUnverified, at(9) }, verify,
		},
		"an applied write that is wrong by now is not verified first": {
			1, 0, func(s *situation) { s.level.Wants.Write, s.level.Wants.Attempt = canon.WriteUnverified, at(9) }, write,
		},
		"a rejected write is left": {1, 0, func(s *situation) { s.level.Wants.Write = canon.WriteRejected }, idle},
		"what the platform can't show is left": {
			1, 0, func(s *situation) { s.level.Wants.Write = canon.WriteNotRepresentable }, idle,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := &situation{level: levelThatShows(tt.shows, tt.should), caughtUp: yes, now: time.Unix(1001, 0)}
			if tt.change != nil {
				tt.change(s)
			}
			got, err := decide(s)
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestClassOf(t *testing.T) {
	quantity := func(n int64) *int64 { return &n }
	require.Equal(t, sale, classOf(&canon.Want{Quantity: quantity(0), Shows: 1, ByClaim: true}))
	require.Equal(t, lower, classOf(&canon.Want{Quantity: quantity(0), Shows: 1}))
	require.Equal(t, raise, classOf(&canon.Want{Quantity: quantity(2), Shows: 1, ByClaim: true}))
}

func TestWriteKeyDerivesFromTheDecision(t *testing.T) {
	const golden = "614443be76af402f"
	key := WriteKey("web", "a@1", 0, canon.Position{Offset: 7, Index: 2}, 1)
	require.Equal(t, key, WriteKey("web", "a@1", 0, canon.Position{Offset: 7, Index: 2}, 1))
	seen := map[string]bool{key: true}
	for _, other := range []string{
		WriteKey("web2", "a@1", 0, canon.Position{Offset: 7, Index: 2}, 1),
		WriteKey("web", "a@2", 0, canon.Position{Offset: 7, Index: 2}, 1),
		WriteKey("web", "a@1", 1, canon.Position{Offset: 7, Index: 2}, 1),
		WriteKey("web", "a@1", 0, canon.Position{Offset: 7, Index: 3}, 1),
		WriteKey("web", "a@1", 0, canon.Position{Offset: 7, Index: 2}, 2),
	} {
		require.False(t, seen[other], "the key %s names two decisions", other)
		seen[other] = true
	}
	require.Equal(t, golden, key[:16], "a changed derivation makes keys of an older build useless")
}

func TestNextKey(t *testing.T) {
	w := levelThatShows(1, 0).Wants
	first := nextKey("web", "a@1", w, "")
	require.Equal(t, WriteKey("web", "a@1", 0, w.Cause, 1), first)
	require.Equal(t, first, nextKey("web", "a@1", w, first), "a retry that the platform asked for has the same key")

	w.Key = first
	second := nextKey("web", "a@1", w, "")
	require.Equal(t, WriteKey("web", "a@1", 0, w.Cause, 2), second, "a new attempt at the same decision has a new key")

	w.Cause = at(6)
	require.Equal(t, WriteKey("web", "a@1", 0, w.Cause, 1), nextKey("web", "a@1", w, first), "another decision asks for no retry")
}
