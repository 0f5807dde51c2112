package store

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

type sample struct {
	Name string            `json:"name"`
	Tags map[string]string `json:"tags,omitempty"`
	List []string          `json:"list,omitempty"`
	HTML string            `json:"html,omitempty"`
}

func TestLoadGivesWhatWasSaved(t *testing.T) {
	for name, s := range map[string]Store{"memory": NewMemory(), "badger": openTemp(t)} {
		t.Run(name, func(t *testing.T) {
			view := openView(t, s)
			tx := NewTx(view)
			if got, err := Load[sample](tx, "a"); got != nil || err != nil {
				t.Fatalf("an absent record loads as %v, %v", got, err)
			}
			want := &sample{Name: "ring", Tags: map[string]string{"b": "2", "a": "1"}, List: []string{"x"}, HTML: "<a & b>"}
			if err := Save(tx, "a", want); err != nil {
				t.Fatal(err)
			}
			if got, err := Load[sample](tx, "a"); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("from the Tx: %+v, %v", got, err)
			}
			if err := s.Commit(tx.Writes(), Mark{}); err != nil {
				t.Fatal(err)
			}
			after := openView(t, s)
			got, err := Load[sample](after, "a")
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("from the store: %+v, %v", got, err)
			}
			raw, _, err := after.Get("a")
			if want := `{"name":"ring","tags":{"a":"1","b":"2"},"list":["x"],"html":"<a & b>"}`; err != nil || string(raw) != want {
				t.Errorf("it is stored as %s, %v; want %s", raw, err, want)
			}
			if old, err := Load[sample](view, "a"); old != nil || err != nil {
				t.Errorf("the view from before shows %v, %v", old, err)
			}
		})
	}
}

func openTemp(t testing.TB) Store {
	t.Helper()
	s, err := Open(Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestLoadedRecordIsTheCallers changes the bytes under a loaded record, which must not show in it.
func TestLoadedRecordIsTheCallers(t *testing.T) {
	tx := NewTx(openView(t, NewMemory()))
	raw := []byte(`{"name":"plain","tags":{"k":"v"},"list":["e\u00e9"]}`)
	tx.Put("a", raw)
	got, err := Load[sample](tx, "a")
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		raw[i] = 'X'
	}
	if want := (&sample{Name: "plain", Tags: map[string]string{"k": "v"}, List: []string{"eé"}}); !reflect.DeepEqual(got, want) {
		t.Errorf("the record became %+v", got)
	}
}

func TestLoadErrorNamesTheKeyNotTheContent(t *testing.T) {
	tx := NewTx(openView(t, NewMemory()))
	tx.Put("client/7", []byte(`{"name": 4111111111111111, "list": "hunter2"}`))
	_, err := Load[sample](tx, "client/7")
	if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "client/7") {
		t.Errorf("%v; want ErrCorrupt with the key", err)
	}
	if strings.Contains(err.Error(), "4111") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the error tells content: %v", err)
	}
}

func TestCheckRefusesWhatNoCommitTakes(t *testing.T) {
	tx := NewTx(openView(t, NewMemory()))
	tx.Put("fine", nil)
	tx.Begin()
	tx.Put("a", []byte("1"))
	if err := tx.Check(); err != nil {
		t.Errorf("a small entry: %v", err)
	}
	tx.Begin()
	tx.Put(strings.Repeat("k", MaxKey+1), nil)
	if err := tx.Check(); err == nil {
		t.Error("an endless key went through")
	}
	tx.Rollback()
	tx.Begin()
	tx.Put("big", make([]byte, MaxCommitBytes))
	if err := tx.Check(); !errors.Is(err, ErrTooBig) {
		t.Errorf("an entry that fits no commit: %v", err)
	}
	tx.Rollback()
	if err := tx.Check(); err != nil {
		t.Errorf("after the rollbacks: %v", err)
	}
	tx.Keep()
	if err := NewMemory().Commit(tx.Writes(), Mark{}); err != nil {
		t.Errorf("what is left does not commit: %v", err)
	}
}
