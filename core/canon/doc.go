// Package canon has the canonical model: one set of types for journal, store, API, events and plugins. It is pure data
// and functions, without I/O, and imports the standard library alone.
//
// Fields carry a class tag (public, internal, cost, payment, personal) that every way out redacts by (invariant 7),
// and `golden:"-"` where a field is bookkeeping (a version, a position) that the golden digest leaves out.
//
// Quantities are integers: money in minor units of its ISO 4217 currency, carats in thousandths, weights in
// milligrams, fineness in parts per thousand. Floats occur nowhere. What a source wrote stays beside what it was
// normalized to.
package canon
