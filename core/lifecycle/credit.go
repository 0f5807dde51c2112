package lifecycle

import (
	"cmp"
	"fmt"
	"slices"
)

// CreditKind is what a line of a gift card's or a store credit's ledger does.
type CreditKind string

// The kinds of lines. An authorization holds money without taking it; its capture takes what it names and frees the rest.
const (
	CreditIssue     CreditKind = "issue"
	CreditLoad      CreditKind = "load"
	CreditRefund    CreditKind = "refund" // money of a return, paid out as credit
	CreditAuthorize CreditKind = "authorize"
	CreditCapture   CreditKind = "capture"
	CreditRelease   CreditKind = "release"
	CreditRedeem    CreditKind = "redeem" // authorized and captured at once
	CreditExpire    CreditKind = "expire"
	CreditReverse   CreditKind = "reverse" // undoes the line that it names
	CreditUp        CreditKind = "adjust_up"
	CreditDown      CreditKind = "adjust_down"
)

// CreditLine is one line. Its key is natural (the order line, the tender's reference): the same key never counts twice.
type CreditLine struct {
	Key    string     `json:"key"`
	Kind   CreditKind `json:"kind"`
	Amount int64      `json:"amount"`       // minor units, above zero
	Of     string     `json:"of,omitempty"` // the line that a capture, a release or a reversal is of
}

// Credit is the ledger of a gift card or a store credit: what the house owes, in one currency. Lines are only ever added.
type Credit struct {
	Currency string       `json:"currency"`
	Lines    []CreditLine `json:"lines"` // sorted by key
}

// Balance is what the lines add up to; Held is what authorizations hold of it.
func (c *Credit) Balance() (balance, held int64) {
	undone := map[string]bool{}
	ended := map[string]bool{}
	for _, l := range c.Lines {
		switch l.Kind {
		case CreditReverse:
			undone[l.Of] = true
		case CreditCapture, CreditRelease:
			ended[l.Of] = true
		}
	}
	for _, l := range c.Lines {
		if undone[l.Key] {
			continue
		}
		switch l.Kind {
		case CreditIssue, CreditLoad, CreditRefund, CreditUp:
			balance += l.Amount
		case CreditCapture, CreditRedeem, CreditExpire, CreditDown:
			balance -= l.Amount
		case CreditAuthorize:
			if !ended[l.Key] {
				held += l.Amount
			}
		}
	}
	return balance, held
}

// Refusals of the ledger.
const (
	RefusedCovered = "balance.short"
	RefusedAmount  = "amount.not_positive"
	RefusedLine    = "ledger.line_unknown"
	RefusedKey     = "ledger.key_reused"
)

// Command adds a line that somebody asks for. The same line again changes nothing; what the balance does not cover is
// refused.
func (c Credit) Command(line CreditLine) (Credit, *Refusal) {
	refuse := func(code, format string, args ...any) (Credit, *Refusal) {
		return c, &Refusal{Machine: "credit", Event: Event(line.Kind), Code: code, Reason: fmt.Sprintf(format, args...)}
	}
	if at := c.find(line.Key); at >= 0 {
		if c.Lines[at] != line {
			return refuse(RefusedKey, "another line has the key")
		}
		return c, nil
	}
	if line.Key == "" || line.Amount <= 0 {
		return refuse(RefusedAmount, "a line needs a key and an amount above zero")
	}
	balance, held := c.Balance()
	switch line.Kind {
	case CreditAuthorize, CreditRedeem, CreditExpire, CreditDown:
		if line.Amount > balance-held {
			return refuse(RefusedCovered, "%d is free, %d asked for", balance-held, line.Amount)
		}
	case CreditCapture, CreditRelease:
		of, open := c.authorization(line.Of)
		if !open {
			return refuse(RefusedLine, "no open authorization has this key")
		}
		if line.Amount > of.Amount {
			return refuse(RefusedCovered, "%d was authorized, %d asked for", of.Amount, line.Amount)
		}
	case CreditReverse:
		at := c.find(line.Of)
		if at < 0 || c.Lines[at].Kind == CreditReverse || c.Lines[at].Amount != line.Amount || c.reversed(line.Of) {
			return refuse(RefusedLine, "no line of this amount that still stands has this key")
		}
		after := c.with(line)
		if balance, held := after.Balance(); balance < held {
			return refuse(RefusedCovered, "what it gave is spent already")
		}
	}
	return c.with(line), nil
}

// Observe adds a line that a system states: a fact that is never refused. Lines commute, since each counts by its key; of
// two with one key the smaller in order stays.
func (c Credit) Observe(line CreditLine) Credit {
	at := c.find(line.Key)
	if at < 0 {
		return c.with(line)
	}
	if compareLines(line, c.Lines[at]) < 0 {
		c.Lines = slices.Clone(c.Lines)
		c.Lines[at] = line
	}
	return c
}

// Merge unites the ledgers of two clients that are one. It is refused while an authorization is open on either, which
// a till still counts on, and where the currencies differ.
func (c Credit) Merge(o Credit) (Credit, *Refusal) {
	_, held := c.Balance()
	_, more := o.Balance()
	if held != 0 || more != 0 || c.Currency != o.Currency {
		return c, &Refusal{Machine: "credit", Event: "merge", Code: "ledger.open", Reason: "an authorization is open, or the currencies differ"}
	}
	for _, l := range o.Lines {
		c = c.Observe(l)
	}
	return c, nil
}

func (c *Credit) find(key string) int {
	return slices.IndexFunc(c.Lines, func(l CreditLine) bool { return l.Key == key })
}

func (c *Credit) reversed(key string) bool {
	return slices.ContainsFunc(c.Lines, func(l CreditLine) bool { return l.Kind == CreditReverse && l.Of == key })
}

func (c *Credit) authorization(key string) (CreditLine, bool) {
	at := c.find(key)
	if at < 0 || c.Lines[at].Kind != CreditAuthorize || c.reversed(key) {
		return CreditLine{}, false
	}
	ended := slices.ContainsFunc(c.Lines, func(l CreditLine) bool {
		return (l.Kind == CreditCapture || l.Kind == CreditRelease) && l.Of == key
	})
	return c.Lines[at], !ended
}

func (c Credit) with(line CreditLine) Credit {
	i, _ := slices.BinarySearchFunc(c.Lines, line, func(a, b CreditLine) int { return cmp.Compare(a.Key, b.Key) })
	c.Lines = slices.Insert(slices.Clone(c.Lines), i, line)
	return c
}

func compareLines(a, b CreditLine) int {
	return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Amount, b.Amount), cmp.Compare(a.Of, b.Of))
}
