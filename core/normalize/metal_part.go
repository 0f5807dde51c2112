package normalize

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
)

// MetalPart reads one part of a piece: its metal, weights, plating and hallmarks. What can't be read stays in the raw
// words of each; the error joins one reason for each and wraps ErrUnread.
func MetalPart(stated canon.StatedMetal) (canon.MetalComponent, error) {
	c := canon.MetalComponent{Part: Name(stated.Part)}
	var doubts []error
	note := func(err error) {
		if err != nil {
			doubts = append(doubts, err)
		}
	}
	m, err := Metal(stated.Metal, stated.Fineness, stated.Colour)
	note(err)
	c.Metal, c.Karat = m, m.Karat()
	for _, w := range []struct {
		raw  string
		into **canon.Weight
	}{{stated.Gross, &c.Gross}, {stated.Net, &c.Net}} {
		if strings.TrimSpace(w.raw) == "" {
			continue
		}
		mg, err := Weight(w.raw)
		note(err)
		*w.into = &canon.Weight{Milligrams: mg, Raw: strings.TrimSpace(w.raw)}
	}
	if c.Gross != nil && c.Net != nil && c.Gross.Milligrams != 0 && c.Net.Milligrams > c.Gross.Milligrams {
		note(fmt.Errorf("%w: the net weight %.32q is above the gross weight %.32q", ErrUnread, stated.Net, stated.Gross))
	}
	if strings.TrimSpace(stated.Plating) != "" {
		p, err := Plating(stated.Plating)
		note(err)
		c.Plating = &p
	}
	for _, h := range stated.Hallmarks {
		read, err := Hallmark(h)
		note(err)
		if read.Standard != 0 && m.Fineness != 0 && read.Standard > m.Fineness {
			note(fmt.Errorf("%w: the hallmark %d is above the fineness %d", ErrUnread, read.Standard, m.Fineness))
		}
		c.Hallmarks = append(c.Hallmarks, read)
	}
	return c, errors.Join(doubts...)
}

// platingWords name how a layer came on, folded. A verb that says the metal too ("vergoldet") stands in platingMetals as well.
var platingWords = map[string]canon.PlatingKind{
	"plated": canon.Plated, "plate": canon.Plated, "plating": canon.Plated, "gp": canon.Plated, "gep": canon.Plated, "hge": canon.Plated, "plaque": canon.Plated, "plaquee": canon.Plated, "placcato": canon.Plated, "placcata": canon.Plated,
	"chapado": canon.Plated, "verguld": canon.Plated, "vergoldet": canon.Plated, "versilbert": canon.Plated, "rhodiniert": canon.Plated, "rhodie": canon.Plated, "rodiato": canon.Plated, "dore": canon.Plated, "doree": canon.Plated, "electroplated": canon.Plated,
	"vermeil": canon.Vermeil, "filled": canon.Filled, "gf": canon.Filled, "rolled": canon.Rolled, "flash": canon.Flash, "flashed": canon.Flash, "wash": canon.Flash,
}

// platingMetals are verbs that name the layer's metal.
var platingMetals = map[string]canon.MetalKind{
	"vergoldet": canon.Gold, "verguld": canon.Gold, "dore": canon.Gold, "doree": canon.Gold, "gp": canon.Gold, "gep": canon.Gold, "hge": canon.Gold, "gf": canon.Gold, "vermeil": canon.Gold,
	"versilbert": canon.Silver, "rhodiniert": canon.Rhodium, "rhodie": canon.Rhodium, "rodiato": canon.Rhodium,
}

var thickness = regexp.MustCompile(`(\d+(?:[.,]\d+)?)\s*(µm|μm|um|micrometers?|micrometres?|microns?|mikron|micra|nm)\b`)

// Plating reads a layer of metal: "18k gold plated", "vermeil 2.5 microns", "rhodium plated", "14k gold filled". The
// thickness of vermeil is what the source states; the least that the trade's rules ask for is not assumed.
func Plating(raw string) (canon.Plating, error) {
	p := canon.Plating{Raw: strings.Join(strings.Fields(raw), " ")}
	s := strings.NewReplacer("µ", "u", "μ", "u").Replace(strings.ToLower(raw))
	if m := thickness.FindStringSubmatch(s); m != nil {
		d, _, err := parseDecimal(m[1])
		if err != nil {
			return p, fmt.Errorf("plating: %w", err)
		}
		if p.Nanometres = d.times(1000, 1); m[2] == "nm" {
			p.Nanometres = d.times(1, 1)
		}
		s = strings.Replace(s, m[0], " ", 1)
	}
	var rest []string
	var implied canon.MetalKind
	for _, w := range words(fold(s)) {
		kind, is := platingWords[w]
		if !is {
			rest = append(rest, w)
			continue
		}
		if p.Kind != "" && p.Kind != kind && !(kind == canon.Plated || p.Kind == canon.Plated) {
			return canon.Plating{Raw: p.Raw}, fmt.Errorf("%w: plating %.64q names two ways of plating", ErrUnread, raw)
		}
		if p.Kind == "" || p.Kind == canon.Plated { // "rolled gold plate" is rolled, "flash plated" flash
			p.Kind = kind
		}
		if metal, ok := platingMetals[w]; ok {
			implied = metal
		}
	}
	layer := canon.Metal{}
	if text := strings.Join(rest, " "); text != "" {
		m, err := Metal(text)
		if err != nil {
			return canon.Plating{Kind: p.Kind, Nanometres: p.Nanometres, Raw: p.Raw}, fmt.Errorf("plating: %w", err)
		}
		layer = m
	}
	if layer.Kind == "" {
		layer.Kind = implied
	}
	p.Material, p.Fineness, p.Colour = layer.Kind, layer.Fineness, layer.Colour
	switch {
	case p.Kind == "":
		return p, fmt.Errorf("%w: plating %.64q does not say plated, vermeil, filled, rolled or flash", ErrUnread, raw)
	case p.Material == "":
		return p, fmt.Errorf("%w: plating %.64q does not say which metal", ErrUnread, raw)
	}
	return p, nil
}

// offices are the assay offices of the United Kingdom with their town marks, and those of other countries by their town.
var offices = invert(map[string]string{
	"london": "LEOPARD LEOPARDSHEAD GOLDSMITHSCOMPANY", "birmingham": "ANCHOR", "sheffield": "ROSE YORKSHIREROSE", "edinburgh": "CASTLE", "dublin": "HIBERNIA", "paris": "", "vienna": "WIEN", "prague": "PRAHA", "geneva": "GENEVE GENF",
})

// legalStandards are the fineness marks of the United Kingdom in parts per thousand (Hallmarking Act 1973 as amended;
// hallmarkingconvention.org).
var legalStandards = map[canon.MetalKind][]int64{
	canon.Gold: {375, 585, 750, 916, 990, 999}, canon.Silver: {800, 925, 958, 999}, canon.Platinum: {850, 900, 950, 999}, canon.Palladium: {500, 950, 999},
}

// HighestStandard gives the highest legal mark that an assay reaches, in parts per thousand; there is no tolerance
// below a mark, so gold of 584 is marked 375. 0 when it reaches none.
func HighestStandard(metal canon.MetalKind, assay int64) int64 {
	best := int64(0)
	for _, s := range legalStandards[metal] {
		if s <= assay {
			best = s
		}
	}
	return best
}

// knownStandards are the finenesses that a hallmark may state anywhere.
var knownStandards = []int64{333, 375, 417, 500, 585, 750, 800, 830, 835, 840, 850, 875, 900, 916, 925, 950, 958, 990, 999}

// Hallmark reads a hallmark. The country and the office are read from their tables, the standard is a number in parts
// per thousand.
func Hallmark(stated canon.StatedHallmark) (canon.Hallmark, error) {
	h := canon.Hallmark{
		Sponsor: strings.TrimSpace(stated.Sponsor), DateLetter: strings.TrimSpace(stated.DateLetter), Common: stated.Common,
		Raw: joinStated([]string{stated.Country, stated.Standard, stated.Office}),
	}
	var doubts []error
	if strings.TrimSpace(stated.Country) != "" {
		c, ok := Country(stated.Country)
		if !ok {
			doubts = append(doubts, fmt.Errorf("%w: %.32q is no country", ErrUnread, stated.Country))
		}
		h.Country = c
	}
	if strings.TrimSpace(stated.Office) != "" {
		o, ok := offices[compact(stated.Office)]
		if !ok {
			doubts = append(doubts, fmt.Errorf("%w: assay office %.32q is not in the table", ErrUnread, stated.Office))
		}
		h.Office = o
	}
	if strings.TrimSpace(stated.Standard) != "" {
		m, _ := Metal(stated.Standard)
		if m.Fineness == 0 || !slices.Contains(knownStandards, m.Fineness) {
			doubts = append(doubts, fmt.Errorf("%w: %.32q is no fineness mark", ErrUnread, stated.Standard))
		} else {
			h.Standard = m.Fineness
		}
	}
	return h, errors.Join(doubts...)
}

// HUID reads the id that the Bureau of Indian Standards gives every hallmarked piece: six letters and digits. It is not
// ok for anything else, and for placeholders of one repeated character.
func HUID(raw string) (huid string, ok bool) {
	s := strings.ToUpper(strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -.", r) {
			return -1
		}
		return r
	}, strings.TrimSpace(raw)))
	s = strings.TrimPrefix(s, "HUID")
	s = strings.TrimPrefix(s, ":")
	if len(s) != 6 || strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "" || strings.Trim(s, s[:1]) == "" {
		return "", false
	}
	return s, true
}
