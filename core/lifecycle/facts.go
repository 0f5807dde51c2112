package lifecycle

// Facts are what guards look at. Amounts are minor units of one currency, times are Unix seconds of fold time; a fact that
// is not known is zero, and guards refuse on it.
type Facts struct {
	Now int64 `json:"now,omitempty"`

	// Of the piece.
	Held          bool   `json:"held,omitempty"`           // another live claim holds it, or something that it contains
	Holder        string `json:"holder,omitempty"`         // whose claim holds it
	Actor         string `json:"actor,omitempty"`          // who asks
	Scanned       string `json:"scanned,omitempty"`        // serial, EPC or certificate that was read
	Expected      string `json:"expected,omitempty"`       // the one that it should be
	Certificate   bool   `json:"certificate,omitempty"`    // its report is there
	ClientOwned   bool   `json:"client_owned,omitempty"`   // in custody, not in stock
	Inspected     bool   `json:"inspected,omitempty"`      // a person looked at it
	Reference     string `json:"reference,omitempty"`      // of the police, the insurer, the carrier's seal
	Component     string `json:"component,omitempty"`      // the piece that it goes into
	WithinPolicy  bool   `json:"within_policy,omitempty"`  // a return in time and state
	Quantity      int64  `json:"quantity,omitempty"`       // asked for
	Available     int64  `json:"available,omitempty"`      // there to take
	OneOfAKind    bool   `json:"one_of_a_kind,omitempty"`  // shown on one channel at a time
	ShownOn       string `json:"shown_on,omitempty"`       // the channel that shows it
	AskedOn       string `json:"asked_on,omitempty"`       // the channel that asks
	OpenJobs      int64  `json:"open_jobs,omitempty"`      // repairs under way
	LinesOpen     int64  `json:"lines_open,omitempty"`     // lines of the document that are not settled
	Discrepancies int64  `json:"discrepancies,omitempty"`  // lines that differ from what was sent
	Extensions    int64  `json:"extensions,omitempty"`     // how often it was extended
	MaxExtensions int64  `json:"max_extensions,omitempty"` //

	// Of money.
	Total     int64 `json:"total,omitempty"`
	Paid      int64 `json:"paid,omitempty"`
	Amount    int64 `json:"amount,omitempty"` // of this step
	Refunded  int64 `json:"refunded,omitempty"`
	Captured  int64 `json:"captured,omitempty"`
	Minimum   int64 `json:"minimum,omitempty"`    // deposit by policy
	Limit     int64 `json:"limit,omitempty"`      // of a memo, or above which a second person is needed
	Exposure  int64 `json:"exposure,omitempty"`   // what is out already
	HighValue bool  `json:"high_value,omitempty"` // above the threshold of the two-person rule

	// Of time and people.
	Until    int64  `json:"until,omitempty"` // of a hold, a memo, a promotion
	From     int64  `json:"from,omitempty"`
	Client   string `json:"client,omitempty"` // or the vendor
	Sender   string `json:"sender,omitempty"`
	Second   string `json:"second,omitempty"` // the second person
	Identity bool   `json:"identity,omitempty"`
	Approved bool   `json:"approved,omitempty"`
	Origin   string `json:"origin,omitempty"` // locations of a transfer
	Target   string `json:"target,omitempty"`
}

func guard(code, reason string, ok func(*Facts) bool) Guard { return Guard{code, reason, ok} }

// The guards, by what they protect.
var (
	free            = guard("item.held", "another claim holds the piece: wait for its end or release it", func(f *Facts) bool { return !f.Held })
	ownHold         = guard("item.held", "the hold belongs to somebody else", func(f *Facts) bool { return !f.Held || f.Holder != "" && f.Holder == f.Actor })
	oneChannel      = guard("item.other_channel", "a one-of-a-kind piece is shown on another channel", func(f *Facts) bool { return !f.OneOfAKind || f.ShownOn == "" || f.ShownOn == f.AskedOn })
	enough          = guard("stock.short", "there is not enough at the location", func(f *Facts) bool { return f.Quantity == 0 || f.Quantity > 0 && f.Available >= f.Quantity })
	timeLimit       = guard("hold.no_end", "a hold needs an end in the future", func(f *Facts) bool { return f.Until > f.Now })
	overdue         = guard("hold.not_due", "it has not fallen due", func(f *Facts) bool { return f.Until != 0 && f.Until <= f.Now })
	rightPiece      = guard("item.wrong_piece", "what was scanned is another piece", func(f *Facts) bool { return f.Scanned != "" && f.Scanned == f.Expected })
	paid            = guard("payment.open", "the balance is not settled", func(f *Facts) bool { return f.Paid >= f.Total })
	deposit         = guard("deposit.short", "the deposit is below the policy's", func(f *Facts) bool { return f.Paid > 0 && f.Paid >= f.Minimum })
	identified      = guard("collect.identity", "check who collects it", func(f *Facts) bool { return f.Identity })
	twoPersons      = guard("approval.second_person", "a second person has to release it", func(f *Facts) bool { return !f.HighValue || f.Second != "" && f.Second != f.Actor })
	approved        = guard("approval.missing", "a manager has to approve it", func(f *Facts) bool { return f.Approved })
	knownParty      = guard("party.unknown", "name the client or vendor", func(f *Facts) bool { return f.Client != "" })
	withinLimit     = guard("memo.limit", "it would exceed the party's limit", func(f *Facts) bool { return f.Limit == 0 || f.Exposure+f.Amount <= f.Limit })
	inspected       = guard("item.not_inspected", "look at the piece first", func(f *Facts) bool { return f.Inspected })
	withCertificate = guard("item.certificate_missing", "its report has to come with it", func(f *Facts) bool { return f.Certificate })
	inTime          = guard("return.policy", "it is outside of the return policy", func(f *Facts) bool { return f.WithinPolicy })
	clientsOwn      = guard("item.not_client_owned", "only a client's own piece may be taken in after its sale", func(f *Facts) bool { return f.ClientOwned })
	jobClosed       = guard("job.open", "a repair is still open", func(f *Facts) bool { return f.OpenJobs == 0 })
	referenced      = guard("reference.missing", "give the reference of the police, the insurer or the document", func(f *Facts) bool { return f.Reference != "" })
	intoPiece       = guard("component.missing", "name the piece that it goes into", func(f *Facts) bool { return f.Component != "" })
	otherPerson     = guard("transfer.same_person", "sender and receiver have to be two people", func(f *Facts) bool { return f.Sender != "" && f.Actor != "" && f.Sender != f.Actor })
	otherPlace      = guard("transfer.same_place", "origin and destination are the same", func(f *Facts) bool { return f.Origin != "" && f.Target != "" && f.Origin != f.Target })
	noneOpen        = guard("lines.open", "lines are still open", func(f *Facts) bool { return f.LinesOpen == 0 })
	someOpen        = guard("lines.none_open", "no line is open", func(f *Facts) bool { return f.LinesOpen > 0 })
	noDiscrepancy   = guard("lines.discrepancy", "what came is not what was sent", func(f *Facts) bool { return f.Discrepancies == 0 })
	positive        = guard("amount.not_positive", "the amount has to be above zero", func(f *Facts) bool { return f.Amount > 0 })
	withinAuthority = guard("payment.over_authorized", "more than was authorized", func(f *Facts) bool { return f.Amount > 0 && f.Captured+f.Amount <= f.Total })
	withinPaid      = guard("refund.over_paid", "more than was paid by this tender", func(f *Facts) bool { return f.Amount > 0 && f.Refunded+f.Amount <= f.Captured })
	restRefund      = guard("refund.partial", "something of it is left", func(f *Facts) bool { return f.Refunded+f.Amount == f.Captured })
	mayExtend       = guard("hold.extensions", "it was extended often enough", func(f *Facts) bool { return f.Extensions < f.MaxExtensions })
	hasStarted      = guard("time.too_early", "its time has not come", func(f *Facts) bool { return f.From <= f.Now })
	hasWindow       = guard("time.window", "its end has to be after its start and in the future", func(f *Facts) bool { return f.Until == 0 || f.Until > f.From && f.Until > f.Now })
	covered         = guard("balance.short", "the balance does not cover it", func(f *Facts) bool { return f.Amount > 0 && f.Available >= f.Amount })
)
