package router

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/identity"
	"github.com/jumpring/jumpring/core/policy"
	"github.com/jumpring/jumpring/core/store"
)

// Version is the version of the rules in this build. A journal that announces a higher one can't be folded here.
const Version = 1

// The prefixes of what the fold keeps for itself. Their types are in this package.
const (
	prefixListing     = "lst/"  // listingNode by node id
	prefixStockID     = "sid/"  // stockID by connection and stock id
	prefixClaims      = "ncl/"  // claims by node, ended ones too: ncl/<node>/<claim>, empty values
	prefixCount       = "cnt/"  // countNode by id
	prefixCounts      = "ncn/"  // counts by node: ncn/<node>/<id>, empty values
	prefixUnreflected = "unr/"  // claims whose effect the stock authority's level does not include: unr/<node>/<claim>
	prefixLinks       = "lnk/"  // orderLinks by golden id of the order
	prefixPerson      = "per/"  // personNode by node id
	prefixBuyer       = "byr/"  // orders that say who a node is, the newest first: byr/<node>/<inverted time>/<order>, empty values
	prefixWords       = "pdc/"  // canon.ClientDecisions by node id: what a person said of it and others
	prefixProduct     = "pnd/"  // productNode by node id
	prefixHint        = "hnt/"  // touched entities that were not read yet: hnt/<connection>/<kind>/<external id>, value is a Position
	prefixAppender    = "apr/"  // appender by its number
	indexWait         = "wait"  // what an order line waits for -> golden id of the order
	indexNodeKey      = "node." // node.<key>/<value> -> node id of a listing
	indexNodeMail     = "person.email"
	indexNodePhone    = "person.phone"
	indexNodeLike     = "person.like" // keys that two records of one person share though they share no contact
	indexNodeStyle    = "product.style"
	indexDecision     = "node.decision" // node named by a decision -> node that decided
	keyRefresh        = "refresh"       // position of the settings whose refresh is not done yet
	keyFold           = "fold"          // canon.FoldVersion in force
	keyComponents     = "components"    // present as soon as any item has had components
	keyTick           = "tick"          // fold time of the newest tick that left nothing due behind it
)

// fold turns facts into writes. It is a pure function of the state in tx and the facts given to apply, in order:
// no clock, no randomness, no map order, no I/O but reading tx (invariant 3).
type fold struct {
	tx       *store.Tx
	settings *canon.Settings
	policy   *policy.Set // of settings
	version  int
	out      *Commit
	take     func(b *canon.Binding, s *canon.Shown) (changed bool)
	weights  *identity.Weights // compare clients
	phones   map[phone]string
	spoken   bool           // there may be a person's word on two clients
	entered  func(ft *fact) // called before each entry; nil outside of tests

	// They remove a dedupe, so that a test can be seen to notice: what was decided is decided again, and a batch that comes
	// again is folded again.
	forgetful, undiscerning bool

	// of the entry that is being applied
	f         *fact
	rows      []canon.Row
	levels    map[string]canon.BindingKey
	reads     []Read
	adopt     []string
	acts      map[string]bool // connections at which something is to be done, or no longer
	replaying canon.Position  // the parked entry that is being replayed
	differed  bool            // the observed level differed from what it should show
	dirty     map[string]bool // golden ids of items whose state must be computed again
	moved     map[string]bool // what lines are found by and now may mean another item
	laters    int             // pages of orders put off
	offers    []*canon.Offer  // in force; nil where they were not looked for

	consigned  bool            // something was taken on consignment
	components bool            // some item has, or had, components
	claimed    map[string]bool // golden ids of items whose claims changed and whose kin has not been told
	publishing bool            // something is or was published
	reported   map[string]bool // golden ids of items of which another may have the same grading report now
}

// newFold loads what the fold keeps in force from the state.
func newFold(tx *store.Tx, out *Commit) (*fold, error) {
	f := &fold{
		tx: tx, out: out, take: (*canon.Binding).Take,
		levels: make(map[string]canon.BindingKey), dirty: make(map[string]bool), moved: make(map[string]bool),
		claimed: make(map[string]bool), reported: make(map[string]bool), acts: make(map[string]bool),
	}
	return f, f.reload()
}

func (f *fold) reload() error {
	v, err := store.Load[canon.FoldVersion](f.tx, keyFold)
	if err != nil {
		return err
	}
	f.version = 0
	if v != nil {
		f.version = v.Version
	}
	if _, f.components, err = f.tx.Get(keyComponents); err != nil {
		return err
	}
	f.spoken = false
	err = f.tx.Scan(prefixWords, "", func(string, []byte) (bool, error) {
		f.spoken = true
		return false, nil
	})
	if err != nil {
		return err
	}
	if _, f.consigned, err = f.tx.Get(keyConsigned); err != nil {
		return err
	}
	if _, f.publishing, err = f.tx.Get(keyPublishing); err != nil {
		return err
	}
	s, err := store.Load[canon.Settings](f.tx, store.KeySettings)
	if s == nil {
		s = &canon.Settings{}
	}
	if err != nil {
		return err
	}
	return f.use(s)
}

// use puts settings into force.
func (f *fold) use(s *canon.Settings) error {
	w, err := weightsOf(s)
	if err != nil {
		return err
	}
	f.settings, f.policy, f.weights = s, policy.Compile(s.Policy), w
	return nil
}

// apply folds one fact. A fault or a panic parks the entry and leaves nothing else of it; so does more than one commit
// can hold. The error is one of I/O, or a fold version that this build does not know.
func (f *fold) apply(ft *fact) error {
	f.f, f.replaying = ft, canon.Position{}
	f.rows, f.reads, f.adopt = nil, nil, nil
	clear(f.levels)
	clear(f.dirty)
	clear(f.moved)
	clear(f.claimed)
	clear(f.reported)
	clear(f.acts)
	f.laters, f.offers = 0, nil
	f.tx.Begin()
	err := f.guarded(ft)
	if err == nil {
		if big := f.tx.CheckWithin(maxEntryBytes, maxEntryKeys); big != nil {
			err = faultf("entry.too_big", "its effect is more than one commit can hold: %v", big)
		}
	}
	var fault *Fault
	switch {
	case errors.As(err, &fault):
		f.tx.Rollback()
		if err := f.reload(); err != nil {
			return err
		}
		f.rows, f.reads, f.adopt = nil, nil, nil
		clear(f.levels)
		clear(f.acts)
		if err := f.parkWithin(fault); err != nil {
			return err
		}
	case err != nil:
		f.tx.Rollback()
		return fmt.Errorf("router: fold entry %s: %w", ft.pos, err)
	default:
		f.tx.Keep()
	}
	f.out.Rows += len(f.rows)
	f.out.Reads = append(f.out.Reads, f.reads...)
	f.out.Adopt = append(f.out.Adopt, f.adopt...)
	for _, k := range sortedKeys(f.levels) {
		f.out.Levels = append(f.out.Levels, f.levels[k])
	}
	f.out.Actions = append(f.out.Actions, sortedKeys(f.acts)...)
	f.out.Entries++
	return nil
}

// guarded turns a panic into a fault: it is deterministic, since the fold is.
func (f *fold) guarded(ft *fact) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = faultf("fold.panic", "the fold failed on this entry: %v at %s", r, firstFrame(debug.Stack()))
		}
	}()
	if f.entered != nil {
		f.entered(ft)
	}
	if ft.fault != nil {
		return ft.fault
	}
	if f.version == 0 && ft.typ != canon.EntryFoldVersion {
		return fmt.Errorf("entry before the first fold.version entry")
	}
	if ft.head.Lease != nil {
		if held, err := f.holds(ft.head.Lease); err != nil || !held {
			return err
		}
	}
	return f.dispatch(ft)
}

func (f *fold) dispatch(ft *fact) error {
	switch ft.typ {
	case canon.EntryFoldVersion:
		return f.foldVersion(ft)
	case canon.EntryObservation:
		if err := f.observe(ft); err != nil {
			return err
		}
	case canon.EntrySettings:
		return f.putSettings(ft)
	case canon.EntryTouched:
		return f.touched(ft)
	case canon.EntryCursor:
		return f.cursor(ft)
	case canon.EntrySnapshot:
		return f.snapshot(ft)
	case canon.EntryCommand:
		if err := f.command(ft); err != nil {
			return err
		}
	case canon.EntryTick:
		if err := f.tick(); err != nil {
			return err
		}
	case canon.EntryAdopt:
		if err := f.adoptStock(ft); err != nil {
			return err
		}
	case canon.EntryRefresh:
		if err := f.refreshPage(ft); err != nil {
			return err
		}
	case canon.EntryAttempt:
		if err := f.attempted(ft); err != nil {
			return err
		}
	case canon.EntrySettled:
		if err := f.settled(ft); err != nil {
			return err
		}
	case canon.EntryAction:
		if err := f.actionAttempted(ft); err != nil {
			return err
		}
	case canon.EntryActionEnd:
		if err := f.actionSettled(ft); err != nil {
			return err
		}
	case canon.EntryFuse:
		return f.fuse(ft)
	case canon.EntryFallBack:
		return f.fallBack(ft)
	case canon.EntryMalformed:
		var m canon.Malformed
		if err := decodeInto(ft, &m); err != nil {
			return err
		}
		return faultf("delivery.malformed", "%s", m.Reason)
	case canon.EntryPublished:
		return f.published(ft)
	case canon.EntryHeld:
		return f.held(ft)
	case canon.EntryLease:
		return f.lease(ft)
	case canon.EntryStarted:
		return nil
	case canon.EntrySide:
		return f.side(ft)
	case canon.EntrySideKey:
		return f.sideKey(ft)
	case canon.EntryDriftPage:
		return f.driftPage(ft)
	case canon.EntryDriftReport:
		return f.driftReport(ft)
	case canon.EntryReplay:
		if err := f.replay(ft); err != nil {
			return err
		}
	default:
		return faultf("entry.unknown_type", "this build does not know entries of type %q; upgrade it, then replay", shortened(string(ft.typ)))
	}
	return f.refreshDirty()
}

func (f *fold) foldVersion(ft *fact) error {
	var v canon.FoldVersion
	if err := decodeInto(ft, &v); err != nil {
		return err
	}
	if v.Version > Version || v.Version < 1 {
		return fmt.Errorf("the journal asks for fold version %d, this build knows 1 to %d: use a newer build", v.Version, Version)
	}
	f.version = v.Version
	return f.save(keyFold, v)
}

// FoldVersion gives the version of the rules that a view was folded under last; 0 for an empty one.
func FoldVersion(r store.Reader) (int, error) {
	v, err := store.Load[canon.FoldVersion](r, keyFold)
	if err != nil || v == nil {
		return 0, err
	}
	return v.Version, nil
}

// parkWithin parks the entry, without its content where one commit can't hold it.
func (f *fold) parkWithin(fault *Fault) error {
	f.tx.Begin()
	err := f.park(fault, true)
	if err == nil {
		err = f.tx.CheckWithin(maxEntryBytes, maxEntryKeys)
	}
	if err == nil {
		f.tx.Keep()
		return nil
	}
	f.tx.Rollback()
	f.rows = nil
	f.tx.Begin()
	defer f.tx.Keep()
	return f.park(fault, false)
}

// park keeps an entry that could not be applied. A replay that fails again leaves the parked entry with its new reason.
func (f *fold) park(fault *Fault, whole bool) error {
	if f.replaying != (canon.Position{}) {
		return f.parkAgain(fault)
	}
	p := canon.Parked{
		Position: f.f.pos, Type: f.f.typ, Head: f.f.head, Code: fault.Code, Reason: fault.Reason, At: f.f.at,
	}
	if whole {
		p.Data, p.Personal = jsonOrNil(f.f.data), jsonOrNil(f.f.personal)
	} else {
		p.Head, p.Type = canon.Head{}, canon.EntryType(shortened(string(p.Type)))
		p.Reason += "; it is too big to be kept here and stays in the journal alone"
	}
	if err := f.save(store.PrefixParked+f.f.pos.SortKey(), p); err != nil {
		return err
	}
	return f.row(canon.Row{Entity: "parked:" + f.f.pos.String(), Type: "parked", Event: "parked.added"})
}

func (f *fold) parkAgain(fault *Fault) error {
	key := store.PrefixParked + f.replaying.SortKey()
	p, err := store.Load[canon.Parked](f.tx, key)
	if err != nil || p == nil {
		return err
	}
	p.Code, p.Reason = fault.Code, fault.Reason
	if err := f.save(key, p); err != nil {
		return err
	}
	return f.row(canon.Row{Entity: "parked:" + f.replaying.String(), Type: "parked", Event: "parked.failed"})
}

// row adds a line to a timeline. Invariant 8: actor, time and cause come from the entry.
func (f *fold) row(r canon.Row) error {
	r.At, r.Actor, r.Channel, r.Position = f.f.at, f.f.head.Actor, f.f.head.Connection, f.f.pos
	n := len(f.rows)
	f.rows = append(f.rows, r)
	if err := f.save(store.RowKey(r.Position, n), r); err != nil {
		return err
	}
	f.tx.Put(store.EntityKey(r.Entity, r.Position, n), nil)
	return nil
}

// save writes a record. What can't be encoded (a time beyond year 9999) never can: it is a fault, not one of I/O.
func (f *fold) save(key string, v any) error {
	if err := store.Save(f.tx, key, v); err != nil {
		return faultf("record.unencodable", "what the entry states can't be kept in a record; edit the entry, then replay it")
	}
	return nil
}

// shortened keeps the beginning of a text that may be of any length.
func shortened(s string) string {
	return strings.ToValidUTF8(s[:min(len(s), 64)], "")
}

// scan lists the ids of one value of an index, at most limit of them.
func (f *fold) scan(index, value string, limit int) ([]string, error) {
	var ids []string
	err := f.tx.Scan(store.IndexPrefix(index, value), "", func(key string, _ []byte) (bool, error) {
		ids = append(ids, store.IndexID(key))
		return len(ids) < limit, nil
	})
	return ids, err
}

// reindex replaces the values under which an id is found.
func (f *fold) reindex(index, id string, before, after []string) {
	for _, v := range before {
		if v != "" && !contains(after, v) {
			f.tx.Delete(store.IndexKey(index, v, id))
		}
	}
	for _, v := range after {
		if v != "" && !contains(before, v) {
			f.tx.Put(store.IndexKey(index, v, id), nil)
		}
	}
}

func contains(list []string, v string) bool {
	for _, x := range list {
		if x == v {
			return true
		}
	}
	return false
}

// due sets or removes a deadline.
func (f *fold) due(at time.Time, what string) {
	f.tx.Put(store.DueKey(at, what), nil)
	f.out.Deadlines = true
}
