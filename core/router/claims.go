package router

import (
	"strings"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/lifecycle"
	"github.com/jumpring/jumpring/core/store"
)

// settleTime is how long a platform has to show an effect that it applies by itself before the hub looks.
const settleTime = 3 * time.Second

// maxDue is how many deadlines one tick ends.
const maxDue = 200

func (f *fold) ledger(node string) (*lifecycle.Ledger, error) {
	l, err := store.Load[lifecycle.Ledger](f.tx, store.PrefixStock+node)
	if l == nil {
		l = &lifecycle.Ledger{}
	}
	return l, err
}

// sharedLedger is ledger for who only reads it.
func (f *fold) sharedLedger(node string) (*lifecycle.Ledger, error) {
	l, err := store.Peek[lifecycle.Ledger](f.tx, store.PrefixStock+node, nil)
	if l == nil {
		l = &lifecycle.Ledger{}
	}
	return l, err
}

func (f *fold) saveLedger(node string, l *lifecycle.Ledger) error {
	if !l.Adopted && len(l.At) == 0 && len(l.Taken) == 0 && l.First.IsZero() {
		f.tx.Delete(store.PrefixStock + node)
		return nil
	}
	return f.save(store.PrefixStock+node, l)
}

// claim loads a claim. What it says came back is shared: it is replaced, never changed.
func (f *fold) claim(key string) (*canon.Claim, error) {
	return copyOf(store.Peek[canon.Claim](f.tx, store.PrefixClaim+key, nil))
}

// liveClaims loads the claims that count on a listing's node.
func (f *fold) liveClaims(node string) ([]*canon.Claim, error) {
	ledger, err := f.ledger(node)
	if err != nil {
		return nil, err
	}
	return f.claimsOf(node, ledger)
}

func (f *fold) claimsOf(node string, ledger *lifecycle.Ledger) ([]*canon.Claim, error) {
	keys := ledger.Live
	if ledger.Many {
		every, err := f.everyClaim(node)
		return lifecycle.Live(every), err
	}
	return f.claims(keys)
}

func (f *fold) claims(keys []string) ([]*canon.Claim, error) {
	claims := make([]*canon.Claim, 0, len(keys))
	for _, k := range keys {
		c, err := f.claim(k)
		if err != nil {
			return nil, err
		}
		if c != nil {
			claims = append(claims, c)
		}
	}
	return claims, nil
}

// putClaim saves a claim, moves the ledger of its node, and marks its item for a new state.
func (f *fold) putClaim(before, c *canon.Claim) error {
	if before == nil || lifecycle.Net(before) != lifecycle.Net(c) {
		c.Changed = f.f.pos
	}
	if before != nil && before.Node != c.Node {
		if err := f.moveLedger(before.Node, before, nil); err != nil {
			return err
		}
		f.tx.Delete(prefixClaims + before.Node + "/" + before.Key)
		f.tx.Delete(prefixUnreflected + before.Node + "/" + before.Key)
		if before.Item != "" {
			f.touchClaims(before.Item)
		}
		if err := f.touchNode(before.Node); err != nil {
			return err
		}
		if err := f.moveLedger(c.Node, nil, c); err != nil {
			return err
		}
	} else if err := f.moveLedger(c.Node, before, c); err != nil {
		return err
	}
	if c.Node != "" {
		if before == nil || before.Node != c.Node {
			f.tx.Put(prefixClaims+c.Node+"/"+c.Key, nil)
		}
	}
	if f.settings.StockAuthority != lifecycle.HubAuthority && c.Node != "" {
		key := prefixUnreflected + c.Node + "/" + c.Key
		if c.Connection != f.settings.StockAuthority && (c.Reflected != lifecycle.Net(c) || c.Reflected != c.Sent) {
			f.tx.Put(key, nil)
		} else {
			f.tx.Delete(key)
		}
	}
	if c.Item != "" {
		f.touchClaims(c.Item)
	}
	if !c.Live() {
		if err := f.touchNode(c.Node); err != nil {
			return err
		}
	}
	return f.save(store.PrefixClaim+c.Key, c)
}

// touchNode marks the item that a node belongs to now for a new state. A claim that has ended does not follow its node from
// item to item, and still says what was there at a moment.
func (f *fold) touchNode(node string) error {
	if node == "" {
		return nil
	}
	n, err := f.listingNode(node)
	if err == nil && n != nil && n.Item != "" {
		f.touchClaims(n.Item)
	}
	return err
}

// touchClaims marks an item whose claims changed for a new state.
func (f *fold) touchClaims(item string) {
	f.dirty[item], f.claimed[item] = true, true
}

func (f *fold) moveLedger(node string, before, after *canon.Claim) error {
	if node == "" {
		return nil
	}
	l, err := f.ledger(node)
	if err != nil {
		return err
	}
	l.Apply(before, after, f.settings.StockAuthority)
	return f.saveLedger(node, l)
}

// moveClaims takes a node's live claims along to the item that it belongs to now.
func (f *fold) moveClaims(n *listingNode) error {
	claims, err := f.liveClaims(n.Node)
	if err != nil {
		return err
	}
	for _, c := range claims {
		if c.Item == n.Item {
			continue
		}
		if c.Item != "" {
			f.touchClaims(c.Item)
		}
		c.Item = n.Item
		if c.Item != "" {
			f.touchClaims(c.Item)
		}
		if err := f.save(store.PrefixClaim+c.Key, c); err != nil {
			return err
		}
	}
	return nil
}

// tick ends what fell due by the entry's fold time: reservations that expired, orders to be folded again, outcomes that
// are forgotten.
func (f *fold) tick() error {
	limit := store.DueKey(f.f.at.Add(1), "")
	last, err := LastTick(f.tx)
	if err != nil {
		return err
	}
	var due []string
	left := false
	err = f.tx.Scan(store.PrefixDue, store.DueKey(last, ""), func(key string, _ []byte) (bool, error) {
		if key >= limit {
			return false, nil
		}
		due = append(due, key)
		return len(due) < maxDue, nil // the rest falls due again at once: each entry writes a bounded amount
	})
	if err != nil {
		return err
	}
	woken := 0
	for _, key := range due {
		_, what, _ := strings.Cut(key[len(store.PrefixDue):], "/")
		if strings.HasPrefix(what, dueWake) {
			w, err := store.Load[laterWake](f.tx, key)
			if err != nil {
				return err
			}
			if woken >= wakePage {
				left = true
				continue
			}
			f.tx.Delete(key)
			n, err := f.wakeFrom(w.Wait, w.From, wakePage-woken)
			if err != nil {
				return err
			}
			woken += n
			continue
		}
		f.tx.Delete(key)
		if strings.HasPrefix(what, store.PrefixOutcome) {
			if err := f.forget(what); err != nil {
				return err
			}
			continue
		}
		if id, is := strings.CutPrefix(what, dueMemo); is {
			if err := f.memoDue(id); err != nil {
				return err
			}
			continue
		}
		if id, is := strings.CutPrefix(what, dueApproval); is {
			if err := f.approvalDue(id); err != nil {
				return err
			}
			continue
		}
		if id, is := strings.CutPrefix(what, dueConsignment); is {
			if err := f.consignmentDue(id); err != nil {
				return err
			}
			continue
		}
		if id, is := strings.CutPrefix(what, dueTransfer); is {
			if err := f.transferDue(id); err != nil {
				return err
			}
			continue
		}
		if id, is := strings.CutPrefix(what, dueCredit); is {
			if err := f.creditDue(id); err != nil {
				return err
			}
			continue
		}
		if id, is := strings.CutPrefix(what, dueOffer); is {
			if err := f.offerDue(id); err != nil {
				return err
			}
			continue
		}
		if id, is := strings.CutPrefix(what, dueCount); is {
			if err := f.countPage(id); err != nil {
				return err
			}
			continue
		}
		if strings.HasPrefix(what, prefixAppender) {
			if err := f.forgetAppender(what); err != nil {
				return err
			}
			continue
		}
		c, err := f.claim(what)
		if err != nil {
			return err
		}
		if c == nil || !c.Live() || c.Until == nil || c.Until.After(f.f.at) {
			continue
		}
		if c.Stage != "" {
			if err := f.reservationDue(c); err != nil {
				return err
			}
			continue
		}
		if err := f.endClaim(c, "expired"); err != nil {
			return err
		}
	}
	if len(due) == maxDue || left {
		return nil
	}
	f.out.Deadlines = true
	return f.save(keyTick, f.f.at)
}

// endClaim makes a claim count no longer.
func (f *fold) endClaim(c *canon.Claim, how string) error {
	before := *c
	c.Net, c.Ended = 0, how
	return f.putClaim(&before, c)
}
