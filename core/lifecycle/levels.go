package lifecycle

import (
	"errors"
	"fmt"
)

// Bucket is what a piece of stock counts as at its place.
type Bucket string

// The buckets. Every piece that the house answers for is in exactly one.
const (
	BucketNone      Bucket = "" // not the house's, or not any longer
	BucketAvailable Bucket = "available"
	BucketReserved  Bucket = "reserved"  // held for somebody
	BucketCommitted Bucket = "committed" // bound: a layaway, a mount's own stone
	BucketInRepair  Bucket = "in_repair"
	BucketDamaged   Bucket = "damaged" // back or broken, not for sale
	BucketMemo      Bucket = "memo"    // out with somebody else
	BucketInTransit Bucket = "in_transit"
	BucketIncoming  Bucket = "incoming" // ordered, not here yet
)

// BucketOf says what a piece counts as in a state of PieceMachine.
func BucketOf(s State) Bucket {
	switch s {
	case "in_stock":
		return BucketAvailable
	case "reserved":
		return BucketReserved
	case "layaway", "assembled":
		return BucketCommitted
	case "in_repair":
		return BucketInRepair
	case "returned", "quarantine":
		return BucketDamaged
	case "on_memo_out":
		return BucketMemo
	case "in_transit":
		return BucketInTransit
	case "on_order":
		return BucketIncoming
	}
	return BucketNone
}

// Levels is the stock of something at one place, in pieces. Safety is a part of what is there that no channel is shown.
type Levels struct {
	OnHand    int64 `json:"on_hand"` // at the place, whatever it counts as
	Available int64 `json:"available"`
	Reserved  int64 `json:"reserved,omitempty"`
	Committed int64 `json:"committed,omitempty"`
	InRepair  int64 `json:"in_repair,omitempty"`
	Damaged   int64 `json:"damaged,omitempty"`
	Memo      int64 `json:"memo,omitempty"`       // lent from this place
	InTransit int64 `json:"in_transit,omitempty"` // on the way to this place
	Incoming  int64 `json:"incoming,omitempty"`   // ordered for this place
	Safety    int64 `json:"safety,omitempty"`     // not above Available
}

// ErrLevels is wrapped by the error of levels that do not add up.
var ErrLevels = errors.New("stock does not add up")

// Check reports levels that do not add up: what is at a place is the sum of what it counts as there.
func (l *Levels) Check() error {
	if sum := l.Available + l.Reserved + l.Committed + l.InRepair + l.Damaged; sum != l.OnHand {
		return fmt.Errorf("%w: %d on hand, %d in all", ErrLevels, l.OnHand, sum)
	}
	if l.Safety < 0 || l.Safety > max(l.Available, 0) {
		return fmt.Errorf("%w: %d held back of %d available", ErrLevels, l.Safety, l.Available)
	}
	return nil
}

// Owned is everything that the place answers for.
func (l *Levels) Owned() int64 { return l.OnHand + l.Memo + l.InTransit }

// Sellable is what channels may be shown.
func (l *Levels) Sellable() int64 { return max(l.Available-l.Safety, 0) }

// Move takes pieces out of one bucket into another; BucketNone is the world outside.
func (l *Levels) Move(from, to Bucket, pieces int64) {
	l.add(from, -pieces)
	l.add(to, pieces)
}

func (l *Levels) add(b Bucket, n int64) {
	switch b {
	case BucketAvailable:
		l.Available += n
	case BucketReserved:
		l.Reserved += n
	case BucketCommitted:
		l.Committed += n
	case BucketInRepair:
		l.InRepair += n
	case BucketDamaged:
		l.Damaged += n
	case BucketMemo:
		l.Memo += n
		return
	case BucketInTransit:
		l.InTransit += n
		return
	case BucketIncoming:
		l.Incoming += n
		return
	default:
		return
	}
	l.OnHand += n
	l.Safety = max(min(l.Safety, l.Available), 0)
}

// HoldBack sets how much of what is available no channel is shown, as far as there is so much.
func (l *Levels) HoldBack(buffer int64) { l.Safety = max(min(buffer, l.Available), 0) }
