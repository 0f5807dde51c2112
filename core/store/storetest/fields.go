// Package storetest has what tests of the view share: a suite that every store passes, and the proof that a digest
// sees every field of every record.
package storetest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jumpring/jumpring/core/store"
)

// EveryFieldCounts changes every field of every type by reflection, at any depth, and fails unless each change gives
// another state digest, and another golden digest exactly where the type counts there and neither the field nor one
// around it is tagged `golden:"-"`.
func EveryFieldCounts(t *testing.T, types []store.RecordType) {
	t.Helper()
	for _, typ := range types {
		t.Run(typ.Prefix, func(t *testing.T) {
			for _, problem := range Blind(t, typ) {
				t.Error(problem)
			}
		})
	}
}

// Blind lists the changes of a type's record that its digests do not show as they should.
func Blind(t testing.TB, typ store.RecordType) []string {
	t.Helper()
	if typ.New == nil || reflect.TypeOf(typ.New()).Elem().Kind() != reflect.Struct {
		if stateOf(t, typ, []byte(`"a"`)) == stateOf(t, typ, []byte(`"b"`)) {
			return []string{"two values have one state digest"}
		}
		return nil
	}
	c := &checker{t: t, typ: typ, record: reflect.TypeOf(typ.New()).Elem()}
	c.walk(c.filled(), "", nil, false, 0)
	c.base()
	c.fromFilled()
	c.fromZero()
	return c.problems
}

// change is one way to make a filled record another one.
type change struct {
	path   string
	tagged bool // golden:"-" on the way
	apply  func(root reflect.Value)
}

type checker struct {
	t        testing.TB
	typ      store.RecordType
	record   reflect.Type
	changes  []change
	prepare  func(reflect.Value) // brings a filled record into the golden digest
	problems []string
}

func (c *checker) filled() reflect.Value {
	v := reflect.ValueOf(c.typ.New()).Elem()
	n := 0
	fill(v, &n, 0)
	return v
}

// base finds a record that counts in the golden digest, for types whose records may stay out.
func (c *checker) base() {
	inGolden := func(v reflect.Value) bool {
		g, ok := v.Addr().Interface().(interface{ InGolden() bool })
		return !ok || g.InGolden()
	}
	c.prepare = func(reflect.Value) {}
	if !c.typ.Golden || inGolden(c.filled()) {
		return
	}
	for _, ch := range c.changes {
		v := c.filled()
		if ch.apply(v); inGolden(v) {
			c.prepare = ch.apply
			return
		}
	}
	c.problems = append(c.problems, fmt.Sprintf("no %s was found that is in the golden digest", c.record))
}

func (c *checker) fromFilled() {
	base := c.filled()
	c.prepare(base)
	state, golden := c.digests(base)
	for _, ch := range c.changes {
		v := c.filled()
		c.prepare(v)
		ch.apply(v)
		s, g := c.digests(v)
		c.judge(ch.path, ch.tagged, s != state, g != golden)
	}
}

// fromZero sets one field of an empty record at a time.
func (c *checker) fromZero() {
	filled := c.filled()
	empty := reflect.ValueOf(c.typ.New()).Elem()
	state, golden := c.digests(empty)
	g, ok := empty.Addr().Interface().(interface{ InGolden() bool })
	out := ok && !g.InGolden()
	for i := range c.record.NumField() {
		f := c.record.Field(i)
		if !f.IsExported() {
			continue // an embedded struct, whose fields fromFilled has seen to
		}
		v := reflect.ValueOf(c.typ.New()).Elem()
		v.Field(i).Set(filled.Field(i))
		s, gd := c.digests(v)
		if out {
			gd, golden = "", "" // an empty record that stays out says nothing about golden
		}
		path := "." + f.Name
		c.judge(path+" (alone)", out || !c.inGolden(path), s != state, gd != golden)
	}
}

// inGolden reports whether anything at or under a path counts in the golden digest.
func (c *checker) inGolden(path string) bool {
	return slices.ContainsFunc(c.changes, func(ch change) bool {
		rest, under := strings.CutPrefix(ch.path, path)
		return under && !ch.tagged && (rest == "" || strings.ContainsRune(".[ ", rune(rest[0])))
	})
}

func (c *checker) judge(path string, tagged, state, golden bool) {
	if !state {
		c.problems = append(c.problems, fmt.Sprintf("%s%s: the state digest does not see it", c.record, path))
	}
	if want := c.typ.Golden && !tagged; golden != want {
		c.problems = append(c.problems, fmt.Sprintf("%s%s: the golden digest sees it: %v, want %v", c.record, path, golden, want))
	}
}

func (c *checker) digests(v reflect.Value) (state, golden string) {
	c.t.Helper()
	tx := store.NewTx(emptyView(c.t))
	if err := store.Save(tx, c.typ.Prefix+"x", v.Interface()); err != nil {
		c.t.Fatal(err)
	}
	return digest(c.t, tx, c.typ, store.ScopeState), digest(c.t, tx, c.typ, store.ScopeGolden)
}

func stateOf(t testing.TB, typ store.RecordType, raw []byte) string {
	t.Helper()
	tx := store.NewTx(emptyView(t))
	tx.Put(typ.Prefix+"x", raw)
	return digest(t, tx, typ, store.ScopeState)
}

func digest(t testing.TB, r store.Reader, typ store.RecordType, scope store.Scope) string {
	t.Helper()
	report, err := store.Digest(t.Context(), r, []store.RecordType{typ}, scope)
	if err != nil {
		t.Fatal(err)
	}
	return report.Digest
}

func emptyView(t testing.TB) store.Reader {
	t.Helper()
	v, err := store.NewMemory().View()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

var (
	timeType = reflect.TypeFor[time.Time]()
	rawType  = reflect.TypeFor[json.RawMessage]()
)

// maxDepth ends the filling of types that contain themselves.
const maxDepth = 12

// fill gives every field a value of its own.
func fill(v reflect.Value, n *int, depth int) {
	if depth > maxDepth {
		return
	}
	*n++
	switch {
	case v.Type() == timeType:
		v.Set(reflect.ValueOf(time.Date(2026, 1, 1, 0, *n, 0, 0, time.FixedZone("", 3600))))
		return
	case v.Type() == rawType:
		v.SetBytes(fmt.Appendf(nil, `{"n":%d}`, *n))
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n, depth+1)
	case reflect.Struct:
		for i := range v.NumField() {
			// The fields of an embedded struct can be set even where its own name is not exported.
			if f := v.Type().Field(i); f.IsExported() || f.Anonymous && f.Type.Kind() == reflect.Struct {
				fill(v.Field(i), n, depth+1)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fallthrough
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), n, depth+1)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range 2 {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(key, n, depth+1)
			fill(value, n, depth+1)
			v.SetMapIndex(key, value)
		}
	case reflect.Interface:
		v.Set(reflect.ValueOf(fmt.Sprintf("any %d", *n)))
	default:
		setScalar(v, *n)
	}
}

func setScalar(v reflect.Value, n int) {
	switch {
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.CanInt():
		v.SetInt(int64(n % 100))
	case v.CanUint():
		v.SetUint(uint64(n % 100))
	case v.Kind() == reflect.String:
		v.SetString(fmt.Sprintf("text %d", n))
	}
}

// walk lists the changes of v, which stands at path in the record; at finds it again in another filled record.
func (c *checker) walk(v reflect.Value, path string, at []step, tagged bool, depth int) {
	if depth > maxDepth {
		return
	}
	add := func(what string, do func(reflect.Value)) {
		c.changes = append(c.changes, change{path + what, tagged, func(root reflect.Value) { follow(root, at, do) }})
	}
	into := func(name string, child reflect.Value, s step, tagged bool) {
		c.walk(child, path+name, append(at[:len(at):len(at)], s), tagged, depth+1)
	}
	switch {
	case v.Type() == timeType:
		add("", func(v reflect.Value) { v.Set(reflect.ValueOf(v.Interface().(time.Time).Add(time.Hour))) })
		return
	case v.Type() == rawType:
		add("", func(v reflect.Value) { v.SetBytes([]byte(`{"n":"other"}`)) })
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		add(" (removed)", func(v reflect.Value) { v.SetZero() })
		if !v.IsNil() {
			into("", v.Elem(), deref{}, tagged)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			into("."+f.Name, v.Field(i), fieldAt(i), tagged || f.Tag.Get("golden") == "-")
		}
	case reflect.Slice:
		add(" (emptied)", func(v reflect.Value) { v.SetZero() })
		add(" (longer)", func(v reflect.Value) { v.Set(reflect.Append(v, v.Index(0))) })
		add(" (shorter)", func(v reflect.Value) { v.SetLen(v.Len() - 1) })
		fallthrough
	case reflect.Array:
		for i := range v.Len() {
			into(fmt.Sprintf("[%d]", i), v.Index(i), elemAt(i), tagged)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			add(fmt.Sprintf("[%v] (removed)", key), func(v reflect.Value) { v.SetMapIndex(key, reflect.Value{}) })
			into(fmt.Sprintf("[%v]", key), v.MapIndex(key), keyAt{key}, tagged)
		}
	case reflect.Interface:
		add("", func(v reflect.Value) { v.Set(reflect.ValueOf("another")) })
	case reflect.Bool:
		add("", func(v reflect.Value) { v.SetBool(!v.Bool()) })
	case reflect.String:
		add("", func(v reflect.Value) { v.SetString(v.String() + " changed") })
	default:
		add("", func(v reflect.Value) {
			if v.CanInt() {
				v.SetInt(v.Int() + 1)
			} else if v.CanUint() {
				v.SetUint(v.Uint() + 1)
			}
		})
	}
}

// step goes from a value to one inside it and hands that, settable, to next.
type step interface {
	enter(v reflect.Value, next func(reflect.Value))
}

type (
	deref   struct{}
	fieldAt int
	elemAt  int
	keyAt   struct{ key reflect.Value }
)

func (deref) enter(v reflect.Value, next func(reflect.Value))     { next(v.Elem()) }
func (i fieldAt) enter(v reflect.Value, next func(reflect.Value)) { next(v.Field(int(i))) }
func (i elemAt) enter(v reflect.Value, next func(reflect.Value))  { next(v.Index(int(i))) }

func (k keyAt) enter(v reflect.Value, next func(reflect.Value)) {
	value := reflect.New(v.Type().Elem()).Elem()
	value.Set(v.MapIndex(k.key))
	next(value)
	v.SetMapIndex(k.key, value)
}

func follow(v reflect.Value, at []step, do func(reflect.Value)) {
	if len(at) == 0 {
		do(v)
		return
	}
	at[0].enter(v, func(v reflect.Value) { follow(v, at[1:], do) })
}
