package access

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func newStaff(t *testing.T, own ...Definition) (*Staff, *shelf, *clock) {
	t.Helper()
	book, err := NewRoleBook(own...)
	require.NoError(t, err)
	s, c := &shelf{m: map[string][]byte{}}, &clock{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	staff, err := NewStaff(s, c.now, book)
	require.NoError(t, err)
	return staff, s, c
}

const phrase = "three calm words"

func TestWhatIsKeptOfAPersonIsNoPassword(t *testing.T) {
	staff, s, c := newStaff(t)
	_, err := staff.Add(Person{Name: "anna", Role: RoleManager, Location: "paris", Hash: "x", Subject: "y", Disabled: true}, phrase)
	require.NoError(t, err)
	for _, raw := range s.m {
		require.NotContains(t, string(raw), phrase)
	}
	p, err := staff.SignIn(t.Context(), "anna", phrase)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(p.Hash, "$argon2id$v=19$m=19456,t=2,p=1$"))
	require.Empty(t, p.Subject)
	who, ok := staff.Principal("anna")
	require.True(t, ok)
	require.Equal(t, "staff:anna", who.Name)
	require.Equal(t, "staff:anna", who.Channel())
	require.True(t, who.Can(CasesResolve))

	again, err := NewStaff(s, c.now, staff.roles)
	require.NoError(t, err)
	_, err = again.SignIn(t.Context(), "anna", phrase)
	require.NoError(t, err, "people outlive a restart")
	for _, wrong := range [][2]string{{"anna", "other words here"}, {"anna", ""}, {"", phrase}, {"Anna", phrase}, {"nobody", phrase}, {"anna", phrase + "\x00"}, {"anna", strings.Repeat("x", 5000)}} {
		_, err := again.SignIn(t.Context(), wrong[0], wrong[1])
		require.ErrorIs(t, err, ErrSignIn, "%.20q", wrong)
	}
}

func TestPasswordsThatAreNotTaken(t *testing.T) {
	staff, _, _ := newStaff(t)
	for _, bad := range []string{"", "short", "aaaaaaaaaaaaaaa", "anna.martin 2026", "my Password 123", strings.Repeat("abcde", 50), "with a\nnew line in it", "\xff\xfe not text at all"} {
		_, err := staff.Add(Person{Name: "anna.martin", Role: RoleManager}, bad)
		require.ErrorIs(t, err, ErrPassword, "%q", bad)
		if len(bad) > 8 {
			require.NotContains(t, err.Error(), bad)
		}
	}
	_, err := staff.Add(Person{Name: "anna", Role: "root"}, phrase)
	require.ErrorIs(t, err, ErrRole)
	_, err = staff.Add(Person{Name: "Anna!", Role: RoleManager}, phrase)
	require.Error(t, err)
	_, err = staff.Add(Person{Name: "anna", Role: RoleManager, Email: "a@example.com"}, "")
	require.NoError(t, err)
	_, err = staff.Add(Person{Name: "other", Role: RoleManager, Email: "A@example.com "}, "")
	require.ErrorIs(t, err, ErrPersonExists, "an e-mail is one person's")
}

func TestALockoutGrowsAndEnds(t *testing.T) {
	staff, _, c := newStaff(t)
	_, err := staff.Add(Person{Name: "anna", Role: RoleManager}, phrase)
	require.NoError(t, err)
	wrong := func() {
		_, err := staff.SignIn(t.Context(), "anna", "not the password")
		require.ErrorIs(t, err, ErrSignIn)
	}
	locked := func() bool {
		p, _ := staff.Person("anna")
		return p.Locked(c.t)
	}
	for range lockAfter - 1 {
		wrong()
	}
	require.False(t, locked())
	wrong()
	require.True(t, locked())
	_, err = staff.SignIn(t.Context(), "anna", phrase)
	require.ErrorIs(t, err, ErrSignIn)
	c.t = c.t.Add(lockFor)
	require.False(t, locked())
	wrong()
	c.t = c.t.Add(lockFor)
	require.True(t, locked(), "the next lockout is longer")
	c.t = c.t.Add(lockMost)
	_, err = staff.SignIn(t.Context(), "anna", phrase)
	require.NoError(t, err)
	p, _ := staff.Person("anna")
	require.Zero(t, p.Failed, "the right password forgives the wrong ones")
}

func TestRolesOfTheHousesOwn(t *testing.T) {
	book, err := NewRoleBook(
		Definition{Name: "vault-keeper", Permissions: []Permission{ItemsRead, StockMove}, Sees: []Class{Cost}},
		Definition{Name: "shop-lead", Like: RoleManager, Without: []Permission{ParkedManage}, Sees: []Class{Personal}, ActsAs: RoleTill},
		Definition{Name: "deputy", Like: "shop-lead", Permissions: []Permission{OffersManage}},
	)
	require.NoError(t, err)
	keeper := book.Principal("k", "vault-keeper", "paris")
	require.True(t, keeper.Can(StockMove))
	require.False(t, keeper.Can(ClientsRead))
	require.True(t, keeper.Sees(Cost))
	require.False(t, keeper.Sees(Personal))
	require.False(t, keeper.Sees("a class of tomorrow"))
	require.Equal(t, "consultant", keeper.ActsAs())
	lead := book.Principal("l", "shop-lead", "")
	require.True(t, lead.Can(CasesResolve))
	require.False(t, lead.Can(ParkedManage))
	require.False(t, lead.Sees(Cost))
	require.Equal(t, "till", lead.ActsAs())
	require.False(t, book.Principal("d", "deputy", "").Can(ParkedManage))
	gone := book.Principal("g", "gone", "")
	for _, p := range Permissions() {
		require.False(t, gone.Can(p), "a role that is not in the book has %s", p)
	}
	require.False(t, gone.Sees(Public))

	for what, bad := range map[string]Definition{
		"name of a built-in role": {Name: RoleAdmin}, "name": {Name: "Root!"}, "unknown permission": {Name: "x", Permissions: []Permission{"all"}},
		"unknown class": {Name: "x", Sees: []Class{"secret"}}, "like nobody": {Name: "x", Like: "nobody"}, "acts as its own kind": {Name: "x", ActsAs: "shop-lead"},
	} {
		_, err := NewRoleBook(bad)
		require.Error(t, err, what)
	}
}

func TestNobodyGrantsMoreThanTheyHave(t *testing.T) {
	book, err := NewRoleBook(Definition{Name: "clerk", Like: RoleManager, Permissions: []Permission{StaffManage}, Sees: []Class{Personal, Payment}})
	require.NoError(t, err)
	admin, clerk, paris := book.Principal("a", RoleAdmin, ""), book.Principal("c", "clerk", ""), book.Principal("p", RoleAdmin, "paris")
	for _, r := range book.Roles() {
		require.True(t, book.MayGrant(admin, r, ""), r)
		require.False(t, book.MayGrant(paris, r, "lyon"), r)
		require.False(t, book.MayGrant(paris, r, ""), r)
	}
	require.True(t, book.MayGrant(paris, RoleManager, "paris"))
	require.True(t, book.MayGrant(clerk, RoleTill, ""))
	require.False(t, book.MayGrant(clerk, RoleAdmin, ""))
	require.False(t, book.MayGrant(clerk, RoleManager, ""), "a manager sees costs")
	require.False(t, book.MayGrant(clerk, "nobody", ""))
}

func TestATokenIsRotated(t *testing.T) {
	k, s, c := newKeeper(t)
	old, _, err := k.Create("paris-1", RoleTill, "paris", c.t.Add(24*time.Hour))
	require.NoError(t, err)
	text, kept, err := k.Rotate("paris-1", time.Hour, time.Time{})
	require.NoError(t, err)
	require.Equal(t, c.t.Add(24*time.Hour), kept.Expires, "the end stays")
	for _, one := range []string{old, text} {
		who, err := k.Identify(one)
		require.NoError(t, err)
		require.Equal(t, Principal{Name: "paris-1", Role: RoleTill, Location: "paris"}, who)
	}
	require.Len(t, k.List(), 1)
	again, err := NewKeeper(s, c.now)
	require.NoError(t, err)
	_, err = again.Identify(old)
	require.NoError(t, err, "the grace outlives a restart")
	c.t = c.t.Add(time.Hour)
	_, err = k.Identify(old)
	require.ErrorIs(t, err, ErrInvalid)
	third, _, err := k.Rotate("paris-1", 0, c.t.Add(48*time.Hour))
	require.NoError(t, err)
	_, err = k.Identify(text)
	require.ErrorIs(t, err, ErrInvalid)
	_, err = k.Identify(third)
	require.NoError(t, err)
	_, _, err = k.Rotate("nobody", 0, time.Time{})
	require.ErrorIs(t, err, ErrUnknown)
	_, _, err = k.Rotate("paris-1", 365*24*time.Hour, time.Time{})
	require.Error(t, err)
	require.NoError(t, k.Revoke("paris-1"))
	_, err = k.Identify(third)
	require.ErrorIs(t, err, ErrInvalid)
}

func TestSecretsAreComparedInConstantTime(t *testing.T) {
	require.True(t, SameToken("a", "a"))
	require.False(t, SameToken("", ""), "nothing is no secret")
	for _, c := range [][2]string{{"a", "b"}, {"a", ""}, {"", "a"}, {"ab", "a"}} {
		require.False(t, SameToken(c[0], c[1]))
	}
}

func TestUntypedJSONHidesWhatAnyRecordHides(t *testing.T) {
	raw := []byte(`{"id":"x","cost":{"minor":12345678901234567890},"lines":[{"tenders":[1]}],"emails":["a@b.fr"]}`)
	got, err := Untyped(RoleTill.Sight(), raw)
	require.NoError(t, err)
	require.JSONEq(t, `{"id":"x","lines":[{"tenders":[1]}],"emails":["a@b.fr"]}`, string(got))
	got, err = Untyped(RoleConsultant.Sight(), raw)
	require.NoError(t, err)
	require.JSONEq(t, `{"id":"x","lines":[{}],"emails":["a@b.fr"]}`, string(got))
	got, err = Untyped(RoleManager.Sight(), raw)
	require.NoError(t, err)
	require.Equal(t, raw, got)
	_, err = Untyped(RoleTill.Sight(), []byte(`{"cost":`))
	require.Error(t, err)
}
