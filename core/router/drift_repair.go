package router

import (
	"slices"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// repairDrift puts one row of drift right by a person's word. A level that was left as it is by policy, or that the platform
// refused, is to be written again; what the hub does not write is read anew, so that the platform's word is taken in.
func (f *fold) repairDrift(r *canon.RepairDrift) (*canon.Outcome, error) {
	conn, err := f.connection(r.Connection)
	if err != nil {
		return nil, err
	}
	if conn == nil || conn.Connector == "" {
		return refuse(404, "connection.unknown", "no connection is named %.64q", r.Connection), nil
	}
	kind := orElse(r.Kind, canon.KindLevel)
	if !slices.Contains(canon.Kinds(), kind) {
		return refuse(422, "drift.kind", "there is no kind %.32q", kind), nil
	}
	key := canon.BindingKey{Connection: r.Connection, Kind: kind, ExternalID: r.Binding, Aspect: canon.AspectMain}
	b, err := store.Load[canon.Binding](f.tx, store.BindingKey(key))
	if err != nil {
		return nil, err
	}
	if b == nil {
		return refuse(404, "drift.binding", "%s shows no %s %.64q", r.Connection, kind, r.Binding), nil
	}
	out := canon.DriftRepaired{Connection: r.Connection, Kind: kind, Binding: r.Binding, Does: "read"}
	if w := b.Wants; kind == canon.KindLevel && w != nil && w.Quantity != nil {
		out.Shows, out.Should = &w.Shows, w.Quantity
		f.tx.Delete(holdKey(r.Connection, r.Binding))
		switch was := w.Differs(); {
		case w.Shows == *w.Quantity:
			out.Does = "nothing"
		case w.Write == canon.WriteRejected || w.Write == canon.WriteNotRepresentable:
			w.Write, w.Reason = canon.WriteNone, ""
			fallthrough
		default:
			out.Does = "write"
			w.Cause = f.f.pos // Invariant 9: the write names the command that asked for it
			if err := f.putWant(b, was); err != nil {
				return nil, err
			}
		}
	}
	if out.Does == "read" {
		ref := canon.Ref{Kind: kind, ExternalID: r.Binding}
		if err := f.save(store.HintKey(r.Connection, ref), f.f.pos); err != nil {
			return nil, err
		}
		f.read(r.Connection, ref)
	}
	row := canon.Row{
		Entity: "connection:" + r.Connection, Type: "connection", Event: "connection.drift_repair",
		Changes: []canon.Change{{Field: "binding", After: textJSON(r.Binding)}, {Field: "does", After: textJSON(out.Does)}},
	}
	if err := f.row(row); err != nil {
		return nil, err
	}
	return done(200, out)
}
