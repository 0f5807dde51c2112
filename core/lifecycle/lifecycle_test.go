package lifecycle

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/canon"
)

func claim(key string, since uint64, change ...func(*canon.Claim)) *canon.Claim {
	c := &canon.Claim{Key: key, Kind: canon.ClaimSale, Connection: "web", Net: 1, Quantity: 1, Location: "paris", Since: canon.Position{Offset: since}}
	for _, f := range change {
		f(c)
	}
	return c
}

func reserved(c *canon.Claim)   { c.Kind = canon.ClaimReservation }
func ended(c *canon.Claim)      { c.Net = 0 }
func overruled(c *canon.Claim)  { c.Overruled = true }
func handedOver(c *canon.Claim) { c.HandedOver = true }

func TestHolder(t *testing.T) {
	for _, tc := range []struct {
		name   string
		before string
		claims []*canon.Claim
		want   string
	}{
		{"nobody", "", nil, ""},
		{"the only one", "", []*canon.Claim{claim("a", 5)}, "a"},
		{"the first journaled", "", []*canon.Claim{claim("a", 5), claim("b", 3)}, "b"},
		{"whoever held it goes on", "a", []*canon.Claim{claim("a", 5), claim("b", 3)}, "a"},
		{"until it ends", "a", []*canon.Claim{claim("a", 5, ended), claim("b", 3)}, "b"},
		{"or a person overrules it", "a", []*canon.Claim{claim("a", 5, overruled), claim("b", 7)}, "b"},
		{"of one entry, the smaller key", "", []*canon.Claim{claim("b", 3), claim("a", 3)}, "a"},
		{"none that lives", "a", []*canon.Claim{claim("a", 5, ended), claim("b", 3, overruled)}, ""},
		{"the former holder is unknown", "gone", []*canon.Claim{claim("a", 5)}, "a"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for range 2 {
				got := ""
				if h := Holder(tc.before, tc.claims); h != nil {
					got = h.Key
				}
				require.Equal(t, tc.want, got)
				slices.Reverse(tc.claims)
			}
		})
	}
}

func TestPieceStatus(t *testing.T) {
	sale, hold := claim("s", 1), claim("r", 2, reserved)
	for _, tc := range []struct {
		live    []*canon.Claim
		custody Custody
		want    canon.ItemStatus
	}{
		{nil, CustodyIn, canon.ItemInStock},
		{nil, CustodyOut, canon.ItemUnavailable},
		{nil, CustodyUnknown, canon.ItemUnknown},
		{[]*canon.Claim{hold}, CustodyIn, canon.ItemReserved},
		{[]*canon.Claim{hold}, CustodyUnknown, canon.ItemReserved},
		{[]*canon.Claim{sale}, CustodyOut, canon.ItemSold},
		{[]*canon.Claim{sale, hold}, CustodyIn, canon.ItemSold},
		{[]*canon.Claim{hold, sale}, CustodyIn, canon.ItemSold},
	} {
		require.Equal(t, tc.want, PieceStatus(tc.live, tc.custody), "%d claims, custody %d", len(tc.live), tc.custody)
	}
}

func TestDoubleClaimProposesToReassignWhatWasHandedOver(t *testing.T) {
	require.Nil(t, DoubleClaim("itm", []*canon.Claim{claim("a", 1)}, "a"))
	c := DoubleClaim("itm", []*canon.Claim{claim("a", 1), claim("b", 2, handedOver)}, "a")
	require.Equal(t, CaseID(canon.CaseDoubleClaim, "itm"), c.ID)
	require.Equal(t, []bool{true, false}, []bool{c.Evidence[0].Holds, c.Evidence[1].Holds})
	require.Equal(t, "keep:b", c.Proposals[1].ID)
	require.Contains(t, c.Proposals[1].Text, "goods were handed over")
}

func at(conn, loc string, n int64, change ...func(*ShownAt)) ShownAt {
	s := ShownAt{Connection: conn, Location: loc, Available: n}
	for _, f := range change {
		f(&s)
	}
	return s
}

func whole(s *ShownAt)  { s.Whole = true }
func counts(s *ShownAt) { s.Opening = true }
func own(n int64) func(*ShownAt) {
	return func(s *ShownAt) { s.Own = n }
}

func TestOpening(t *testing.T) {
	for _, tc := range []struct {
		name           string
		levels         []ShownAt
		want           map[string]int64
		conflict, seen bool
	}{
		{"nobody shows anything", nil, map[string]int64{}, false, false},
		{"one source", []ShownAt{at("web", "paris", 10)}, map[string]int64{"paris": 10}, false, true},
		{"its own sales are added back", []ShownAt{at("web", "paris", 8, own(2))}, map[string]int64{"paris": 10}, false, true},
		{"two that agree", []ShownAt{at("web", "paris", 10), at("shop", "paris", 10, whole)}, map[string]int64{"paris": 10}, false, true},
		{"two that disagree about a place", []ShownAt{at("web", "paris", 10), at("pos", "paris", 9)}, map[string]int64{"paris": 9}, true, true},
		{"a number for all places is the sum", []ShownAt{at("web", "paris", 7), at("web", "lyon", 3), at("shop", "paris", 10, whole)}, map[string]int64{"paris": 7, "lyon": 3}, false, true},
		{"and conflicts when it is not", []ShownAt{at("web", "paris", 7), at("web", "lyon", 3), at("shop", "paris", 7, whole)}, map[string]int64{"paris": 7, "lyon": 3}, true, true},
		{"a number for all places alone", []ShownAt{at("shop", "paris", 4, whole)}, map[string]int64{"paris": 4}, false, true},
		{"two such that disagree", []ShownAt{at("shop", "paris", 4, whole), at("web", "paris", 5, whole)}, map[string]int64{"paris": 4}, true, true},
		{"a count outranks shop windows", []ShownAt{at("till", "paris", 10, counts), at("web", "paris", 3)}, map[string]int64{"paris": 10}, false, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for range 2 {
				got, conflict, seen := Opening(tc.levels)
				require.Equal(t, tc.want, got)
				require.Equal(t, tc.conflict, conflict, "conflict")
				require.Equal(t, tc.seen, seen, "seen")
				slices.Reverse(tc.levels)
			}
		})
	}
}

func TestPieceCustody(t *testing.T) {
	adopted := func(n int64) *Ledger {
		l := &Ledger{Adopted: true}
		if n != 0 {
			l.Sum("paris").Opening = n
		}
		return l
	}
	counted := func(where string, day int, found, taken int64) *Ledger {
		l := &Ledger{}
		at := time.Date(2026, 3, day, 20, 0, 0, 0, time.UTC)
		l.Sum(where).Counted = &Counted{At: at, Quantity: found, Key: "k"}
		l.Taken = map[string]Taken{where: {Since: at, Before: taken}}
		return l
	}
	for _, tc := range []struct {
		name      string
		levels    []ShownAt
		ledgers   []*Ledger
		authority string
		held      bool
		want      string
	}{
		{"shown", []ShownAt{at("web", "paris", 1)}, nil, HubAuthority, false, "in paris"},
		{"not shown as there", []ShownAt{at("web", "paris", 0)}, nil, HubAuthority, false, "out "},
		{"never shown", nil, nil, HubAuthority, false, "unknown "},
		{"never shown, but claimed", nil, nil, HubAuthority, true, "in "},
		{"disagreement", []ShownAt{at("web", "paris", 1), at("shop", "paris", 0, whole)}, nil, HubAuthority, false, "unknown paris"},
		{"disagreement about a piece that is claimed", []ShownAt{at("web", "paris", 1), at("shop", "paris", 0, whole)}, nil, HubAuthority, true, "in paris"},
		{"adopted, whatever levels show", []ShownAt{at("web", "paris", 0)}, []*Ledger{adopted(1)}, HubAuthority, false, "in paris adopted"},
		{"adopted as not there", []ShownAt{at("web", "paris", 1)}, []*Ledger{adopted(0)}, HubAuthority, false, "out  adopted"},
		{"a count puts it there", []ShownAt{at("web", "paris", 0)}, []*Ledger{counted("lyon", 1, 1, 0)}, HubAuthority, false, "in lyon"},
		{"the newest count says where", nil, []*Ledger{counted("paris", 1, 1, 0), counted("lyon", 2, 1, 0)}, HubAuthority, false, "in lyon"},
		{"not found where it was", []ShownAt{at("web", "paris", 1)}, []*Ledger{counted("paris", 1, 0, 0)}, HubAuthority, false, "out "},
		{"not found elsewhere", []ShownAt{at("web", "paris", 1)}, []*Ledger{counted("lyon", 1, 0, 0)}, HubAuthority, false, "in paris"},
		{"not found because it was sold, and back since", []ShownAt{at("web", "paris", 1)}, []*Ledger{counted("paris", 1, 0, 1)}, HubAuthority, false, "in paris"},
		{"a count settles a disagreement", []ShownAt{at("web", "paris", 1), at("shop", "paris", 0, whole)}, []*Ledger{counted("paris", 1, 1, 0)}, HubAuthority, false, "in paris"},
		{"a platform's word", []ShownAt{at("web", "paris", 1), at("shop", "lyon", 0)}, nil, "web", false, "in paris adopted"},
		{"a platform's word that it is gone", []ShownAt{at("web", "paris", 0), at("shop", "lyon", 1)}, nil, "web", false, "out  adopted"},
		{"a platform that has said nothing", []ShownAt{at("shop", "lyon", 1)}, nil, "web", false, "unknown  adopted"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, loc, adopted := PieceCustody(tc.levels, tc.ledgers, tc.authority, tc.held)
			got := []string{"unknown", "in", "out"}[c] + " " + loc
			if adopted {
				got += " adopted"
			}
			require.Equal(t, tc.want, got)
		})
	}
}

func stock(st Stock) string {
	var out []string
	for _, a := range st.At {
		out = append(out, fmt.Sprintf("%s %d-%d=%d", a.Location, a.OnHand, a.Reserved, a.Available))
	}
	if st.Conflict {
		out = append(out, "conflict")
	}
	if st.Unseen {
		out = append(out, "unseen")
	}
	return strings.Join(out, ", ")
}

func TestHubStock(t *testing.T) {
	sold := func(conn, loc string, n int64) *Ledger {
		l := &Ledger{}
		l.Apply(nil, claim("x", 1, func(c *canon.Claim) { c.Connection, c.Location, c.Net = conn, loc, n }), HubAuthority)
		return l
	}
	held := &Ledger{}
	held.Apply(nil, claim("r", 1, reserved, func(c *canon.Claim) { c.Net = 3 }), HubAuthority)
	opening := &Ledger{Adopted: true}
	opening.Sum("paris").Opening = 10
	for _, tc := range []struct {
		name    string
		levels  []ShownAt
		ledgers []*Ledger
		want    string
	}{
		{"levels before anything is adopted", []ShownAt{at("web", "paris", 10)}, nil, "paris 10-0=10"},
		{"unseen", nil, nil, "unseen"},
		{"sold elsewhere", []ShownAt{at("till", "paris", 10, counts)}, []*Ledger{sold("web", "paris", 4)}, "paris 6-0=6"},
		{"reserved", []ShownAt{at("till", "paris", 10, counts)}, []*Ledger{held}, "paris 10-3=7"},
		{"adopted: levels move nothing", []ShownAt{at("web", "paris", 2)}, []*Ledger{opening, sold("web", "paris", 4)}, "paris 6-0=6"},
		{"oversold", nil, []*Ledger{opening, sold("web", "paris", 12)}, "paris -2-0=-2"},
		{"sold from another place", nil, []*Ledger{opening, sold("web", "lyon", 1)}, "lyon -1-0=-1, paris 10-0=10"},
		{"two openings of joined items: the first counts", nil, []*Ledger{opening, opening}, "paris 10-0=10"},
	} {
		t.Run(tc.name, func(t *testing.T) { require.Equal(t, tc.want, stock(HubStock(tc.levels, tc.ledgers))) })
	}
}

func TestPlatformStock(t *testing.T) {
	pending := func(conn, loc string, n int64) *Ledger {
		l := &Ledger{}
		l.Apply(nil, claim("x", 1, func(c *canon.Claim) { c.Connection, c.Location, c.Net = conn, loc, n }), "shop")
		return l
	}
	for _, tc := range []struct {
		name    string
		levels  []ShownAt
		ledgers []*Ledger
		want    string
	}{
		{"its levels count, others do not", []ShownAt{at("shop", "paris", 10), at("web", "paris", 3)}, nil, "paris 10-0=10"},
		{"its own documents move nothing", []ShownAt{at("shop", "paris", 10)}, []*Ledger{pending("shop", "paris", 4)}, "paris 10-0=10"},
		{"what others took is pending", []ShownAt{at("shop", "paris", 10)}, []*Ledger{pending("web", "paris", 4)}, "paris 6-0=6"},
		{"at another place of one number for all", []ShownAt{at("shop", "paris", 10, whole)}, []*Ledger{pending("web", "lyon", 4)}, "paris 6-0=6"},
		{"at another place", []ShownAt{at("shop", "paris", 10)}, []*Ledger{pending("web", "lyon", 4)}, "lyon -4-0=-4, paris 10-0=10"},
		{"it has said nothing", []ShownAt{at("web", "paris", 3)}, nil, "unseen"},
	} {
		t.Run(tc.name, func(t *testing.T) { require.Equal(t, tc.want, stock(PlatformStock(tc.levels, tc.ledgers, "shop"))) })
	}
}

func TestOversoldIsOpenExactlyBelowZero(t *testing.T) {
	item := &canon.Item{ID: "itm", Stock: []canon.StockAt{{Location: "lyon", Available: 3}, {Location: "paris", Available: 0}}}
	require.Nil(t, Oversold(item))
	item.Stock[1].Available = -1
	c := Oversold(item)
	require.True(t, c.Open)
	require.Equal(t, []canon.Evidence{{Text: "-1 at paris"}}, c.Evidence)
}

// TestTheLedgerIsTheSumOfItsClaims changes random claims one after the other: the ledger that followed each change is
// the one that the last states alone give, and an empty one when all have ended.
func TestTheLedgerIsTheSumOfItsClaims(t *testing.T) {
	for seed := range uint64(100) {
		rng := rand.New(rand.NewPCG(seed, 0))
		ledger := &Ledger{}
		claims := make(map[string]*canon.Claim)
		change := func(key string, to *canon.Claim) {
			ledger.Apply(claims[key], to, "shop")
			claims[key] = to
		}
		for range 60 {
			key := fmt.Sprint("c", rng.IntN(5))
			change(key, claim(key, 1, func(c *canon.Claim) {
				c.Connection, c.Location = []string{"web", "shop"}[rng.IntN(2)], []string{"paris", "lyon", ""}[rng.IntN(3)]
				c.Net, c.Overruled = rng.Int64N(4), rng.IntN(5) == 0
				c.Reflected = rng.Int64N(3)
				if rng.IntN(3) == 0 {
					c.Kind = canon.ClaimReservation
				}
			}))
			fresh := &Ledger{}
			for _, c := range claims {
				fresh.Apply(nil, c, "shop")
			}
			require.Equal(t, len(fresh.At), len(ledger.At), "seed %d", seed)
			for loc, s := range fresh.At {
				require.Equal(t, s.Reserved, ledger.At[loc].Reserved)
				require.Equal(t, s.sold(), ledger.At[loc].sold())
				require.Equal(t, s.Pending, ledger.At[loc].Pending)
			}
		}
		for key, c := range claims {
			gone := *c
			gone.Net, gone.Reflected = 0, 0
			change(key, &gone)
		}
		require.Empty(t, ledger.At)
	}
}
