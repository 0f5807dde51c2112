package schema

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/jumpring/jumpring/core/canon"
)

const folder = "../../../docs/schemas"

func current(t *testing.T, name string) *Schema {
	t.Helper()
	docs, err := ReadDocs("..")
	if err != nil {
		t.Fatal(err)
	}
	s, err := Of(name, Roots()[name], docs)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestPublishedFieldsStay compares the model with the published schemas: a field that is gone, renamed or of another type
// fails; a new one has to be published.
func TestPublishedFieldsStay(t *testing.T) {
	for name := range Roots() {
		t.Run(name, func(t *testing.T) {
			raw, err := os.ReadFile(filepath.Join(folder, name+".json"))
			if err != nil {
				t.Fatalf("run `make generate`: %v", err)
			}
			published := new(Schema)
			if err := json.Unmarshal(raw, published); err != nil {
				t.Fatal(err)
			}
			now := current(t, name)
			if broken := Breaks(published, now); len(broken) > 0 {
				t.Fatalf("published fields break:\n  %s", strings.Join(broken, "\n  "))
			}
			want, err := Marshal(now)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(raw, want) {
				t.Error("the model has grown or its comments changed: run `make generate`")
			}
		})
	}
}

func TestNoSchemaIsLeftOver(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if name := strings.TrimSuffix(filepath.Base(f), ".json"); Roots()[name] == nil {
			t.Errorf("%s is published and no root of the model any longer", f)
		}
	}
	if len(files) < len(Roots()) {
		t.Errorf("%d schemas for %d roots: run `make generate`", len(files), len(Roots()))
	}
}

// TestEveryPublishedTypeIsDescribed holds that units and vocabularies are written down where they are declared.
func TestEveryPublishedTypeIsDescribed(t *testing.T) {
	for name := range Roots() {
		s := current(t, name)
		if s.Description == "" {
			t.Errorf("%s has no doc comment", name)
		}
		for def, d := range s.Defs {
			if d.Description == "" {
				t.Errorf("%s: %s has no doc comment", name, def)
			}
		}
	}
}

func TestBreaksNamesEachKindOfBreak(t *testing.T) {
	type inner struct {
		Word string `json:"word"`
	}
	type before struct {
		Gone    string `json:"gone,omitempty"`
		Retyped int64  `json:"retyped,omitempty"`
		Class   string `json:"class,omitempty"`
		Always  string `json:"always"`
		List    []int  `json:"list,omitempty"`
		Kept    inner  `json:"kept"`
	}
	type after struct {
		Retyped string   `json:"retyped,omitempty"`
		Class   string   `json:"class,omitempty" class:"personal"`
		Always  string   `json:"always,omitempty"`
		List    []string `json:"list,omitempty"`
		Kept    inner    `json:"kept"`
		New     string   `json:"new,omitempty"`
	}
	of := func(v any) *Schema {
		s, err := Of("thing", reflect.TypeOf(v), Docs{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	got := Breaks(of(before{}), of(after{}))
	want := []string{
		"thing.class was of class internal and is of class personal",
		"thing.gone is gone",
		"thing.list[] was integer and is string",
		"thing.retyped was integer and is string",
		"thing.always was always there and may now be absent",
	}
	if !slices.Equal(got, want) {
		t.Errorf("breaks:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got := Breaks(of(after{}), of(after{})); len(got) != 0 {
		t.Errorf("nothing changed, but %v", got)
	}
}

func TestAFloatHasNoPlaceInTheModel(t *testing.T) {
	type weight struct {
		Grams float64 `json:"grams"`
	}
	if _, err := Of("weight", reflect.TypeFor[weight](), Docs{}); err == nil {
		t.Error("a float was taken")
	}
}

func TestASchemaSaysUnitsAndVocabulary(t *testing.T) {
	s := current(t, "item")
	if d := s.Defs["Stone"].Properties["carat_thousandths"].Description; !strings.Contains(d, "thousandths of a metric carat") {
		t.Errorf("the carat is described as %q", d)
	}
	if known := s.Properties["status"].Known; !slices.Contains(known, string(canon.ItemInStock)) {
		t.Errorf("the status knows %v", known)
	}
	if class := s.Properties["cost"].Class; class != "cost" {
		t.Errorf("the cost is of class %q", class)
	}
}
