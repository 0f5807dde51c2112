// Package search finds pieces and clients by any attribute, range and text.
//
// Everything but Live is pure: an Index holds the searchable part of records in columns, a Parser reads what a person
// types into filters and words and says how it understood it, and Live keeps both indexes in step with the view.
//
// An index is forward: each record has its cells, and a query goes through the cells of all records once. A change of a
// record is then a change of its own cells alone, facets that leave out their own filter come from the same pass, and
// what is kept per record is bounded (see the limits of this package). docs/decisions/20261122-search-in-memory.md has
// the reasons and the measured figures.
//
// A new attribute is one line: a column in the tables of item.go or client.go. It is then a filter, a facet when it
// says so, part of the documentation and of the generated checks.
package search
