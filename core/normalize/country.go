package normalize

import (
	"strings"
	"sync"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
)

// countryAliases are names in use that the language tables do not have, in the form of Name.
var countryAliases = map[string]string{
	"uk": "GB", "great britain": "GB", "england": "GB", "scotland": "GB", "wales": "GB", "northern ireland": "GB",
	"usa": "US", "u s a": "US", "u s": "US", "united states of america": "US", "america": "US",
	"holland": "NL", "the netherlands": "NL", "uae": "AE", "czech republic": "CZ", "korea": "KR", "republic of korea": "KR", "russian federation": "RU",
}

// countryNames has the name of every country in the languages of the house, in the form of Name. A name that means
// different countries in different languages is left out.
var countryNames = sync.OnceValue(func() map[string]string {
	names := map[string]string{}
	ambiguous := map[string]bool{}
	for _, tag := range []language.Tag{language.English, language.French, language.German, language.Italian, language.Spanish, language.Dutch, language.Portuguese} {
		namer := display.Regions(tag)
		for a := 'A'; a <= 'Z'; a++ {
			for b := 'A'; b <= 'Z'; b++ {
				code, ok := countryCode(string(a) + string(b))
				if !ok {
					continue
				}
				region, err := language.ParseRegion(code)
				if err != nil {
					continue
				}
				name := Name(namer.Name(region))
				if other, seen := names[name]; seen && other != code {
					ambiguous[name] = true
				}
				names[name] = code
			}
		}
	}
	for name := range ambiguous {
		delete(names, name)
	}
	for name, code := range countryAliases {
		names[name] = code
	}
	delete(names, "")
	return names
})

// countryCode resolves a code of two or three letters or three digits to the present country's ISO 3166-1 alpha-2.
func countryCode(code string) (string, bool) {
	region, err := language.ParseRegion(code)
	if err != nil {
		return "", false
	}
	region = region.Canonicalize()
	if alpha2 := region.String(); region.IsCountry() && len(alpha2) == 2 && alpha2 != "ZZ" {
		return alpha2, true
	}
	return "", false
}

// Country gives the ISO 3166-1 alpha-2 code of a country stated as a code (alpha-2, alpha-3, numeric) or by its name in
// English, French, German, Italian, Spanish, Dutch or Portuguese.
func Country(raw string) (alpha2 string, ok bool) {
	s := strings.ToUpper(strings.TrimSpace(raw))
	if len(s) == 2 || len(s) == 3 {
		if code, ok := countryCode(s); ok {
			return code, true
		}
	}
	code, ok := countryNames()[Name(raw)]
	return code, ok
}
