package router

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/jumpring/jumpring/core/canon"
)

// Bounds of what a fact may state. They are far above what any retailer has, and far below what could overflow a sum.
const (
	maxQuantity = 1_000_000_000 // pieces in one line or level
	maxID       = 1024          // bytes of a platform's id
	maxName     = 128           // bytes of a connection's name
)

// checkObservation refuses what can't be folded whatever the state is: without structure, with ids that can't be told
// apart in keys, or with absurd quantities and times.
func checkObservation(connection string, obs *canon.Observation) error {
	if err := checkConnection(connection); err != nil {
		return err
	}
	if err := obs.Check(); err != nil {
		return faultf("observation.malformed", "%v", err)
	}
	if !hasAspect(obs) {
		return faultf("observation.malformed", "%s has no aspect %.32q", obs.Kind, obs.Aspect)
	}
	if err := checkIDs(obs.ExternalID); err != nil {
		return err
	}
	switch {
	case obs.Listing != nil:
		if at := obs.Listing.CreatedAt; at != nil {
			if err := checkTimes(*at); err != nil {
				return err
			}
		}
		if err := checkOffers(obs.Listing.Offers); err != nil {
			return err
		}
		return checkIDs(obs.Listing.StockID, obs.Listing.ProductID)
	case obs.Product != nil && obs.Product.CreatedAt != nil:
		return checkTimes(*obs.Product.CreatedAt)
	case obs.Level != nil:
		return checkLevel(obs.Level)
	case obs.Customer != nil && obs.Customer.CreatedAt != nil:
		return checkTimes(*obs.Customer.CreatedAt)
	case obs.Order != nil:
		return checkOrder(obs.Order)
	case obs.Refund != nil:
		return checkRefund(obs.Refund)
	case obs.Count != nil:
		if err := checkQuantity(obs.Count.Quantity); err != nil {
			return err
		}
		return checkTimes(obs.Count.CountedAt)
	}
	return nil
}

// checkCommand refuses a command whose key or id could stand for another's: ids of commands are ULIDs of their doors.
func checkCommand(cmd *canon.Command) error {
	switch {
	case cmd.Key == "" || len(cmd.Key) > maxID || !utf8.ValidString(cmd.Key):
		return faultf("command.malformed", "a command needs an idempotency key of at most %d bytes", maxID)
	case cmd.ID == "" || len(cmd.ID) > maxName || strings.ContainsAny(cmd.ID, "/%") || !printable(cmd.ID):
		return faultf("command.malformed", "a command needs an id without slash or control character")
	}
	if channel := channelOf(cmd); channel != "" {
		return checkConnection(channel)
	}
	return nil
}

func channelOf(cmd *canon.Command) string {
	switch {
	case cmd.Reserve != nil:
		return cmd.Reserve.Channel
	case cmd.Sell != nil:
		return cmd.Sell.Channel
	case cmd.Lend != nil:
		return cmd.Lend.Channel
	case cmd.MoveItem != nil:
		return cmd.MoveItem.Channel
	case cmd.Transfer != nil:
		return cmd.Transfer.Channel
	case cmd.Count != nil:
		return cmd.Count.Channel
	case cmd.Credit != nil:
		return cmd.Credit.Channel
	case cmd.Consign != nil:
		return cmd.Consign.Channel
	case cmd.OrderStep != nil:
		return cmd.OrderStep.Channel
	case cmd.ReservationStep != nil:
		return cmd.ReservationStep.Channel
	}
	return ""
}

// checkConnection refuses names that would make the keys of two connections alike.
func checkConnection(name string) error {
	if name == "" {
		return faultf("connection.malformed", "the fact names no connection")
	}
	if len(name) > maxName || strings.ContainsAny(name, "/%") || !printable(name) {
		return faultf("connection.malformed", "a connection's name has at most %d bytes, no slash, percent sign or control character", maxName)
	}
	return nil
}

// checkSettings refuses settings that no configuration should have let through.
func checkSettings(s *canon.Settings) error {
	if err := checkQuantity(s.Safety); err != nil {
		return err
	}
	for i := range s.Connections {
		c := &s.Connections[i]
		if err := checkConnection(c.Name); err != nil {
			return err
		}
		if err := checkQuantity(c.Safety); err != nil {
			return err
		}
	}
	return checkIDs(s.Locations...)
}

func checkIDs(ids ...string) error {
	for _, id := range ids {
		if len(id) > maxID || !printable(id) {
			return faultf("id.malformed", "an id has at most %d bytes of UTF-8 and no control character", maxID)
		}
	}
	return nil
}

func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

func checkQuantity(q int64) error {
	if q < 0 || q > maxQuantity {
		return faultf("quantity.absurd", "a quantity is from 0 to %d; edit the entry, then replay it", int64(maxQuantity))
	}
	return nil
}

// checkTimes keeps to years that stay representable in every time zone.
func checkTimes(times ...time.Time) error {
	for _, t := range times {
		if y := t.Year(); !t.IsZero() && (y < 1 || y > 9998) {
			return faultf("time.absurd", "a time lies outside of the years 1 to 9998; edit the entry, then replay it")
		}
	}
	return nil
}

func checkLevel(l *canon.LevelState) error {
	if strings.Contains(l.Location, "@") {
		return faultf("id.malformed", "the id of a location of stock has no @")
	}
	if l.Available != nil && (*l.Available < -maxQuantity || *l.Available > maxQuantity) {
		return faultf("quantity.absurd", "a level shows at most %d pieces; edit the entry, then replay it", int64(maxQuantity))
	}
	return checkIDs(l.StockID, l.Location)
}

func checkOrder(o *canon.OrderState) error {
	if err := checkIDs(o.CustomerID, o.Location); err != nil {
		return err
	}
	if err := checkTimes(o.PlacedAt); err != nil {
		return err
	}
	if err := checkDocuments(o); err != nil {
		return err
	}
	seen := make(map[string]bool, len(o.Lines))
	for i := range o.Lines {
		l := &o.Lines[i]
		if l.ID == "" || seen[l.ID] {
			return faultf("order.line_id", "line %d has no id of its own; fix the connector that sent it", i+1)
		}
		seen[l.ID] = true
		if err := checkIDs(l.ID, l.ListingID, l.Location); err != nil {
			return err
		}
		if err := checkQuantity(l.Quantity); err != nil {
			return err
		}
	}
	return nil
}

func checkRefund(r *canon.RefundState) error {
	if r.OrderID == "" {
		return faultf("refund.no_order", "the refund names no order")
	}
	if err := checkIDs(r.OrderID); err != nil {
		return err
	}
	for i := range r.Lines {
		if err := checkQuantity(r.Lines[i].Quantity); err != nil {
			return err
		}
	}
	return checkTimes(r.CreatedAt)
}

// checkOffers refuses prices that can't be told apart, or are of no kind that a platform has.
func checkOffers(offers []canon.StatedOffer) error {
	for i := range offers {
		o := &offers[i]
		if o.ID == "" || o.Kind != canon.OfferPriceList && o.Kind != canon.OfferSale {
			return faultf("listing.offers", "a price beside the regular one has an id and is a price_list or a sale; fix the connector that sent it")
		}
		if err := checkIDs(o.ID, o.Name); err != nil {
			return err
		}
		for _, t := range []*time.Time{o.From, o.Until} {
			if t != nil {
				if err := checkTimes(*t); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
