package reconcile

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/jumpring/jumpring/core/canon"
)

// freshFor is how long a confirmation of a level counts as fresh for raising it.
const freshFor = 5 * time.Minute

// action is what a level needs next.
type action uint8

const (
	idle    action = iota
	write          // send what it should show
	verify         // read it, after the settle time: the outcome of a write is not known or not confirmed
	refresh        // read it before it is raised
	hold           // wait until the platforms that list it have been caught up with
)

// situation is everything that the decision about a level depends on.
type situation struct {
	level *canon.Binding
	// began is the journal's end when the Writer began: what was fetched before is not fresh.
	began canon.Position
	// unknown is an attempt of this Writer whose outcome no read has settled; zero when there is none.
	unknown canon.Position
	// verified is the newest attempt that a read after the settle time has looked at.
	verified canon.Position
	// readAt is when the newest read for this Writer was folded.
	readAt   time.Time
	caughtUp func() (bool, error) // whether every connection that lists the item is
	now      time.Time
}

// decide says what a level needs. Lowering never waits; raising needs a fresh read. A write without a known outcome is
// read first and never sent again blindly.
func decide(s *situation) (action, error) {
	if s.level == nil || s.level.Wants == nil {
		return idle, nil
	}
	w := s.level.Wants
	unsettled := !s.unknown.IsZero() ||
		(w.Write == canon.WriteAttempted || w.Write == canon.WriteUnknown) && w.Attempt.Compare(s.verified) > 0
	if unsettled {
		return verify, nil
	}
	if !w.Differs() {
		if w.Write == canon.WriteUnverified && w.Attempt.Compare(s.verified) > 0 {
			return verify, nil
		}
		return idle, nil
	}
	if *w.Quantity < w.Shows {
		return write, nil
	}
	caughtUp, err := s.caughtUp()
	switch {
	case err != nil:
		return idle, err
	case !caughtUp:
		return hold, nil
	case !s.fresh():
		return refresh, nil
	}
	return write, nil
}

// fresh reports whether the level was confirmed by a fetch that began after the change that freed it, and lately.
func (s *situation) fresh() bool {
	shown := s.level.Current()
	if shown == nil || shown.ReadStamp.Offset < max(s.level.Wants.Cause.Offset, s.began.Offset) {
		return false
	}
	return s.now.Sub(s.level.SeenAt) < freshFor || s.now.Sub(s.readAt) < freshFor
}

// Class orders what waits to be sent.
type class uint8

const (
	sale  class = iota // lowers because of a claim: somebody else may buy it
	lower              // lowers
	raise              // raises
	classes
)

func classOf(w *canon.Want) class {
	switch {
	case *w.Quantity > w.Shows:
		return raise
	case w.ByClaim:
		return sale
	}
	return lower
}

// WriteKey names a write for ever. It derives from what is decided, so that every node names the same decision the
// same, and from a number that grows when the same decision has to be carried out anew: after a conflict, after an
// unknown outcome that a read showed not to have happened, or when somebody changed the platform back.
func WriteKey(connection, levelID string, want int64, cause canon.Position, n int) string {
	return writeKeyBase(connection, levelID, want, cause) + "-" + strconv.Itoa(n)
}

func writeKeyBase(connection, levelID string, want int64, cause canon.Position) string {
	sum := sha256.Sum256([]byte(connection + "\x00" + levelID + "\x00" + strconv.FormatInt(want, 10) + "\x00" + cause.String()))
	return hex.EncodeToString(sum[:16])
}

// nextKey gives the key of the next attempt after the one with key last, which may be of another decision or empty.
// retry is the key that the platform asked to have again, if it did.
func nextKey(connection, levelID string, w *canon.Want, retry string) string {
	base := writeKeyBase(connection, levelID, *w.Quantity, w.Cause)
	if strings.HasPrefix(retry, base+"-") {
		return retry
	}
	n := 0
	if number, ok := strings.CutPrefix(w.Key, base+"-"); ok {
		// A number that does not read is not ours; starting over is safe, since the key is compared as a whole.
		n, _ = strconv.Atoi(number)
	}
	return WriteKey(connection, levelID, *w.Quantity, w.Cause, n+1)
}
