package hub

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/bus/embedded"
	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/core/vault"
)

const sideKey = "a key that all nodes have"

// sharing is a journal that nodes of a test share. Each folds it for itself.
type sharing struct {
	t       *testing.T
	journal *embedded.Journal
}

func newSharing(t *testing.T) *sharing {
	j, err := embedded.Open(embedded.Options{Dir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, j.Close()) })
	return &sharing{t: t, journal: j}
}

// node makes a hub of which there is the side state and the fold alone. Its folder is its own.
func (s *sharing) node(data, key string) (*Hub, error) {
	s.t.Helper()
	view, err := store.Open(store.Options{Dir: filepath.Join(data, viewFolder)})
	require.NoError(s.t, err)
	h := &Hub{
		o: Options{Data: data, VaultKey: key}, log: hclog.NewNullLogger(), journal: s.journal, store: view, ready: make(chan struct{}),
		renewals: make(chan struct{}, 1),
	}
	h.vault, err = OpenVault(data, key)
	require.NoError(s.t, err)
	if err := h.openShare(); err != nil {
		require.NoError(s.t, view.Close())
		return nil, err
	}
	h.shared.within = 5 * time.Minute // of a busy machine
	h.router, err = router.New(router.Options{Journal: s.journal, Store: view, Sides: h.shared.folded})
	require.NoError(s.t, err)
	return h, nil
}

// begin folds until the test ends, or stop is called, and waits until the node has what is shared.
func (s *sharing) begin(h *Hub) (stop func()) {
	s.t.Helper()
	stop = s.run(h)
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	require.NoError(s.t, h.router.WaitFolded(ctx, s.journal.End()))
	require.NoError(s.t, h.shared.begin(ctx))
	return stop
}

func (s *sharing) run(h *Hub) (stop func()) {
	require.NoError(s.t, h.router.Begin(s.t.Context()))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.router.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(s.t, <-ended)
		require.NoError(s.t, h.store.Close())
	})
	s.t.Cleanup(stop)
	return stop
}

func (s *sharing) up(data string) (h *Hub, stop func()) {
	s.t.Helper()
	h, err := s.node(data, sideKey)
	require.NoError(s.t, err)
	return h, s.begin(h)
}

// folds waits until a node has folded all that the journal has.
func (s *sharing) folds(h *Hub) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	require.NoError(s.t, h.router.WaitFolded(ctx, s.journal.End()))
}

func keeperOf(t *testing.T, h *Hub) *access.Keeper {
	t.Helper()
	k, err := access.NewKeeper(h.side, time.Now)
	require.NoError(t, err)
	h.shared.watch(access.TokenSpace, k.Refresh)
	return k
}

func TestATokenIsThatOfAllNodes(t *testing.T) {
	s := newSharing(t)
	a, _ := s.up(t.TempDir())
	b, _ := s.up(t.TempDir())
	atA, atB := keeperOf(t, a), keeperOf(t, b)

	text, _, err := atA.Create("till", access.RoleTill, "paris", time.Time{})
	require.NoError(t, err)
	s.folds(b)
	who, err := atB.Identify(text)
	require.NoError(t, err)
	require.Equal(t, "till", who.Name)
	_, _, err = atB.Create("till", access.RoleTill, "paris", time.Time{})
	require.ErrorIs(t, err, access.ErrExists)

	again, _, err := atB.Rotate("till", 0, time.Time{})
	require.NoError(t, err)
	s.folds(a)
	_, err = atA.Identify(text)
	require.ErrorIs(t, err, access.ErrInvalid)
	_, err = atA.Identify(again)
	require.NoError(t, err)

	require.NoError(t, atA.Revoke("till"))
	s.folds(b)
	_, err = atB.Identify(again)
	require.ErrorIs(t, err, access.ErrInvalid)
	require.Empty(t, atB.List())
	require.ErrorIs(t, atB.Revoke("till"), access.ErrUnknown)
}

func TestOfManyWhoMakeOneTokenOneDoes(t *testing.T) {
	s := newSharing(t)
	a, _ := s.up(t.TempDir())
	b, _ := s.up(t.TempDir())
	keepers := []*access.Keeper{keeperOf(t, a), keeperOf(t, b)}
	var made sync.Map
	var work sync.WaitGroup
	for i := range 8 {
		work.Go(func() {
			text, _, err := keepers[i%2].Create("till", access.RoleTill, "", time.Time{})
			if err == nil {
				made.Store(text, true)
			} else if !errors.Is(err, access.ErrExists) {
				t.Error(err)
			}
		})
	}
	work.Wait()
	s.folds(a)
	s.folds(b)
	n := 0
	made.Range(func(text, _ any) bool {
		n++
		for _, k := range keepers {
			_, err := k.Identify(text.(string))
			require.NoError(t, err)
		}
		return true
	})
	require.Equal(t, 1, n)
}

func TestAVaultOfItsOwnIsPublishedOnce(t *testing.T) {
	s := newSharing(t)
	dir := t.TempDir()
	v, err := OpenVault(dir, sideKey)
	require.NoError(t, err)
	alone, err := access.NewKeeper(v, time.Now)
	require.NoError(t, err)
	text, _, err := alone.Create("till", access.RoleTill, "", time.Time{})
	require.NoError(t, err)
	require.NoError(t, v.Put("secrets.web", "refresh_token", []byte("r2")))
	require.NoError(t, v.Put(stoppedNamespace, "of something else", []byte(`{"space":"tokens","key":"none"}`)))

	a, stopA := s.up(dir)
	b, _ := s.up(t.TempDir())
	atB := keeperOf(t, b)
	_, err = atB.Identify(text)
	require.NoError(t, err)
	value, err := b.side.Get("secrets.web", "refresh_token")
	require.NoError(t, err)
	require.Equal(t, "r2", string(value))
	first, err := a.driftKey()
	require.NoError(t, err)
	second, err := b.driftKey()
	require.NoError(t, err)
	require.Equal(t, first, second, "all nodes sign with one key")

	// What another node revoked while this one was stopped is not brought back by its vault.
	stopA()
	require.NoError(t, atB.Revoke("till"))
	a, _ = s.up(dir)
	_, err = keeperOf(t, a).Identify(text)
	require.ErrorIs(t, err, access.ErrInvalid)
	_, err = a.vault.Get(access.TokenSpace, "till")
	require.ErrorIs(t, err, vault.ErrNotFound, "nor does its copy keep it")
}

func TestWhatIsChangedWhileStoppedCountsAtTheStart(t *testing.T) {
	s := newSharing(t)
	dir := t.TempDir()
	a, stopA := s.up(dir)
	b, _ := s.up(t.TempDir())
	for _, name := range []string{"kept", "removed", "contested"} {
		require.NoError(t, a.side.Put("tokens", name, []byte("1")))
	}
	a.shared.copyTodo()
	stopA()

	side, done, err := OpenSide(dir, sideKey)
	require.NoError(t, err)
	require.NoError(t, side.Put("tokens", "made", []byte("m1")))
	require.NoError(t, side.Put("tokens", "made", []byte("m2")))
	require.NoError(t, side.Delete("tokens", "removed"))
	require.NoError(t, side.Delete("tokens", "contested"))
	names, err := side.List("tokens")
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"kept", "made"}, names)
	require.NoError(t, done())
	require.NoError(t, b.side.Put("tokens", "contested", []byte("2")))
	_, err = b.side.Get("tokens", "made")
	require.ErrorIs(t, err, vault.ErrNotFound, "it counts when the node starts")

	s.up(dir)
	s.folds(b)
	for name, want := range map[string]string{"kept": "1", "made": "m2", "removed": "", "contested": "2"} {
		got, err := b.side.Get("tokens", name)
		if want == "" {
			require.ErrorIs(t, err, vault.ErrNotFound, name)
			continue
		}
		require.NoError(t, err, name)
		require.Equal(t, want, string(got), name)
	}
	left, err := b.vault.List(stoppedNamespace)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestANodeWithAnotherKeyIsRefused(t *testing.T) {
	s := newSharing(t)
	s.up(t.TempDir())
	dir := t.TempDir()
	h, err := s.node(dir, "a key that no other node has")
	require.NoError(t, err, "it has folded nothing yet")
	stop := s.run(h)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, h.router.WaitFolded(ctx, s.journal.End()))
	end := s.journal.End()
	require.ErrorIs(t, h.shared.begin(ctx), vault.ErrOtherKey)
	require.Equal(t, end, s.journal.End(), "it changes nothing")
	stop()
	_, err = s.node(dir, "a key that no other node has")
	require.ErrorIs(t, err, vault.ErrOtherKey, "with a view it is refused at once")
}

func TestOnlyWhoLeadsRotates(t *testing.T) {
	s := newSharing(t)
	a, _ := s.up(t.TempDir())
	b, _ := s.up(t.TempDir())
	spec := &Connection{Name: "web", Secrets: map[string]string{"refresh_token": "r1"}}
	at := func(h *Hub) *connection {
		c := newConnection(h, spec)
		secrets, err := h.secrets(spec)
		require.NoError(t, err)
		c.secrets = secrets
		return c
	}
	atA, atB := at(a), at(b)
	require.ErrorIs(t, atB.rotate("refresh_token", "r2"), errNotLeading)

	lead := func(h *Hub, node string, seen canon.Position) canon.Position {
		e, err := router.NewEntry(canon.EntryLease, canon.Head{}, canon.LeaseAsked{Name: outwardLease, Node: node, Run: node, Seen: seen})
		require.NoError(t, err)
		r, err := h.router.Append(t.Context(), bus.ClassCommand, e)
		require.NoError(t, err)
		s.folds(a)
		s.folds(b)
		h.guard.Store(&canon.LeaseGuard{Name: outwardLease, Term: r.Position(0)})
		return r.Position(0)
	}
	term := lead(a, "a", canon.Position{})
	require.NoError(t, atA.rotate("refresh_token", "r2"))
	require.True(t, atA.current(), "its own process knows what it rotated")
	s.folds(b)
	require.False(t, atB.current(), "the other one's has to begin anew")
	select {
	case <-b.renewals:
	case <-time.After(time.Minute):
		t.Fatal("nobody was asked to begin it anew")
	}
	now, err := b.secrets(spec)
	require.NoError(t, err)
	require.Equal(t, "r2", now["refresh_token"])

	// A leader that was away for too long still thinks that it leads.
	lead(b, "b", term)
	require.ErrorIs(t, atA.rotate("refresh_token", "r3 of the old leader"), ErrLeaseLost)
	atB.secrets = now
	require.NoError(t, atB.rotate("refresh_token", "r3"))
	s.folds(a)
	now, err = a.secrets(spec)
	require.NoError(t, err)
	require.Equal(t, "r3", now["refresh_token"])
	require.False(t, atA.current())
}

func TestAHubOfItsOwnKeepsSecretsInItsVault(t *testing.T) {
	v, err := OpenVault(t.TempDir(), sideKey)
	require.NoError(t, err)
	h := &Hub{vault: v, log: hclog.NewNullLogger()}
	require.NoError(t, h.openSide())
	c := newConnection(h, &Connection{Name: "web", Secrets: map[string]string{"refresh_token": "r1"}})
	require.NoError(t, c.rotate("refresh_token", "r2"))
	require.True(t, c.current())
	got, err := h.secrets(c.spec)
	require.NoError(t, err)
	require.Equal(t, "r2", got["refresh_token"])
	key, err := h.driftKey()
	require.NoError(t, err)
	again, err := h.driftKey()
	require.NoError(t, err)
	require.Equal(t, key, again)
}
