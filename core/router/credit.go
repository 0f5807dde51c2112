package router

import (
	"strings"
	"time"

	"github.com/goccy/go-json"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/lifecycle"
	"github.com/jumpring/jumpring/core/store"
)

const (
	dueCredit      = "credit/" // begins the name of the moment at which a credit expires
	maxCreditLines = 5000      // of one account
	maxCreditTime  = 30 * 366 * 24 * 3600
)

// creditLines says which line an event adds, and which event of the machine it is.
var creditLines = map[string]struct {
	kind  lifecycle.CreditKind
	event string
}{
	"issue": {lifecycle.CreditIssue, "issue"}, "load": {lifecycle.CreditLoad, "load"}, "refund": {lifecycle.CreditRefund, "load"},
	"redeem": {lifecycle.CreditRedeem, "redeem"}, "authorize": {lifecycle.CreditAuthorize, "redeem"}, "capture": {lifecycle.CreditCapture, "redeem"},
	"release": {lifecycle.CreditRelease, "redeem"}, "reverse": {lifecycle.CreditReverse, ""}, "adjust": {lifecycle.CreditUp, ""},
	"activate": {"", "activate"}, "block": {"", "block"}, "unblock": {"", "unblock"}, "cancel": {"", "cancel"}, "extend": {"", "extend"},
}

func (f *fold) creditAccount(id string) (*canon.CreditAccount, error) {
	return store.Load[canon.CreditAccount](f.tx, store.RecordKey(store.TypeCredit, id))
}

// creditLedger loads the lines of an account.
func (f *fold) creditLedger(a *canon.CreditAccount) (lifecycle.Credit, error) {
	ledger := lifecycle.Credit{Currency: a.Currency}
	err := f.tx.Scan(store.PrefixCredit+a.ID+"/", "", func(_ string, raw []byte) (bool, error) {
		var e canon.CreditEntry
		if err := json.Unmarshal(raw, &e); err != nil {
			return false, err
		}
		ledger.Lines = append(ledger.Lines, lifecycle.CreditLine{Key: e.Key, Kind: lifecycle.CreditKind(e.Kind), Amount: e.Amount, Of: e.Of})
		return true, nil
	})
	return ledger, err
}

// addCredit adds a line to an account, whose balance is what its lines add up to. The ledger refuses what it does not
// cover.
func (f *fold) addCredit(a *canon.CreditAccount, ledger lifecycle.Credit, e canon.CreditEntry) (*lifecycle.Refusal, error) {
	e.By, e.At = f.f.head.Actor, f.f.at
	after, refusal := ledger.Command(lifecycle.CreditLine{Key: e.Key, Kind: lifecycle.CreditKind(e.Kind), Amount: e.Amount, Of: e.Of})
	if refusal != nil {
		return refusal, nil
	}
	a.Balance, a.Held = after.Balance()
	a.Lines = int64(len(after.Lines))
	return nil, f.save(store.PrefixCredit+a.ID+"/"+e.Key, e)
}

// putCredit saves an account and what happened to it.
func (f *fold) putCredit(a *canon.CreditAccount, event string) error {
	a.Version, a.UpdatedAt = f.f.pos, f.f.at
	if err := f.save(store.RecordKey(store.TypeCredit, a.ID), a); err != nil {
		return err
	}
	return f.row(canon.Row{Entity: a.ID, Type: store.TypeCredit, Event: "credit." + event})
}

// credit takes one step of a gift card or store credit, or refuses it. No command takes it below zero.
func (f *fold) credit(cmd *canon.Command) (*canon.Outcome, error) {
	ask := cmd.Credit
	step, known := creditLines[ask.Event]
	if !known {
		return refuse(422, "transition.unknown", "a credit has no event %.32q", ask.Event), nil
	}
	if ask.Seconds < 0 || ask.Seconds > maxCreditTime {
		return refuse(422, "reservation.duration", "seconds must be from 1 to %d (30 years)", maxCreditTime), nil
	}
	a, status, no, err := f.creditOf(cmd)
	if err != nil || no != nil {
		return no, err
	}
	ledger, err := f.creditLedger(a)
	if err != nil {
		return nil, err
	}
	if len(ledger.Lines) >= maxCreditLines {
		return refuse(409, "credit.lines", "the account has %d lines: move its balance to a new one", maxCreditLines), nil
	}
	line := canon.CreditEntry{Key: cmd.ID, Kind: string(step.kind), Of: ask.Of, Document: ask.Document, Reason: ask.Reason}
	if step.kind != "" {
		if no := f.creditAmount(a, ledger, ask, &line); no != nil {
			return no, nil
		}
	}
	facts := &lifecycle.Facts{
		Now: f.f.at.Unix(), Amount: line.Amount, Available: a.Balance - a.Held, Approved: ask.Approved, Total: line.Amount, Until: f.f.at.Unix() + ask.Seconds,
	}
	if step.kind == lifecycle.CreditCapture || step.kind == lifecycle.CreditRelease {
		facts.Available = line.Amount // its own authorization holds it; the ledger looks at that
	}
	if ask.Event == "activate" {
		facts.Total = 1 // the whole of it, paid or not
	}
	if ask.Paid {
		facts.Paid = facts.Total
	}
	if refusal := creditStep(cmd, a, step.event, facts); refusal != nil {
		return refused(refusal), nil
	}
	if step.kind != "" {
		refusal, err := f.addCredit(a, ledger, line)
		if err != nil {
			return nil, err
		}
		if refusal != nil {
			return refused(refusal), nil
		}
	}
	if ask.Event == "issue" && ask.Paid {
		if refusal := creditStep(cmd, a, "activate", facts); refusal != nil {
			return refused(refusal), nil
		}
	}
	if ask.Event == "extend" {
		if no, err := f.reviveCredit(cmd, a, ledger); err != nil || no != nil {
			return no, err
		}
	}
	if ask.Seconds > 0 && (ask.Event == "issue" || ask.Event == "extend") {
		until := f.f.at.Add(time.Duration(ask.Seconds) * time.Second)
		a.Until = &until
		f.due(until, dueCredit+a.ID)
	}
	if err := f.putCredit(a, ask.Event); err != nil {
		return nil, err
	}
	return done(status, a)
}

// creditOf loads the account of a command, or begins one.
func (f *fold) creditOf(cmd *canon.Command) (*canon.CreditAccount, int, *canon.Outcome, error) {
	ask := cmd.Credit
	if ask.Event != "issue" {
		a, err := f.creditAccount(ask.Account)
		if err == nil && a == nil {
			return nil, 0, refuse(404, "credit.unknown", "no gift card or store credit has the id %.64q", ask.Account), nil
		}
		return a, 200, nil, err
	}
	if ask.Kind != canon.CreditGiftCard && ask.Kind != canon.CreditStore {
		return nil, 0, refuse(422, "credit.kind", "a credit is a gift_card or a store_credit"), nil
	}
	if ask.Kind == canon.CreditStore && strings.TrimSpace(ask.Client) == "" {
		return nil, 0, refuse(409, "party.unknown", "a store credit is a client's: name the client"), nil
	}
	a := &canon.CreditAccount{ID: cmd.ID, Kind: ask.Kind, Client: ask.Client, Channel: ask.Channel, IssuedAt: f.f.at}
	if ask.Amount != nil {
		a.Currency = strings.ToUpper(ask.Amount.Currency)
	}
	return a, 201, nil, nil
}

// creditAmount reads what a line is about. A capture, a release or a reversal that states none is of the whole line that
// it names.
func (f *fold) creditAmount(a *canon.CreditAccount, ledger lifecycle.Credit, ask *canon.CreditAsk, line *canon.CreditEntry) *canon.Outcome {
	if ask.Amount == nil {
		for _, l := range ledger.Lines {
			if l.Key == ask.Of {
				line.Amount = l.Amount
			}
		}
		return nil // the ledger refuses a line without an amount
	}
	stated := *ask.Amount
	negative := strings.HasPrefix(stated.Amount, "-")
	stated.Amount = strings.TrimPrefix(stated.Amount, "-")
	m, err := money(&stated)
	switch {
	case err != nil || m == nil:
		return refuse(422, "money.unreadable", "the amount can't be read: write digits with a point and an ISO 4217 currency")
	case negative && ask.Event != "adjust":
		return refuse(409, lifecycle.RefusedAmount, "the amount has to be above zero")
	case a.Currency != m.Currency:
		return refuse(409, "credit.currency", "the account is in %s", a.Currency)
	}
	if line.Amount = m.Minor; negative {
		line.Kind = string(lifecycle.CreditDown)
	}
	return nil
}

// creditStep moves an account through its life; a reversal and an adjustment are a manager's, with a reason, at any time.
func creditStep(cmd *canon.Command, a *canon.CreditAccount, event string, facts *lifecycle.Facts) *lifecycle.Refusal {
	if event == "" {
		switch {
		case actor(cmd) != lifecycle.Manager:
			return &lifecycle.Refusal{Code: lifecycle.RefusedActor, Reason: "a manager adjusts and reverses"}
		case cmd.Credit.Reason == "":
			return &lifecycle.Refusal{Code: "reference.missing", Reason: "say why"}
		}
		return nil
	}
	row, refusal := decideAs(&lifecycle.GiftCardMachine, lifecycle.State(a.Status), event, actor(cmd), facts)
	if refusal == nil {
		a.Status = string(row.To)
	}
	return refusal
}

// reviveCredit gives an expired credit back what was left of it.
func (f *fold) reviveCredit(cmd *canon.Command, a *canon.CreditAccount, ledger lifecycle.Credit) (*canon.Outcome, error) {
	for _, l := range ledger.Lines {
		if l.Key != a.Expired {
			continue
		}
		refusal, err := f.addCredit(a, ledger, canon.CreditEntry{Key: cmd.ID, Kind: string(lifecycle.CreditReverse), Amount: l.Amount, Of: l.Key, Reason: cmd.Credit.Reason})
		if refusal != nil {
			return refused(refusal), nil
		}
		a.Expired = ""
		return nil, err
	}
	return nil, nil
}

// creditDue ends a credit whose time is over: what nobody holds of it lapses.
func (f *fold) creditDue(id string) error {
	a, err := f.creditAccount(id)
	if err != nil || a == nil || a.Until == nil || a.Until.After(f.f.at) {
		return err
	}
	row, refusal := lifecycle.GiftCardMachine.Decide(lifecycle.State(a.Status), "expire", lifecycle.Timer, &lifecycle.Facts{Now: f.f.at.Unix(), Until: a.Until.Unix()})
	if refusal != nil {
		return nil // it was cancelled, or never active
	}
	a.Status = string(row.To)
	if left := a.Balance - a.Held; left > 0 {
		ledger, err := f.creditLedger(a)
		if err != nil {
			return err
		}
		a.Expired = "expire-" + f.f.pos.SortKey()
		if _, err := f.addCredit(a, ledger, canon.CreditEntry{Key: a.Expired, Kind: string(lifecycle.CreditExpire), Amount: left}); err != nil {
			return err
		}
	}
	return f.putCredit(a, "expired")
}
