package hub

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jumpring/jumpring/core/alarm"
	"github.com/jumpring/jumpring/core/api"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/problem"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/plugins/host"
)

// AlarmOptions say what is told to people outside, and how.
type AlarmOptions struct {
	Every  time.Duration
	Times  alarm.Times
	Limits alarm.Limits
	Ways   []alarm.Way
}

const alarmsFile = "alarms.json"

// How often what changes slowly is asked for: it takes calls.
const (
	expiryEvery   = time.Hour
	expiryTimeout = 5 * time.Second
)

// watcher finds out how the hub does. Only its own goroutines use it.
type watcher struct {
	hub    *Hub
	limits alarm.Limits
	// refused is the journal's count at the look before; moves are when the lease was seen to move, from term to term.
	refused uint64
	term    canon.Position
	moves   []time.Time

	mu     sync.Mutex // guards what slow keeps
	expiry map[string]time.Time
	ends   time.Time
	// certified tells that the public address showed its certificate, or that it has none.
	certified bool
	looking   bool
	asked     time.Time
}

// openAlarms opens the book of alarms.
func (h *Hub) openAlarms(o AlarmOptions) (*alarm.Keeper, error) {
	w := &watcher{hub: h, limits: o.Limits, expiry: map[string]time.Time{}}
	if h.local != nil {
		w.refused = h.local.Stats().Refused
	}
	if o.Every == 0 {
		o.Every = 30 * time.Second
	}
	name := h.o.Node
	if name == "" {
		name = h.o.PublicURL
	}
	return alarm.Open(alarm.Options{
		File: h.folder(alarmsFile), Every: o.Every, Times: o.Times, Ways: o.Ways, Hub: name, Log: h.log.Named("alarm"), Look: w.look,
	})
}

// look looks once.
func (w *watcher) look(ctx context.Context) []alarm.Signal {
	h := w.hub
	f := w.machine(&alarm.Found{})
	select {
	case <-h.ready:
		w.slow(ctx)
		if err := w.records(ctx, f); err != nil && ctx.Err() == nil {
			h.log.Warn("the records could not be looked at for alarms", "error", err)
			w.unknown(f)
		}
	default:
		w.unknown(f)
	}
	return alarm.Judge(f, w.limits, time.Now())
}

// unknown says that the records could not be looked at.
func (w *watcher) unknown(f *alarm.Found) {
	f.Connections, f.ParkedUnknown = nil, true
	for _, c := range w.hub.settings().Connections {
		f.Connections = append(f.Connections, alarm.Connection{Name: c.Name, Unknown: true})
	}
}

// machine looks at disks, journal, clock, lease and backups.
func (w *watcher) machine(f *alarm.Found) *alarm.Found {
	h, now := w.hub, time.Now()
	f.Skew = h.journal.ClockSkew()
	seen := map[unix.Fsid]bool{}
	for _, d := range []struct{ what, path string }{{"data", h.o.Data}, {"archive", h.o.Archive}, {"backups", h.backups.folder()}} {
		var s unix.Statfs_t
		if d.path == "" || unix.Statfs(nearest(d.path), &s) != nil || seen[s.Fsid] {
			continue
		}
		seen[s.Fsid] = true
		f.Disks = append(f.Disks, alarm.Volume{What: d.what, Free: s.Bavail * uint64(s.Bsize), Total: s.Blocks * uint64(s.Bsize)})
	}
	if h.local != nil {
		stats := h.local.Stats()
		f.JournalFull, f.Refused = stats.Full, stats.Refused-w.refused
		w.refused = stats.Refused
	} else if l, err := h.heldLease(outwardLease); err == nil && l != nil && l.Term != w.term {
		if !w.term.IsZero() {
			w.moves = append(w.moves, now)
		}
		w.term = l.Term
	}
	for len(w.moves) > 0 && now.Sub(w.moves[0]) > time.Hour {
		w.moves = w.moves[1:]
	}
	f.LeaseMoves = int64(len(w.moves))
	f.Backup, f.BackupFailed = h.backups.newest()
	w.mu.Lock()
	f.CertificateEnds, f.CertificateUnknown = w.ends, !w.certified && w.hub.o.PublicURL != ""
	w.mu.Unlock()
	return f
}

// nearest gives the folder, or the one above it that is there.
func nearest(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

// records looks at connections and parked entries.
func (w *watcher) records(ctx context.Context, f *alarm.Found) error {
	d := Doors{w.hub}
	all, err := d.Connections(ctx)
	if err != nil {
		return err
	}
	v, err := w.hub.store.View()
	if err != nil {
		return err
	}
	defer v.Close()
	leads := w.hub.leading.Load()
	for i := range all {
		c := &all[i]
		one := alarm.Connection{
			Name: c.Name, Stale: c.Stale && !c.Paused, Fused: c.Fused != "", Failing: c.State == stateWord(host.StateBroken), Unknown: !leads || c.State == "starting",
		}
		w.mu.Lock()
		ends, asked := w.expiry[c.Name]
		one.CredentialEnds, one.CredentialUnknown = ends, !asked
		w.mu.Unlock()
		prefix := store.PrefixReport + c.Name + "/"
		if err := scanRecords(v, prefix, func(r *canon.DriftReport) { one.DriftRows = int64(len(r.Rows)) + r.More }); err != nil { // the newest is the last
			return err
		}
		f.Connections = append(f.Connections, one)
	}
	since := time.Now().Add(-time.Hour)
	return scanRecords(v, store.PrefixParked, func(p *canon.Parked) {
		if p.At.After(since) {
			f.Parked++
		}
	})
}

// slow asks connectors and the public address when credentials and the certificate end. It is never waited for.
func (w *watcher) slow(ctx context.Context) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.looking || time.Since(w.asked) < expiryEvery {
		return
	}
	w.looking, w.asked = true, time.Now()
	go func() { // ends with its deadlines
		defer func() {
			w.mu.Lock()
			w.looking = false
			w.mu.Unlock()
		}()
		all, _ := w.hub.each()
		for _, c := range all {
			asking, cancel := context.WithTimeout(ctx, expiryTimeout)
			health, err := Doors{w.hub}.Health(asking, c.spec.Name)
			cancel()
			w.mu.Lock()
			switch {
			case err != nil: // asked again soon; what is known stays
				w.asked = time.Now().Add(time.Minute - expiryEvery)
			case health.CredentialExpiry != nil:
				w.expiry[c.spec.Name] = *health.CredentialExpiry
			default:
				w.expiry[c.spec.Name] = time.Time{} // it does not end
			}
			w.mu.Unlock()
		}
		if ends, err := certificateEnds(ctx, w.hub.o.PublicURL); err == nil {
			w.mu.Lock()
			w.ends, w.certified = ends, true
			w.mu.Unlock()
		}
	}()
}

// certificateEnds asks a public address for its certificate, whose end counts even when it is no good any more.
func certificateEnds(ctx context.Context, public string) (time.Time, error) {
	u, err := url.Parse(public)
	if err != nil || u.Scheme != "https" {
		return time.Time{}, err
	}
	port := u.Port()
	if port == "" {
		port = "443"
	}
	ctx, cancel := context.WithTimeout(ctx, expiryTimeout)
	defer cancel()
	// Whom it is for is not checked here: only its date is read, and nothing is sent.
	dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, ServerName: u.Hostname()}} //nolint:gosec
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return time.Time{}, err
	}
	defer func() { _ = conn.Close() }()
	secured, ok := conn.(*tls.Conn)
	if !ok || len(secured.ConnectionState().PeerCertificates) == 0 {
		return time.Time{}, http.ErrNotSupported
	}
	return secured.ConnectionState().PeerCertificates[0].NotAfter, nil
}

var _ api.Alarmed = Doors{}

// Alarms gives the alarms, the newest first, and how each way of telling does.
func (d Doors) Alarms() ([]alarm.Alarm, []alarm.WayStatus) { return d.alarms.Shown() }

// TestAlarm tells something by one way, now.
func (d Doors) TestAlarm(ctx context.Context, way string) error {
	err := d.alarms.Test(ctx, way)
	if errors.Is(err, alarm.ErrNoWay) {
		return problem.New(problem.RecordUnknown, "the configuration has no way of telling alarms of this name")
	}
	if err != nil {
		return problem.New(problem.AlarmUntold, err.Error())
	}
	return nil
}
