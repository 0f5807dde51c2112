package identity

import (
	"slices"
	"strings"
)

// Keys gives the blocking keys of a profile, sorted: records that share none are never compared. There are many weak
// ones rather than a few strong, of whatever fields there are, so that two records of one person share some even where
// several fields have errors. They are hashes; what collides is compared and found to differ.
func Keys(p *Profile) []uint64 {
	k := keys{out: make([]uint64, 0, 48)}
	given, family := "", p.familyKey
	if p.givenKey != "" {
		given = p.givenKey
	}
	gs, fs := sound(given), sound(family)
	for i := range p.emails {
		e := &p.emails[i]
		k.add("e", e.whole)
		if len(e.local) >= 4 {
			k.add("l", e.local)
			k.add("l5", e.local[:min(len(e.local), 5)], e.local[len(e.local)-1:])
			k.add("l<", e.local[max(0, len(e.local)-5):])
		}
	}
	for _, t := range p.phones {
		k.add("t", t[max(0, len(t)-7):])
		k.add("t4", t[max(0, len(t)-4):], gs)
		if len(t) >= 8 {
			k.add("t>", t[:len(t)-2])
		}
	}
	for _, id := range p.ids {
		h := len(id) / 2
		k.add("i", id)
		k.add("i<", id[:h])
		k.add("i>", id[h:])
	}
	roots := p.roots
	if len(roots) > 3 {
		roots = roots[:3]
	}
	// The two names count as a set, so that swapped ones meet.
	a, b := min(gs, fs), max(gs, fs)
	k.add("n", a, b)
	if given != "" && family != "" {
		k.add("n<", family[:min(len(family), 3)], given[:min(len(given), 2)])
		k.add("n>", family[max(0, len(family)-4):], given[max(0, len(given)-2):])
		for _, r := range roots {
			k.add("nr", fs, string(rune(r)))
		}
	}
	if d := p.birthday; !d.Zero() {
		all := d.digits()
		k.add("b", all)
		if d.Month != 0 && d.Day != 0 {
			lo, hi := min(all[4:6], all[6:8]), max(all[4:6], all[6:8])
			k.add("bs", all[:4], lo, hi)
			k.add("bg", all[4:], gs)
			k.add("bf", all[4:], fs)
		}
		k.add("byg", all[:6], gs)
		k.add("byf", all[:6], fs)
		k.add("bdg", all[:4], all[6:], gs)
		k.add("bdf", all[:4], all[6:], fs)
		k.add("byn", all[:4], initial(given), fs)
		k.add("bng", all[:4], initial(family), gs)
		for _, r := range roots {
			k.add("br", all[:4], string(rune(r)), initial(family))
		}
	}
	for i := range p.places {
		pl := &p.places[i]
		where := pl.code
		if where == "" {
			where = pl.cityKey
		}
		if pl.line != "" || len(pl.numbers) > 0 {
			number, word := "", longest(pl.names)
			if len(pl.numbers) > 0 {
				number = pl.numbers[0]
			}
			word = word[:min(len(word), 6)]
			if number != "" && word != "" {
				k.add("s", number, word)
			}
			k.add("sw", where, word, initial(given), initial(family))
			k.add("sg", word, gs)
			k.add("sf", word, fs)
			k.add("sn", number, where)
		}
		k.add("pg", where, gs)
		k.add("pf", where, fs)
		if where != pl.cityKey {
			k.add("cg", pl.cityKey, gs, initial(family))
			k.add("cf", pl.cityKey, fs, initial(given))
		}
	}
	for i, w := range p.name {
		if len(w) > 2 {
			s := sound(w)
			k.add("w", s)
			if i+1 < len(p.name) {
				k.add("ww", min(s, sound(p.name[i+1])), max(s, sound(p.name[i+1])))
			}
			for j := range p.places {
				k.add("wc", s, p.places[j].cityKey)
			}
		}
	}
	slices.Sort(k.out)
	return slices.Compact(k.out)
}

type keys struct{ out []uint64 }

// add adds a key of a kind, unless a part of it is missing. The hash is FNV-1a, so that a key that is kept means the
// same in every process.
func (k *keys) add(kind string, parts ...string) {
	const offset, prime = 14695981039346656037, 1099511628211
	h := uint64(offset)
	for i := range len(kind) {
		h = (h ^ uint64(kind[i])) * prime
	}
	for _, p := range parts {
		if p == "" {
			return
		}
		h *= prime // the byte 0 between the parts
		for i := range len(p) {
			h = (h ^ uint64(p[i])) * prime
		}
	}
	k.out = append(k.out, h)
}

// sound gives the first letter of a skeleton and the next three consonants: what a Soundex code keeps.
func sound(skeleton string) string {
	if skeleton == "" {
		return ""
	}
	out := make([]byte, 1, 4)
	out[0] = skeleton[0]
	for i := 1; i < len(skeleton) && len(out) < 4; i++ {
		if c := skeleton[i]; !vowel(c) && c != 'h' && c != out[len(out)-1] {
			out = append(out, c)
		}
	}
	return string(out)
}

func initial(s string) string { return s[:min(len(s), 1)] }

func longest(words []string) string {
	best := ""
	for _, w := range words {
		if len(w) > len(best) || len(w) == len(best) && strings.Compare(w, best) < 0 {
			best = w
		}
	}
	return best
}
