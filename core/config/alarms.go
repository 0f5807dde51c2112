package config

import (
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"path/filepath"
	"slices"
	"time"

	"github.com/jumpring/jumpring/core/alarm"
)

// Alarms say what people are told of, and how.
type Alarms struct {
	Every string `yaml:"every"` // between two looks, such as 30s
	// After is how long something must be wrong before it is told, Clear how long it must be well again, Repeat how often a
	// standing alarm is told again, or off.
	After  string `yaml:"after"`
	Clear  string `yaml:"clear"`
	Repeat string `yaml:"repeat"`
	// Parked is how many entries parked within an hour are too many, DriftRows of a sweep, LeaseMoves within an hour.
	Parked     int64   `yaml:"parked"`
	DriftRows  int64   `yaml:"drift_rows"`
	LeaseMoves int64   `yaml:"lease_moves"`
	DiskFree   Percent `yaml:"disk_free"`
	Expiry     string  `yaml:"expiry"`     // before a certificate or credential ends
	BackupAge  string  `yaml:"backup_age"` // of the newest backup; empty: twice backup.every, or never without it
	Ways       []Way   `yaml:"ways"`
}

// Way is one way of telling: by webhook, mail or command.
type Way struct {
	Name    string   `yaml:"name"`
	Kinds   []string `yaml:"kinds"` // empty for all
	Webhook Hook     `yaml:"webhook"`
	Mail    Mail     `yaml:"mail"`
	Command []string `yaml:"command"`
}

// Hook is a receiver of signed webhooks. Addresses of chat systems are secrets themselves.
type Hook struct {
	URL    Secret `yaml:"url"`
	Secret Secret `yaml:"secret"`
}

// Mail is a mail server, and whom to write to.
type Mail struct {
	Server   string   `yaml:"server"` // host:port
	From     string   `yaml:"from"`
	To       []string `yaml:"to"`
	User     string   `yaml:"user"`
	Password Secret   `yaml:"password"`
	TLS      string   `yaml:"tls"` // starttls, tls or off
	CA       string   `yaml:"ca"`  // PEM file; relative to the configuration's folder
}

func defaultAlarms() Alarms {
	return Alarms{Every: "30s", After: "1m", Clear: "5m", Repeat: "24h", Parked: 25, DriftRows: 1, LeaseMoves: 3, DiskFree: 1000, Expiry: "336h"}
}

// Times give the durations; all were checked when they were read.
func (a *Alarms) Times() (every time.Duration, times alarm.Times) {
	every, _ = time.ParseDuration(a.Every)
	times.After, _ = time.ParseDuration(a.After)
	times.Clear, _ = time.ParseDuration(a.Clear)
	times.Repeat, _ = time.ParseDuration(a.Repeat) // off is 0
	return every, times
}

// Limits give what is too much. backupEvery is the time between scheduled backups; 0 for none.
func (a *Alarms) Limits(backupEvery time.Duration) alarm.Limits {
	l := alarm.Limits{Parked: a.Parked, DriftRows: a.DriftRows, LeaseMoves: a.LeaseMoves, DiskFree: a.DiskFree.Share(), BackupAge: 2 * backupEvery}
	l.Expiry, _ = time.ParseDuration(a.Expiry)
	if a.BackupAge != "" {
		l.BackupAge, _ = time.ParseDuration(a.BackupAge)
	}
	return l
}

func (c *Config) checkAlarms(d *decoder) {
	a := &c.Alarms
	for _, t := range []struct {
		path, text string
		least      time.Duration
		off        bool
	}{
		{"every", a.Every, 100 * time.Millisecond, false},
		{"after", a.After, 0, false},
		{"clear", a.Clear, 0, false},
		{"repeat", a.Repeat, time.Second, true},
		{"expiry", a.Expiry, time.Hour, false},
		{"backup_age", a.BackupAge, time.Second, true},
	} {
		if v, err := time.ParseDuration(t.text); (err != nil || v < t.least) && !(t.off && (t.text == "off" || t.text == "" && t.path == "backup_age")) {
			d.found("alarms."+t.path, "is no time that this can take", fmt.Sprintf("write a duration of %s or more, such as 1h", t.least))
		}
	}
	between(d, "alarms.parked", a.Parked, 1, 1_000_000)
	between(d, "alarms.drift_rows", a.DriftRows, 1, 1_000_000)
	between(d, "alarms.lease_moves", a.LeaseMoves, 1, 1000)
	if a.DiskFree < 1 || a.DiskFree > 9000 {
		d.found("alarms.disk_free", "is no share of a disk", `write a percentage from 0.01% to 90%, such as "10%"`)
	}
	var names []string
	for i := range a.Ways {
		w, path := &a.Ways[i], fmt.Sprintf("alarms.ways[%d]", i)
		if !nameRule.MatchString(w.Name) {
			d.found(path+".name", "is no name for a way of telling", nameDo)
		}
		if slices.Contains(names, w.Name) {
			d.found(path+".name", "is the name of another way too", "give each a name of its own")
		}
		names = append(names, w.Name)
		for k, kind := range w.Kinds {
			if !slices.Contains(alarm.Kinds(), alarm.Kind(kind)) {
				d.found(fmt.Sprintf("%s.kinds[%d]", path, k), "is no kind of alarm", "see docs/alarms.md for the kinds")
			}
		}
		w.check(d, path)
	}
}

func (w *Way) check(d *decoder, path string) {
	by := 0
	if w.Webhook.URL.value != "" {
		by++
		u, err := url.Parse(w.Webhook.URL.value)
		if !d.src.Partial && (err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http") {
			d.found(path+".webhook.url", "is no address", "write https:// and where alarms are taken, by ${env:NAME} where it is a secret")
		}
		if !d.src.Partial && len(w.Webhook.Secret.value) < 16 {
			d.found(path+".webhook.secret", "is too short to sign with", "write ${env:NAME} of at least 16 characters, such as whsec_ and base64")
		}
	}
	if w.Mail.Server != "" {
		by++
		w.Mail.check(d, path+".mail")
	}
	if len(w.Command) > 0 {
		by++
		if !filepath.IsAbs(w.Command[0]) {
			d.found(path+".command", "has no path", "write the whole path of the program, then its arguments")
		}
	}
	if by != 1 {
		d.found(path, "has no way of telling, or several", "write one of webhook, mail and command")
	}
}

func (m *Mail) check(d *decoder, path string) {
	if host, port, err := net.SplitHostPort(m.Server); !d.src.Partial && (err != nil || host == "" || port == "") {
		d.found(path+".server", "is no server", "write host:port, such as smtp.example.com:587")
	}
	if m.TLS == "" {
		m.TLS = alarm.StartTLS
	}
	oneOf(d, path+".tls", m.TLS, alarm.StartTLS, alarm.TLS, alarm.PlainTCP)
	if _, err := mail.ParseAddress(m.From); err != nil && !d.src.Partial {
		d.found(path+".from", "is no address", "write who the mails are from")
	}
	if len(m.To) == 0 {
		d.found(path+".to", "is empty", "write at least one address")
	}
	for i, to := range m.To {
		if _, err := mail.ParseAddress(to); err != nil && !d.src.Partial {
			d.found(fmt.Sprintf("%s.to[%d]", path, i), "is no address", "write name@example.com")
		}
	}
	if (m.User == "") != (m.Password.value == "") {
		d.found(path+".password", "goes with user", "write both or none")
	}
}
