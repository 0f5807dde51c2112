package access

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// desk is a staff with one person, the sessions of whose browsers are kept.
type desk struct {
	t      *testing.T
	staff  *Staff
	kept   *shelf
	clock  *clock
	failed []error
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	staff, _, c := newStaff(t)
	_, err := staff.Add(Person{Name: "anna", Role: RoleManager}, phrase)
	require.NoError(t, err)
	c.t = c.t.Add(time.Second)
	return &desk{t: t, staff: staff, kept: &shelf{m: map[string][]byte{}}, clock: c}
}

// start reads the sessions as a hub does at its start.
func (d *desk) start() *Sessions {
	d.t.Helper()
	s, err := OpenSessions(d.kept, d.staff, d.clock.now, 30*time.Minute, 12*time.Hour, func(err error) { d.failed = append(d.failed, err) })
	require.NoError(d.t, err)
	return s
}

func (d *desk) in(s *Sessions, id string) bool {
	_, _, in := s.Who(id, true)
	return in
}

func TestARestartSignsNobodyOut(t *testing.T) {
	d := newDesk(t)
	before := d.start()
	id, made, err := before.Begin("anna", "")
	require.NoError(t, err)
	d.clock.t = d.clock.t.Add(20 * time.Minute)
	require.True(t, d.in(before, id))

	after := d.start()
	who, session, in := after.Who(id, true)
	require.True(t, in)
	require.Equal(t, "staff:anna", who.Name)
	require.Equal(t, made.CSRF, session.CSRF, "a form that was open goes on")
	require.True(t, made.Begun.Equal(session.Begun))
	require.NotEqual(t, id, made.CSRF)
	for key, raw := range d.kept.m {
		require.NotContains(t, key+string(raw), id, "what is kept lets nobody in")
		require.NotContains(t, key+string(raw), made.CSRF)
	}
	require.False(t, d.in(after, strings.Repeat("A", len(id))))
	require.Empty(t, d.failed)
}

func TestASessionEndsAcrossRestarts(t *testing.T) {
	d := newDesk(t)
	s := d.start()
	begin := func() string {
		t.Helper()
		id, _, err := s.Begin("anna", "")
		require.NoError(t, err)
		return id
	}
	silent := begin()
	d.clock.t = d.clock.t.Add(29 * time.Minute)
	s = d.start()
	d.clock.t = d.clock.t.Add(2 * time.Minute)
	require.False(t, d.in(s, silent), "a restart is no request")

	long := begin()
	for range 24 {
		d.clock.t = d.clock.t.Add(29 * time.Minute)
		require.True(t, d.in(s, long))
		s = d.start()
	}
	d.clock.t = d.clock.t.Add(25 * time.Minute)
	require.False(t, d.in(s, long), "after twelve hours in any case")

	out := begin()
	require.NoError(t, s.End(out))
	s = d.start()
	require.False(t, d.in(s, out), "who signed out stays out")

	first := begin()
	second, _, err := s.Begin("anna", first)
	require.NoError(t, err)
	s = d.start()
	require.False(t, d.in(s, first), "a sign-in ends the session that the browser had")
	require.True(t, d.in(s, second))

	d.clock.t = d.clock.t.Add(time.Second)
	_, err = d.staff.SetPassword("anna", "quite another phrase")
	require.NoError(t, err)
	s = d.start()
	require.False(t, d.in(s, second), "another password ends the sessions of the one before")
	require.Empty(t, d.kept.m, "nothing is kept of what has ended")
	require.Empty(t, d.failed)
}

func TestASessionThatCanNotBeKeptIsNoSession(t *testing.T) {
	d := newDesk(t)
	s := d.start()
	id, _, err := s.Begin("anna", "")
	require.NoError(t, err)
	d.kept.broken = errors.New("disk full")
	_, _, err = s.Begin("anna", "")
	require.ErrorContains(t, err, "disk full")
	require.True(t, d.in(s, id))
	d.clock.t = d.clock.t.Add(2 * time.Minute)
	require.True(t, d.in(s, id), "who is in can work on")
	require.Len(t, d.failed, 1, "and it is told")
	require.ErrorContains(t, s.End(id), "disk full")
	require.False(t, d.in(s, id))
}

func TestTooManySessions(t *testing.T) {
	d := newDesk(t)
	s := d.start()
	first, _, err := s.Begin("anna", "")
	require.NoError(t, err)
	d.clock.t = d.clock.t.Add(time.Second)
	second, _, err := s.Begin("anna", "")
	require.NoError(t, err)
	for range maxSessions - 1 {
		d.clock.t = d.clock.t.Add(time.Millisecond)
		_, _, err := s.Begin("anna", "")
		require.NoError(t, err)
	}
	require.False(t, d.in(s, first), "the one that was silent the longest gives way")
	require.True(t, d.in(s, second))
	require.Len(t, d.kept.m, maxSessions)
}
