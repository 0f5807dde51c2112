package edgefiles

import (
	"encoding/xml"
	"errors"
	"fmt"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// webSale is the file that The Edge imports: one sale.
type webSale struct {
	XMLName       xml.Name   `xml:"WebSale"`
	WebSaleID     string     `xml:"WebSaleId"` // unique for ever: The Edge refuses one that it has had
	CustomerWebID string     `xml:"CustomerWebId"`
	OrderNumber   string     `xml:"OrderNumber,omitempty"`
	SaleDate      string     `xml:"SaleDate"` // in The Edge's zone
	Items         []saleItem `xml:"Items>Item"`
	Shipping      string     `xml:"Shipping"`
	Tax           string     `xml:"Tax"`
	TotalWithTax  string     `xml:"TotalWithTax"`
	Payment       payment    `xml:"Payment"`
}

// saleItem is a line: Price is that of all its pieces, before tax.
type saleItem struct {
	ItemID      string `xml:"ItemId"`
	Description string `xml:"Description,omitempty"`
	Quantity    int64  `xml:"Quantity"`
	Price       string `xml:"Price"`
}

type payment struct {
	Type   string `xml:"Type"`
	Amount string `xml:"Amount"`
}

// saleID is the id of an order's sale. It derives from the order's own id, which never changes.
func saleID(order string) string { return "JR-" + strings.TrimPrefix(order, "ord_") }

// fileOf is the name of a sale's file.
func fileOf(id string) string { return "WebSale_" + id + ".xml" }

// notWritten says why an order is no sale that The Edge could import.
type notWritten struct{ sdk.Result }

func (e *notWritten) Error() string { return e.Reason }

func rejected(code, format string, args ...any) error {
	return &notWritten{sdk.Result{Status: sdk.StatusRejected, Code: "edge-files." + code, Reason: fmt.Sprintf(format, args...)}}
}

// errNotOurs tells that nothing of an order is The Edge's.
var errNotOurs = errors.New("nothing of the order is The Edge's")

// makeSale writes an order as The Edge wants it. ids are The Edge's items by the order's lines.
//
// The rule of totals: TotalWithTax = items + Shipping + Tax = Payment. Amounts are those that the shop states; where its
// prices have the tax in them and it says how much of each line that is, it is taken out.
func makeSale(cfg *config, o *canon.Order, stated *canon.OrderState, ids map[string]string) ([]byte, error) {
	s := webSale{WebSaleID: saleID(o.ID), CustomerWebID: o.ClientNode, OrderNumber: o.Number, SaleDate: o.PlacedAt.In(cfg.zone).Format("2006-01-02T15:04:05")}
	if s.CustomerWebID == "" {
		s.CustomerWebID = "guest"
	}
	if len(ids) == 0 {
		for _, l := range o.Lines {
			if l.Waiting {
				return nil, &notWritten{sdk.Result{Status: sdk.StatusRetry, Code: "edge-files.waiting", Reason: "what the order sells is not known yet"}}
			}
		}
		return nil, errNotOurs
	}
	if stated.Currency != cfg.Currency {
		return nil, rejected("currency", "the order is in %s, The Edge in %s: enter the sale there by hand", stated.Currency, cfg.Currency)
	}
	a := &adder{currency: cfg.Currency}
	total, shipping, tax := a.of(&stated.Total), a.of(stated.Shipping), a.of(stated.Tax)
	var items, within int64
	net := make([]int64, len(stated.Lines))
	taxes := make([]int64, len(stated.Lines))
	for i := range stated.Lines {
		l := &stated.Lines[i]
		net[i], taxes[i] = a.of(&l.Price)*l.Quantity-a.of(l.Discount), a.of(l.Tax)
		items, within = items+net[i], within+taxes[i]
	}
	if a.err != nil {
		return nil, rejected("amount", "an amount of the order can't be read: enter the sale in The Edge by hand")
	}
	switch {
	case items+shipping+tax == total:
	case items+shipping == total && within == tax: // the prices have the tax in them
		for i := range net {
			net[i] -= taxes[i]
		}
	default:
		return nil, rejected("totals", "the order does not add up: items %s, shipping %s and tax %s are not the total %s; look at it in the shop, and enter the sale in The Edge by hand",
			a.text(items), a.text(shipping), a.text(tax), a.text(total))
	}
	for i := range stated.Lines {
		l := &stated.Lines[i]
		id, ours := ids[l.ID]
		if !ours {
			if cfg.MiscItem == "" {
				return nil, rejected("foreign_line", "line %s is no item of The Edge: set misc_item, or enter the sale there by hand", l.ID)
			}
			id = cfg.MiscItem
		}
		s.Items = append(s.Items, saleItem{ItemID: id, Description: l.Title, Quantity: l.Quantity, Price: a.text(net[i])})
	}
	s.Shipping, s.Tax, s.TotalWithTax = a.text(shipping), a.text(tax), a.text(total)
	s.Payment = payment{Type: "Web", Amount: a.text(total)}
	raw, err := xml.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, err
	}
	return append([]byte(xml.Header), append(raw, '\n')...), nil
}

// adder counts in minor units of one currency.
type adder struct {
	currency string
	err      error
}

func (a *adder) of(m *canon.StatedMoney) int64 {
	if m == nil || m.Amount == "" {
		return 0
	}
	v, err := canon.ParseMoney(m.Amount, a.currency)
	if err != nil || m.Currency != "" && m.Currency != a.currency {
		a.err = errors.New("an amount can't be read")
		return 0
	}
	return v.Minor
}

func (a *adder) text(minor int64) string {
	return canon.Money{Minor: minor, Currency: a.currency}.Decimal()
}

// toSell tells whether an order stands and is paid.
func toSell(o *canon.Order) bool {
	return !o.History && (o.Status == canon.OrderOpen || o.Status == canon.OrderFulfilled)
}
