package access

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// staffPrefix begins the name under which a person acts: "staff:anna". No token can have such a name.
const staffPrefix = "staff:"

// Person is one of the house's staff who may sign in to the console.
type Person struct {
	Name     string `json:"name"`              // what they sign in with
	Shown    string `json:"shown,omitempty"`   // what the console calls them
	Email    string `json:"email,omitempty"`   // by which single sign-on knows them the first time
	Subject  string `json:"subject,omitempty"` // issuer and subject of single sign-on, from the first time on
	Role     Role   `json:"role"`
	Location string `json:"location,omitempty"`
	// Hash is what is kept of the password (argon2id); empty where there is none and only single sign-on goes.
	Hash       string    `json:"hash,omitempty"`
	PasswordAt time.Time `json:"password_at,omitzero"`
	Disabled   bool      `json:"disabled,omitempty"`
	Created    time.Time `json:"created"`
	// Failed counts the wrong passwords since the last right one; LockedUntil is until when none is looked at.
	Failed      int       `json:"failed,omitempty"`
	LockedUntil time.Time `json:"locked_until,omitzero"`
}

// Locked reports whether the person's password is not looked at now.
func (p *Person) Locked(now time.Time) bool { return now.Before(p.LockedUntil) }

// The lockout: after lockAfter wrong passwords in a row none is looked at for lockFor, twice as long after each further
// one, up to lockMost.
const (
	lockAfter = 5
	lockFor   = time.Minute
	lockMost  = time.Hour
)

// Errors of the staff.
var (
	ErrPersonExists  = errors.New("access: there is somebody of this name")
	ErrPersonUnknown = errors.New("access: there is nobody of this name")
	// ErrSignIn is the same for a wrong name, a wrong password, somebody who is disabled and somebody who is locked out,
	// so that an answer tells nothing.
	ErrSignIn = errors.New("access: name or password is not right, or there were too many tries")
)

// Staff keeps who may sign in. It is safe for concurrent use.
type Staff struct {
	storage Storage
	now     func() time.Time
	roles   *RoleBook
	// slots bounds how many passwords are looked at at once: each takes 19 MiB.
	slots chan struct{}
	// stand is verified in the place of the password of somebody who is not there, so that it takes as long.
	stand string

	changing sync.Mutex // one change at a time
	reading  sync.Mutex // one at a time takes over what is kept; never held while something is changed
	people   atomic.Pointer[map[string]Person]
}

// NewStaff reads the people that storage has.
func NewStaff(storage Storage, now func() time.Time, roles *RoleBook) (*Staff, error) {
	s := &Staff{storage: storage, now: now, roles: roles, slots: make(chan struct{}, 2)}
	keys, err := storage.List(StaffSpace)
	if err != nil {
		return nil, fmt.Errorf("access: list staff: %w", err)
	}
	people := make(map[string]Person, len(keys))
	for _, key := range keys {
		p, err := kept[Person](storage, StaffSpace, key)
		if err != nil {
			return nil, err
		}
		if p != nil {
			people[p.Name] = *p
		}
	}
	if s.stand, err = hashPassword("nobody has this one"); err != nil {
		return nil, err
	}
	s.people.Store(&people)
	return s, nil
}

// StaffName gives the name of a person by that under which they act; ok is false for a token.
func StaffName(actor string) (name string, ok bool) { return strings.CutPrefix(actor, staffPrefix) }

// List gives the people by name.
func (s *Staff) List() []Person {
	return slices.SortedFunc(maps.Values(*s.people.Load()), func(a, b Person) int { return strings.Compare(a.Name, b.Name) })
}

// Person gives one of the staff.
func (s *Staff) Person(name string) (Person, bool) {
	p, ok := (*s.people.Load())[name]
	return p, ok
}

// Principal gives who somebody of the staff is to the hub; ok is false for who is not there or disabled.
func (s *Staff) Principal(name string) (who Principal, ok bool) {
	p, known := s.Person(name)
	if !known || p.Disabled {
		return Principal{}, false
	}
	return s.roles.Principal(staffPrefix+p.Name, p.Role, p.Location), true
}

// Add takes somebody in. password may be empty where there is an e-mail for single sign-on.
func (s *Staff) Add(p Person, password string) (Person, error) {
	if !nameRule.MatchString(p.Name) || p.Name == "me" {
		return Person{}, errors.New("access: a name has up to 63 small letters, digits, dots, dashes and underscores, such as anna.martin")
	}
	if err := s.roles.Known(p.Role); err != nil {
		return Person{}, err
	}
	if password == "" && p.Email == "" {
		return Person{}, fmt.Errorf("%w is missing, and there is no e-mail for single sign-on", ErrPassword)
	}
	p.Email = strings.ToLower(strings.TrimSpace(p.Email))
	p.Subject, p.Hash, p.Disabled, p.Failed, p.LockedUntil = "", "", false, 0, time.Time{}
	p.Created = s.now().UTC()
	if password != "" {
		if err := s.hash(&p, password); err != nil {
			return Person{}, err
		}
	}
	return s.change(p.Name, func(was *Person) (*Person, error) {
		if was != nil {
			return nil, fmt.Errorf("%w: %s", ErrPersonExists, p.Name)
		}
		for _, other := range *s.people.Load() {
			if p.Email != "" && other.Email == p.Email {
				return nil, fmt.Errorf("%w: %s has the same e-mail", ErrPersonExists, other.Name)
			}
		}
		return &p, nil
	})
}

func (s *Staff) hash(p *Person, password string) error {
	if err := checkPassword(p.Name, password); err != nil {
		return err
	}
	s.slots <- struct{}{}
	defer func() { <-s.slots }()
	hash, err := hashPassword(password)
	if err != nil {
		return err
	}
	p.Hash, p.PasswordAt = hash, s.now().UTC()
	return nil
}

// change keeps what how makes of a person and takes it over. how may be called more than once.
func (s *Staff) change(name string, how func(was *Person) (*Person, error)) (p Person, err error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	err = change(s.storage, StaffSpace, name, func(was *Person) (*Person, error) {
		next, err := how(was)
		if err == nil {
			p = *next
		}
		return next, err
	})
	if err != nil {
		return Person{}, err
	}
	return p, s.Refresh(name)
}

// alter changes somebody who is there.
func (s *Staff) alter(name string, how func(*Person) error) (Person, error) {
	return s.change(name, func(was *Person) (*Person, error) {
		if was == nil {
			return nil, fmt.Errorf("%w: %.64q", ErrPersonUnknown, name)
		}
		return was, how(was)
	})
}

// Refresh takes over what storage has of a person, when something else than this staff may have changed it. Who can't be
// read may do nothing any more.
func (s *Staff) Refresh(name string) error {
	s.reading.Lock()
	defer s.reading.Unlock()
	people := maps.Clone(*s.people.Load())
	delete(people, name)
	p, err := kept[Person](s.storage, StaffSpace, name)
	if err == nil && p != nil {
		people[p.Name] = *p
	}
	s.people.Store(&people)
	return err
}

// SetRole gives somebody another role and location. It holds from their next request on.
func (s *Staff) SetRole(name string, role Role, location string) (Person, error) {
	if err := s.roles.Known(role); err != nil {
		return Person{}, err
	}
	return s.alter(name, func(p *Person) error { p.Role, p.Location = role, location; return nil })
}

// Disable ends what somebody may do, at once, or begins it again. Enabling ends a lockout too.
func (s *Staff) Disable(name string, disabled bool) (Person, error) {
	return s.alter(name, func(p *Person) error {
		p.Disabled, p.Failed, p.LockedUntil = disabled, 0, time.Time{}
		return nil
	})
}

// SetPassword gives somebody another password. Their sessions end.
func (s *Staff) SetPassword(name, password string) (Person, error) {
	p, ok := s.Person(name)
	if !ok {
		return Person{}, fmt.Errorf("%w: %.64q", ErrPersonUnknown, name)
	}
	if err := s.hash(&p, password); err != nil {
		return Person{}, err
	}
	return s.alter(name, func(now *Person) error {
		now.Hash, now.PasswordAt, now.Failed, now.LockedUntil = p.Hash, p.PasswordAt, 0, time.Time{}
		return nil
	})
}

// SignIn tells who comes with a name and a password. Whatever is wrong, the error is ErrSignIn and the time it takes is
// that of looking at one password.
func (s *Staff) SignIn(ctx context.Context, name, password string) (Person, error) {
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		return Person{}, fmt.Errorf("access: sign in: %w", ctx.Err())
	}
	p, known := s.Person(name)
	hash := p.Hash
	usable := known && !p.Disabled && !p.Locked(s.now()) && hash != ""
	if !usable {
		hash = s.stand
	}
	right := len(password) <= 4*MaxPassword && verifyPassword(hash, password)
	<-s.slots
	if usable && right {
		if p.Failed == 0 {
			return p, nil
		}
		return s.alter(name, func(p *Person) error { p.Failed, p.LockedUntil = 0, time.Time{}; return nil })
	}
	if usable {
		if _, err := s.alter(name, s.failed); err != nil {
			return Person{}, err
		}
	}
	return Person{}, ErrSignIn
}

// failed notes a wrong password.
func (s *Staff) failed(p *Person) error {
	p.Failed++
	if over := p.Failed - lockAfter; over >= 0 {
		p.LockedUntil = s.now().UTC().Add(min(lockFor<<min(over, 10), lockMost))
	}
	return nil
}

// SingleSignOn tells who a subject of an issuer is: who is known by it, or, the first time, who has the e-mail that the
// issuer has verified.
func (s *Staff) SingleSignOn(issuer, subject, email string) (Person, error) {
	id := issuer + " " + subject
	email = strings.ToLower(strings.TrimSpace(email))
	for _, p := range s.List() {
		if p.Subject == id && !p.Disabled {
			return p, nil
		}
	}
	for _, p := range s.List() {
		if email != "" && p.Email == email && p.Subject == "" && !p.Disabled {
			return s.alter(p.Name, func(p *Person) error { p.Subject = id; return nil })
		}
	}
	return Person{}, ErrSignIn
}
