package api

import (
	"github.com/gofiber/fiber/v2"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/core/views"
)

// ReceiveConsignment is the body of taking pieces in on consignment.
type ReceiveConsignment struct {
	Kind      string      `json:"kind,omitempty" enum:"consigned,memo_in" doc:"consigned where it is left out; memo_in is lent by a supplier for a time"`
	Party     string      `json:"party" minLength:"1" maxLength:"200" doc:"Whose the pieces are"`
	Reference string      `json:"reference,omitempty" maxLength:"200" doc:"The house's own number of the document"`
	Terms     int64       `json:"terms,omitempty" minimum:"1" maximum:"31622400" doc:"Seconds after a sale until what is owed has to be paid out; 30 days where it is left out"`
	Pieces    []Consigned `json:"pieces" minItems:"1" maxItems:"100"`
	Inspected bool        `json:"inspected,omitempty" doc:"A person looked at them"`
}

// Consigned is one piece of it.
type Consigned struct {
	Item    string  `json:"item" minLength:"1" maxLength:"200"`
	Payable *Amount `json:"payable,omitempty" doc:"What its owner gets for it"`
}

// ConsignmentStep is the body of a step of a consignment.
type ConsignmentStep struct {
	Event    string  `json:"event" enum:"offer,give_back,convert,donate,pay_out"`
	Item     string  `json:"item,omitempty" maxLength:"200" doc:"The piece; offer is of all where it is left out"`
	Scanned  string  `json:"scanned,omitempty" maxLength:"512" doc:"Serial, EPC, report number or SKU that was read from it"`
	Seconds  int64   `json:"seconds,omitempty" minimum:"1" maximum:"31622400" doc:"Of offer: until what was not sold has to go back"`
	Amount   *Amount `json:"amount,omitempty" doc:"Of pay_out; what is owed where it is left out"`
	Approved bool    `json:"approved,omitempty" doc:"A manager allows it"`
}

func (a *API) consignments(c *fiber.Ctx, who access.Principal) error {
	return listing[canon.Consignment](a, c, who, func(v store.View, p views.Paging) (views.Page, error) {
		return views.Documents(v, store.TypeConsignment, "", p)
	})
}

func (a *API) consignment(c *fiber.Ctx, who access.Principal) error {
	return record[canon.Consignment](a, c, who, byID(c, store.TypeConsignment))
}

func (a *API) consignmentTimeline(c *fiber.Ctx, who access.Principal) error {
	return a.timeline(c, who, store.TypeConsignment)
}

func (a *API) receiveConsignment(c *fiber.Ctx, who access.Principal) error {
	b, err := read[ReceiveConsignment](a, c)
	if err != nil {
		return err
	}
	ask := &canon.ConsignAsk{
		Event: "receive", Kind: canon.OwnershipKind(b.Kind), Party: b.Party, Reference: b.Reference, Terms: b.Terms, Inspected: b.Inspected, Channel: who.Channel(),
	}
	for _, p := range b.Pieces {
		if _, err := a.place(who, p.Item, ""); err != nil {
			return err
		}
		ask.Lines = append(ask.Lines, canon.ConsignmentGood{Item: p.Item, Payable: stated(p.Payable)})
	}
	return do[canon.Consignment](a, c, who, canon.Command{Role: who.ActsAs(), Consign: ask}, nil)
}

func (a *API) consignmentStep(c *fiber.Ctx, who access.Principal) error {
	b, err := read[ConsignmentStep](a, c)
	if err != nil {
		return err
	}
	return do[canon.Consignment](a, c, who, canon.Command{Role: who.ActsAs(), Consign: &canon.ConsignAsk{
		Consignment: parameter(c, "id"), Event: b.Event, Item: b.Item, Scanned: b.Scanned, Seconds: b.Seconds, Amount: stated(b.Amount), Approved: b.Approved,
		Channel: who.Channel(),
	}}, nil)
}
