package shopify

import (
	"math/big"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/jumpring/jumpring/core/canon"
)

// What webhooks (numeric ids, lower-case words) and GraphQL (global ids, upper-case words) share: both translations go
// through these functions, so that the same state gives the same observation.

const gidPrefix = "gid://shopify/"

// gid builds a global id; "" for 0, which is how an absent reference decodes.
func gid(typ string, id int64) string {
	if id == 0 {
		return ""
	}
	return gidPrefix + typ + "/" + strconv.FormatInt(id, 10)
}

// gidNumber gives the number of a global id of one type; 0 when it is none.
func gidNumber(typ, id string) int64 {
	rest, ok := strings.CutPrefix(id, gidPrefix+typ+"/")
	if !ok {
		return 0
	}
	n, err := strconv.ParseInt(rest, 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// version turns a modification time into a source version in Unix microseconds; 0 when there is none.
func version(stated string) int64 {
	t, err := time.Parse(time.RFC3339, stated)
	if err != nil {
		return 0
	}
	return t.UnixMicro()
}

// moment parses a stated time into UTC: a webhook states it in the shop's zone and a read in UTC.
func moment(stated string) time.Time {
	t, err := time.Parse(time.RFC3339, stated)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

func momentPtr(stated string) *time.Time {
	t := moment(stated)
	if t.IsZero() {
		return nil
	}
	return &t
}

// orderStatus maps the platform's words. A voided or pending payment leaves the order standing: it holds its goods
// until somebody cancels it.
func orderStatus(cancelledAt *time.Time, financial, fulfilment string) canon.OrderStatus {
	switch {
	case cancelledAt != nil:
		return canon.OrderCancelled
	case fulfilment == "fulfilled":
		return canon.OrderFulfilled
	}
	switch financial {
	case "paid", "partially_paid", "authorized", "refunded", "partially_refunded":
		return canon.OrderOpen
	}
	return canon.OrderPending
}

// handedOver tells that the goods left with the client at a till of the platform.
func handedOver(source string, status canon.OrderStatus) bool {
	return source == "pos" && status == canon.OrderFulfilled
}

func restocked(restockType string) bool {
	switch restockType {
	case "return", "cancel", "legacy_restock":
		return true
	}
	return false
}

// tenderKind maps a payment gateway's name.
func tenderKind(gateway string) string {
	switch gateway {
	case "gift_card", "cash":
		return gateway
	case "shopify_payments", "bogus":
		return "card"
	case "paypal", "shop_pay", "apple_pay", "google_pay":
		return "wallet"
	case "":
		return "other"
	}
	return gateway
}

// consent maps the platform's consent state; "not subscribed" is no statement at all.
func consent(state string) string {
	switch state {
	case "subscribed", "unsubscribed", "pending":
		return state
	}
	return ""
}

func listingStatus(status string) string {
	if status == "unlisted" { // sold by whoever has the link
		return "active"
	}
	return status
}

// variantTitle leaves out the name that the platform gives a product's only variant.
func variantTitle(title string) string {
	if title == "Default Title" {
		return ""
	}
	return title
}

// gtin accepts a barcode of 8, 12, 13 or 14 digits; shops put other things into that field too.
func gtin(barcode string) string {
	switch len(barcode) {
	case 8, 12, 13, 14:
	default:
		return ""
	}
	for i := range len(barcode) {
		if barcode[i] < '0' || barcode[i] > '9' {
			return ""
		}
	}
	return barcode
}

// variantPrices tells the regular price and a sale price apart: a price to compare with that is above what is asked is the
// regular one.
func variantPrices(price, compareAt, currency string) ([]canon.StatedMoney, []canon.StatedOffer) {
	if price == "" {
		return nil, nil
	}
	asked := canon.StatedMoney{Amount: price, Currency: currency}
	a, err := canon.ParseMoney(price, currency)
	was, cerr := canon.ParseMoney(compareAt, currency)
	if err != nil || cerr != nil || was.Minor <= a.Minor {
		return []canon.StatedMoney{asked}, nil
	}
	return []canon.StatedMoney{{Amount: compareAt, Currency: currency}}, []canon.StatedOffer{{ID: "sale", Kind: canon.OfferSale, Price: asked}}
}

func money(amount, currency string) *canon.StatedMoney {
	if amount == "" {
		return nil
	}
	return &canon.StatedMoney{Amount: amount, Currency: currency}
}

// restAmount writes a GraphQL decimal ("3200.0") as webhooks write the same amount ("3200.00"): with the digits of its
// currency, and with more only where more were stated. So a read and a webhook of one state are equal.
func restAmount(amount, currency string) string {
	digits := 2
	switch currency {
	case "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF":
		digits = 0
	case "BHD", "JOD", "KWD", "OMR", "TND":
		digits = 3
	}
	whole, frac, _ := strings.Cut(amount, ".")
	if whole == "" {
		return amount
	}
	frac = strings.TrimRight(frac, "0")
	for len(frac) < digits {
		frac += "0"
	}
	if frac == "" {
		return whole
	}
	return whole + "." + frac
}

// sumMoney adds decimal strings exactly; nil when there are none or one of them is no decimal. A single amount stays
// as it was written (invariant 5).
func sumMoney(amounts []string, currency string) *canon.StatedMoney {
	switch len(amounts) {
	case 0:
		return nil
	case 1:
		return money(amounts[0], currency)
	}
	sum, digits := new(big.Rat), 0
	for _, a := range amounts {
		r, ok := new(big.Rat).SetString(a)
		if !ok || len(a) > 40 || strings.ContainsAny(a, "/eEpP_xX") {
			return nil
		}
		if i := strings.IndexByte(a, '.'); i >= 0 {
			digits = max(digits, len(a)-i-1)
		}
		sum.Add(sum, r)
	}
	return &canon.StatedMoney{Amount: sum.FloatString(digits), Currency: currency}
}

// nonEmpty keeps the strings that say something, without repetition, in their order.
func nonEmpty(values ...string) []string {
	var out []string
next:
	for _, v := range values {
		if v == "" {
			continue
		}
		for _, o := range out {
			if o == v {
				continue next
			}
		}
		out = append(out, v)
	}
	return out
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// person builds the personal section, nil when nothing is known of anybody.
func person(p canon.PersonState, addresses ...*canon.AddressState) *canon.PersonState {
next:
	for _, a := range addresses {
		if a == nil || *a == (canon.AddressState{}) {
			continue
		}
		for i := range p.Addresses {
			if p.Addresses[i] == *a {
				continue next
			}
		}
		p.Addresses = append(p.Addresses, *a)
	}
	if p.GivenName == "" && p.FamilyName == "" && p.Note == "" && len(p.Emails)+len(p.Phones)+len(p.Addresses) == 0 {
		return nil
	}
	return &p
}

func sortedTags(tags []string) []string {
	out := make([]string, 0, len(tags))
	for _, t := range tags {
		if t = strings.TrimSpace(t); t != "" {
			out = append(out, t)
		}
	}
	sort.Strings(out)
	return out
}

// oneLocation gives the location that all the goods of an order came from; "" when they came from several, because
// neither shape then says cheaply which line came from which.
func oneLocation(locations []string) string {
	one := ""
	for _, l := range locations {
		switch {
		case l == "":
		case one == "":
			one = l
		case one != l:
			return ""
		}
	}
	return one
}

// lineProperty takes what the storefront wrote onto an order line: the serial or the tag of the very piece sold.
func lineProperty(line *canon.OrderLine, name, value string) {
	switch strings.ToLower(strings.TrimLeft(name, "_")) {
	case "serial", "serial number", "serial_number":
		line.Serial = value
	case "epc":
		line.EPC = value
	}
}
