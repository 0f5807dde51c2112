package search

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/search/searchtest"
	"github.com/jumpring/jumpring/core/store"
)

// shop is a view and the commits that a fold would tell of.
type shop struct {
	t       *testing.T
	store   *store.Memory
	commits chan router.Commit
	at      uint64
	live    *Live
}

func openShop(t *testing.T, items []canon.Item) *shop {
	s := &shop{t: t, store: store.NewMemory(), commits: make(chan router.Commit, 100)}
	for i := range items {
		s.write(false, map[string]any{store.RecordKey(store.TypeItem, items[i].ID): &items[i]})
	}
	ready := make(chan struct{})
	s.live = NewLive(Options{Store: s.store, Ready: ready, Region: "FR", Subscribe: func(context.Context) <-chan router.Commit { return s.commits }})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.live.Run(ctx) }()
	_, err := s.live.Items(ctx, Request{})
	require.ErrorIs(t, err, ErrLoading, "before the view is whole there is no answer")
	require.NotEmpty(t, s.live.Loading())
	close(ready)
	require.Eventually(t, func() bool { return s.live.Loading() == "" }, 30*time.Second, time.Millisecond)
	t.Cleanup(func() {
		cancel()
		close(s.commits)
		require.NoError(t, <-ended)
	})
	return s
}

// write commits records, nil for those that go, and tells of it.
func (s *shop) write(tell bool, records map[string]any) canon.Position {
	s.t.Helper()
	var w store.Writes
	s.at++
	c := router.Commit{Mark: store.Mark{Position: canon.Position{Offset: s.at}}}
	for key, v := range records {
		c.Records = append(c.Records, key)
		if v == nil {
			w.Delete(key)
			continue
		}
		raw, err := json.Marshal(v)
		require.NoError(s.t, err)
		w.Put(key, raw)
	}
	require.NoError(s.t, s.store.Commit(&w, c.Mark))
	if tell {
		s.commits <- c
	}
	return c.Mark.Position
}

func (s *shop) find(text string) []string {
	s.t.Helper()
	a, err := s.live.Items(s.t.Context(), Request{Text: text, Limit: 100})
	require.NoError(s.t, err)
	require.GreaterOrEqual(s.t, a.Position.Offset, s.at, "the answer stands for what the view held")
	out := []string{}
	for _, raw := range a.Records {
		var it canon.Item
		require.NoError(s.t, json.Unmarshal(raw, &it))
		out = append(out, it.ID)
	}
	require.Equal(s.t, len(out), a.Total)
	return out
}

func TestWhatWasJustChangedIsFound(t *testing.T) {
	items := searchtest.Pieces(1, 600)
	s := openShop(t, items)
	ring := items[17]
	key := store.RecordKey(store.TypeItem, ring.ID)
	require.Equal(t, []string{ring.ID}, s.find("serial S0000017"))

	ring.Title, ring.Status = "The Moonstruck Tiara", canon.ItemSold
	s.write(true, map[string]any{key: &ring})
	require.Equal(t, []string{ring.ID}, s.find("moonstruck"))
	require.Equal(t, []string{ring.ID}, s.find("moonstrukc tiara sold"), "a slip of the pen")
	require.Empty(t, s.find("moonstruck not sold"))

	// The style's description finds its pieces, and changes of the style alone do too.
	ring.ProductID = "prd_node"
	style := canon.Product{ID: "prd_golden", Nodes: []string{"prd_golden", "prd_node"}, Description: "worn by an opera singer"}
	s.write(true, map[string]any{key: &ring, store.RecordKey(store.TypeProduct, style.ID): &style, store.PrefixNode + "prd_node": store.Node{Type: store.TypeProduct, Golden: style.ID}})
	require.Equal(t, []string{ring.ID}, s.find("opera"))
	style.Description = "worn by a ballerina"
	s.write(true, map[string]any{store.RecordKey(store.TypeProduct, style.ID): &style})
	require.Empty(t, s.find("opera"))
	require.Equal(t, []string{ring.ID}, s.find("ballerina"))

	s.write(true, map[string]any{key: nil})
	require.Empty(t, s.find("moonstruck"))
	require.Empty(t, s.find("serial S0000017"))
}

func TestAnAnswerWaitsForAPosition(t *testing.T) {
	s := openShop(t, searchtest.Pieces(1, 10))
	it := searchtest.Pieces(2, 20)[15]
	it.Title = "unheard of"
	at := s.write(false, map[string]any{store.RecordKey(store.TypeItem, it.ID): &it})
	answered := make(chan *Answer, 1)
	go func() {
		a, err := s.live.Items(context.Background(), Request{Text: "unheard", After: at})
		if err != nil {
			t.Error(err)
		}
		answered <- a
	}()
	select {
	case <-answered:
		t.Fatal("it was answered before the change was told of")
	case <-time.After(20 * time.Millisecond):
	}
	s.commits <- router.Commit{Mark: store.Mark{Position: at}, Records: []string{store.RecordKey(store.TypeItem, it.ID)}}
	require.Equal(t, 1, (<-answered).Total)

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := s.live.Items(ctx, Request{After: canon.Position{Offset: 1 << 40}})
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestClientsAreFoundUnderTheSpellingsOfTheirNames(t *testing.T) {
	s := openShop(t, nil)
	for i, name := range []string{"Robert Müller", "Katarzyna Kowalska", "Сергей Чернов", "Élodie Lefèvre"} {
		c := searchtest.Client(searchtest.Rand(1), i)
		c.GivenName, c.FamilyName, _ = strings.Cut(name, " ")
		s.write(true, map[string]any{store.RecordKey(store.TypeClient, c.ID): &c})
	}
	for text, want := range map[string]string{
		"bob muller": "Müller", "bob mueller": "Müller", "robert": "Müller", "bobby mueller": "Müller", "sergei chernov": "Чернов", "sergey tschernow": "Чернов", "elodie lefevre": "Lefèvre", "Чернов": "Чернов", "lefevr": "Lefèvre",
	} {
		a, err := s.live.Clients(t.Context(), Request{Text: text}, true)
		require.NoError(t, err)
		require.Len(t, a.Records, 1, text)
		require.Contains(t, string(a.Records[0]), want, text)
	}
}

func TestWhoSeesNoPersonalDataFindsNobodyByIt(t *testing.T) {
	s := openShop(t, nil)
	anna := searchtest.Client(searchtest.Rand(1), 1)
	anna.GivenName, anna.FamilyName = "Anna", "Müller"
	s.write(true, map[string]any{store.RecordKey(store.TypeClient, anna.ID): &anna})
	for text, want := range map[string]int{
		"anna": 1, "muller": 1, "Mueller": 1, "ann": 1, "anja": 1, "berta": 0, anna.Emails[0]: 1, "06 10 00 00 01": 1, "0000001": 1, "+44 20 7946 0958": 0, "in " + anna.Addresses[0].City: 1, "anna in " + anna.Addresses[0].City: 1,
	} {
		a, err := s.live.Clients(t.Context(), Request{Text: text}, true)
		require.NoError(t, err)
		require.Equal(t, want, a.Total, text)
		a, err = s.live.Clients(t.Context(), Request{Text: text}, false)
		require.NoError(t, err)
		require.Zero(t, a.Total, text)
		require.Empty(t, a.Records)
		require.Empty(t, a.Facets)
	}
}

// TestNoFieldOfClassCostIsSearched: two pieces that differ in what a role can't see answer every search alike.
func TestNoFieldOfClassCostIsSearched(t *testing.T) {
	plain := searchtest.Pieces(1, 1)[0]
	dear := plain
	dear.Cost = &canon.Money{Minor: 987654321, Currency: "CHF"}
	dear.Ownership = &canon.Ownership{Payable: &canon.Money{Minor: 987654321, Currency: "CHF"}}
	dear.Provenance = []canon.Provenance{{Invoice: "INV-987654321", Cost: &canon.Money{Minor: 987654321, Currency: "CHF"}}}
	require.Equal(t, pieces.document(plain.ID, plain.Version, &Piece{Item: plain}), pieces.document(dear.ID, dear.Version, &Piece{Item: dear}))
}
