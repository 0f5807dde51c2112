package audit

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Figures are the result of an audit.
type Figures struct {
	Pieces  int   `json:"pieces"`  // that the hub knows
	Clients int   `json:"clients"` // that the hub knows
	Events  int64 `json:"events"`  // deliveries, commands, events and file lines that the hub took
	Sales   int   `json:"sales"`   // lines in the channels' ledgers
	// Oversold are pieces with two holders in the hub: two tills that both got a yes, or two sales without a case.
	Oversold int `json:"oversold"`
	// PlatformConflicts are pieces that the hub made a case of; ConflictsProvoked those that the channels sold twice
	// before anybody could know.
	PlatformConflicts int     `json:"platform_conflicts"`
	ConflictsProvoked int     `json:"conflicts_provoked"`
	OpenCases         int     `json:"open_cases"`
	Sync              Sync    `json:"sync_ms"`
	Recovery          Recover `json:"recovery_ms"`
	// DriftRows are listings that do not show what the API says they should, by the hub's own report and by the
	// auditor's comparison with the shops.
	DriftRows      int64 `json:"drift_rows"`
	Parked         int64 `json:"parked"`
	ForgedRejected int64 `json:"forged_rejected"`
	EchoCalls      int64 `json:"echo_calls"` // writes that set what was set already
	Restarts       int64 `json:"restarts"`   // of the hub and of connectors
	// Lost are facts of the ledgers that the API does not know or that its stock does not show.
	Lost int `json:"lost"`
	// Doubled are addresses that more than one client of the hub has.
	Doubled int `json:"clients_doubled"`
	// Details name what is behind the figures that are wrong.
	Details []string `json:"details,omitempty"`
	// Failed names the figures that are not as they must be.
	Failed []string `json:"failed"`
}

// Sync is the time from the first byte about a sale at the hub's door to the other shop's commit of 0.
type Sync struct {
	P50     float64 `json:"p50"`
	P99     float64 `json:"p99"`
	Max     float64 `json:"max"`
	Samples int     `json:"samples"`
	// Unseen are sales that the other shop never showed.
	Unseen int `json:"unseen"`
}

// Recover is the time from a sale to the other shop's commit of 0 where something was broken on the way.
type Recover struct {
	P99     float64 `json:"p99"`
	Max     float64 `json:"max"`
	Samples int     `json:"samples"`
}

// Limits of the times, in milliseconds.
const (
	SyncLimit     = 250.0
	RecoveryLimit = 10_000.0
)

// judge names what is not as it must be, and where to look.
func (f *Figures) judge() {
	f.Failed = []string{}
	bad := func(wrong bool, figure, format string, args ...any) {
		if wrong {
			f.Failed = append(f.Failed, figure+": "+fmt.Sprintf(format, args...))
		}
	}
	bad(f.Oversold != 0, "oversold", "%d pieces have two holders; look at their timeline (GET /v1/items/{id}/timeline)", f.Oversold)
	bad(f.PlatformConflicts != f.ConflictsProvoked, "platform_conflicts", "%d cases, %d conflicts provoked; look at GET /v1/cases", f.PlatformConflicts, f.ConflictsProvoked)
	bad(f.OpenCases != 0, "open_cases", "%d are not resolved; look at GET /v1/cases", f.OpenCases)
	bad(f.DriftRows != 0, "drift_rows", "%d listings show something else than they should; look at GET /v1/drift", f.DriftRows)
	bad(f.Lost != 0, "lost", "%d facts of the ledgers are not in the API; look at GET /v1/orders and /v1/parked", f.Lost)
	bad(f.EchoCalls != 0, "echo_calls", "%d writes set what was shown already; look at the shops' ledgers", f.EchoCalls)
	bad(f.ForgedRejected != 1, "forged_rejected", "%d deliveries were refused as not genuine, not 1; look at the hub's log", f.ForgedRejected)
	bad(f.Doubled != 0, "clients_doubled", "%d addresses belong to more than one client; look at GET /v1/clients", f.Doubled)
	bad(f.Parked != 0, "parked", "%d entries could not be applied; look at GET /v1/parked", f.Parked)
	bad(f.Sync.Unseen != 0, "sync_ms", "%d sales were never seen at the other shop", f.Sync.Unseen)
	bad(f.Sync.Samples == 0, "sync_ms", "nothing was measured")
	bad(f.Sync.P99 >= SyncLimit, "sync_ms", "p99 is %.0f ms, limit %.0f; look at GET /metrics", f.Sync.P99, SyncLimit)
	bad(f.Recovery.Max >= RecoveryLimit, "recovery_ms", "max is %.0f ms, limit %.0f; look at the hub's log", f.Recovery.Max, RecoveryLimit)
}

// quantile gives the value below which a share of the samples lies, by the nearest rank.
func quantile(sorted []float64, share float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[max(int(math.Ceil(share*float64(len(sorted))))-1, 0)]
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (s *Sync) of(samples []float64) {
	slices.Sort(samples)
	s.P50, s.P99, s.Samples = quantile(samples, 0.5), quantile(samples, 0.99), len(samples)
	s.Max = quantile(samples, 1)
}

func (r *Recover) of(samples []float64) {
	slices.Sort(samples)
	r.P99, r.Max, r.Samples = quantile(samples, 0.99), quantile(samples, 1), len(samples)
}
