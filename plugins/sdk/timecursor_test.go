package sdk

import (
	"fmt"
	"math/rand/v2"
	"sort"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

type platformRow struct {
	id string
	at time.Time
}

// platformList is a platform's list, as its API pages through it.
type platformList struct{ rows []platformRow }

func (l *platformList) set(id string, at time.Time) {
	for i := range l.rows {
		if l.rows[i].id == id {
			l.rows[i].at = at
			return
		}
	}
	l.rows = append(l.rows, platformRow{id, at})
}

func (l *platformList) page(from time.Time, page, limit int) []platformRow {
	var from0 []platformRow
	for _, r := range l.rows {
		if !r.at.Before(from) {
			from0 = append(from0, r)
		}
	}
	sort.Slice(from0, func(i, j int) bool {
		if !from0[i].at.Equal(from0[j].at) {
			return from0[i].at.Before(from0[j].at)
		}
		return from0[i].id < from0[j].id
	})
	from0 = from0[min(len(from0), page*limit):]
	return from0[:min(len(from0), limit)]
}

// walk polls until there is no more, calling between after each page, and returns what was fresh.
func walk(t *testing.T, l *platformList, cursor []byte, since time.Time, limit int, between func()) (fresh []string, next []byte) {
	t.Helper()
	rows, next := walkRows(t, l, cursor, since, limit, between)
	for _, r := range rows {
		fresh = append(fresh, r.id)
	}
	return fresh, next
}

func walkRows(t *testing.T, l *platformList, cursor []byte, since time.Time, limit int, between func()) (fresh []platformRow, next []byte) {
	t.Helper()
	for pages := 0; ; pages++ {
		require.Less(t, pages, 1000, "the walk does not end")
		c, err := ParseTimeCursor(cursor, since, time.Minute)
		require.NoError(t, err)
		rows := l.page(c.From(), c.Page(), limit)
		for _, r := range rows {
			if c.Fresh(r.id, r.at) {
				fresh = append(fresh, r)
			}
		}
		more := c.EndPage(len(rows) == limit)
		if more {
			require.NotEqual(t, string(cursor), string(c.Bytes()), "a cursor that stays would be asked for ever")
		}
		cursor = c.Bytes()
		if !more {
			return fresh, cursor
		}
		if between != nil {
			between()
		}
	}
}

var cursorStart = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func TestTimeCursorPagesThroughTies(t *testing.T) {
	l := &platformList{}
	for i := range 25 { // an import gave them all one time, and a page takes ten
		l.set(fmt.Sprintf("r%02d", i), cursorStart.Add(time.Hour))
	}
	l.set("later", cursorStart.Add(2*time.Hour))
	fresh, cursor := walk(t, l, nil, cursorStart, 10, nil)
	require.Len(t, fresh, 26)
	fresh, cursor = walk(t, l, cursor, cursorStart, 10, nil)
	require.Empty(t, fresh, "nothing is given twice")
	l.set("r07", cursorStart.Add(3*time.Hour))
	fresh, _ = walk(t, l, cursor, cursorStart, 10, nil)
	require.Equal(t, []string{"r07"}, fresh)
}

// A row that leaves the tie while it is paged through shifts the others to earlier pages, past the reader.
func TestTimeCursorReadsATieAgainAfterAShift(t *testing.T) {
	l := &platformList{}
	for i := range 25 {
		l.set(fmt.Sprintf("r%02d", i), cursorStart.Add(time.Hour))
	}
	pages := 0
	fresh, _ := walk(t, l, nil, cursorStart, 10, func() {
		// The first page moves the cursor to the tie's time, the second begins the tie.
		if pages++; pages == 2 {
			l.set("r03", cursorStart.Add(3*time.Hour))
		}
	})
	require.Contains(t, fresh, "r10", "it slid to the page that was read already")
	require.Len(t, fresh, 26, "25 rows, and the one that changed twice")
}

func TestTimeCursorOverlapsAfterAWalkThatEndsOnAFullTie(t *testing.T) {
	l := &platformList{}
	for i := range 10 {
		l.set(fmt.Sprintf("r%d", i), cursorStart.Add(time.Hour))
	}
	_, cursor := walk(t, l, nil, cursorStart, 5, nil)
	l.set("late", cursorStart.Add(time.Hour-30*time.Second))
	fresh, _ := walk(t, l, cursor, cursorStart, 5, nil)
	require.Equal(t, []string{"late"}, fresh)
}

func TestTimeCursorSeesLateCommitsWithinTheOverlap(t *testing.T) {
	l := &platformList{}
	l.set("a", cursorStart.Add(10*time.Minute))
	fresh, cursor := walk(t, l, nil, cursorStart, 10, nil)
	require.Equal(t, []string{"a"}, fresh)
	l.set("late", cursorStart.Add(10*time.Minute-30*time.Second))
	fresh, cursor = walk(t, l, cursor, cursorStart, 10, nil)
	require.Equal(t, []string{"late"}, fresh)
	for range 3 { // an idle platform moves nothing
		var again []byte
		fresh, again = walk(t, l, cursor, cursorStart, 10, nil)
		require.Empty(t, fresh)
		require.Equal(t, string(cursor), string(again))
	}
}

func TestTimeCursorLosesNothingWhileRowsChange(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		l, now := &platformList{}, cursorStart.Add(time.Hour)
		step := []int{1, 3, 40}[seed%3] // all of one time, many ties, few
		touch := func() {
			now = now.Add(time.Duration(r.IntN(step)) * time.Second)
			l.set(fmt.Sprint(r.IntN(60)), now)
		}
		for range 80 {
			touch()
		}
		given := map[string]time.Time{}
		var cursor []byte
		for round := range 6 {
			between := func() {
				if r.IntN(2) == 0 {
					now = now.Add(time.Second)
					touch()
				}
			}
			if round == 5 {
				between = nil
			}
			var fresh []platformRow
			fresh, cursor = walkRows(t, l, cursor, cursorStart, 7, between)
			for _, row := range fresh {
				given[row.id] = row.at
			}
		}
		for _, row := range l.rows {
			require.Equal(t, row.at, given[row.id], "seed %d, row %s", seed, row.id)
		}
	}
}

func TestTimeCursorRefusesGarbage(t *testing.T) {
	_, err := ParseTimeCursor([]byte("{"), cursorStart, time.Minute)
	require.Error(t, err)
}
