package canon

// The entries of what nodes share beside the records: sealed values, such as rotated credentials, tokens and staff.
const (
	EntrySide    EntryType = "side.changed" // SideChanged
	EntrySideKey EntryType = "side.key"     // SideKey
)

// SideChanged keeps or removes one sealed value. It counts only if the value is still as the sender saw it.
type SideChanged struct {
	Space string `json:"space"`
	Key   string `json:"key"`
	// Seen is the Position of the value as the sender knows it; zero where there was none.
	Seen Position `json:"seen"`
	// Sealed is the new value under the key that the nodes share; empty to remove what is there. Invariant 7.
	Sealed []byte `json:"sealed,omitempty"`
}

// SideValue is a sealed value as the view has it.
type SideValue struct {
	Space string `json:"space"`
	Key   string `json:"key"`
	// Sealed is empty where the value was removed.
	Sealed []byte `json:"sealed,omitempty"`
	// Position is the entry that made or removed it.
	Position Position `json:"position"`
}

// SideKey holds something sealed that only the nodes' key opens. The first one in the journal counts: a node whose key
// does not open it has another key than the others.
type SideKey struct {
	Proof []byte `json:"proof"`
}
