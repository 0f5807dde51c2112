package csv

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// groupKey tells which rows of a file belong together: the lines of one receipt. Every row of the other files is on
// its own and has no key.
func (r *row) groupKey() string {
	till := r.get("till")
	if till == "" {
		till = r.cfg.Till
	}
	id := escaper.Replace(till) + "/" + escaper.Replace(r.get("receipt"))
	switch r.content {
	case salesFile:
		return id
	case returnsFile:
		return id + ":" + r.originalID(till)
	}
	return ""
}

// originalID names the receipt that a return refers to; its till is the returning one unless the row says another.
func (r *row) originalID(till string) string {
	if t := r.get("original_till"); t != "" {
		till = t
	}
	return escaper.Replace(till) + "/" + escaper.Replace(r.get("original_receipt"))
}

// maxLines bounds how many lines a receipt has, so that one fits into memory and into a message.
const maxLines = 1000

// receiptGroup translates a receipt. A receipt is stated whole, so one refused line refuses all of it: a receipt with
// a line missing would state that the piece of that line was not sold.
func receiptGroup(t *table, group []*row, f func(id string, group []*row) canon.Observation) ([]canon.Observation, []sdk.RowError) {
	id := group[0].groupKey()
	if group[0].get("receipt") == "" {
		group[0].fail("csv.key_missing", "the row has no receipt", "fill in the receipt's number")
	}
	lines := map[string]bool{}
	for i, r := range group {
		r.till()
		number := r.lineNumber(i)
		if lines[number] {
			r.fail("csv.line_twice", "the receipt has this line twice", "number the lines of a receipt 1, 2, 3 …")
		}
		lines[number] = true
	}
	observation := f(id, group)
	refused := 0
	for _, r := range group {
		if r.err != nil {
			refused++
		}
	}
	if refused == 0 {
		return []canon.Observation{observation}, nil
	}
	bad := make([]sdk.RowError, 0, len(group))
	for i, r := range group {
		if r.err == nil {
			r.fail("csv.receipt_incomplete", "another line of this receipt is refused", "correct that line and give the whole receipt again")
		}
		bad = append(bad, t.rowError(r.line, id+"/"+r.lineNumber(i), r.err))
	}
	return nil, bad
}

// lineNumber is the column line, else the row's place within the receipt, from 1.
func (r *row) lineNumber(i int) string {
	if n := r.get("line"); n != "" {
		return n
	}
	return strconv.Itoa(i + 1)
}

// sale builds the order of a receipt.
func sale(id string, group []*row) canon.Observation {
	first := group[0]
	o := &canon.OrderState{
		Number: first.get("receipt"), Status: canon.OrderFulfilled, PlacedAt: first.stamp(), Location: first.location(), Channel: "pos",
		Salesperson: first.get("salesperson"), HandedOver: true, CustomerID: first.get("customer"), Buyer: first.person("client", "client_note"),
	}
	switch strings.ToLower(first.get("status")) {
	case "", "sold", "completed":
	case "void", "voided", "cancelled", "canceled":
		o.Status, o.HandedOver = canon.OrderCancelled, false
	default:
		first.fail("csv.bad_status", "status is not known", "write sold or void")
	}
	for i, r := range group {
		price := r.money("price")
		if price == nil {
			r.fail("csv.bad_amount", "the line has no price", "fill in the price of one piece and its currency")
			continue
		}
		line := canon.OrderLine{
			ID: r.lineNumber(i), ListingID: r.get("item"), SKU: r.get("sku"), Serial: r.get("serial"), EPC: r.get("epc"), Title: r.get("title"),
			Quantity: r.count("quantity", 1), Price: *price, Discount: r.money("discount"), Tax: r.money("tax"), Location: r.location(),
		}
		if line.ListingID+line.Serial+line.SKU+line.EPC == "" {
			r.fail("csv.key_missing", "the line names no piece", "fill in serial, sku, epc or item")
		}
		if line.Quantity == 0 {
			r.fail("csv.bad_number", "the line sells no piece", "write a quantity from 1 up; goods that came back belong in a file of returns")
		}
		if o.Currency == "" {
			o.Currency = price.Currency
		} else if o.Currency != price.Currency {
			r.fail("csv.two_currencies", "the receipt has amounts in two currencies", "state a receipt in one currency")
		}
		o.Lines = append(o.Lines, line)
	}
	o.Total = canon.StatedMoney{Currency: o.Currency}
	if total := first.money("total"); total != nil {
		o.Total = *total
	}
	if kind := tenderKind(first.get("tender")); kind != "" {
		o.Tenders = []canon.Tender{{Kind: kind, Amount: o.Total}}
	}
	return canon.Observation{Kind: canon.KindOrder, ExternalID: id, SourceVersion: newest(group), Order: o}
}

// tenderKind gives the words of a means of payment without anything that could be a number of it.
//
// Invariant 7: no card number leaves the connector, whatever a till writes into the column.
func tenderKind(s string) string {
	words := strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !unicode.IsLetter(r) })
	return strings.Join(words, "_")
}

// refund builds what a return receipt gives back of one original receipt.
func refund(id string, group []*row) canon.Observation {
	first := group[0]
	if first.get("original_receipt") == "" {
		first.fail("csv.key_missing", "the row names no original receipt", "fill in original_receipt, and original_till where it was another till")
	}
	f := &canon.RefundState{OrderID: first.originalID(first.till()), CreatedAt: first.stamp(), Total: first.money("total")}
	for _, r := range group {
		line := canon.RefundLine{OrderLineID: r.get("original_line"), Quantity: r.count("quantity", 1), Location: r.location(), Amount: r.money("amount")}
		if line.OrderLineID == "" {
			r.fail("csv.key_missing", "the row names no original line", "fill in original_line")
		}
		if line.Quantity == 0 {
			r.fail("csv.bad_number", "the line returns no piece", "write a quantity from 1 up")
		}
		switch strings.ToLower(r.get("restocked")) {
		case "", "yes", "y", "true", "1":
			line.Restocked = true
		case "no", "n", "false", "0":
		default:
			r.fail("csv.bad_flag", "restocked is not known", "write yes or no")
		}
		f.Lines = append(f.Lines, line)
	}
	if kind := tenderKind(first.get("tender")); kind != "" && f.Total != nil {
		f.Tenders = []canon.Tender{{Kind: kind, Amount: *f.Total}}
	}
	return canon.Observation{Kind: canon.KindRefund, ExternalID: id, SourceVersion: newest(group), Refund: f}
}

func newest(group []*row) int64 {
	v := group[0].version()
	for _, r := range group[1:] {
		v = max(v, r.version())
	}
	return v
}
