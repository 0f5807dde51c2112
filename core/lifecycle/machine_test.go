package lifecycle

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the tables of the machines as they are")

// TestTablesAreAsWritten compares each machine with its page in testdata/machines, so that a change of a table is seen
// as what it is: a change of what people and systems may do.
func TestTablesAreAsWritten(t *testing.T) {
	for name, m := range Machines() {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join("testdata", "machines", name+".txt")
			got := page(m)
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s is not as written; look at the change and run go test -update:\n%s", path, got)
			}
		})
	}
}

func page(m *Machine) string {
	var b strings.Builder
	for _, t := range m.Table {
		fmt.Fprintf(&b, "%s + %s -> %s; by", named(t.From), t.Event, t.To)
		for _, a := range t.By {
			fmt.Fprintf(&b, " %s", a)
		}
		for i, g := range t.Guards {
			fmt.Fprintf(&b, "%s%s", []string{"; if ", ", "}[min(i, 1)], g.Code)
		}
		for i, e := range t.Effects {
			fmt.Fprintf(&b, "%s%s.%s", []string{"; causes ", ", "}[min(i, 1)], e.Machine, e.Event)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// TestTablesAreSound holds what every table must: rows that can be taken, states that can be reached, effects that exist,
// and nothing that an observation could not get to.
func TestTablesAreSound(t *testing.T) {
	all := Machines()
	for name, m := range all {
		for i, row := range m.Table {
			at := fmt.Sprintf("%s, row %d (%s + %s)", name, i+1, named(row.From), row.Event)
			if len(row.By) == 0 || row.To == "" || row.Event == "" {
				t.Errorf("%s is incomplete", at)
			}
			for _, a := range row.By {
				if !slices.Contains(Actors(), a) {
					t.Errorf("%s: %s is no actor", at, a)
				}
			}
			for _, e := range row.Effects {
				target := all[e.Machine]
				if target == nil || !slices.ContainsFunc(target.Table, func(t Transition) bool { return t.Event == e.Event }) {
					t.Errorf("%s causes %s.%s, which no table has", at, e.Machine, e.Event)
				}
			}
			for j, earlier := range m.Table[:i] {
				if earlier.From == row.From && earlier.Event == row.Event && len(earlier.Guards) == 0 && covers(earlier.By, row.By) {
					t.Errorf("%s is never taken: row %d comes before it", at, j+1)
				}
			}
		}
		for _, s := range m.States() {
			if _, ok := m.Path("", s); !ok {
				t.Errorf("%s: nothing leads to %s", name, s)
			}
		}
	}
}

func covers(a, b []Actor) bool {
	return !slices.ContainsFunc(b, func(x Actor) bool { return !slices.Contains(a, x) })
}

// TestDecisions reads the cases in testdata/decisions: one file for each scene, named after its machine and a dot. Adding a case is
// adding a file. A line is "state + event by actor {facts} => state" or "=> ! code"; "path state -> state => events" is
// the way that an observation takes. # begins a comment.
func TestDecisions(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "decisions", "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			name, _, _ := strings.Cut(filepath.Base(path), ".")
			m := Machines()[name]
			if m == nil {
				t.Fatalf("%s is of no machine", path)
			}
			file, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			lines := bufio.NewScanner(file)
			for n := 1; lines.Scan(); n++ {
				if text := lines.Text(); text != "" && !strings.HasPrefix(text, "#") {
					decision(t, m, fmt.Sprintf("%s:%d", path, n), text)
				}
			}
			if err := lines.Err(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func decision(t *testing.T, m *Machine, at, text string) {
	left, want, ok := strings.Cut(text, " => ")
	if !ok {
		t.Fatalf("%s: no => in %q", at, text)
	}
	if ends, is := strings.CutPrefix(left, "path "); is {
		from, to, _ := strings.Cut(ends, " -> ")
		steps, ok := m.Path(state(from), state(to))
		got := "! unreachable"
		if ok {
			var events []string
			for _, s := range steps {
				events = append(events, string(s.Event))
			}
			got = strings.Join(events, " ")
		}
		if got != want {
			t.Errorf("%s: the way is %q, want %q", at, got, want)
		}
		return
	}
	var facts Facts
	head, rest, found := strings.Cut(left, " {")
	if found {
		if err := json.Unmarshal([]byte("{"+rest), &facts); err != nil {
			t.Fatalf("%s: %v", at, err)
		}
	}
	from, rest, _ := strings.Cut(head, " + ")
	event, actor, _ := strings.Cut(rest, " by ")
	row, refusal := m.Decide(state(from), Event(event), Actor(actor), &facts)
	got := string(row.To)
	if refusal != nil {
		got = "! " + refusal.Code
		if refusal.Reason == "" || refusal.From != state(from) {
			t.Errorf("%s: the refusal %+v does not say what it is about", at, refusal)
		}
	}
	if got != want {
		t.Errorf("%s: %q gives %q, want %q", at, left, got, want)
	}
}

func state(s string) State {
	if s == "not there" {
		return ""
	}
	return State(s)
}

// TestStockAddsUpWhateverHappens walks pieces through their lives at random, between places, and adds up the stock of
// each place after every step.
func TestStockAddsUpWhateverHappens(t *testing.T) {
	type piece struct {
		state State
		place int
	}
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 3))
		pieces := make([]piece, 30)
		places := make([]Levels, 3)
		for i := range pieces {
			pieces[i].place = rng.IntN(len(places))
		}
		for step := range 500 {
			p := &pieces[rng.IntN(len(pieces))]
			var rows []Transition
			for _, row := range PieceMachine.Table {
				if row.From == p.state {
					rows = append(rows, row)
				}
			}
			if len(rows) == 0 {
				continue
			}
			row := rows[rng.IntN(len(rows))]
			from, to := BucketOf(row.From), BucketOf(row.To)
			target := p.place
			if row.Event == "ship" { // on the way it counts where it goes
				target = rng.IntN(len(places))
			}
			places[p.place].Move(from, BucketNone, 1)
			places[target].Move(BucketNone, to, 1)
			p.state, p.place = row.To, target
			places[target].HoldBack(int64(rng.IntN(4)))
			want := make([]Levels, len(places))
			for _, q := range pieces {
				want[q.place].Move(BucketNone, BucketOf(q.state), 1)
			}
			for i := range places {
				if err := places[i].Check(); err != nil {
					t.Fatalf("seed %d, step %d, %s at place %d: %v", seed, step, row.Event, i, err)
				}
				want[i].Safety = places[i].Safety
				if places[i] != want[i] {
					t.Fatalf("seed %d, step %d: place %d has %+v, its pieces give %+v", seed, step, i, places[i], want[i])
				}
			}
		}
	}
}

func TestLevelsThatDoNotAddUpAreSeen(t *testing.T) {
	for _, l := range []Levels{{OnHand: 2, Available: 1}, {Available: 1}, {OnHand: 1, Available: 1, Safety: 2}, {OnHand: 1, Available: 1, Safety: -1}} {
		if l.Check() == nil {
			t.Errorf("%+v adds up", l)
		}
	}
	l := Levels{OnHand: 3, Available: 2, Reserved: 1, Memo: 4, InTransit: 1, Safety: 1}
	if err := l.Check(); err != nil || l.Owned() != 8 || l.Sellable() != 1 {
		t.Errorf("%+v: %v, %d owned, %d to sell", l, err, l.Owned(), l.Sellable())
	}
}
