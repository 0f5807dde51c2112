package router

import (
	"slices"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/lifecycle"
)

// collectEvents are the events of a reservation that is collected at a boutique which a person states.
var collectEvents = []string{"confirm", "refuse", "pick", "ready", "extend", "collect", "cancel", "restock"}

// maxKept is for how long goods may be kept ready, in seconds.
const maxKept = 30 * 24 * 3600

// reservationStep takes one step of a reservation that is collected at a boutique, or refuses it.
func (f *fold) reservationStep(cmd *canon.Command) (*canon.Outcome, error) {
	ask := cmd.ReservationStep
	c, err := f.claim(ask.Reservation)
	if err != nil {
		return nil, err
	}
	if c == nil || c.Kind != canon.ClaimReservation || c.Stage == "" {
		return refuse(404, "reservation.unknown", "no reservation that is collected has the id %.64q", ask.Reservation), nil
	}
	if !slices.Contains(collectEvents, ask.Event) {
		return refuse(422, "transition.unknown", "there is no event %.32q: use one of %v", ask.Event, collectEvents), nil
	}
	if !c.Live() {
		return refuse(409, "reservation.ended", "the reservation has ended already: %s", c.Ended), nil
	}
	item, no, err := f.find(c.Item)
	if err != nil || no != nil {
		return no, err
	}
	facts := &lifecycle.Facts{
		Now: f.f.at.Unix(), Actor: f.f.head.Actor, Scanned: ask.Scanned, Identity: ask.Identified, Extensions: c.Extended, MaxExtensions: maxExtensions,
	}
	if names(item, ask.Scanned) {
		facts.Expected = ask.Scanned
	}
	if !ask.Paid {
		facts.Total = 1 // something is open unless a person says otherwise
	}
	var until time.Time
	if ask.Event == "ready" || ask.Event == "extend" {
		if ask.Seconds < 1 || ask.Seconds > maxKept {
			return refuse(422, "reservation.duration", "seconds must be from 1 to %d (30 days)", maxKept), nil
		}
		until = f.f.at.Add(time.Duration(ask.Seconds) * time.Second)
		facts.Until = until.Unix()
	}
	event := ask.Event
	if event == "cancel" && c.Stage == "held" {
		event = "release"
	}
	row, refusal := decideAs(&lifecycle.ReservationMachine, lifecycle.State(c.Stage), event, actor(cmd), facts)
	if refusal != nil {
		return refused(refusal), nil
	}
	if ask.Event == "collect" {
		return f.collect(cmd, c)
	}
	before := *c
	c.Stage = string(row.To)
	if ask.Event == "extend" {
		c.Extended++
	}
	if !until.IsZero() {
		c.Until = &until
		f.due(until, c.Key)
	}
	switch row.To {
	case "refused", "cancelled", "restocked":
		c.Net, c.Ended = 0, string(row.To)
	}
	if err := f.putStage(&before, c); err != nil {
		return nil, err
	}
	return done(200, reservation(c))
}

// putStage saves a reservation that moved, and tells it in the timeline of its goods.
func (f *fold) putStage(before, c *canon.Claim) error {
	if err := f.putClaim(before, c); err != nil {
		return err
	}
	return f.row(canon.Row{
		Entity: c.Item, Type: "reservation", Event: "reservation." + c.Stage, Location: c.Location,
		Changes: []canon.Change{{Field: "reservation", After: textJSON(c.Key)}},
	})
}

// collect sells what was kept ready to who collects it.
func (f *fold) collect(cmd *canon.Command, c *canon.Claim) (*canon.Outcome, error) {
	ask := cmd.ReservationStep
	out, err := f.sell(cmd.ID, &canon.Sell{
		Item: c.Item, Quantity: c.Quantity, Reservation: c.Key, Location: c.Location, Channel: ask.Channel, Receipt: ask.Receipt, Price: ask.Price,
	})
	if err != nil || !out.OK {
		return out, err
	}
	if c, err = f.claim(c.Key); err != nil {
		return nil, err
	}
	before := *c
	c.Stage = "collected"
	return out, f.putStage(&before, c)
}

// reservationDue ends a reservation that nobody confirmed or picked in time. Goods that are kept ready are not for sale
// before somebody put them back.
func (f *fold) reservationDue(c *canon.Claim) error {
	row, refusal := lifecycle.ReservationMachine.Decide(lifecycle.State(c.Stage), "expire", lifecycle.Timer, &lifecycle.Facts{Now: f.f.at.Unix(), Until: c.Until.Unix()})
	if refusal != nil {
		return nil // picked goods are on the counter: who picked them puts them back
	}
	before := *c
	c.Stage = string(row.To)
	if row.To != "no_show" {
		c.Net, c.Ended = 0, "expired"
	}
	return f.putStage(&before, c)
}
