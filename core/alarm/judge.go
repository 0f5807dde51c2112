package alarm

import (
	"fmt"
	"time"
)

// Limits say from when on something is an alarm.
type Limits struct {
	Parked     int64         // entries parked within an hour
	DriftRows  int64         // rows of a connection's newest sweep
	LeaseMoves int64         // within an hour
	DiskFree   float64       // share of the disk that must be free
	Expiry     time.Duration // before a certificate or a credential ends
	BackupAge  time.Duration // of the newest backup; 0 for no alarm about it
}

// Connection is what was found about a connection.
type Connection struct {
	Name                  string
	Stale, Fused, Failing bool
	DriftRows             int64
	CredentialEnds        time.Time // zero for never, or not known
	// Unknown tells that it could not be looked at, CredentialUnknown that nobody was asked about its credential yet.
	Unknown, CredentialUnknown bool
}

// Volume is a file system that the hub writes to.
type Volume struct {
	What        string // data, archive, backups
	Free, Total uint64 // bytes
}

// Found is what one look found.
type Found struct {
	Connections []Connection
	Parked      int64 // within the last hour
	// ParkedUnknown and CertificateUnknown tell that nobody could look yet: then nothing is raised or cleared.
	ParkedUnknown, CertificateUnknown bool
	Disks                             []Volume
	// CertificateEnds is of the public address; zero where there is none or it is not known.
	CertificateEnds time.Time
	// Backup: when the newest good one was made, zero for never; BackupFailed says that the newest try failed.
	Backup       time.Time
	BackupFailed bool
	LeaseMoves   int64 // within the last hour
	// JournalFull and Refused (since the look before) are of the journal.
	JournalFull bool
	Refused     uint64
	Skew        time.Duration
}

// Judge turns what was found into signals. Figures come back under a lower threshold than they raise an alarm by, so that
// one that wavers about its limit does not raise it again and again.
func Judge(f *Found, l Limits, now time.Time) []Signal {
	var out []Signal
	add := func(k Kind, subject string, v Verdict, what, do string) {
		out = append(out, Signal{Kind: k, Subject: subject, Verdict: v, What: what, Do: do})
	}
	for i := range f.Connections {
		c := &f.Connections[i]
		is := func(bad bool) Verdict {
			switch {
			case c.Unknown:
				return Between
			case bad:
				return Bad
			}
			return Good
		}
		show := "jumpring connection show " + c.Name
		add(Stale, c.Name, is(c.Stale), "the connection "+c.Name+" is silent for longer than it should be", show)
		add(Fuse, c.Name, is(c.Fused), "the fuse of "+c.Name+" stopped its writes", "look at jumpring connection plan "+c.Name+", then jumpring connection resume "+c.Name)
		add(Failing, c.Name, is(c.Failing), "the connector of "+c.Name+" fails again and again", show)
		drift := is(false)
		if !c.Unknown {
			drift = Level(c.DriftRows, l.DriftRows, 0)
		}
		add(Drift, c.Name, drift, fmt.Sprintf("the newest sweep of %s has %d rows of drift", c.Name, c.DriftRows), "jumpring drift "+c.Name)
		credential := expires(c.CredentialEnds, now, l.Expiry)
		if c.Unknown || c.CredentialUnknown {
			credential = Between
		}
		add(Credential, c.Name, credential, "the credential of "+c.Name+" ends "+c.CredentialEnds.UTC().Format(time.DateOnly), "give the connection a new credential")
	}
	parked, certificate := Level(f.Parked, l.Parked, l.Parked/2), expires(f.CertificateEnds, now, l.Expiry)
	if f.ParkedUnknown {
		parked = Between
	}
	if f.CertificateUnknown {
		certificate = Between
	}
	add(Parked, "", parked, fmt.Sprintf("%d entries were parked within an hour", f.Parked), "jumpring parked list")
	for _, d := range f.Disks {
		v := Between
		if d.Total > 0 {
			free, floor := float64(d.Free)/float64(d.Total), l.DiskFree
			switch {
			case free < floor || d.Free < leastFree:
				v = Bad
			case free >= floor*1.2 && d.Free >= 2*leastFree:
				v = Good
			}
		}
		add(Disk, d.What, v, fmt.Sprintf("the disk of %s has %d MiB free of %d MiB", d.What, d.Free>>20, d.Total>>20), "make room: webhooks are refused when it is full")
	}
	add(Certificate, "", certificate, "the certificate of the public address ends "+f.CertificateEnds.UTC().Format(time.DateOnly), "renew the certificate")
	if l.BackupAge > 0 {
		v, what := Good, "the newest backup is of "+f.Backup.UTC().Format(time.RFC3339)
		if f.Backup.IsZero() {
			what = "there is no backup"
		}
		if now.Sub(f.Backup) > l.BackupAge {
			v = Bad
		}
		if f.BackupFailed {
			v, what = Bad, "the newest backup could not be made or does not restore; "+what
		}
		add(Backup, "", v, what, "see jumpring backup --list and the hub's log")
	}
	add(Lease, "", Level(f.LeaseMoves, l.LeaseMoves, 0), fmt.Sprintf("polling and writing moved between nodes %d times within an hour", f.LeaseMoves), "see the nodes' logs, their clocks and the way to their brokers")
	journal, what := Good, "the journal refuses what comes in: its queues are full"
	if f.Refused > 0 {
		journal = Bad
	}
	if f.JournalFull {
		journal, what = Bad, "the journal refuses what comes in: there is no space for a further segment"
	}
	add(Journal, "", journal, what, "make room on the disk of the data folder, or see what keeps the fold back")
	add(Clock, "", Level(f.Skew.Abs().Milliseconds(), 2000, 1000), "the wall clock jumped against the journal's", "set the clock, then restart the hub")
	return out
}

// leastFree is what a disk needs whatever its size: a few segments of the journal.
const leastFree = 512 << 20

// expires judges when something ends; what does not end is good.
func expires(ends, now time.Time, before time.Duration) Verdict {
	switch {
	case ends.IsZero():
		return Good
	case ends.Sub(now) <= before:
		return Bad
	}
	return Good
}
