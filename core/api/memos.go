package api

import (
	"github.com/gofiber/fiber/v2"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/core/views"
)

// Lend is the body of lending pieces.
type Lend struct {
	Items     []string `json:"items" minItems:"1" maxItems:"100" doc:"Any ids that resolve to the pieces"`
	Party     string   `json:"party" minLength:"1" maxLength:"200" doc:"To whom"`
	Reference string   `json:"reference,omitempty" maxLength:"200" doc:"The house's own number of the memo"`
	Seconds   int64    `json:"seconds" minimum:"1" maximum:"31622400" doc:"For how long, at most a year" example:"604800"`
}

// TakeBack is the body of taking a lent piece back.
type TakeBack struct {
	Item      string `json:"item" minLength:"1" maxLength:"200"`
	Scanned   string `json:"scanned" minLength:"1" maxLength:"512" doc:"Serial, EPC, report number or SKU that was read from it"`
	Inspected bool   `json:"inspected,omitempty" doc:"A person looked at it"`
}

// Extend is the body of giving a memo more time.
type Extend struct {
	Seconds int64 `json:"seconds" minimum:"1" maximum:"31622400" doc:"From now on"`
}

func (a *API) memos(c *fiber.Ctx, who access.Principal) error {
	return listing[canon.Memo](a, c, who, func(v store.View, p views.Paging) (views.Page, error) {
		return views.Documents(v, store.TypeMemo, query(c, "status"), p)
	})
}

func (a *API) memo(c *fiber.Ctx, who access.Principal) error {
	return record[canon.Memo](a, c, who, byID(c, store.TypeMemo))
}

func (a *API) lend(c *fiber.Ctx, who access.Principal) error {
	b, err := read[Lend](a, c)
	if err != nil {
		return err
	}
	for _, id := range b.Items {
		if _, err := a.place(who, id, ""); err != nil {
			return err
		}
	}
	return do[canon.Memo](a, c, who, canon.Command{Role: who.ActsAs(), Lend: &canon.Lend{
		Items: b.Items, Party: b.Party, Reference: b.Reference, Seconds: b.Seconds, Channel: who.Channel(),
	}}, nil)
}

func (a *API) takeBack(c *fiber.Ctx, who access.Principal) error {
	b, err := read[TakeBack](a, c)
	if err != nil {
		return err
	}
	return do[canon.Memo](a, c, who, canon.Command{Role: who.ActsAs(), TakeBack: &canon.TakeBack{
		Memo: parameter(c, "id"), Item: b.Item, Scanned: b.Scanned, Inspected: b.Inspected,
	}}, nil)
}

func (a *API) extendMemo(c *fiber.Ctx, who access.Principal) error {
	b, err := read[Extend](a, c)
	if err != nil {
		return err
	}
	return do[canon.Memo](a, c, who, canon.Command{Role: who.ActsAs(), ExtendMemo: &canon.ExtendMemo{Memo: parameter(c, "id"), Seconds: b.Seconds}}, nil)
}
