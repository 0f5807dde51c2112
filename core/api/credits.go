package api

import (
	"github.com/gofiber/fiber/v2"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/core/views"
)

// IssueCredit is the body of issuing a gift card or a store credit.
type IssueCredit struct {
	Kind     string `json:"kind" enum:"gift_card,store_credit"`
	Amount   Amount `json:"amount"`
	Client   string `json:"client,omitempty" maxLength:"200" doc:"Any id of whom it belongs to; a store credit has one"`
	Paid     bool   `json:"paid,omitempty" doc:"It is paid for, or given: it can be spent at once"`
	Seconds  int64  `json:"seconds,omitempty" minimum:"1" maximum:"948672000" doc:"Until it expires; never where it is left out"`
	Document string `json:"document,omitempty" maxLength:"200" doc:"The order or return that it comes from"`
}

// CreditStep is the body of a step of a gift card or store credit.
type CreditStep struct {
	Amount   *Amount `json:"amount,omitempty" doc:"What it is about; a capture, a release or a reversal is of the whole line where it is left out. An adjustment may be below zero"`
	Of       string  `json:"of,omitempty" maxLength:"200" doc:"The line that a capture, a release or a reversal is of"`
	Document string  `json:"document,omitempty" maxLength:"200" doc:"The order or return that it pays or comes from"`
	Reason   string  `json:"reason,omitempty" maxLength:"500"`
	Paid     bool    `json:"paid,omitempty"`
	Approved bool    `json:"approved,omitempty" doc:"A manager allows it"`
	Seconds  int64   `json:"seconds,omitempty" minimum:"1" maximum:"948672000" doc:"Of an extension: until it expires, from now on"`
}

func (a *API) credits(c *fiber.Ctx, who access.Principal) error {
	return listing[canon.CreditAccount](a, c, who, func(v store.View, p views.Paging) (views.Page, error) {
		return views.Documents(v, store.TypeCredit, query(c, "status"), p)
	})
}

func (a *API) credit(c *fiber.Ctx, who access.Principal) error {
	return record[canon.CreditAccount](a, c, who, byID(c, store.TypeCredit))
}

func (a *API) creditTimeline(c *fiber.Ctx, who access.Principal) error {
	return a.timeline(c, who, store.TypeCredit)
}

func (a *API) creditLines(c *fiber.Ctx, who access.Principal) error {
	return listing[canon.CreditEntry](a, c, who, func(v store.View, p views.Paging) (views.Page, error) {
		return views.CreditLines(v, parameter(c, "id"), p)
	})
}

func (a *API) issueCredit(c *fiber.Ctx, who access.Principal) error {
	b, err := read[IssueCredit](a, c)
	if err != nil {
		return err
	}
	return do[canon.CreditAccount](a, c, who, canon.Command{Role: who.ActsAs(), Credit: &canon.CreditAsk{
		Event: "issue", Kind: canon.CreditType(b.Kind), Amount: stated(&b.Amount), Client: b.Client, Paid: b.Paid, Seconds: b.Seconds, Document: b.Document, Channel: who.Channel(),
	}}, nil)
}

// creditStep gives the handler of a step of a credit.
func creditStep(event string) func(*API, *fiber.Ctx, access.Principal) error {
	return func(a *API, c *fiber.Ctx, who access.Principal) error {
		b, err := read[CreditStep](a, c)
		if err != nil {
			return err
		}
		return do[canon.CreditAccount](a, c, who, canon.Command{Role: who.ActsAs(), Credit: &canon.CreditAsk{
			Account: parameter(c, "id"), Event: event, Amount: stated(b.Amount), Of: b.Of, Document: b.Document, Reason: b.Reason, Paid: b.Paid,
			Approved: b.Approved, Seconds: b.Seconds, Channel: who.Channel(),
		}}, nil)
	}
}

func stated(a *Amount) *canon.StatedMoney {
	if a == nil {
		return nil
	}
	return &canon.StatedMoney{Amount: a.Amount, Currency: a.Currency}
}
