package access

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/canon"
)

// shelf is Storage in memory; broken makes writes fail.
type shelf struct {
	mu     sync.Mutex
	m      map[string][]byte
	broken error
}

func (s *shelf) Put(_, k string, v []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		return s.broken
	}
	s.m[k] = slices.Clone(v)
	return nil
}

func (s *shelf) Get(_, k string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.m[k], nil
}

func (s *shelf) Delete(_, k string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.m, k)
	return s.broken
}

func (s *shelf) List(string) (out []string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := range s.m {
		out = append(out, k)
	}
	return out, nil
}

type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func newKeeper(t *testing.T) (*Keeper, *shelf, *clock) {
	s, c := &shelf{m: map[string][]byte{}}, &clock{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	k, err := NewKeeper(s, c.now)
	require.NoError(t, err)
	return k, s, c
}

func TestTokenLife(t *testing.T) {
	k, s, c := newKeeper(t)
	text, kept, err := k.Create("paris-1", RoleTill, "boutique-paris", c.t.Add(time.Hour))
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(text, "jr_"))
	require.Len(t, text, 3+43)

	who, err := k.Identify(text)
	require.NoError(t, err)
	require.Equal(t, Principal{Name: "paris-1", Role: RoleTill, Location: "boutique-paris"}, who)
	require.Equal(t, "till:paris-1", who.Channel())

	for key, v := range s.m {
		require.NotContains(t, string(v), text[3:], "what is kept under %s has the token's text", key)
	}
	require.NotContains(t, fmt.Sprintf("%+v", kept), text[3:])

	again, err := NewKeeper(s, c.now)
	require.NoError(t, err)
	_, err = again.Identify(text)
	require.NoError(t, err, "a token outlives a restart")

	for _, wrong := range []string{"", "jr_", text[:len(text)-1], text + "A", strings.ToUpper(text), kept.Hash} {
		_, err := k.Identify(wrong)
		require.ErrorIs(t, err, ErrInvalid)
	}

	_, _, err = k.Create("paris-1", RoleRead, "", time.Time{})
	require.ErrorIs(t, err, ErrExists)

	c.t = c.t.Add(time.Hour)
	_, err = k.Identify(text)
	require.ErrorIs(t, err, ErrInvalid, "a token ends at its expiry")

	require.NoError(t, k.Revoke("paris-1"))
	require.Empty(t, k.List())
	require.Empty(t, s.m)
	require.ErrorIs(t, k.Revoke("paris-1"), ErrUnknown)
}

func TestATokenThatIsNotKeptIsNotGivenOut(t *testing.T) {
	k, s, _ := newKeeper(t)
	s.broken = errors.New("disk full")
	text, _, err := k.Create("root", RoleAdmin, "", time.Time{})
	require.ErrorContains(t, err, "disk full")
	require.Empty(t, text)
	require.Empty(t, k.List())
}

func TestWhatATokenMayNotBe(t *testing.T) {
	k, _, c := newKeeper(t)
	long := strings.Repeat("x", 24)
	for name, try := range map[string]func() error{
		"short text":    func() error { _, err := k.Adopt("short", "a", RoleRead, "", time.Time{}); return err },
		"text in words": func() error { _, err := k.Adopt(long+" y", "a", RoleRead, "", time.Time{}); return err },
		"name":          func() error { _, err := k.Adopt(long, "Paris/1", RoleRead, "", time.Time{}); return err },
		"role":          func() error { _, err := k.Adopt(long, "a", "root", "", time.Time{}); return err },
		"past":          func() error { _, err := k.Adopt(long, "a", RoleRead, "", c.t); return err },
	} {
		err := try()
		require.Error(t, err, name)
		require.NotContains(t, err.Error(), long, name)
	}
	_, err := k.Adopt(long, "a", RoleRead, "", time.Time{})
	require.NoError(t, err)
	_, err = k.Adopt(long, "b", RoleRead, "", time.Time{})
	require.ErrorContains(t, err, "in use")
}

func TestPermissionsAreDeniedByDefault(t *testing.T) {
	for _, p := range Permissions() {
		require.True(t, RoleAdmin.Can(p), p)
		require.False(t, Role("").Can(p), p)
		require.False(t, Role("root").Can(p), p)
	}
	for _, p := range []Permission{
		ItemsClaim, ItemsRestock, CasesResolve, ParkedManage, MatchesManage, ConnectionsInspect,
		ConnectionsControl, EventsReport, TokensManage, ClientsRead,
	} {
		require.False(t, RoleRead.Can(p), "the reading role has %s", p)
	}
	for _, r := range []Role{RoleManager, RoleTill, RoleDevice, RoleRead} {
		require.False(t, r.Can(ConnectionsControl), "%s decides what is written", r)
		require.False(t, r.Can(TokensManage), r)
		require.False(t, r.Can("items.unknown"), r)
	}
}

func TestLocationOfAToken(t *testing.T) {
	bound, free := Principal{Location: "paris"}, Principal{}
	for _, c := range []struct {
		who    Principal
		stated string
		want   string
		ok     bool
	}{
		{free, "", "", true}, {free, "lyon", "lyon", true}, {bound, "", "paris", true}, {bound, "paris", "paris", true}, {bound, "lyon", "", false},
	} {
		got, ok := c.who.At(c.stated)
		require.Equal(t, c.want, got)
		require.Equal(t, c.ok, ok)
	}
}

// marked fills every string of a value with its field's class, so that what comes through shows by its class.
func marked(v reflect.Value, class Class) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		marked(v.Elem(), class)
	case reflect.Slice:
		if v.Type() == rawType {
			v.SetBytes([]byte(`"<` + string(class) + `>"`))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		marked(v.Index(0), class)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			c := class
			if own := v.Type().Field(i).Tag.Get("class"); own != "" && (class == Internal || class == Public) {
				c = Class(own)
			}
			marked(v.Field(i), c)
		}
	case reflect.String:
		v.SetString("<" + string(class) + ">")
	case reflect.Int64:
		if class == Cost || class == Payment || class == Personal {
			v.SetInt(987654321)
		}
	}
}

func redacted[T any](t *testing.T) {
	t.Helper()
	name := reflect.TypeFor[T]().Name()
	for _, r := range Roles() {
		v := new(T)
		marked(reflect.ValueOf(v).Elem(), Internal)
		raw, err := json.Marshal(v)
		require.NoError(t, err)
		shown, err := JSON[T](r.Sight(), raw)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(shown, new(T)), "%s for %s is no longer one: %s", name, r, shown)
		for _, c := range []Class{Internal, Cost, Payment, Personal} {
			in, out := strings.Count(string(raw), "<"+string(c)+">"), strings.Count(string(shown), "<"+string(c)+">")
			switch {
			case !r.Sees(c):
				require.Zero(t, out, "%s: class %s for role %s: %s", name, c, r, shown)
			case r.Sight() == seesAll:
				require.Equal(t, in, out, "%s: class %s for role %s", name, c, r)
			default:
				require.Equal(t, in > 0, out > 0, "%s: class %s for role %s: %s", name, c, r, shown)
			}
		}
		if !r.Sees(Payment) {
			require.NotContains(t, string(shown), "987654321", "%s for %s", name, r)
		}
		indented, err := json.MarshalIndent(v, "", "\t")
		require.NoError(t, err)
		loose, err := JSON[T](r.Sight(), indented)
		require.NoError(t, err)
		require.JSONEq(t, string(shown), string(loose), "%s for %s, with white space", name, r)
	}
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"id":"a","cost":{"minor":5,"currency":"EUR"},"prices":[{"minor":1}],"x":[[{}]]}`))
	f.Add([]byte(`{"cost":`))
	f.Add([]byte(`{"c\u006fst":{"minor":5},"cost" : 1 , "stock":[{"location":"\\"}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		out, err := JSON[canon.Item](RoleRead.Sight(), raw)
		if err != nil || !json.Valid(raw) {
			return
		}
		var was, is map[string]any
		if json.Unmarshal(raw, &was) != nil {
			return
		}
		if err := json.Unmarshal(out, &is); err != nil {
			t.Fatalf("%s became %s", raw, out)
		}
		if _, leaked := is["cost"]; leaked && bytes.Contains(raw, []byte(`"cost"`)) {
			t.Fatalf("the cost got out: %s", out)
		}
	})
}

func TestEveryTypeIsRedacted(t *testing.T) {
	redacted[canon.Item](t)
	redacted[canon.Product](t)
	redacted[canon.Client](t)
	redacted[canon.Order](t)
	redacted[canon.Refund](t)
	redacted[canon.Location](t)
	redacted[canon.Claim](t)
	redacted[canon.Case](t)
	redacted[canon.Parked](t)
	redacted[canon.Observation](t)
	redacted[canon.Reserve](t)
	redacted[canon.Reservation](t)
	redacted[canon.Outcome](t)
	redacted[canon.MatchRow](t)
}

func TestRawJSONFailsClosed(t *testing.T) {
	raw := []byte(`{"code":"x","data":{"listing":{"cost":{"amount":"5"}}},"personal":{"emails":["a@b.fr"]},"new_field":1}`)
	shown, err := JSON[canon.Parked](RoleTill.Sight(), raw)
	require.NoError(t, err)
	require.Equal(t, `{"code":"x","personal":{"emails":["a@b.fr"]}}`, string(shown), "what can't be looked into, and what is not known, stays hidden")
	whole, err := JSON[canon.Parked](RoleManager.Sight(), raw)
	require.NoError(t, err)
	require.Equal(t, string(raw), string(whole))
	for _, bad := range []string{`{"data":`, `{"data" 1}`, `{"data":1`, `{"cost":1,"data":}`, `[{"data":1}]`} {
		out, err := JSON[canon.Parked](RoleTill.Sight(), []byte(bad))
		require.Error(t, err, bad)
		require.Nil(t, out)
	}
}

func TestRowsHideValuesByTheFieldsClass(t *testing.T) {
	row := func(typ, field string) *canon.Row {
		return &canon.Row{Type: typ, Changes: []canon.Change{{Field: field, Before: json.RawMessage("1"), After: json.RawMessage("2")}}}
	}
	for _, c := range []struct {
		role       Role
		typ, field string
		shown      bool
	}{
		{RoleAdmin, "client", "emails", true},
		{RoleTill, "client", "emails", true},
		{RoleRead, "client", "emails", false},
		{RoleDevice, "client", "emails[0]", false},
		{RoleTill, "item", "cost", false},
		{RoleTill, "item", "cost.minor", false},
		{RoleManager, "item", "cost", true},
		{RoleRead, "item", "status", true},
		{RoleDevice, "order", "tenders", false},
		{RoleTill, "item", "unheard_of", false},
		{RoleTill, "unheard_of", "status", false},
		{RoleManager, "unheard_of", "status", true},
	} {
		got := row(c.typ, c.field)
		Row(c.role.Sight(), got)
		require.Equal(t, c.shown, got.Changes[0].After != nil, "%s of %s for %s", c.field, c.typ, c.role)
		require.Equal(t, c.field, got.Changes[0].Field)
	}
}

func BenchmarkItem(b *testing.B) {
	for name, cost := range map[string]string{"nothing to hide": "", "cost hidden": `"cost":{"minor":1,"currency":"EUR"},`} {
		raw := []byte(`{"id":"itm_1",` + cost + `"title":"` + strings.Repeat("ring ", 200) + `"}`)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := JSON[canon.Item](RoleTill.Sight(), raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
