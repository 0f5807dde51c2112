package ingress

import (
	"fmt"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/problem"
)

// Return reports that money or goods of an earlier sale went back.
type Return struct {
	ReturnID   string       `json:"return_id" minLength:"1" maxLength:"200" doc:"The till's number of the return; the same number is the same return" example:"P1-20260303-R3"`
	Receipt    string       `json:"receipt" minLength:"1" maxLength:"200" doc:"The receipt of the sale" example:"P1-20260301-0042"`
	ReturnedAt string       `json:"returned_at" maxLength:"40" doc:"RFC 3339 with offset" example:"2026-03-03T10:00:00+01:00"`
	Currency   string       `json:"currency" maxLength:"3" doc:"ISO 4217" example:"EUR"`
	Location   string       `json:"location,omitempty" maxLength:"100" doc:"Where the goods came back" example:"boutique-paris"`
	Total      *Amount      `json:"total,omitempty" doc:"What was paid back"`
	Lines      []ReturnLine `json:"lines,omitempty" maxItems:"500"`
	Tenders    []Tender     `json:"tenders,omitempty" maxItems:"50"`
	Note       string       `json:"note,omitempty" maxLength:"500" doc:"Why; no client's data"`
}

// ReturnLine is one line of a return.
type ReturnLine struct {
	Line      string  `json:"line" minLength:"1" maxLength:"100" doc:"The id of the sale's line" example:"1"`
	Quantity  int64   `json:"quantity" minimum:"1" maximum:"1000000" example:"1"`
	Restocked bool    `json:"restocked" doc:"The goods were looked at and are for sale again"`
	Amount    *Amount `json:"amount,omitempty"`
}

func (r *Return) place() *string { return &r.Location }

func (r *Return) observe(version int64) ([]canon.Observation, []problem.Field) {
	var c checks
	c.currency("currency", r.Currency)
	refund := &canon.RefundState{
		OrderID: r.Receipt, CreatedAt: c.instant("returned_at", r.ReturnedAt), Total: c.money("total", r.Total, r.Currency), Note: r.Note,
	}
	for i, l := range r.Lines {
		refund.Lines = append(refund.Lines, canon.RefundLine{
			OrderLineID: l.Line, Quantity: l.Quantity, Restocked: l.Restocked, Location: r.Location,
			Amount: c.money(fmt.Sprintf("lines[%d].amount", i), l.Amount, r.Currency),
		})
	}
	if len(r.Lines) == 0 && r.Total == nil {
		c.add("lines", "a return has lines or a total")
	}
	refund.Tenders = tenders(&c, r.Tenders, r.Currency)
	return []canon.Observation{{
		Kind: canon.KindRefund, ExternalID: r.ReturnID, Aspect: canon.AspectMain, SourceVersion: version, Refund: refund,
	}}, c.wrong
}
