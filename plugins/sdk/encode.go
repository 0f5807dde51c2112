package sdk

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/goccy/go-json"

	"github.com/jumpring/jumpring/core/canon"
	connectorv1 "github.com/jumpring/jumpring/plugins/proto"
)

// encodeObservation writes an observation in its two sections. The connector's own values stay as they are, since it
// may keep them.
func encodeObservation(o *canon.Observation) (*connectorv1.Observation, error) {
	if err := o.Check(); err != nil {
		return nil, &Error{Code: CodeBadObservation, Err: err}
	}
	if !utf8.ValidString(o.ExternalID) {
		return nil, &Error{Code: CodeBadObservation, Message: fmt.Sprintf("the external id of a %s is not UTF-8", o.Kind)}
	}
	plain := *o
	switch {
	case o.Customer != nil:
		customer := *o.Customer
		plain.Customer = &customer
	case o.Order != nil:
		order := *o.Order
		plain.Order = &order
	}
	person := plain.DetachPersonal()

	out := &connectorv1.Observation{Kind: string(o.Kind), ExternalId: o.ExternalID}
	var err error
	if out.Data, err = json.Marshal(&plain); err != nil {
		return nil, &Error{Code: CodeBadObservation, Message: fmt.Sprintf("%s %s can't be written as JSON", o.Kind, o.ExternalID), Err: err}
	}
	if person != nil {
		if out.Personal, err = json.Marshal(person); err != nil {
			return nil, &Error{Code: CodeBadObservation, Message: fmt.Sprintf("the person of %s %s can't be written as JSON", o.Kind, o.ExternalID)}
		}
	}
	return out, nil
}

func encodeObservations(list []canon.Observation) ([]*connectorv1.Observation, error) {
	if len(list) == 0 {
		return nil, nil
	}
	out := make([]*connectorv1.Observation, len(list))
	for i := range list {
		o, err := encodeObservation(&list[i])
		if err != nil {
			return nil, fmt.Errorf("observation %d of %d: %w", i+1, len(list), err)
		}
		out[i] = o
	}
	return out, nil
}

// valid makes a text fit for the wire, which carries UTF-8 only.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

func encodeDescription(d *DescribeResponse, can []string) *connectorv1.DescribeResponse {
	out := &connectorv1.DescribeResponse{
		Name: d.Name, Version: d.Version, Summary: d.Summary,
		ProtocolMin: ProtocolVersion, ProtocolMax: ProtocolVersion, Capabilities: can,
		TranslationVersion: int32(d.TranslationVersion), Kinds: encodeKinds(d.Kinds), Scopes: d.Scopes,
		Implied: &connectorv1.Implied{
			OrderLowersLevel: d.Implied.OrderLowersLevel, RefundRaisesLevel: d.Implied.RefundRaisesLevel,
			CancelRaisesLevel: d.Implied.CancelRaisesLevel, CompareAndSet: d.Implied.CompareAndSet,
		},
		RateLimit: &connectorv1.RateLimit{
			PerSecond: d.RateLimit.PerSecond, Burst: int32(d.RateLimit.Burst), MaxBatch: int32(d.RateLimit.MaxBatch),
		},
		SettleMillis: d.SettleMillis, WebhookDeadlineMillis: d.WebhookDeadlineMillis, OpeningStock: d.OpeningStock,
		DeliverRecords: d.DeliverRecords,
	}
	for _, k := range d.Actions {
		out.Actions = append(out.Actions, string(k))
	}
	for _, f := range d.Config {
		out.Config = append(out.Config, &connectorv1.ConfigField{
			Key: f.Key, Description: f.Description, Type: f.Type, Required: f.Required, Secret: f.Secret,
			Default: f.Default, OneOf: f.OneOf, Pattern: f.Pattern,
		})
	}
	for _, s := range d.Streams {
		out.Streams = append(out.Streams, &connectorv1.Stream{Name: s.Name, IntervalMillis: s.IntervalMillis, Personal: s.Personal})
	}
	return out
}

func encodeKinds(kinds []canon.Kind) []string {
	out := make([]string, 0, len(kinds))
	for _, k := range kinds {
		out = append(out, string(k))
	}
	return out
}

func encodeDiagnostics(list []Diagnostic) []*connectorv1.Diagnostic {
	out := make([]*connectorv1.Diagnostic, 0, len(list))
	for _, d := range list {
		out = append(out, &connectorv1.Diagnostic{
			Severity: valid(string(d.Severity)), Code: valid(d.Code), Path: valid(d.Path), Summary: valid(d.Summary), Do: valid(d.Do),
		})
	}
	return out
}

func encodeDiscovered(list []Discovered) []*connectorv1.Discovered {
	out := make([]*connectorv1.Discovered, 0, len(list))
	for _, d := range list {
		out = append(out, &connectorv1.Discovered{Id: valid(d.ID), Name: valid(d.Name)})
	}
	return out
}

func encodeRefs(refs []canon.Ref) []*connectorv1.Ref {
	if len(refs) == 0 {
		return nil
	}
	out := make([]*connectorv1.Ref, len(refs))
	for i, r := range refs {
		out[i] = &connectorv1.Ref{Kind: valid(string(r.Kind)), ExternalId: valid(r.ExternalID)}
	}
	return out
}

func encodeResults(list []Result) ([]*connectorv1.Result, error) {
	out := make([]*connectorv1.Result, len(list))
	for i, r := range list {
		w := &connectorv1.Result{
			Key: valid(r.Key), Status: valid(string(r.Status)), Code: valid(r.Code), Reason: valid(r.Reason), RetryAfterMillis: r.RetryAfterMillis,
		}
		if r.Shows != nil {
			o, err := encodeObservation(r.Shows)
			if err != nil {
				return nil, fmt.Errorf("result of write %s: %w", r.Key, err)
			}
			w.Shows = o
		}
		var err error
		if w.Also, err = encodeObservations(r.Also); err != nil {
			return nil, fmt.Errorf("result of write %s: %w", r.Key, err)
		}
		if r.Amount != nil {
			w.Amount = &connectorv1.StatedMoney{Amount: valid(r.Amount.Amount), Currency: valid(r.Amount.Currency)}
		}
		w.ByHand = r.ByHand
		if r.Made != nil {
			made, err := json.Marshal(r.Made)
			if err != nil {
				return nil, &Error{Code: CodeBadObservation, Message: "what was made can't be written as JSON", Err: err}
			}
			w.Made = made
		}
		out[i] = w
	}
	return out, nil
}

func encodeHealth(h *HealthResponse) *connectorv1.HealthResponse {
	out := &connectorv1.HealthResponse{
		Ok: h.OK, Reason: valid(h.Reason), QuotaLimit: h.QuotaLimit, QuotaLeft: h.QuotaLeft, LagMillis: h.LagMillis,
	}
	if h.CredentialExpiry != nil {
		micros := h.CredentialExpiry.UnixMicro()
		out.CredentialExpiryMicros = &micros
	}
	return out
}

func decodeWrites(list []*connectorv1.Write) []Write {
	out := make([]Write, len(list))
	for i, w := range list {
		out[i] = Write{Key: w.GetKey(), Ref: decodeRef(w.GetRef())}
		if s := w.GetStock(); s != nil {
			out[i].Stock = &StockWrite{
				StockID: s.GetStockId(), Location: s.GetLocation(), ListingID: s.GetListingId(), ProductID: s.GetProductId(),
				Want: s.GetWant(), Expect: s.GetExpect(),
			}
		}
		if a := w.GetAction(); a != nil {
			out[i].Action = decodeAction(a)
		}
	}
	return out
}

func decodeAction(a *connectorv1.Action) *Action {
	out := &Action{
		Kind: canon.ActionKind(a.GetKind()), Refund: canon.RefundBy(a.GetRefund()), Restock: a.GetRestock(), Notify: a.GetNotify(),
		Reason: canon.ActionReason(a.GetReason()), Note: a.GetNote(), AttemptedAt: decodeTime(a.GetAttemptedMicros()),
	}
	if raw := a.GetListing(); len(raw) > 0 {
		out.Listing = new(canon.ListingTask)
		if json.Unmarshal(raw, out.Listing) != nil { // not of this hub: the connector refuses an empty task
			out.Listing = new(canon.ListingTask)
		}
	}
	for _, l := range a.GetLines() {
		out.Lines = append(out.Lines, canon.ActionLine{ID: l.GetId(), Quantity: l.GetQuantity()})
	}
	return out
}

func decodeRef(r *connectorv1.Ref) canon.Ref {
	return canon.Ref{Kind: canon.Kind(r.GetKind()), ExternalID: r.GetExternalId()}
}

func decodeRefs(list []*connectorv1.Ref) []canon.Ref {
	out := make([]canon.Ref, len(list))
	for i, r := range list {
		out[i] = decodeRef(r)
	}
	return out
}

func decodeHints(list []*connectorv1.ReadHint) []ReadHint {
	if len(list) == 0 {
		return nil
	}
	out := make([]ReadHint, len(list))
	for i, h := range list {
		out[i] = ReadHint{ProductID: h.GetProductId(), ListingID: h.GetListingId(), OrderID: h.GetOrderId()}
	}
	return out
}

// decodeTime reads Unix microseconds; 0 is the zero time.
func decodeTime(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}
