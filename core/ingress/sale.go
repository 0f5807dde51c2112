package ingress

import (
	"fmt"
	"strconv"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/problem"
)

// Sale reports that goods were sold and left with the client. It is never refused because somebody else holds the
// piece: that becomes a case.
type Sale struct {
	Receipt     string     `json:"receipt" minLength:"1" maxLength:"200" doc:"The till's number of the sale; the same receipt is the same sale" example:"P1-20260301-0042"`
	SoldAt      string     `json:"sold_at" maxLength:"40" doc:"RFC 3339 with offset" example:"2026-03-01T17:45:00+01:00"`
	Currency    string     `json:"currency" maxLength:"3" doc:"ISO 4217" example:"EUR"`
	Location    string     `json:"location,omitempty" maxLength:"100" doc:"One of the hub's locations; the token's own where it is left out" example:"boutique-paris"`
	Total       *Amount    `json:"total,omitempty" doc:"What the client paid, as on the receipt"`
	Lines       []SaleLine `json:"lines" minItems:"1" maxItems:"500"`
	Tenders     []Tender   `json:"tenders,omitempty" maxItems:"50"`
	Salesperson string     `json:"salesperson,omitempty" maxLength:"100"`
	Voided      bool       `json:"voided,omitempty" doc:"The whole sale was cancelled at the till"`
	ClientID    string     `json:"client_id,omitempty" maxLength:"200" doc:"The id of a client that was registered before"`
	Client      *Person    `json:"client,omitempty" doc:"Who bought, where the sale itself says it"`
}

// SaleLine is one line of a sale. At least one of item, serial, epc and sku says what was sold.
type SaleLine struct {
	ID       string  `json:"id,omitempty" maxLength:"100" doc:"The line's number; its place in the list where it is left out" example:"1"`
	Item     string  `json:"item,omitempty" maxLength:"200" doc:"The id under which this source registered the item"`
	Serial   string  `json:"serial,omitempty" maxLength:"200" example:"SN-0001"`
	EPC      string  `json:"epc,omitempty" maxLength:"200"`
	SKU      string  `json:"sku,omitempty" maxLength:"200"`
	Title    string  `json:"title,omitempty" maxLength:"500"`
	Quantity int64   `json:"quantity" minimum:"1" maximum:"1000000" example:"1"`
	Price    *Amount `json:"price,omitempty" doc:"Of one, before discount"`
	Discount *Amount `json:"discount,omitempty" doc:"Of the whole line"`
	Tax      *Amount `json:"tax,omitempty"`
}

// Tender is one means of payment. A card number has no place in it.
type Tender struct {
	Kind      string `json:"kind" enum:"card,cash,gift_card,wallet,bank_transfer,cheque,store_credit,financing,other"`
	Amount    Amount `json:"amount"`
	Reference string `json:"reference,omitempty" maxLength:"100" doc:"The terminal's or the bank's reference, never a card number"`
}

func (s *Sale) place() *string { return &s.Location }

func (s *Sale) observe(version int64) ([]canon.Observation, []problem.Field) {
	var c checks
	c.currency("currency", s.Currency)
	order := &canon.OrderState{
		Number: s.Receipt, Status: canon.OrderFulfilled, PlacedAt: c.instant("sold_at", s.SoldAt), Currency: s.Currency,
		Location: s.Location, Channel: "pos", Salesperson: s.Salesperson, HandedOver: !s.Voided, CustomerID: s.ClientID,
		Buyer: s.Client.state(),
	}
	if s.Voided {
		order.Status = canon.OrderCancelled
	}
	if total := c.money("total", s.Total, s.Currency); total != nil {
		order.Total = *total
	}
	seen := map[string]bool{}
	for i, l := range s.Lines {
		at := fmt.Sprintf("lines[%d]", i)
		id := l.ID
		if id == "" {
			id = strconv.Itoa(i + 1)
		}
		if seen[id] {
			c.add(at+".id", "is the id of another line")
		}
		seen[id] = true
		c.key(at, l.Item, l.Serial, l.EPC, l.SKU)
		line := canon.OrderLine{
			ID: id, ListingID: l.Item, SKU: l.SKU, Serial: l.Serial, EPC: l.EPC, Title: l.Title, Quantity: l.Quantity,
			Discount: c.money(at+".discount", l.Discount, s.Currency), Tax: c.money(at+".tax", l.Tax, s.Currency),
			Location: s.Location,
		}
		if price := c.money(at+".price", l.Price, s.Currency); price != nil {
			line.Price = *price
		}
		order.Lines = append(order.Lines, line)
	}
	order.Tenders = tenders(&c, s.Tenders, s.Currency)
	return []canon.Observation{{
		Kind: canon.KindOrder, ExternalID: s.Receipt, Aspect: canon.AspectMain, SourceVersion: version, Order: order,
	}}, c.wrong
}

func tenders(c *checks, in []Tender, currency string) []canon.Tender {
	var out []canon.Tender
	for i, t := range in {
		at := fmt.Sprintf("tenders[%d]", i)
		if cardNumber(t.Reference) {
			c.add(at+".reference", "looks like a card number, which the hub never keeps") // invariant 7
			continue
		}
		if m := c.money(at+".amount", &t.Amount, currency); m != nil {
			out = append(out, canon.Tender{Kind: t.Kind, Amount: *m, Reference: t.Reference})
		}
	}
	return out
}

// cardNumber tells whether a text has 13 to 19 digits in a row, separators aside, that pass the Luhn check of ISO/IEC
// 7812-1 and begin as payment cards do (2 to 6).
func cardNumber(s string) bool {
	var digits []byte
	for i := 0; i < len(s); i++ {
		switch ch := s[i]; {
		case ch >= '0' && ch <= '9':
			digits = append(digits, ch-'0')
		case ch == ' ' || ch == '-':
		default:
			return false
		}
	}
	if len(digits) < 13 || len(digits) > 19 || digits[0] < 2 || digits[0] > 6 {
		return false
	}
	sum := 0
	for i := range digits {
		d := int(digits[len(digits)-1-i])
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}
