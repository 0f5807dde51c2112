package alarm

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	began = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	slow  = Times{After: time.Minute, Clear: 5 * time.Minute, Repeat: time.Hour}
)

func anything(Kind) bool { return true }

// teller plays a way of telling over a book: it tells everything that is due and notes it.
type teller struct {
	b     *Book
	notes []string
}

func (p *teller) at(minute int, v Verdict) {
	now := began.Add(time.Duration(minute) * time.Minute)
	p.b.Look(now, slow, []Signal{{Kind: Stale, Subject: "web", Verdict: v, What: "silent"}})
	for n := p.b.Due("duty", now, slow.Repeat, anything); n != nil; n = p.b.Due("duty", now, slow.Repeat, anything) {
		p.notes = append(p.notes, fmt.Sprintf("%d %s", minute, n.Phase))
		p.b.Told("duty", n, now)
	}
}

func TestAnAlarmIsRaisedOnceRepeatedAndClearedOnce(t *testing.T) {
	for name, c := range map[string]struct {
		looks map[int]Verdict // by minute; the look before holds between
		until int
		want  []string
	}{
		"bad for long":                      {map[int]Verdict{0: Bad}, 130, []string{"1 raised", "61 repeated", "121 repeated"}},
		"bad for less than After":           {map[int]Verdict{0: Bad, 1: Good, 2: Bad, 3: Good}, 30, nil},
		"over":                              {map[int]Verdict{0: Bad, 10: Good}, 60, []string{"1 raised", "15 cleared"}},
		"well for less than Clear":          {map[int]Verdict{0: Bad, 10: Good, 13: Bad, 20: Good}, 60, []string{"1 raised", "25 cleared"}},
		"between the thresholds it stands":  {map[int]Verdict{0: Bad, 10: Between}, 59, []string{"1 raised"}},
		"between, well does not count on":   {map[int]Verdict{0: Bad, 10: Good, 14: Between, 15: Good}, 40, []string{"1 raised", "20 cleared"}},
		"between raises nothing":            {map[int]Verdict{0: Between}, 40, nil},
		"again after it was over":           {map[int]Verdict{0: Bad, 10: Good, 20: Bad}, 40, []string{"1 raised", "15 cleared", "21 raised"}},
		"it wavers without being well long": {map[int]Verdict{0: Bad, 2: Good, 4: Bad, 6: Good, 8: Bad, 10: Between, 12: Bad}, 20, []string{"1 raised"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := &teller{b: &Book{}}
			v := Good
			for minute := range c.until {
				if next, ok := c.looks[minute]; ok {
					v = next
				}
				p.at(minute, v)
				if minute%7 == 0 { // a restart
					raw, err := json.Marshal(p.b)
					require.NoError(t, err)
					p.b = &Book{}
					require.NoError(t, json.Unmarshal(raw, p.b))
				}
			}
			require.Equal(t, c.want, p.notes)
		})
	}
}

func TestWhatWasOverBeforeItCouldBeToldIsNotTold(t *testing.T) {
	b := &Book{}
	at := func(m int, s ...Signal) { b.Look(began.Add(time.Duration(m)*time.Minute), slow, s) }
	bad := Signal{Kind: Disk, Subject: "data", Verdict: Bad}
	at(0, bad)
	at(1, bad)
	require.NotNil(t, b.Due("mail", began, 0, anything))
	at(2)
	at(7)
	require.Nil(t, b.Due("mail", began.Add(8*time.Minute), 0, anything), "nobody heard of it")
	require.False(t, b.Alarms[0].Stands(), "what is not looked at any more is over")
}

func TestAnyLooksTellEachAlarmInOrder(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	for range 300 {
		p := &teller{b: &Book{}}
		for minute := range 200 {
			p.at(minute, Verdict(rnd.IntN(3)))
		}
		raised := false
		for _, n := range p.notes {
			var minute int
			var phase Phase
			_, err := fmt.Sscan(n, &minute, &phase)
			require.NoError(t, err)
			switch phase {
			case Raised:
				require.False(t, raised, "%v", p.notes)
				raised = true
			case Repeated:
				require.True(t, raised, "%v", p.notes)
			case Cleared:
				require.True(t, raised, "%v", p.notes)
				raised = false
			}
		}
		require.LessOrEqual(t, len(p.b.Alarms), kept+1)
	}
}

func TestJudge(t *testing.T) {
	l := Limits{Parked: 20, DriftRows: 3, LeaseMoves: 3, DiskFree: 0.1, Expiry: 14 * 24 * time.Hour, BackupAge: 48 * time.Hour}
	const gib = 1 << 30
	well := func() *Found {
		return &Found{Connections: []Connection{{Name: "web"}}, Disks: []Volume{{"data", 50 * gib, 100 * gib}}, Backup: began.Add(-time.Hour)}
	}
	verdicts := func(f *Found) map[string]Verdict {
		out := map[string]Verdict{}
		for _, s := range Judge(f, l, began) {
			key := string(s.Kind) + " " + s.Subject
			require.NotContains(t, out, key)
			out[key] = s.Verdict
			if s.Verdict == Bad {
				require.NotEmpty(t, s.What)
				require.NotEmpty(t, s.Do)
			}
		}
		return out
	}
	for key, v := range verdicts(well()) {
		require.Equal(t, Good, v, key)
	}
	for key, change := range map[string]struct {
		do   func(*Found)
		want Verdict
	}{
		"connection.stale web":      {func(f *Found) { f.Connections[0].Stale = true }, Bad},
		"connection.fuse web":       {func(f *Found) { f.Connections[0].Fused = true }, Bad},
		"connection.failing web":    {func(f *Found) { f.Connections[0].Failing = true }, Bad},
		"connection.drift web":      {func(f *Found) { f.Connections[0].DriftRows = 3 }, Bad},
		"connection.credential web": {func(f *Found) { f.Connections[0].CredentialEnds = began.Add(24 * time.Hour) }, Bad},
		"parked ":                   {func(f *Found) { f.Parked = 20 }, Bad},
		"disk data":                 {func(f *Found) { f.Disks[0].Free = 9 * gib }, Bad},
		"certificate ":              {func(f *Found) { f.CertificateEnds = began.Add(-time.Hour) }, Bad},
		"backup ":                   {func(f *Found) { f.Backup = began.Add(-49 * time.Hour) }, Bad},
		"lease ":                    {func(f *Found) { f.LeaseMoves = 3 }, Bad},
		"journal ":                  {func(f *Found) { f.JournalFull = true }, Bad},
		"clock ":                    {func(f *Found) { f.Skew = -3 * time.Second }, Bad},
	} {
		f := well()
		change.do(f)
		for other, v := range verdicts(f) {
			if other == key {
				require.Equal(t, change.want, v, key)
			} else {
				require.Equal(t, Good, v, "%s when %s", other, key)
			}
		}
	}
	f := well()
	f.Parked, f.Disks[0].Free, f.Connections[0].DriftRows, f.LeaseMoves = 11, 11*gib, 2, 1
	for key, v := range verdicts(f) {
		switch key {
		case "parked ", "disk data", "connection.drift web", "lease ":
			require.Equal(t, Between, v, key)
		}
	}
	f = well()
	f.BackupFailed = true
	require.Equal(t, Bad, verdicts(f)["backup "])
	f = well()
	f.Refused = 1
	require.Equal(t, Bad, verdicts(f)["journal "])
	f = well()
	f.Disks[0] = Volume{"data", 400 << 20, 1 * gib}
	require.Equal(t, Bad, verdicts(f)["disk data"], "whatever the share")
	f = well()
	f.Connections[0] = Connection{Name: "web", Unknown: true, Stale: true}
	require.Equal(t, Between, verdicts(f)["connection.stale web"])
}
