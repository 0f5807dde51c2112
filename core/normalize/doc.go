// Package normalize reads the words of sources ("18 Karat yellow gold", "0,51 ct", "(212) 555-0142") into the canonical
// model's values, so that the same thing is the same value whichever system wrote it.
//
// The functions are pure: no I/O, no clock, no state. Their tables and the libraries under them belong to the version
// of the fold that uses them, and the golden files in testdata catch a change of either. Adding a case is adding a line.
//
// Nothing is guessed. What can be read in only one way is read; what could be read in two ways, or has words that are
// not known, comes back with an error that wraps ErrUnread and says what to write. A caller keeps the raw words beside
// the value and does not join records on a value that came with an error.
package normalize

import "errors"

// ErrUnread is wrapped by the error of every word that was not, or not fully, read. The value beside it has what was
// understood, if anything.
var ErrUnread = errors.New("not read with certainty")
