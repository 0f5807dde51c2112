package audit

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/bus/embedded"
)

// desk is a journal, a log of reads and what seals them.
type desk struct {
	*Sealer
	t       *testing.T
	dir     string
	journal *embedded.Journal
	public  string
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{t: t, dir: t.TempDir()}
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	d.public = base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey))
	d.open("journal")
	reads, err := OpenReads(filepath.Join(d.dir, "reads.log"), time.Now)
	require.NoError(t, err)
	d.Sealer = &Sealer{
		Journal: d.journal, Reads: reads, Key: func() (ed25519.PrivateKey, error) { return key, nil },
		File: filepath.Join(d.dir, "seals.jsonl"), Copy: filepath.Join(d.dir, "elsewhere", "seals.jsonl"), Now: time.Now,
	}
	return d
}

func (d *desk) open(folder string) {
	d.t.Helper()
	j, err := embedded.Open(embedded.Options{Dir: filepath.Join(d.dir, folder)})
	require.NoError(d.t, err)
	d.t.Cleanup(func() { _ = j.Close() }) // the test may have closed it
	d.journal = j
}

// write appends n batches.
func (d *desk) write(n int) {
	d.t.Helper()
	for i := range n {
		_, err := d.journal.Append(d.t.Context(), bus.ClassCommand, []bus.Entry{{Type: "test", Data: fmt.Appendf(nil, "{\"n\":%d}", i)}})
		require.NoError(d.t, err)
	}
}

func (d *desk) read(who string) {
	d.t.Helper()
	require.NoError(d.t, d.Reads.Record(Read{Actor: who, Route: "client", Record: "cli_1", Classes: []string{"personal"}}))
}

func (d *desk) sealed() *Seal {
	d.t.Helper()
	s, err := d.Seal(d.t.Context())
	require.NoError(d.t, err)
	return s
}

// verified verifies by the seals that are kept elsewhere.
func (d *desk) verified() error {
	d.t.Helper()
	seals, err := Sealed(d.Copy)
	require.NoError(d.t, err)
	return Verify(d.t.Context(), d.journal, seals, d.public, filepath.Join(d.dir, "reads.log"))
}

func TestATruncatedJournalIsNoticed(t *testing.T) {
	d := newDesk(t)
	require.Nil(t, d.sealed(), "an empty journal has nothing to seal")
	d.write(3)
	require.Equal(t, uint64(3), d.sealed().Offset)
	require.NoError(t, d.journal.Close())
	before := filepath.Join(d.dir, "before")
	require.NoError(t, os.CopyFS(before, os.DirFS(filepath.Join(d.dir, "journal"))))

	d.open("journal")
	d.Journal = d.journal
	d.write(4)
	d.read("ana")
	s := d.sealed()
	require.Equal(t, uint64(2), s.Number)
	require.Equal(t, uint64(7), s.Offset)
	require.Equal(t, s, d.sealed(), "nothing new, no new seal")
	require.NoError(t, d.verified())
	require.NoError(t, d.journal.Close())

	// Somebody puts an older journal in its place: it is whole in itself, and so is its hash chain.
	d.open("before")
	rep, err := d.journal.Verify(t.Context(), 1)
	require.NoError(t, err)
	require.Nil(t, rep.Fault)
	require.ErrorIs(t, d.verified(), ErrTruncated)
	d.write(4) // and writes history anew
	require.ErrorIs(t, d.verified(), ErrAltered)
}

func TestTheLogOfReadsIsChained(t *testing.T) {
	d := newDesk(t)
	d.write(1)
	for _, who := range []string{"ana", "ben", "cleo"} {
		d.read(who)
	}
	require.Equal(t, uint64(3), d.sealed().Reads)
	require.NoError(t, d.verified())
	path := filepath.Join(d.dir, "reads.log")
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	lines := bytes.SplitAfter(whole, []byte("\n"))

	for what, c := range map[string]struct {
		log  []byte
		want error
	}{
		"cut short":           {bytes.Join(lines[:2], nil), ErrTruncated},
		"gone":                {nil, ErrTruncated},
		"a line left out":     {append(bytes.Clone(lines[0]), lines[2]...), ErrAltered},
		"another name inside": {bytes.Replace(whole, []byte("ben"), []byte("eve"), 1), ErrAltered},
		"another name last":   {bytes.Replace(whole, []byte("cleo"), []byte("eve!"), 1), ErrAltered},
	} {
		require.NoError(t, os.WriteFile(path, c.log, 0o600))
		require.ErrorIs(t, d.verified(), c.want, what)
	}

	require.NoError(t, os.WriteFile(path, append(whole, []byte(`{"at":"2026`)...), 0o600), "a crash in the middle of a line")
	again, err := OpenReads(path, time.Now)
	require.NoError(t, err)
	d.Reads = again
	d.read("dora")
	require.Equal(t, uint64(4), d.sealed().Reads)
	require.NoError(t, d.verified())
}

func TestASealProvesItself(t *testing.T) {
	d := newDesk(t)
	for range 3 {
		d.write(2)
		d.sealed()
	}
	seals, err := Sealed(d.File)
	require.NoError(t, err)
	require.Len(t, seals, 3)
	proves := func(seals []Seal, key string) error { return Verify(t.Context(), d.journal, seals, key, "") }
	require.NoError(t, proves(seals, d.public))
	require.NoError(t, proves(seals, ""))
	require.NoError(t, proves(seals[1:], d.public), "older seals may be put away")
	require.ErrorIs(t, proves([]Seal{seals[0], seals[2]}, d.public), ErrAltered, "one was taken out")
	require.ErrorIs(t, proves(seals, base64.StdEncoding.EncodeToString(make([]byte, ed25519.PublicKeySize))), ErrAltered)
	forged := append([]Seal{}, seals...)
	forged[2].Offset--
	require.ErrorIs(t, proves(forged, d.public), ErrAltered)
	require.NoError(t, os.WriteFile(d.File, []byte("no seal\n"), 0o600))
	_, err = Sealed(d.File)
	require.ErrorIs(t, err, ErrAltered)
}

func TestTheLogOfReadsIsListedFromItsEnd(t *testing.T) {
	d := newDesk(t)
	at := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	reads, err := OpenReads(filepath.Join(d.dir, "long.log"), func() time.Time { at = at.Add(time.Minute); return at })
	require.NoError(t, err)
	none, err := reads.List(ReadsAsked{Limit: 5})
	require.NoError(t, err)
	require.Empty(t, none.Reads)
	const lines = 2000 // several blocks of the file
	for i := range lines {
		class := "personal"
		if i%2 == 1 {
			class = "cost"
		}
		require.NoError(t, reads.Record(Read{Actor: fmt.Sprintf("staff:p%d", i%7), Role: "manager", Route: "client", Record: fmt.Sprintf("cli_%d", i), Classes: []string{class}}))
	}
	list := func(ask ReadsAsked) []string {
		t.Helper()
		var out []string
		for {
			found, err := reads.List(ask)
			require.NoError(t, err)
			require.LessOrEqual(t, len(found.Reads), ask.Limit)
			for _, one := range found.Reads {
				require.Empty(t, one.Before)
				out = append(out, one.Record)
			}
			if ask.Before = found.Before; ask.Before == 0 {
				return out
			}
		}
	}
	expected := func(keep func(i int) bool) []string {
		var out []string
		for i := lines - 1; i >= 0; i-- {
			if keep(i) {
				out = append(out, fmt.Sprintf("cli_%d", i))
			}
		}
		return out
	}
	require.Equal(t, expected(func(int) bool { return true }), list(ReadsAsked{Limit: 33}), "each once, the newest first")
	require.Equal(t, expected(func(i int) bool { return i%7 == 3 && i%2 == 1 }), list(ReadsAsked{Limit: 10, Actor: "staff:p3", Class: "cost"}))
	require.Equal(t, []string{"cli_5"}, list(ReadsAsked{Limit: 10, Record: "cli_5"}))
	begin := time.Date(2026, 3, 1, 9, 1, 0, 0, time.UTC)
	require.Equal(t, []string{"cli_12", "cli_11", "cli_10"}, list(ReadsAsked{Limit: 10, From: begin.Add(10 * time.Minute), To: begin.Add(13 * time.Minute)}))
	require.Empty(t, list(ReadsAsked{Limit: 10, Role: "admin"}))
	require.Empty(t, list(ReadsAsked{Limit: 10, Route: "item"}))
}
