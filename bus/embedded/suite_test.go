package embedded_test

import (
	"slices"
	"testing"
	"time"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/bus/bustest"
	"github.com/jumpring/jumpring/bus/embedded"
	"github.com/jumpring/jumpring/bus/embedded/faultfs"
)

// machine gives the suite a journal on a disk that fails as it is told.
func machine(fs *faultfs.FS) *bustest.Machine {
	clock := &hands{}
	clock.wall.Store(1_800_000_000_000_000_000)
	m := &bustest.Machine{
		Open: func() (bus.Journal, error) {
			o := small(fs)
			o.Clock = clock
			clock.pass(time.Second)
			j, err := embedded.Open(o)
			if err != nil {
				return nil, err
			}
			return j, nil
		},
		CrashAt:  func(n int) { fs.CrashAt(n) },
		Crash:    func(seed uint64) { fs = fs.Crash(seed) },
		FailSync: func(n int) { fs.FailSync(n) },
		Hang:     func() func() { return fs.HoldSync() },
		Fill: func() func() {
			fs.SetSpace(0)
			return func() { fs.SetSpace(-1) }
		},
		Jump: func(by time.Duration) {
			clock.pass(time.Second)
			clock.jump(by)
		},
	}
	// The newest group and those before it; Open writes a mark, which does not count.
	layout := func() (*faultfs.FS, []byte, []span) {
		copied := fs.Clone()
		b, err := copied.ReadFile(firstSegment)
		if err != nil {
			return copied, nil, nil
		}
		return copied, b, groupsOf(b)
	}
	m.Tear = func(n int) (*bustest.Machine, bool) {
		copied, b, groups := layout()
		newest := groups[len(groups)-1]
		if newest.from+n >= newest.to {
			return nil, false
		}
		cut := newest.from + n
		_ = copied.Damage(firstSegment, int64(cut), make([]byte, len(b)-cut)) // the file is there: it was just read
		return machine(copied), true
	}
	m.Flip = func(n int) (*bustest.Machine, bool) {
		copied, b, groups := layout()
		places := append(slices.Clone(groups[:len(groups)-1]), span{0, 512})
		for _, g := range places {
			if n < g.to-g.from {
				at := g.from + n
				_ = copied.Damage(firstSegment, int64(at), []byte{b[at] ^ 1<<(at%8)})
				return machine(copied), true
			}
			n -= g.to - g.from
		}
		return nil, false
	}
	return m
}

func TestTheJournalOnAFailingMachine(t *testing.T) {
	bustest.RunJournalFaults(t, func(*testing.T) *bustest.Machine { return machine(faultfs.New()) })
}
