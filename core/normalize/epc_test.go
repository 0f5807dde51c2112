package normalize

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"
)

// encode packs fields of given widths into the hexadecimal of a tag, from the most significant bit.
func encode(fields ...[2]string) string {
	tag, total := new(big.Int), 0
	for _, f := range fields {
		var bits int
		fmt.Sscan(f[1], &bits)
		v, _ := new(big.Int).SetString(f[0], 10)
		tag.Or(tag.Lsh(tag, uint(bits)), v)
		total += bits
	}
	return fmt.Sprintf("%0*X", total/4, tag)
}

func digits(rng *rand.Rand, n int) string {
	var b strings.Builder
	for range n {
		b.WriteByte(byte('0' + rng.IntN(10)))
	}
	return b.String()
}

// TestEveryFormOfATagIsOneIdentity encodes identities of every partition and reads the tag, the URN and the link.
func TestEveryFormOfATagIsOneIdentity(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range 700 {
		partition := n % 7
		p := sgtinPartitions[partition]
		head := func(header string) [][2]string {
			return [][2]string{{header, "8"}, {fmt.Sprint(rng.IntN(7)), "3"}, {fmt.Sprint(partition), "3"}}
		}
		company := "9" + digits(rng, p.companyDigits-1)
		item, serial := digits(rng, p.itemDigits), fmt.Sprint(rng.Int64N(1<<38))
		tag := encode(append(head("48"), [2]string{company, fmt.Sprint(p.companyBits)}, [2]string{item, fmt.Sprint(p.itemBits)}, [2]string{serial, "38"})...)
		same(t, tag, "urn:epc:id:sgtin:"+company+"."+item+"."+serial)
		asset := fmt.Sprint(rng.Int64N(1 << 40))
		tag = encode(append(head("52"), [2]string{company, fmt.Sprint(p.companyBits)}, [2]string{asset, fmt.Sprint(82 - p.companyBits)})...)
		same(t, tag, "urn:epc:id:giai:"+company+"."+asset)
	}
}

func same(t *testing.T, tag, urn string) {
	t.Helper()
	a, err := EPC(tag)
	if err != nil {
		t.Fatalf("%s: %v", tag, err)
	}
	b, err := EPC(urn)
	if err != nil || a != b || !strings.HasPrefix(a, "https://id.gs1.org/") {
		t.Fatalf("the tag %s is %s, its URN %s is %s (%v)", tag, a, urn, b, err)
	}
	link, err := url.Parse(a)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := EPC("https://shop.example" + link.EscapedPath()); err != nil || again != a {
		t.Fatalf("the link %s is read as %s (%v)", a, again, err)
	}
}
