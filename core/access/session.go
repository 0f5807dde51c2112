package access

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"sync"
	"time"
)

// Session is somebody's signed-in browser. Its id is in a cookie and nowhere else: the hub keeps the hash.
type Session struct {
	Person string // name of the staff
	CSRF   string // stands in every form; a request that changes something must bring it
	Begun  time.Time
	seen   time.Time
}

// Sessions knows who is signed in. It is in memory: a restart signs everybody out. It is safe for concurrent use.
type Sessions struct {
	now       func() time.Time
	staff     *Staff
	idle, end time.Duration

	mu   sync.Mutex
	open map[[sha256.Size]byte]*Session
}

// maxSessions bounds what is kept; the one that was silent the longest gives way.
const maxSessions = 10_000

// NewSessions makes the keeper of sessions: one ends when it was silent for idle, and end after it began in any case.
func NewSessions(staff *Staff, now func() time.Time, idle, end time.Duration) *Sessions {
	return &Sessions{now: now, staff: staff, idle: idle, end: end, open: map[[sha256.Size]byte]*Session{}}
}

// Begin signs somebody in under a new id, and ends the session that the browser had before: an id that was there before
// the sign-in is worth nothing after it.
func (s *Sessions) Begin(person, before string) (id string, made Session, err error) {
	if id, err = NewSecret(); err != nil {
		return "", Session{}, err
	}
	csrf, err := NewSecret()
	if err != nil {
		return "", Session{}, err
	}
	now := s.now()
	kept := &Session{Person: person, CSRF: csrf, Begun: now, seen: now}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, sha256.Sum256([]byte(before)))
	if len(s.open) >= maxSessions {
		s.makeRoom(now)
	}
	s.open[sha256.Sum256([]byte(id))] = kept
	return id, *kept, nil
}

// makeRoom takes out what has ended, or else the one that was silent the longest; s.mu is held.
func (s *Sessions) makeRoom(now time.Time) {
	var oldest [sha256.Size]byte
	var since time.Time
	for h, one := range s.open {
		if s.ended(one, now) {
			delete(s.open, h)
			continue
		}
		if since.IsZero() || one.seen.Before(since) {
			oldest, since = h, one.seen
		}
	}
	if len(s.open) >= maxSessions {
		delete(s.open, oldest)
	}
}

func (s *Sessions) ended(one *Session, now time.Time) bool {
	return now.Sub(one.seen) >= s.idle || now.Sub(one.Begun) >= s.end
}

// Who tells who comes with a session's id. Somebody who was disabled, or whose password was changed since, does not.
// asks is false for what a page does by itself, which does not keep a session from ending.
func (s *Sessions) Who(id string, asks bool) (Principal, Session, bool) {
	now := s.now()
	h := sha256.Sum256([]byte(id))
	s.mu.Lock()
	defer s.mu.Unlock()
	one, ok := s.open[h]
	if !ok {
		return Principal{}, Session{}, false
	}
	p, known := s.staff.Person(one.Person)
	who, may := s.staff.Principal(one.Person)
	if s.ended(one, now) || !known || !may || p.PasswordAt.After(one.Begun) {
		delete(s.open, h)
		return Principal{}, Session{}, false
	}
	if asks {
		one.seen = now
	}
	return who, *one, true
}

// End signs a browser out.
func (s *Sessions) End(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, sha256.Sum256([]byte(id)))
}

// SameToken compares two secrets in a time that tells nothing of them; empty ones are never the same.
func SameToken(a, b string) bool {
	return a != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}

// NewSecret gives 256 random bits as text, for cookies and forms.
func NewSecret() (string, error) {
	b := make([]byte, secretBytes)
	if _, err := rand.Read(b); err != nil {
		return "", fmt.Errorf("access: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}
