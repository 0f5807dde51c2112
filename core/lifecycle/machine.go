package lifecycle

import (
	"fmt"
	"slices"
)

// State is where a thing is in its life, in the words of its machine. The empty state is before it exists.
type State string

// Event is what moves a thing: the verb of a command, or what a clock, a device or a platform tells.
type Event string

// Actor is who may cause an event.
type Actor string

// The actors.
const (
	Consultant Actor = "consultant"
	Manager    Actor = "manager"
	Bench      Actor = "bench"
	Accountant Actor = "accountant"
	Device     Actor = "device"
	Connector  Actor = "connector" // what a platform did by itself
	Customer   Actor = "customer"  // the client, by a signed link
	Timer      Actor = "timer"     // a deadline that fell due
)

// Actors lists every actor.
func Actors() []Actor {
	return []Actor{Consultant, Manager, Bench, Accountant, Device, Connector, Customer, Timer}
}

// Effect is an event that a transition causes in another machine, for each line of the document.
type Effect struct {
	Machine string
	Event   Event
}

// Transition is one row of a machine's table.
type Transition struct {
	From  State
	Event Event
	To    State
	// By are who may cause it. Guards are what has to be true of the facts; each refuses with its own code.
	By      []Actor
	Guards  []Guard
	Effects []Effect
}

// Machine is the life of one kind of thing as a table. Rows from the empty state bring it into being. Two rows may share
// state and event: the first that the actor may take and whose guards all hold is taken.
type Machine struct {
	Name  string
	Table []Transition
}

// Guard is a condition on a command. Guards bind commands alone: an observation is a fact, and moves a state by the
// shortest legal path.
type Guard struct {
	Code   string // stable, such as "transfer.same_person"
	Reason string // what is wrong and what to do
	OK     func(*Facts) bool
}

// Refusal is why a command was not carried out. It is kept with the command's outcome.
type Refusal struct {
	Machine string
	From    State
	Event   Event
	Code    string // "transition.illegal", "transition.actor", or the guard's
	Reason  string
}

func (r *Refusal) Error() string { return fmt.Sprintf("%s: %s", r.Code, r.Reason) }

// The codes of refusals that no guard gives.
const (
	RefusedIllegal = "transition.illegal"
	RefusedActor   = "transition.actor"
)

// Decide takes a command: the row that it moves the thing by, or the refusal. It is pure.
func (m *Machine) Decide(from State, event Event, by Actor, facts *Facts) (Transition, *Refusal) {
	refusal := &Refusal{Machine: m.Name, From: from, Event: event, Code: RefusedIllegal, Reason: fmt.Sprintf("%s: %s is not possible while it is %s", m.Name, event, named(from))}
	for _, t := range m.Table {
		if t.From != from || t.Event != event {
			continue
		}
		if !slices.Contains(t.By, by) {
			if refusal.Code == RefusedIllegal { // a guard's words say more
				refusal.Code, refusal.Reason = RefusedActor, fmt.Sprintf("%s: a %s may not %s", m.Name, by, event)
			}
			continue
		}
		failed := slices.IndexFunc(t.Guards, func(g Guard) bool { return !g.OK(facts) })
		if failed < 0 {
			return t, nil
		}
		refusal.Code, refusal.Reason = t.Guards[failed].Code, t.Guards[failed].Reason
	}
	return Transition{}, refusal
}

func named(s State) string {
	if s == "" {
		return "not there"
	}
	return string(s)
}

// Path gives the shortest way from one state to another that the table allows, whoever may go it: an observation shows
// where a thing is, and what lies between is inferred. Of several shortest ways it is the one whose first differing step
// stands first in the table. It is not ok where no way leads there: that is a case for a person.
func (m *Machine) Path(from, to State) (steps []Transition, ok bool) {
	if from == to {
		return nil, true
	}
	type node struct {
		state State
		via   int // row, and the node before it
		prev  int
	}
	queue := []node{{state: from, via: -1, prev: -1}}
	seen := map[State]bool{from: true}
	for i := 0; i < len(queue); i++ {
		for row, t := range m.Table {
			if t.From != queue[i].state || seen[t.To] {
				continue
			}
			seen[t.To] = true
			queue = append(queue, node{t.To, row, i})
			if t.To != to {
				continue
			}
			for n := len(queue) - 1; queue[n].prev >= 0; n = queue[n].prev {
				steps = append(steps, m.Table[queue[n].via])
			}
			slices.Reverse(steps)
			return steps, true
		}
	}
	return nil, false
}

// States lists every state of the table but the empty one, in the order of their first mention.
func (m *Machine) States() []State {
	var out []State
	for _, t := range m.Table {
		for _, s := range []State{t.From, t.To} {
			if s != "" && !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
	}
	return out
}

// Final reports whether no row leads out of a state.
func (m *Machine) Final(s State) bool {
	return !slices.ContainsFunc(m.Table, func(t Transition) bool { return t.From == s })
}

// Machines lists every machine by name.
func Machines() map[string]*Machine {
	all := map[string]*Machine{}
	for _, m := range []*Machine{
		&PieceMachine, &ReservationMachine, &OrderMachine, &FulfilmentMachine, &PaymentMachine, &ReturnMachine, &TransferMachine,
		&MemoMachine, &ConsignmentMachine, &CountMachine, &PriceListMachine, &PromotionMachine, &GiftCardMachine,
	} {
		all[m.Name] = m
	}
	return all
}
