package config

import "time"

// Audit says how history is sealed.
type Audit struct {
	// Every is the time between two seals, such as 1h.
	Every string `yaml:"every"`
	// Copy is a second file for the seals; relative like Data. Empty for none.
	Copy string `yaml:"copy"`
}

func defaultAudit() Audit { return Audit{Every: "1h"} }

// Interval gives Every.
func (a *Audit) Interval() time.Duration {
	every, _ := time.ParseDuration(a.Every) // checked when it was read
	return every
}

func (c *Config) checkAudit(d *decoder) {
	if every, err := time.ParseDuration(c.Audit.Every); err != nil || every < time.Second || every > 7*24*time.Hour {
		d.found("audit.every", "is no time between two seals", "write a duration from 1s to 168h, such as 1h")
	}
}
