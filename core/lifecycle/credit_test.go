package lifecycle

import (
	"math/rand/v2"
	"reflect"
	"strconv"
	"testing"
)

func TestAGiftCardIsWhatItsLinesAddUpTo(t *testing.T) {
	c := Credit{Currency: "EUR"}
	for _, step := range []struct {
		line          CreditLine
		refused       string
		balance, held int64
	}{
		{CreditLine{Key: "i", Kind: CreditIssue, Amount: 10000}, "", 10000, 0},
		{CreditLine{Key: "i", Kind: CreditIssue, Amount: 10000}, "", 10000, 0}, // again
		{CreditLine{Key: "i", Kind: CreditIssue, Amount: 1}, RefusedKey, 10000, 0},
		{CreditLine{Key: "z", Kind: CreditLoad}, RefusedAmount, 10000, 0},
		{CreditLine{Key: "a1", Kind: CreditAuthorize, Amount: 6000}, "", 10000, 6000},
		{CreditLine{Key: "r0", Kind: CreditRedeem, Amount: 5000}, RefusedCovered, 10000, 6000}, // 4000 are free
		{CreditLine{Key: "c1", Kind: CreditCapture, Amount: 7000, Of: "a1"}, RefusedCovered, 10000, 6000},
		{CreditLine{Key: "c1", Kind: CreditCapture, Amount: 5500, Of: "a1"}, "", 4500, 0}, // the rest is free again
		{CreditLine{Key: "c2", Kind: CreditCapture, Amount: 1, Of: "a1"}, RefusedLine, 4500, 0},
		{CreditLine{Key: "a2", Kind: CreditAuthorize, Amount: 4500}, "", 4500, 4500},
		{CreditLine{Key: "l2", Kind: CreditRelease, Amount: 4500, Of: "a2"}, "", 4500, 0},
		{CreditLine{Key: "v1", Kind: CreditReverse, Amount: 5500, Of: "c1"}, "", 10000, 0},
		{CreditLine{Key: "v2", Kind: CreditReverse, Amount: 5500, Of: "c1"}, RefusedLine, 10000, 0},
		{CreditLine{Key: "r1", Kind: CreditRedeem, Amount: 9000}, "", 1000, 0},
		{CreditLine{Key: "v3", Kind: CreditReverse, Amount: 10000, Of: "i"}, RefusedCovered, 1000, 0}, // it is spent
		{CreditLine{Key: "x", Kind: CreditExpire, Amount: 1000}, "", 0, 0},
	} {
		next, refusal := c.Command(step.line)
		code := ""
		if refusal != nil {
			code = refusal.Code
		}
		if code != step.refused {
			t.Fatalf("%+v is refused with %q, want %q", step.line, code, step.refused)
		}
		c = next
		if balance, held := c.Balance(); balance != step.balance || held != step.held {
			t.Fatalf("after %+v the balance is %d with %d held, want %d and %d", step.line, balance, held, step.balance, step.held)
		}
	}
}

func TestObservedLinesCommute(t *testing.T) {
	kinds := []CreditKind{CreditIssue, CreditLoad, CreditRedeem, CreditAuthorize, CreditCapture, CreditReverse}
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var lines []CreditLine
		for range 40 { // keys meet, so that some contradict each other
			lines = append(lines, CreditLine{
				Key: strconv.Itoa(rng.IntN(25)), Kind: kinds[rng.IntN(len(kinds))], Amount: int64(1 + rng.IntN(3)), Of: strconv.Itoa(rng.IntN(25)),
			})
		}
		fold := func() Credit {
			c := Credit{Currency: "EUR"}
			for _, i := range rng.Perm(len(lines)) {
				c = c.Observe(lines[i])
				c = c.Observe(lines[rng.IntN(len(lines))]) // duplicated and early
			}
			return c
		}
		if a, b := fold(), fold(); !reflect.DeepEqual(a, b) {
			t.Fatalf("seed %d: two orders give two ledgers:\n%+v\n%+v", seed, a, b)
		}
	}
}

func TestLedgersAreUnitedUnlessATillCountsOnOne(t *testing.T) {
	a := Credit{Currency: "EUR", Lines: []CreditLine{{Key: "a", Kind: CreditIssue, Amount: 100}}}
	b := Credit{Currency: "EUR", Lines: []CreditLine{{Key: "b", Kind: CreditIssue, Amount: 50}}}
	sum, refusal := a.Merge(b)
	if balance, _ := sum.Balance(); refusal != nil || balance != 150 {
		t.Errorf("together they are %d (%v)", balance, refusal)
	}
	open, _ := b.Command(CreditLine{Key: "h", Kind: CreditAuthorize, Amount: 10})
	if _, refusal := a.Merge(open); refusal == nil || refusal.Code != "ledger.open" {
		t.Errorf("an open authorization is united: %v", refusal)
	}
}
