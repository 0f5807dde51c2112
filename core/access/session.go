package access

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"sync"
	"time"
)

// SessionsNamespace is where sessions are in Storage, by the hash of their id.
const SessionsNamespace = "sessions"

// Session is somebody's signed-in browser. Its id is in a cookie and nowhere else: the hub keeps the hash.
type Session struct {
	Person string // name of the staff
	CSRF   string // stands in every form; a request that changes something must bring it
	Begun  time.Time
	seen   time.Time
	kept   time.Time // what of seen is in Storage
}

// keptSession is what Storage has of a session. The token of its forms follows from the id.
type keptSession struct {
	Person string    `json:"person"`
	Begun  time.Time `json:"begun"`
	Seen   time.Time `json:"seen"`
}

// Sessions knows who is signed in. They are kept by the hash of their id, so that a restart signs nobody out and a copy of
// Storage lets nobody in. Each node of several has its own. It is safe for concurrent use.
type Sessions struct {
	storage   Storage
	now       func() time.Time
	staff     *Staff
	idle, end time.Duration
	failed    func(error)

	keeping sync.Mutex // one change of storage at a time; taken before mu

	mu   sync.Mutex
	open map[string]*Session // by key
}

const (
	// maxSessions bounds what is kept; the one that was silent the longest gives way.
	maxSessions = 10_000
	// seenEvery is how old what is kept of a session's last request may be.
	seenEvery = time.Minute
)

// OpenSessions reads the sessions that storage has: one ends when it was silent for idle, and end after it began in any
// case. failed gets to know when a session's last request could not be kept, which ends it early after a restart.
func OpenSessions(storage Storage, staff *Staff, now func() time.Time, idle, end time.Duration, failed func(error)) (*Sessions, error) {
	s := &Sessions{storage: storage, now: now, staff: staff, idle: idle, end: end, failed: failed, open: map[string]*Session{}}
	keys, err := storage.List(SessionsNamespace)
	if err != nil {
		return nil, fmt.Errorf("access: list sessions: %w", err)
	}
	for _, key := range keys {
		raw, err := storage.Get(SessionsNamespace, key)
		if err != nil {
			return nil, fmt.Errorf("access: read a session: %w", err)
		}
		var k keptSession
		if err := json.Unmarshal(raw, &k); err != nil {
			return nil, fmt.Errorf("access: what is kept of a session does not decode: %w", err)
		}
		s.open[key] = &Session{Person: k.Person, Begun: k.Begun, seen: k.Seen, kept: k.Seen}
	}
	return s, s.forget(s.takeEnded(now()))
}

// sessionKey is what is kept of an id, and formToken the token of its forms. The id has 256 random bits, so neither tells
// anything of it or of the other.
func sessionKey(id string) string {
	h := sha256.Sum256([]byte(id))
	return hex.EncodeToString(h[:])
}

func formToken(id string) string {
	h := hmac.New(sha256.New, []byte(id))
	h.Write([]byte("the token of this session's forms"))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// Begin signs somebody in under a new id, and ends the session that the browser had before: an id that was there before
// the sign-in is worth nothing after it.
func (s *Sessions) Begin(person, before string) (id string, made Session, err error) {
	if id, err = NewSecret(); err != nil {
		return "", Session{}, err
	}
	if err := s.End(before); err != nil {
		return "", Session{}, err
	}
	now := s.now()
	one := &Session{Person: person, Begun: now, seen: now, kept: now}
	key := sessionKey(id)
	if err := s.keep(key, one); err != nil {
		return "", Session{}, err
	}
	s.mu.Lock()
	s.open[key] = one
	s.mu.Unlock()
	made = *one
	made.CSRF = formToken(id)
	return id, made, s.forget(s.takeEnded(now))
}

func (s *Sessions) keep(key string, one *Session) error {
	raw, err := json.Marshal(keptSession{Person: one.Person, Begun: one.Begun, Seen: one.seen})
	if err == nil {
		s.keeping.Lock()
		defer s.keeping.Unlock()
		err = s.storage.Put(SessionsNamespace, key, raw)
	}
	if err != nil {
		return fmt.Errorf("access: keep a session: %w", err)
	}
	return nil
}

// takeEnded takes out what has ended and, where there are too many, those that were silent the longest; it gives their keys.
func (s *Sessions) takeEnded(now time.Time) (gone []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, one := range s.open {
		if s.ended(one, now) {
			gone = append(gone, key)
			delete(s.open, key)
		}
	}
	for len(s.open) > maxSessions {
		oldest := ""
		for key, one := range s.open {
			if oldest == "" || one.seen.Before(s.open[oldest].seen) {
				oldest = key
			}
		}
		gone = append(gone, oldest)
		delete(s.open, oldest)
	}
	return gone
}

// forget takes sessions that are not open any more out of storage.
func (s *Sessions) forget(keys []string) error {
	s.keeping.Lock()
	defer s.keeping.Unlock()
	for _, key := range keys {
		if err := s.storage.Delete(SessionsNamespace, key); err != nil {
			return fmt.Errorf("access: end a session: %w", err)
		}
	}
	return nil
}

func (s *Sessions) ended(one *Session, now time.Time) bool {
	return now.Sub(one.seen) >= s.idle || now.Sub(one.Begun) >= s.end
}

// Who tells who comes with a session's id. Somebody who was disabled, or whose password was changed since, does not.
// asks is false for what a page does by itself, which does not keep a session from ending.
func (s *Sessions) Who(id string, asks bool) (Principal, Session, bool) {
	now, key := s.now(), sessionKey(id)
	s.mu.Lock()
	one, ok := s.open[key]
	if !ok {
		s.mu.Unlock()
		return Principal{}, Session{}, false
	}
	p, known := s.staff.Person(one.Person)
	who, may := s.staff.Principal(one.Person)
	if s.ended(one, now) || !known || !may || p.PasswordAt.After(one.Begun) {
		delete(s.open, key)
		s.mu.Unlock()
		if err := s.forget([]string{key}); err != nil {
			s.failed(err) // whoever comes with it after a restart is looked at like this again
		}
		return Principal{}, Session{}, false
	}
	if asks {
		one.seen = now
	}
	late := now.Sub(one.kept) >= seenEvery && one.seen.After(one.kept)
	if late {
		one.kept = one.seen
	}
	shown := *one
	s.mu.Unlock()
	if late {
		s.keepSeen(key)
	}
	shown.CSRF = formToken(id)
	return who, shown, true
}

// keepSeen writes down when a session that is open still was seen.
func (s *Sessions) keepSeen(key string) {
	s.keeping.Lock()
	defer s.keeping.Unlock()
	s.mu.Lock()
	one, open := s.open[key]
	var k keptSession
	if open {
		k = keptSession{Person: one.Person, Begun: one.Begun, Seen: one.seen}
	}
	s.mu.Unlock()
	if !open {
		return // it was ended meanwhile, and must not come back
	}
	raw, err := json.Marshal(k)
	if err == nil {
		err = s.storage.Put(SessionsNamespace, key, raw)
	}
	if err != nil {
		s.failed(fmt.Errorf("access: keep a session: %w", err))
	}
}

// End signs a browser out, for good when it returns nil; there need not be such a session.
func (s *Sessions) End(id string) error {
	key := sessionKey(id)
	s.mu.Lock()
	_, open := s.open[key]
	delete(s.open, key)
	s.mu.Unlock()
	if !open {
		return nil
	}
	return s.forget([]string{key})
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
