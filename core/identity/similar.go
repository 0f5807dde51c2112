package identity

// distance gives the number of insertions, deletions, substitutions and swaps of neighbours that make a into b (optimal
// string alignment), or limit+1 when it takes more than limit. Bytes count: names are in Latin letters.
func distance(a, b string, limit int) int {
	if a == b {
		return 0
	}
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(b)-len(a) > limit || len(b) > maxCompared {
		return limit + 1
	}
	for len(a) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	for len(a) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	if len(a) == 0 {
		return len(b)
	}
	var rows [3][maxCompared + 1]uint8
	before, last, row := &rows[0], &rows[1], &rows[2]
	for j := range len(b) + 1 {
		last[j] = uint8(j)
	}
	for i := 1; i <= len(a); i++ {
		row[0] = uint8(i)
		least := row[0]
		for j := 1; j <= len(b); j++ {
			d := last[j-1]
			if a[i-1] != b[j-1] {
				d = 1 + min(d, last[j], row[j-1])
				if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
					d = min(d, before[j-2]+1)
				}
			}
			row[j] = d
			least = min(least, d)
		}
		if int(least) > limit {
			return limit + 1
		}
		before, last, row = last, row, before
	}
	return min(int(last[len(b)]), limit+1)
}

// maxCompared is how many bytes of a word are compared; longer ones are only equal or different.
const maxCompared = 64

// jaroWinkler gives the Jaro-Winkler similarity (W. Winkler 1990) of two words in thousandths: 1000 is equal. It counts
// in whole numbers, so that it is the same on every machine (invariant 3).
func jaroWinkler(a, b string) int {
	if a == b {
		return 1000
	}
	if a == "" || b == "" || len(a) > maxCompared || len(b) > maxCompared {
		return 0
	}
	if len(a) > len(b) || len(a) == len(b) && a > b { // letters pair off from the left, so the sides have an order
		a, b = b, a
	}
	window := max(len(b)/2-1, 0)
	var inA, inB uint64 // bit i: letter i has its partner
	matches := 0
	for i := range len(a) {
		for j := max(0, i-window); j <= min(len(b)-1, i+window); j++ {
			if inB&(1<<j) == 0 && a[i] == b[j] {
				inA |= 1 << i
				inB |= 1 << j
				matches++
				break
			}
		}
	}
	if matches == 0 {
		return 0
	}
	swapped, j := 0, 0
	for i := range len(a) {
		if inA&(1<<i) == 0 {
			continue
		}
		for inB&(1<<j) == 0 {
			j++
		}
		if a[i] != b[j] {
			swapped++
		}
		j++
	}
	jaro := (1000*matches/len(a) + 1000*matches/len(b) + 1000*(matches-swapped/2)/matches) / 3
	prefix := 0
	for prefix < min(4, len(a)) && a[prefix] == b[prefix] {
		prefix++
	}
	return jaro + prefix*(1000-jaro)/10
}

// wordsAlike gives how much of two lists of words is in both, in thousandths, by letters: each word looks for its most
// similar one on the other side.
func wordsAlike(a, b []string) int {
	if len(a) == 0 || len(b) == 0 {
		return 0
	}
	total, found := 0, 0
	for range 2 {
		for _, x := range a {
			best := 0
			for _, y := range b {
				if s := jaroWinkler(x, y); s > best {
					best = s
				}
			}
			total += 1000 * len(x)
			if best >= 880 {
				found += best * len(x)
			}
		}
		a, b = b, a
	}
	if total == 0 {
		return 0
	}
	return 1000 * found / total
}
