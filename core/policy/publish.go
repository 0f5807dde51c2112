package policy

import (
	"slices"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
)

// Publishing reports whether any publish rule is in force.
func (s *Set) Publishing() bool { return s != nil && len(s.publish) > 0 }

// Writes says how far a field group goes to platforms: whether it is written at all, and whether a value that differs is
// written over. Without a rule nothing is.
func (s *Set) Writes(full string) (written, over bool) {
	r := s.Own(full)
	if r == nil || r.Direction != canon.DirectionOut && r.Direction != canon.DirectionBoth {
		return false, false
	}
	return true, r.Losing == canon.LosingWriteBack
}

// Mute reports whether what a connection states of a group does not count, because the group only goes out to it.
func (s *Set) Mute(rule *canon.PolicyRule, connection string) bool {
	if rule == nil || rule.Direction != canon.DirectionOut || s == nil {
		return false
	}
	p := s.publish[connection]
	return p != nil && p.Update != "" && p.Update != canon.PublishNone
}

// Selects reports whether a rule's verb is about an item; price is what would be shown of it, nil for none.
func Selects(which canon.Publish, of *canon.Selection, item *canon.Item, price *canon.Money) bool {
	switch which {
	case canon.PublishAll:
		return true
	case canon.PublishSelected:
		return of != nil && selected(of, item, price)
	}
	return false
}

func selected(s *canon.Selection, item *canon.Item, price *canon.Money) bool {
	metal := ""
	if item.Metal != nil {
		metal = string(item.Metal.Kind)
	}
	switch {
	case !among(s.Categories, item.Category), !among(s.Metals, metal), !among(s.Brands, item.Brand):
		return false
	case len(s.Statuses) > 0 && !slices.Contains(s.Statuses, item.Status):
		return false
	case len(s.Locations) > 0 && !slices.ContainsFunc(item.Stock, func(a canon.StockAt) bool { return a.OnHand > 0 && slices.Contains(s.Locations, a.Location) }):
		return false
	case s.Price != nil && (price == nil || price.Currency != s.Price.Currency || price.Minor < s.Price.Min || s.Price.Max > 0 && price.Minor > s.Price.Max):
		return false
	}
	for _, want := range s.Attributes {
		if !slices.ContainsFunc(item.Attributes, func(a canon.Attribute) bool { return a.Code == want.Code && among(want.Values, a.Value) }) {
			return false
		}
	}
	return true
}

// among reports whether a word is in a list, which is also so where the list is empty.
func among(list []string, word string) bool {
	return len(list) == 0 || slices.ContainsFunc(list, func(s string) bool { return strings.EqualFold(s, word) })
}

// WhyHidden says by what a piece is not for sale; "" where it is, or where nobody knows. A quantity that is sold out is still
// for sale: its platform shows that there is none.
func WhyHidden(item *canon.Item) canon.HideWhen {
	switch item.Status {
	case canon.ItemInStock, canon.ItemUnknown:
		return ""
	case canon.ItemSold:
		return canon.HideSold
	case canon.ItemInRepair:
		return canon.HideRepair
	case canon.ItemOnMemo:
		return canon.HideMemo
	case canon.ItemReserved, canon.ItemBlocked, canon.ItemInTransit:
		return canon.HideReserved
	case canon.ItemUnavailable:
		if !item.Serialized {
			return ""
		}
	}
	return canon.HideWithdrawn
}

// Hides reports whether a rule takes down what is not for sale for this reason.
func Hides(r *canon.PublishRule, why canon.HideWhen) bool {
	if why == "" {
		return false
	}
	if len(r.Hide) == 0 {
		return slices.Contains(canon.HideDefault(), why)
	}
	return slices.Contains(r.Hide, why)
}
