package api

import (
	"net/http"

	"github.com/gofiber/fiber/v2"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/problem"
)

// LineAsked is a part of an order's line.
type LineAsked struct {
	ID       string `json:"id" minLength:"1" maxLength:"500" doc:"The line's id, as the order shows it"`
	Quantity int64  `json:"quantity,omitempty" minimum:"1" maximum:"1000000" doc:"1 where it is left out"`
}

// OrderStep is the body of a step of a document of an order.
type OrderStep struct {
	Document     string      `json:"document" enum:"fulfilment,payment,return"`
	ID           string      `json:"id,omitempty" maxLength:"200" doc:"The document; a new one where it is left out"`
	Event        string      `json:"event" minLength:"1" maxLength:"32" doc:"Of a fulfilment: create, pick, pack, ship, hand_over, deliver, fail, take_back, cancel. Of a payment: create, authorize, capture, void, refund. Of a return: request, authorize, reject, cancel, receive, inspect, accept, refund, exchange, close"`
	Lines        []LineAsked `json:"lines,omitempty" maxItems:"200" doc:"Of a new fulfilment or return; all that are open where they are left out"`
	Item         string      `json:"item,omitempty" maxLength:"200" doc:"Any id of the goods of one line"`
	Scanned      string      `json:"scanned,omitempty" maxLength:"512" doc:"Serial, EPC, report number or SKU that was read from the goods"`
	Location     string      `json:"location,omitempty" maxLength:"100" doc:"The token's own where it is left out"`
	Carrier      string      `json:"carrier,omitempty" maxLength:"100"`
	Tracking     string      `json:"tracking,omitempty" maxLength:"200" doc:"Number of the parcel; ship needs it"`
	Kind         string      `json:"kind,omitempty" maxLength:"50" doc:"Of a new payment: card, cash, gift_card …"`
	Amount       *Amount     `json:"amount,omitempty" doc:"Of the step; what is open where it is left out"`
	Payment      string      `json:"payment,omitempty" maxLength:"200" doc:"The payment that a return's refund goes back by"`
	Exchange     string      `json:"exchange,omitempty" maxLength:"200" doc:"The sale of what the client takes in place of the goods"`
	Reference    string      `json:"reference,omitempty" maxLength:"200" doc:"Of a payment: the gateway's; never a card number"`
	Reason       string      `json:"reason,omitempty" maxLength:"500"`
	Identified   bool        `json:"identified,omitempty" doc:"Who takes the goods was checked"`
	Inspected    bool        `json:"inspected,omitempty" doc:"A person looked at the goods"`
	Certificate  bool        `json:"certificate,omitempty" doc:"The goods' reports are there"`
	WithinPolicy bool        `json:"within_policy,omitempty" doc:"The return is in time and state"`
	Approved     bool        `json:"approved,omitempty" doc:"A manager allows it"`
}

// ReservationStep is the body of a step of a reservation that is collected at a boutique.
type ReservationStep struct {
	Event      string  `json:"event" enum:"confirm,refuse,pick,ready,extend,collect,cancel,restock"`
	Scanned    string  `json:"scanned,omitempty" maxLength:"512" doc:"Serial, EPC, report number or SKU that was read from the goods"`
	Seconds    int64   `json:"seconds,omitempty" minimum:"1" maximum:"2592000" doc:"Of ready and extend: for how long the goods are kept, from now on"`
	Identified bool    `json:"identified,omitempty" doc:"Who collects was checked"`
	Paid       bool    `json:"paid,omitempty" doc:"The balance is settled"`
	Receipt    string  `json:"receipt,omitempty" maxLength:"200"`
	Price      *Amount `json:"price,omitempty" doc:"Of one"`
}

// orderDocumentRoutes is the part of the table about documents of orders, and reservations that are collected.
func orderDocumentRoutes() []route {
	return []route{
		{
			method: http.MethodPost, path: "/v1/orders/{id}/documents", name: "order-step", needs: access.ItemsClaim,
			summary: "Take a step of a fulfilment, payment or return that the house makes of an order; a new one answers 201.",
			takes:   OrderStep{}, keyed: true, gives: json200(canon.Order{}), handle: (*API).orderStep,
		},
		{
			method: http.MethodPost, path: "/v1/reservations/{reservation}/step", name: "reservation-step", needs: access.ItemsClaim,
			summary: "Take a step of a reservation that is collected at a boutique; collect sells the goods.",
			takes:   ReservationStep{}, keyed: true, gives: gives{status: 200}, handle: (*API).reservationStep,
		},
	}
}

func consignmentRoutes() []route {
	get, post := http.MethodGet, http.MethodPost
	one := json200(canon.Consignment{})
	return []route{
		{
			method: get, path: "/v1/consignments", name: "consignments", summary: "List consignments: pieces that others let the house sell.", needs: access.ItemsRead,
			query: paging, gives: page(canon.Consignment{}), handle: (*API).consignments,
		},
		{
			method: get, path: "/v1/consignments/{id}", name: "consignment", summary: "Show a consignment.", needs: access.ItemsRead, gives: one, handle: (*API).consignment,
		},
		{
			method: get, path: "/v1/consignments/{id}/timeline", name: "consignment-timeline", summary: "Show what happened to a consignment.", needs: access.ItemsRead,
			query: paging, gives: page(canon.Row{}), handle: (*API).consignmentTimeline,
		},
		{
			method: post, path: "/v1/consignments", name: "receive-consignment", summary: "Take pieces of somebody else in for sale.", needs: access.StockMove,
			takes: ReceiveConsignment{}, keyed: true, gives: gives{status: 201, value: canon.Consignment{}}, handle: (*API).receiveConsignment,
		},
		{
			method: post, path: "/v1/consignments/{id}/step", name: "consignment-step", summary: "Offer, give back, buy, give away or pay out pieces of a consignment.", needs: access.StockMove,
			takes: ConsignmentStep{}, keyed: true, gives: one, handle: (*API).consignmentStep,
		},
	}
}

func (a *API) orderStep(c *fiber.Ctx, who access.Principal) error {
	b, err := read[OrderStep](a, c)
	if err != nil {
		return err
	}
	at, ok := who.At(b.Location)
	if !ok {
		return problem.New(problem.LocationForbidden, "").With(problem.Field{Path: "body.location", Message: "is not the location of the token"})
	}
	step := &canon.OrderStep{
		Order: parameter(c, "id"), Document: canon.OrderDocument(b.Document), ID: b.ID, Event: b.Event, Item: b.Item, Scanned: b.Scanned, Location: at,
		Carrier: b.Carrier, Tracking: b.Tracking, Kind: b.Kind, Amount: stated(b.Amount), Payment: b.Payment, Exchange: b.Exchange, Reference: b.Reference,
		Reason: b.Reason, Identified: b.Identified, Inspected: b.Inspected, Certificate: b.Certificate, WithinPolicy: b.WithinPolicy, Approved: b.Approved,
		Channel: who.Channel(),
	}
	for _, l := range b.Lines {
		step.Lines = append(step.Lines, canon.DocumentLine{ID: l.ID, Quantity: l.Quantity})
	}
	return do[canon.Order](a, c, who, canon.Command{Role: who.ActsAs(), OrderStep: step}, nil)
}

func (a *API) reservationStep(c *fiber.Ctx, who access.Principal) error {
	b, err := read[ReservationStep](a, c)
	if err != nil {
		return err
	}
	cmd := canon.Command{Role: who.ActsAs(), ReservationStep: &canon.ReservationStep{
		Reservation: parameter(c, "reservation"), Event: b.Event, Scanned: b.Scanned, Seconds: b.Seconds, Identified: b.Identified, Paid: b.Paid,
		Receipt: b.Receipt, Price: stated(b.Price), Channel: who.Channel(),
	}}
	if b.Event == "collect" {
		return do[canon.Order](a, c, who, cmd, nil)
	}
	return do[canon.Reservation](a, c, who, cmd, nil)
}
