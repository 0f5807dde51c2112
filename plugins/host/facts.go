package host

import (
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/jumpring/jumpring/core/canon"
	connectorv1 "github.com/jumpring/jumpring/plugins/proto"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// Bounds of what a connector may answer. Beyond them the answer is ErrBadAnswer.
const (
	maxData       = 4 << 20 // of one observation, in bytes
	maxPersonal   = 1 << 20
	maxExternalID = 1024
	maxFacts      = 100_000 // of one answer
	maxCursor     = 1 << 20 // and page token, in bytes
	maxHTTPBody   = 1 << 20 // of the answer to a platform
	maxText       = 2000    // of a reason; longer ones are cut
	maxCode       = 128
)

// Fact is an observation as it is journaled: what it is about in clear, and its two sections as the connector wrote
// them, so that the hub encodes nothing anew.
type Fact struct {
	Kind       canon.Kind
	ExternalID string
	Data       []byte // JSON of canon.Observation without its personal fields
	Personal   []byte // JSON of canon.PersonState; empty where there is none
}

// Observation decodes a fact, personal fields included.
func (f *Fact) Observation() (canon.Observation, error) {
	var o canon.Observation
	if err := json.Unmarshal(f.Data, &o); err != nil {
		return o, fmt.Errorf("%s %s: %w", f.Kind, f.ExternalID, err)
	}
	if len(f.Personal) > 0 {
		person := new(canon.PersonState)
		if err := json.Unmarshal(f.Personal, person); err != nil {
			return o, fmt.Errorf("%s %s: personal section can't be read", f.Kind, f.ExternalID)
		}
		o.AttachPersonal(person)
	}
	return o, nil
}

func knownKind(k canon.Kind) bool {
	switch k {
	case canon.KindCount, canon.KindCustomer, canon.KindLevel, canon.KindListing, canon.KindLocation, canon.KindOrder,
		canon.KindProduct, canon.KindRefund:
		return true
	}
	return false
}

// decodeFact checks what the hub relies on without parsing: the fold parses data once, and parks what it can't read.
func (c *Connection) decodeFact(o *connectorv1.Observation) (Fact, error) {
	f := Fact{Kind: canon.Kind(o.GetKind()), ExternalID: o.GetExternalId(), Data: o.GetData(), Personal: o.GetPersonal()}
	switch {
	case !knownKind(f.Kind):
		return f, fmt.Errorf("observation of unknown kind %q", clip(string(f.Kind), maxCode))
	case f.ExternalID == "" || len(f.ExternalID) > maxExternalID:
		return f, fmt.Errorf("a %s has an external id of %d bytes, want 1 to %d", f.Kind, len(f.ExternalID), maxExternalID)
	case len(f.Data) > maxData || len(f.Personal) > maxPersonal:
		return f, fmt.Errorf("a %s has %d and %d bytes, at most %d and %d are taken", f.Kind, len(f.Data), len(f.Personal), maxData, maxPersonal)
	case len(f.Data) < 2 || f.Data[0] != '{':
		return f, fmt.Errorf("a %s has no JSON object", f.Kind)
	}
	f.Data, f.Personal = c.redact.clean(f.Data), c.redact.clean(f.Personal)
	return f, nil
}

func (c *Connection) decodeFacts(list []*connectorv1.Observation) ([]Fact, error) {
	if len(list) == 0 {
		return nil, nil
	}
	if len(list) > maxFacts {
		return nil, fmt.Errorf("%d observations in one answer, at most %d are taken", len(list), maxFacts)
	}
	out := make([]Fact, len(list))
	for i, o := range list {
		f, err := c.decodeFact(o)
		if err != nil {
			return nil, fmt.Errorf("observation %d of %d: %w", i+1, len(list), err)
		}
		out[i] = f
	}
	return out, nil
}

func decodeRefs(list []*connectorv1.Ref) ([]canon.Ref, error) {
	if len(list) == 0 {
		return nil, nil
	}
	if len(list) > maxFacts {
		return nil, fmt.Errorf("%d touched entities in one answer, at most %d are taken", len(list), maxFacts)
	}
	out := make([]canon.Ref, len(list))
	for i, r := range list {
		ref := canon.Ref{Kind: canon.Kind(r.GetKind()), ExternalID: r.GetExternalId()}
		if !knownKind(ref.Kind) || ref.ExternalID == "" || len(ref.ExternalID) > maxExternalID {
			return nil, fmt.Errorf("touched entity %d of %d is malformed", i+1, len(list))
		}
		out[i] = ref
	}
	return out, nil
}

func decodeDescription(d *connectorv1.DescribeResponse) (*sdk.DescribeResponse, error) {
	if d.GetName() == "" || len(d.GetName()) > maxCode {
		return nil, fmt.Errorf("the connector has no name")
	}
	out := &sdk.DescribeResponse{
		Name: d.GetName(), Version: d.GetVersion(), Summary: clip(d.GetSummary(), maxText),
		ProtocolMin: int(d.GetProtocolMin()), ProtocolMax: int(d.GetProtocolMax()),
		TranslationVersion: int(d.GetTranslationVersion()), Scopes: d.GetScopes(),
		Implied: sdk.Implied{
			OrderLowersLevel: d.GetImplied().GetOrderLowersLevel(), RefundRaisesLevel: d.GetImplied().GetRefundRaisesLevel(),
			CancelRaisesLevel: d.GetImplied().GetCancelRaisesLevel(), CompareAndSet: d.GetImplied().GetCompareAndSet(),
		},
		RateLimit: sdk.RateLimit{
			PerSecond: d.GetRateLimit().GetPerSecond(), Burst: int(d.GetRateLimit().GetBurst()), MaxBatch: int(d.GetRateLimit().GetMaxBatch()),
		},
		SettleMillis: d.GetSettleMillis(), WebhookDeadlineMillis: d.GetWebhookDeadlineMillis(), OpeningStock: d.GetOpeningStock(),
		DeliverRecords: d.GetDeliverRecords(),
	}
	for _, k := range d.GetActions() {
		out.Actions = append(out.Actions, canon.ActionKind(k))
	}
	for _, c := range d.GetCapabilities() {
		out.Capabilities = append(out.Capabilities, sdk.Capability(c))
	}
	var err error
	if out.Kinds, err = decodeKinds(d.GetKinds()); err != nil {
		return nil, err
	}
	for _, f := range d.GetConfig() {
		out.Config = append(out.Config, sdk.ConfigField{
			Key: f.GetKey(), Description: f.GetDescription(), Type: f.GetType(), Required: f.GetRequired(), Secret: f.GetSecret(),
			Default: f.GetDefault(), OneOf: f.GetOneOf(), Pattern: f.GetPattern(),
		})
	}
	for _, s := range d.GetStreams() {
		out.Streams = append(out.Streams, sdk.Stream{Name: s.GetName(), IntervalMillis: s.GetIntervalMillis(), Personal: s.GetPersonal()})
	}
	return out, nil
}

func decodeKinds(list []string) ([]canon.Kind, error) {
	var out []canon.Kind
	for _, k := range list {
		if !knownKind(canon.Kind(k)) {
			return nil, fmt.Errorf("unknown kind %q", clip(k, maxCode))
		}
		out = append(out, canon.Kind(k))
	}
	return out, nil
}

func (c *Connection) decodeDiagnostics(list []*connectorv1.Diagnostic) []sdk.Diagnostic {
	var out []sdk.Diagnostic
	for _, d := range list {
		out = append(out, sdk.Diagnostic{
			Severity: sdk.Severity(d.GetSeverity()), Code: clip(d.GetCode(), maxCode), Path: clip(c.redact.String(d.GetPath()), maxText),
			Summary: c.text(d.GetSummary()), Do: c.text(d.GetDo()),
		})
	}
	return out
}

// text is what a connector says to a person: without secrets, and of bounded length.
func (c *Connection) text(s string) string { return clip(c.redact.String(s), maxText) }

func decodeDiscovered(list []*connectorv1.Discovered) []sdk.Discovered {
	var out []sdk.Discovered
	for _, d := range list {
		out = append(out, sdk.Discovered{ID: d.GetId(), Name: d.GetName()})
	}
	return out
}

func encodeWrites(list []sdk.Write) []*connectorv1.Write {
	out := make([]*connectorv1.Write, len(list))
	for i, w := range list {
		out[i] = &connectorv1.Write{Key: w.Key, Ref: encodeRef(w.Ref)}
		if s := w.Stock; s != nil {
			out[i].Stock = &connectorv1.StockWrite{
				StockId: s.StockID, Location: s.Location, ListingId: s.ListingID, ProductId: s.ProductID, Want: s.Want, Expect: s.Expect,
			}
		}
		if w.Action != nil {
			out[i].Action = encodeAction(w.Action)
		}
	}
	return out
}

func encodeAction(a *sdk.Action) *connectorv1.Action {
	out := &connectorv1.Action{
		Kind: string(a.Kind), Refund: string(a.Refund), Restock: a.Restock, Notify: a.Notify, Reason: string(a.Reason), Note: a.Note,
	}
	if !a.AttemptedAt.IsZero() {
		out.AttemptedMicros = a.AttemptedAt.UnixMicro()
	}
	if a.Listing != nil {
		raw, err := json.Marshal(a.Listing)
		if err == nil { // texts and whole numbers: it always marshals
			out.Listing = raw
		}
	}
	for _, l := range a.Lines {
		out.Lines = append(out.Lines, &connectorv1.ActionLine{Id: l.ID, Quantity: l.Quantity})
	}
	return out
}

func encodeRef(r canon.Ref) *connectorv1.Ref {
	return &connectorv1.Ref{Kind: string(r.Kind), ExternalId: r.ExternalID}
}

// decodeResults checks that results are one to one with the writes, in their order.
func (c *Connection) decodeResults(writes []sdk.Write, list []*connectorv1.Result) ([]Result, error) {
	if len(list) != len(writes) {
		return nil, fmt.Errorf("%d results for %d writes", len(list), len(writes))
	}
	out := make([]Result, len(list))
	for i, r := range list {
		if r.GetKey() != writes[i].Key {
			return nil, fmt.Errorf("result %d has another key than its write", i+1)
		}
		out[i] = Result{
			Key: r.GetKey(), Status: sdk.Status(r.GetStatus()), Code: clip(r.GetCode(), maxCode), Reason: c.text(r.GetReason()),
			RetryAfter: time.Duration(max(0, r.GetRetryAfterMillis())) * time.Millisecond,
		}
		switch out[i].Status {
		case sdk.StatusApplied, sdk.StatusDuplicate, sdk.StatusConflict, sdk.StatusRetry, sdk.StatusRejected,
			sdk.StatusNotRepresentable, sdk.StatusUnknown:
		default:
			return nil, fmt.Errorf("result %d has the unknown status %q", i+1, clip(r.GetStatus(), maxCode))
		}
		if r.GetShows() != nil {
			f, err := c.decodeFact(r.GetShows())
			if err != nil {
				return nil, fmt.Errorf("result %d: %w", i+1, err)
			}
			out[i].Shows = &f
		}
		for _, o := range r.GetAlso() {
			f, err := c.decodeFact(o)
			if err != nil {
				return nil, fmt.Errorf("result %d: %w", i+1, err)
			}
			out[i].Also = append(out[i].Also, f)
		}
		if a := r.GetAmount(); a != nil {
			out[i].Amount = &canon.StatedMoney{Amount: clip(a.GetAmount(), maxCode), Currency: clip(a.GetCurrency(), maxCode)}
		}
		out[i].ByHand = r.GetByHand()
		if raw := r.GetMade(); len(raw) > 0 {
			out[i].Made = new(canon.ListingMade)
			if err := json.Unmarshal(raw, out[i].Made); err != nil || out[i].Made.ExternalID == "" {
				return nil, fmt.Errorf("result %d says that a listing was made, and not which", i+1)
			}
		}
	}
	return out, nil
}

// clip cuts s to at most n bytes, at a character's boundary.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
