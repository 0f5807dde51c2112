package config

import (
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/outbox"
)

// Deliver says which changes of the hub's records a connection gets whose connector delivers, and as whom.
type Deliver struct {
	// Role is whose eyes they are redacted for; empty means connector.
	Role string `yaml:"role"`
	// Entities, Events and Locations select; empty for all. Events have patterns such as "order.*", Locations "-" for what
	// names no place.
	Entities  []string `yaml:"entities"`
	Events    []string `yaml:"events"`
	Locations []string `yaml:"locations"`
	// SetAside is after how many failures in a row a record waits apart while others are delivered, Park after how many it
	// waits for a person; 0 means 3 and 12.
	SetAside int64 `yaml:"set_aside"`
	Park     int64 `yaml:"park"`
	// Wait is the first wait after a failure, LongestWait the longest; empty means 1s and 5m.
	Wait        string `yaml:"wait"`
	LongestWait string `yaml:"longest_wait"`
}

// Filter gives what is selected, Pace how it is tried again.
func (d *Deliver) Filter() outbox.Filter {
	return outbox.Filter{Entities: d.Entities, Events: d.Events, Locations: d.Locations}
}

// Pace gives it as the hub takes it.
func (d *Deliver) Pace() outbox.Pace {
	p := outbox.Pace{SetAside: int(d.SetAside), Park: int(d.Park)}
	p.First, _ = time.ParseDuration(d.Wait) // checked when it was read
	p.Most, _ = time.ParseDuration(d.LongestWait)
	return p
}

func (c *Config) checkDeliver(in *decoder) {
	book, err := access.NewRoleBook(c.RoleDefinitions()...)
	if err != nil {
		return // it is found at the roles
	}
	for i := range c.Connections {
		d, at := &c.Connections[i].Deliver, fmt.Sprintf("connections[%d].deliver", i)
		if d.Role != "" && book.Known(access.Role(d.Role)) != nil {
			in.found(at+".role", "is no role", "write a built-in one, such as connector or till, or one of roles")
		}
		for n, e := range d.Events {
			if _, err := path.Match(e, "item.changed"); err != nil || !strings.Contains(e, ".") {
				in.found(fmt.Sprintf("%s.events[%d]", at, n), "is no pattern of an event", "write entity.event, such as order.created or item.*")
			}
		}
		for n, l := range d.Locations {
			if l != "-" && !nameRule.MatchString(l) {
				in.found(fmt.Sprintf("%s.locations[%d]", at, n), "is no name for a location", nameDo)
			}
		}
		for key, text := range map[string]string{"wait": d.Wait, "longest_wait": d.LongestWait} {
			if v, err := time.ParseDuration(text); text != "" && (err != nil || v < 10*time.Millisecond) {
				in.found(at+"."+key, "is no time to wait", "write a duration such as 1s")
			}
		}
		between(in, at+".set_aside", d.SetAside, 0, 1000)
		between(in, at+".park", d.Park, 0, 1000)
	}
}
