package views

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// shelf is a store that tests fill by hand.
type shelf struct {
	t *testing.T
	s *store.Memory
	w store.Writes
}

func newShelf(t *testing.T) *shelf { return &shelf{t: t, s: store.NewMemory()} }

func (s *shelf) put(key string, v any) {
	raw, err := json.Marshal(v)
	require.NoError(s.t, err)
	s.w.Put(key, raw)
}

func (s *shelf) view() store.View {
	require.NoError(s.t, s.s.Commit(&s.w, store.Mark{}))
	v, err := s.s.View()
	require.NoError(s.t, err)
	s.t.Cleanup(v.Close)
	return v
}

func (s *shelf) client(id string, nodes []string, words ...string) {
	s.put(store.RecordKey(store.TypeClient, id), canon.Client{ID: id, Nodes: nodes})
	for _, n := range nodes {
		s.put(store.PrefixNode+n, store.Node{Type: store.TypeClient, Golden: id})
	}
	for _, w := range words {
		s.w.Put(store.IndexKey(store.IndexWord, w, id), nil)
	}
}

func (s *shelf) row(entity string, offset uint64, n int, event string) {
	p := canon.Position{Offset: offset}
	s.put(store.RowKey(p, n), canon.Row{Entity: entity, Type: store.TypeClient, Event: event, Position: p})
	s.w.Put(store.EntityKey(entity, p, n), nil)
}

func TestATimelineIsTheUnionOfWhatWasMerged(t *testing.T) {
	s := newShelf(t)
	s.client("cli_a", []string{"cli_a", "cli_b", "cli_c"})
	s.client("cli_x", []string{"cli_x"})
	s.row("cli_b", 3, 0, "b seen")
	s.row("cli_a", 2, 0, "a seen")
	s.row("cli_c", 4, 0, "c seen")
	s.row("cli_a", 9, 0, "merged")
	s.row("cli_a", 9, 1, "named")
	s.row("cli_x", 5, 0, "another's")
	v := s.view()
	want := []string{"a seen", "b seen", "c seen", "merged", "named"}
	for _, limit := range []int{1, 2, 3, 5, 50} {
		for _, id := range []string{"cli_a", "cli_c"} {
			var got []string
			p := Paging{Limit: limit}
			for calls := 0; ; calls++ {
				require.Less(t, calls, 10)
				rows, next, err := Timeline(v, store.TypeClient, id, p)
				require.NoError(t, err)
				require.LessOrEqual(t, len(rows), limit)
				for _, r := range rows {
					got = append(got, r.Event)
				}
				if next == "" {
					break
				}
				p.Cursor = next
			}
			require.Equal(t, want, got, "limit %d, asked by %s", limit, id)
		}
	}
	_, _, err := Timeline(v, store.TypeClient, "cli_none", Paging{})
	require.ErrorIs(t, err, ErrNotFound)
	_, err = Get(v, store.TypeItem, "cli_b")
	require.ErrorIs(t, err, ErrNotFound, "an id of another type is not found")
}

func TestRowsNeverSplitAnEntry(t *testing.T) {
	s := newShelf(t)
	for offset := uint64(1); offset <= 4; offset++ {
		for n := range 3 {
			s.row("cli_a", offset, n, fmt.Sprintf("%d.%d", offset, n))
		}
	}
	v := s.view()
	var got []string
	for after := (canon.Position{}); ; {
		rows, err := Rows(v, after, 2)
		require.NoError(t, err)
		if len(rows) == 0 {
			break
		}
		require.Len(t, rows, 3, "a page is a whole entry though it exceeds the limit")
		for _, r := range rows {
			got = append(got, r.Event)
		}
		after = rows[len(rows)-1].Position
	}
	require.Len(t, got, 12)
	require.True(t, slices.IsSorted(got))
}

func TestClientsByBeginningsOfWords(t *testing.T) {
	s := newShelf(t)
	s.client("cli_1", []string{"cli_1"}, "amelie", "martin")
	s.client("cli_2", []string{"cli_2"}, "martina", "weber")
	s.client("cli_3", []string{"cli_3"}, "amelie", "weber")
	v := s.view()
	for q, want := range map[string][]string{
		"Amélie": {"cli_1", "cli_3"}, "mart": {"cli_1", "cli_2"}, "WEBER am": {"cli_3"}, "martin weber": {"cli_2"}, "zoe": nil, "//": nil, "martin martin": {"cli_1", "cli_2"},
	} {
		var got []string
		p := Paging{Limit: 1}
		for {
			page, err := Clients(v, Keys{Region: "FR"}, ClientQuery{Q: q, Paging: p})
			require.NoError(t, err, q)
			for _, raw := range page.Items {
				var c canon.Client
				require.NoError(t, json.Unmarshal(raw, &c))
				got = append(got, c.ID)
			}
			if page.NextCursor == "" {
				break
			}
			p.Cursor = page.NextCursor
		}
		require.Equal(t, want, got, q)
	}
}

func TestABroadSearchIsRefused(t *testing.T) {
	s := newShelf(t)
	v, err := s.s.View()
	require.NoError(t, err)
	v.Close()
	for i := range maxScan + 1 {
		s.w.Put(store.IndexKey(store.IndexWord, "a", fmt.Sprintf("cli_%06d", i)), nil)
		if s.w.Len() == store.MaxCommitKeys {
			require.NoError(t, s.s.Commit(&s.w, store.Mark{}))
			s.w = store.Writes{}
		}
	}
	_, err = Clients(s.view(), Keys{}, ClientQuery{Q: "a"})
	require.ErrorIs(t, err, ErrBroad)
}

func TestCursorsStayGoodWhenRecordsComeAndGo(t *testing.T) {
	s := newShelf(t)
	for _, id := range []string{"cli_1", "cli_3", "cli_5"} {
		s.client(id, []string{id})
	}
	first, err := list(s.view(), store.TypeClient, nil, Paging{Limit: 2})
	require.NoError(t, err)
	require.Len(t, first.Items, 2)
	s.w = store.Writes{}
	s.w.Delete(store.RecordKey(store.TypeClient, "cli_3")) // the one that the cursor names
	s.client("cli_2", []string{"cli_2"})                   // before it
	s.client("cli_4", []string{"cli_4"})                   // behind it
	second, err := list(s.view(), store.TypeClient, nil, Paging{Limit: 2, Cursor: first.NextCursor})
	require.NoError(t, err)
	require.Len(t, second.Items, 2)
	require.Contains(t, string(second.Items[0]), "cli_4")
	require.Contains(t, string(second.Items[1]), "cli_5")
	for _, bad := range []string{"!!", "=", "\x00"} {
		_, err := list(s.view(), store.TypeClient, nil, Paging{Cursor: bad})
		require.ErrorIs(t, err, ErrCursor)
	}
}
