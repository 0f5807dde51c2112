package woocommerce

import (
	"net/url"
)

// walk goes through a list in the order of ids. Pages are counted by the shop, so that a row deleted on an earlier page
// would move the rest and hide a row: each page overlaps the one before by one row, and where that row is not there, the
// walk steps back.
type walk struct {
	PerPage int   `json:"per_page"`
	Offset  int   `json:"offset"`
	Last    int64 `json:"last"` // highest id seen
}

func (w *walk) query() url.Values {
	return url.Values{"orderby": {"id"}, "order": {"asc"}, "per_page": {idText(int64(w.PerPage))}, "offset": {idText(int64(w.Offset))}}
}

// step takes the ids of a page, in order, and tells which are new and whether the list ends here.
func (w *walk) step(ids []int64) (fresh map[int64]bool, done bool) {
	if w.Offset > 0 && (len(ids) == 0 || ids[0] > w.Last) {
		w.Offset = max(0, w.Offset-w.PerPage)
		return nil, false
	}
	fresh = make(map[int64]bool, len(ids))
	for _, id := range ids {
		if id > w.Last {
			fresh[id] = true
		}
	}
	if len(ids) > 0 {
		w.Last = max(w.Last, ids[len(ids)-1])
	}
	if len(ids) < w.PerPage {
		return fresh, true
	}
	w.Offset += max(1, len(ids)-1)
	return fresh, false
}
