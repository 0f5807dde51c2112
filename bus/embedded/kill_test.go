package embedded_test

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/bus/embedded"
)

// writerRole is the argument by which the test binary serves as the process that is killed; then come the journal's
// folder and the life's number.
const writerRole = "journal-writer-under-test"

func killed(dir string) embedded.Options {
	return embedded.Options{Dir: dir, Archive: dir + "-archive", SegmentBytes: 256 << 10, MaxBatchBytes: 64 << 10, Compress: true}
}

// runWriter appends from several writers while a reader follows, and tells on stdout what was tried (t), acknowledged (a)
// and seen by the reader (s), until it is killed.
func runWriter(dir, life string) error {
	j, err := embedded.Open(killed(dir))
	if err != nil {
		return err
	}
	var mu sync.Mutex
	tell := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Printf(format+"\n", args...) // one write each: a line is told whole or not at all
	}
	ctx := context.Background()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // ends when the test is gone
		os.Exit(3)
	}()
	go func() {
		for b, err := range j.Tail(ctx, j.End()+1) {
			if err != nil {
				tell("e reader: %v", err)
				return
			}
			tell("s %d %x", b.Offset, b.Hash)
		}
	}()
	go func() {
		for at := j.End(); ; at += 50 {
			if err := j.Wait(ctx, at+50); err != nil {
				return
			}
			if _, err := j.Archive(ctx, at); err != nil {
				tell("e archive: %v", err)
			}
		}
	}()
	for w := range 8 {
		go func() {
			for i := 0; ; i++ {
				text := fmt.Sprintf("%s/%d/%d/%s", life, w, i, strings.Repeat("x", i*37%3000))
				tell("t %s", text)
				r, err := j.Append(ctx, bus.ClassWebhook, data(text))
				if err != nil {
					tell("e append: %v", err)
					return
				}
				tell("a %d %s", r.Offset, text)
			}
		}()
	}
	select {}
}

// livesOfJournal is after how many kills a new journal is begun.
const livesOfJournal = 20

// TestChaosOfKills kills a process that writes and reads a journal at random moments, again and again, and wants all that
// it told to be acknowledged or seen in the journal, once.
func TestChaosOfKills(t *testing.T) {
	rounds := 3
	if s := os.Getenv("JUMPRING_ROUNDS"); s != "" {
		n, err := strconv.Atoi(s)
		require.NoError(t, err)
		rounds = n
	}
	self, err := os.Executable()
	require.NoError(t, err)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 5))
	var l *ledger
	var dir string
	total := 0
	for round := range rounds {
		if round%livesOfJournal == 0 {
			l, dir = newLedger(), filepath.Join(t.TempDir(), "journal")
		}
		before := len(l.acked)
		l.killedAfter(t, exec.Command(self, writerRole, dir, fmt.Sprint(round)), 1+rng.IntN(400))
		total += len(l.acked) - before
		j, err := embedded.Open(killed(dir))
		require.NoError(t, err, "round %d", round)
		require.NoError(t, l.check(t.Context(), j), "round %d", round)
		require.NoError(t, j.Close())
	}
	t.Logf("%d kills, %d batches acknowledged, none lost, none twice", rounds, total)
}

// killedAfter runs a writer until it told of so many acknowledgements and kills it; what it told by then goes into the
// ledger.
func (l *ledger) killedAfter(t *testing.T, cmd *exec.Cmd, acks int) {
	t.Helper()
	cmd.Stderr = os.Stderr
	_, err := cmd.StdinPipe() // open as long as the test lives
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		what, rest, _ := strings.Cut(lines.Text(), " ")
		number, value, _ := strings.Cut(rest, " ")
		switch what {
		case "t":
			l.tried[rest] = true
			continue
		case "e":
			t.Errorf("the writer says: %s", rest)
			continue
		}
		offset, err := strconv.ParseUint(number, 10, 64)
		require.NoError(t, err, "%q", lines.Text())
		if what == "a" {
			l.acked[offset] = value
			if acks--; acks == 0 {
				require.NoError(t, cmd.Process.Kill())
			}
			continue
		}
		hash, err := hex.DecodeString(value)
		require.NoError(t, err)
		l.seen[offset] = [32]byte(hash)
	}
	require.NoError(t, lines.Err())
	require.Error(t, cmd.Wait(), "it was killed")
}
