package api

import (
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
)

// BusStatus is how the bus stands.
type BusStatus struct {
	Kind    string `json:"kind" enum:"embedded,rabbit"`
	Journal string `json:"journal" enum:"local,stream"`
	// State is local where there is no broker.
	State     string `json:"state" enum:"local,connecting,connected,blocked,disconnected"`
	Host      string `json:"host,omitempty" doc:"The broker that it is connected to"`
	Blocked   string `json:"blocked,omitempty" doc:"Why the broker takes no messages"`
	LastError string `json:"last_error,omitempty"`
	// Standby: another node that shares the journal takes devices and publishes changes now; In and Changes are empty.
	Standby bool        `json:"standby,omitempty"`
	In      *BusIn      `json:"in,omitempty"`
	Changes *BusChanges `json:"changes,omitempty"`
}

// BusIn is the door of devices.
type BusIn struct {
	Exchange string `json:"exchange"`
	Queue    string `json:"queue"`
	InHand   int64  `json:"in_hand" doc:"Deliveries that are not acknowledged yet"`
	// ParkedAtBroker counts messages that the hub failed on again and again; those that it could not read are under
	// /v1/parked.
	ParkedAtBroker int64     `json:"parked_at_broker" doc:"Messages in the broker's parking queue; -1 while unknown"`
	LastError      string    `json:"last_error,omitempty"`
	LastErrorAt    time.Time `json:"last_error_at,omitzero"`
}

// BusChanges is the way out.
type BusChanges struct {
	Exchange    string         `json:"exchange"`
	Through     canon.Position `json:"through" doc:"The newest entry whose changes are published"`
	Behind      int64          `json:"behind" doc:"Batches of the journal that are folded and not published yet"`
	LastError   string         `json:"last_error,omitempty"`
	LastErrorAt time.Time      `json:"last_error_at,omitzero"`
}

// Degraded says what of the bus does not work; none where all does. The hub serves all the same.
func (s BusStatus) Degraded() []Missing {
	switch s.State {
	case "connecting":
		return []Missing{{What: "bus", Why: "RabbitMQ was not reached yet", Do: "wait"}}
	case "disconnected":
		return []Missing{{What: "bus", Why: s.LastError, Do: "look after RabbitMQ; the hub connects by itself and nothing is lost"}}
	case "blocked":
		return []Missing{{What: "bus", Why: "RabbitMQ takes no messages: " + s.Blocked, Do: "free memory or disk of the broker"}}
	}
	return nil
}

func (a *API) bus(c *fiber.Ctx, _ access.Principal) error { return c.JSON(a.Hub.BusStatus()) }
