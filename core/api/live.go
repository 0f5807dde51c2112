package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/problem"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/core/views"
)

// NamedRow is a row of the timeline with what its record is called.
type NamedRow struct {
	canon.Row
	// Name is a piece's title, or an order's platform and number; empty for other records and for what has none.
	Name string `json:"name,omitempty"`
}

// liveRoutes is the part of the table about what happens now.
func liveRoutes() []route {
	return []route{
		{
			method: http.MethodGet, path: "/v1/timeline", name: "timeline", summary: "Show what happened last, of every record, the newest first.", needs: access.StreamRead,
			query: []param{{"limit", "How many at most: 1 to 500, 50 where it is left out"}}, gives: page(NamedRow{}), handle: (*API).newest,
		},
		{
			method: http.MethodGet, path: "/v1/live", name: "live", summary: "Follow what happens as a person does: once a second the newest rows since, as one server-sent event, without what changed in them. /v1/stream has all.", needs: access.StreamRead,
			query: []param{{"limit", "How many rows of a second at most: 1 to 50, 15 where it is left out"}}, gives: gives{status: 200, media: "text/event-stream"}, handle: (*API).liveShown,
		},
	}
}

const (
	// liveEvery is how often viewers get to know what happened.
	liveEvery = time.Second
	// liveRows is how many rows of that time they get where nobody says, liveMost at most.
	liveRows = 15
	liveMost = 50
)

// newest gives the last rows of the timeline, the newest first.
func (a *API) newest(c *fiber.Ctx, who access.Principal) error {
	p, err := pagingOf(c)
	if err != nil {
		return err
	}
	if p.Limit == 0 {
		p.Limit = views.DefaultLimit
	}
	var shown []NamedRow
	err = a.look(func(v store.View) error {
		rows, err := views.Newest(v, p.Limit)
		if err == nil {
			shown, err = namedRows(v, who, rows)
		}
		return err
	})
	if err != nil {
		return err
	}
	return sendPage(c, shown, "")
}

// namedRows leaves out the rows that somebody may not see, redacts the others and names them.
func namedRows(v store.View, who access.Principal, rows []canon.Row) ([]NamedRow, error) {
	elsewhere, err := rowsElsewhere(v, who, rows)
	if err != nil {
		return nil, err
	}
	out := make([]NamedRow, 0, len(rows))
	for i := range rows {
		if elsewhere[i] || rows[i].Type == store.TypeClient && !who.Can(access.ClientsRead) {
			continue
		}
		access.Row(who.Sight(), &rows[i])
		name, err := nameOfRecord(v, rows[i].Type, rows[i].Entity)
		if err != nil {
			return nil, err
		}
		out = append(out, NamedRow{rows[i], name})
	}
	return out, nil
}

// nameOfRecord gives what a record is called where that is public: a client's name is not. Invariant 7.
func nameOfRecord(v store.View, typ, id string) (string, error) {
	if typ != store.TypeItem && typ != store.TypeOrder {
		return "", nil
	}
	raw, err := views.Get(v, typ, id)
	if errors.Is(err, views.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	var rec struct {
		Title      string `json:"title"`
		Connection string `json:"connection"`
		Number     string `json:"number"`
	}
	if err := json.Unmarshal(raw, &rec); err != nil {
		return "", fmt.Errorf("a stored %s can't be read", typ) // the decoder's error may quote it (invariant 7)
	}
	if typ == store.TypeItem {
		return rec.Title, nil
	}
	if rec.Number == "" {
		return "", nil
	}
	return strings.TrimSpace(rec.Connection + " " + rec.Number), nil
}

// liveKey is what viewers have in common who are shown the same: rows without their changes hold nothing of a class.
type liveKey struct {
	location string
	clients  bool
	rows     int
}

// live tells viewers what happens: all who are shown the same get the same bytes, made once.
type live struct {
	a *API

	mu    sync.Mutex
	rooms map[liveKey]*liveRoom
}

// liveRoom is the viewers of one key.
type liveRoom struct {
	key     liveKey
	who     access.Principal // one of them
	end     context.CancelFunc
	viewers map[chan []byte]bool
	after   canon.Position // what was told
}

func newLive(a *API) *live { return &live{a: a, rooms: map[liveKey]*liveRoom{}} }

// join begins to tell a viewer; leave ends it.
func (l *live) join(who access.Principal, rows int) (told <-chan []byte, leave func(), err error) {
	key := liveKey{who.Location, who.Can(access.ClientsRead), rows}
	ch := make(chan []byte, 1)
	l.mu.Lock()
	defer l.mu.Unlock()
	room := l.rooms[key]
	if room == nil {
		room = &liveRoom{key: key, who: who, viewers: map[chan []byte]bool{}}
		if err := l.a.look(func(v store.View) error {
			mark, err := v.Mark()
			room.after = mark.Position
			return err
		}); err != nil {
			return nil, nil, err
		}
		ctx, end := context.WithCancel(l.a.ctx)
		room.end = end
		l.rooms[key] = room
		l.a.streams.Go(func() { l.run(ctx, room) })
	}
	room.viewers[ch] = true
	return ch, func() { l.leave(room, ch) }, nil
}

func (l *live) leave(room *liveRoom, ch chan []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(room.viewers, ch)
	if len(room.viewers) == 0 && l.rooms[room.key] == room {
		delete(l.rooms, room.key)
		room.end()
	}
}

// run tells a room's viewers what happened, at most every liveEvery, until the last has left.
func (l *live) run(ctx context.Context, room *liveRoom) {
	commits := l.a.Hub.Subscribe(ctx)
	tick := time.NewTicker(liveEvery)
	defer tick.Stop()
	happened, told := true, time.Now() // what was committed before the first commit that is seen here
	for {
		select {
		case _, on := <-commits:
			if !on {
				l.close(room)
				return
			}
			happened = true
		case <-tick.C:
			var message []byte
			if happened {
				happened = false
				var err error
				if message, err = l.message(room); err != nil {
					l.a.Log.Warn("what happens could not be told", "error", err)
				}
			}
			if message == nil && time.Since(told) >= l.a.Heartbeat {
				message = []byte(": here\n\n")
			}
			if message != nil {
				told = time.Now()
				l.tell(room, message)
			}
		}
	}
}

// message reads what happened since the last one; nil for nothing that the room's viewers are shown.
func (l *live) message(room *liveRoom) ([]byte, error) {
	var rows []NamedRow
	err := l.a.look(func(v store.View) error {
		newest, err := views.Newest(v, 2*room.key.rows)
		if err != nil || len(newest) == 0 {
			return err
		}
		after := room.after
		room.after = newest[0].Position
		newest = slices.DeleteFunc(newest, func(r canon.Row) bool { return r.Position.Compare(after) <= 0 })
		for i := range newest {
			newest[i].Changes = nil
		}
		rows, err = namedRows(v, room.who, newest)
		return err
	})
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	data, err := json.Marshal(rows[:min(len(rows), room.key.rows)])
	if err != nil {
		return nil, fmt.Errorf("encode rows: %w", err)
	}
	var b bytes.Buffer
	b.WriteString("event: happened\ndata: ")
	b.Write(data)
	b.WriteString("\n\n")
	return b.Bytes(), nil
}

// tell hands a message to each viewer; one who has not taken the message before gets this one in its place.
func (l *live) tell(room *liveRoom, message []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for ch := range room.viewers {
		select {
		case <-ch:
		default:
		}
		ch <- message
	}
}

// close ends a room whose commits have ended: the view is made again, or the hub stops. Viewers come back by themselves.
func (l *live) close(room *liveRoom) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.rooms[room.key] == room {
		delete(l.rooms, room.key)
	}
	room.end()
	for ch := range room.viewers {
		close(ch)
	}
	clear(room.viewers)
}

func (a *API) liveShown(c *fiber.Ctx, who access.Principal) error {
	return a.followLive(c, who, func() bool { return true })
}

// followLive answers with what happens until the reader leaves or may no more.
func (a *API) followLive(c *fiber.Ctx, who access.Principal, may func() bool) error {
	p, err := pagingOf(c)
	if err != nil || p.Limit > liveMost {
		return problem.New(problem.ParameterInvalid, "").With(problem.Field{Path: "query.limit", Message: fmt.Sprintf("expected a number from 1 to %d", liveMost)})
	}
	if p.Limit == 0 {
		p.Limit = liveRows
	}
	told, leave, err := a.live.join(who, p.Limit)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, "text/event-stream")
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set("X-Accel-Buffering", "no")
	a.streams.Add(1)
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		defer a.streams.Done()
		defer leave()
		if _, err := w.WriteString("retry: 2000\n\n"); err != nil || w.Flush() != nil {
			return
		}
		for message := range told {
			if !may() {
				return
			}
			if _, err := w.Write(message); err != nil || w.Flush() != nil {
				return
			}
		}
	})
	return nil
}
