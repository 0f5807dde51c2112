package canon

// Lease says which node of several does what only one may do at a time: poll and write for connections.
type Lease struct {
	Name string `json:"name"`
	// Node holds it; empty when nobody does. Run tells the node's processes apart.
	Node string `json:"node"`
	Run  string `json:"run,omitempty"`
	// Address is where other nodes reach it; empty when that is not configured.
	Address string `json:"address,omitempty"`
	// Term is the entry by which the holder got it: later holders have later ones.
	Term Position `json:"term"`
	// Position is the entry by which it was renewed last.
	Position Position `json:"position"`
}

// LeaseAsked asks for a lease, to renew it, or to give it up. It counts only if the lease is still as the asker saw it.
type LeaseAsked struct {
	Name string `json:"name"`
	Node string `json:"node"`
	Run  string `json:"run"`
	// Address is where other nodes reach the asker: http or https, without a slash at the end.
	Address string `json:"address,omitempty"`
	// Seen is the lease's Position as the asker knows it; zero when there was none.
	Seen    Position `json:"seen"`
	Release bool     `json:"release,omitempty"`
}

// LeaseGuard is of an entry that counts only while its sender holds a lease.
type LeaseGuard struct {
	Name string   `json:"name"`
	Term Position `json:"term"`
}

// Started is appended by a node of several that begins.
type Started struct {
	Node string `json:"node"`
	Run  string `json:"run"`
}
