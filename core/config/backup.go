package config

import "time"

// Backup says when the hub backs itself up.
type Backup struct {
	Every string `yaml:"every"` // between two backups, such as 24h; off for none
	To    string `yaml:"to"`    // the folder; relative to the configuration's folder
	// Keep is how many of the newest stay; Daily and Weekly how many days and weeks back the newest of each day and week stays.
	Keep   int64 `yaml:"keep"`
	Daily  int64 `yaml:"daily"`
	Weekly int64 `yaml:"weekly"`
	// Verify restores each backup into a folder beside it, checks it, and removes the folder again.
	Verify bool `yaml:"verify"`
}

func defaultBackup() Backup {
	return Backup{Every: "off", To: "./backups", Keep: 7, Daily: 7, Weekly: 4, Verify: true}
}

// Interval gives Every; 0 for off.
func (b *Backup) Interval() time.Duration {
	every, _ := time.ParseDuration(b.Every) // checked when it was read
	return every
}

func (c *Config) checkBackup(d *decoder) {
	b := &c.Backup
	if every, err := time.ParseDuration(b.Every); b.Every != "off" && (err != nil || every < time.Second || every > 30*24*time.Hour) {
		d.found("backup.every", "is no time between two backups", "write a duration from 1s to 720h, such as 24h, or off")
	}
	if b.To == "" {
		d.found("backup.to", "is empty", "name a folder, best on another disk")
	}
	between(d, "backup.keep", b.Keep, 1, 10_000)
	between(d, "backup.daily", b.Daily, 0, 10_000)
	between(d, "backup.weekly", b.Weekly, 0, 10_000)
	if a := c.Alarms.BackupAge; b.Every == "off" && a != "" && a != "off" {
		d.found("alarms.backup_age", "goes with scheduled backups", "set backup.every, or leave this out")
	}
	if b.Every != "off" && c.Bus.Journal == JournalStream {
		d.found("backup.every", "needs a journal of the hub's own", "see docs/several-nodes.md for what is kept of a shared one")
	}
}
