package body

import (
	"encoding/json"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/problem"
)

type order struct {
	Number string `json:"number" minLength:"1"`
	Lines  []line `json:"lines" minItems:"1"`
}

type line struct {
	Quantity int64  `json:"quantity" minimum:"1"`
	Note     string `json:"note,omitempty"`
}

func TestEveryFindingIsNamedAtOnce(t *testing.T) {
	s := NewSchemas()
	var o order
	err := s.Decode([]byte(`{"number":"","lines":[{"quantity":0},{"quantity":"two","colour":1}],"total":5}`), &o, "body")
	p := problem.Of(err)
	require.Equal(t, problem.BodyInvalid, p.Code)
	var paths []string
	for _, f := range p.Errors {
		paths = append(paths, f.Path)
	}
	require.ElementsMatch(t, []string{"body.number", "body.lines[0].quantity", "body.lines[1].quantity", "body.lines[1].colour", "body.total"}, paths)

	require.NoError(t, s.Decode([]byte(` {"number":"1","lines":[{"quantity":2,"note":"a\tb\n"}]} `), &o, "body"))
	require.Equal(t, order{"1", []line{{2, "a\tb\n"}}}, o)
}

func TestAnAnswerStaysSmall(t *testing.T) {
	long := `{"number":"1","lines":[` + strings.Repeat(`{"`+strings.Repeat("x", 5000)+`":1},`, 200) + `{"quantity":1}]}`
	p := problem.Of(NewSchemas().Decode([]byte(long), new(order), "body"))
	require.Equal(t, problem.BodyInvalid, p.Code)
	require.LessOrEqual(t, len(p.Errors), maxFindings+1)
	require.Less(t, len(p.Error()), 32<<10)
}

func TestSchemasServeManyAtOnce(t *testing.T) {
	s := NewSchemas()
	s.Of(reflect.TypeFor[order]())
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				var o order
				if err := s.Decode([]byte(`{"number":"1","lines":[{"quantity":2}]}`), &o, "body"); err != nil || o.Number != "1" {
					t.Errorf("%v %v", err, o)
				}
			}
		})
	}
	wg.Wait()
}

func FuzzCheck(f *testing.F) {
	for _, s := range []string{`{"a":[1,"b\u0007"]}`, `"\u001f"`, `"\u0009\n"`, `"\\u0001"`, strings.Repeat("[", 65), `{"a":"\ud800"}`, `1 2`, ``, "\"\x7f\""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if Check(b) != nil {
			return
		}
		var v any
		if err := json.Unmarshal(b, &v); err != nil {
			t.Fatalf("what was found good does not decode: %v", err)
		}
		var walk func(any, int)
		walk = func(v any, depth int) {
			if depth > MaxDepth {
				t.Fatal("too deep")
			}
			switch x := v.(type) {
			case string:
				clean(t, x)
			case []any:
				for _, e := range x {
					walk(e, depth+1)
				}
			case map[string]any:
				for k, e := range x {
					clean(t, k)
					walk(e, depth+1)
				}
			}
		}
		walk(v, 0)
	})
}

func clean(t *testing.T, s string) {
	for _, r := range s {
		if r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0x7f {
			t.Fatalf("control character %q came through", r)
		}
	}
}
