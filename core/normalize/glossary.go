package normalize

import "strings"

// glossary reads the words of a field into one list of values. Words that every source uses alike are shared; a code
// that means different things to different sources stands in the dialect of each and is no word where the dialect is
// not known.
type glossary struct {
	shared   map[string]string            // compact word → value
	dialects map[string]map[string]string // by dialect; outranks shared
}

// newGlossary takes "value: alias alias" tables: the shared one and those of the dialects. A value is its own alias.
func newGlossary(shared map[string]string, dialects map[string]map[string]string) glossary {
	v := glossary{shared: invert(shared), dialects: map[string]map[string]string{}}
	for name, codes := range dialects {
		own := map[string]string{}
		for value, aliases := range codes {
			for _, alias := range strings.Fields(aliases) {
				own[alias] = value
			}
		}
		v.dialects[name] = own
	}
	return v
}

func (v glossary) read(dialect, raw string) (value string, ok bool) {
	key := compact(raw)
	if value, ok = v.dialects[dialect][key]; ok {
		return value, true
	}
	value, ok = v.shared[key]
	return value, ok
}

// invert turns "value: alias alias" into alias → value; each value is its own alias.
func invert(codes map[string]string) map[string]string {
	index := map[string]string{}
	for value, aliases := range codes {
		index[compact(value)] = value
		for _, alias := range strings.Fields(aliases) {
			index[alias] = value
		}
	}
	return index
}

// compact gives the folded words in upper case without anything between them: "Very Good" is "VERYGOOD".
func compact(raw string) string { return strings.ToUpper(strings.Join(words(fold(raw)), "")) }

// Dialect gives the name of the code list that a source says it uses, in the form of the tables: "RapNet" is "rapnet".
func Dialect(raw string) string { return strings.ReplaceAll(Name(raw), " ", "_") }
