package normalize

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/jumpring/jumpring/core/canon"
)

// labNames are the laboratories under the names that sources use, in the form of Name. Longer names come first where
// one begins with another.
var labNames = []struct{ name, lab string }{
	{"gemological institute of america", "GIA"},
	{"gia", "GIA"},
	{"international gemological institute", "IGI"},
	{"igi", "IGI"},
	{"hoge raad voor diamant", "HRD"},
	{"hrd antwerp", "HRD"},
	{"hrd", "HRD"},
	{"american gem society laboratories", "AGS"},
	{"american gem society", "AGS"},
	{"agsl", "AGS"},
	{"ags", "AGS"},
	{"gem certification assurance lab", "GCAL"},
	{"gcal", "GCAL"},
	{"egl usa", "EGL_USA"},
	{"egl us", "EGL_USA"},
	{"egl", "EGL"}, // laboratories of separate owners and scales
	{"dcla", "DCLA"},
	{"pgs", "PGS"},
	{"cgl", "CGL"},
	{"ngtc", "NGTC"},
	{"gemresearch swisslab", "GRS"},
	{"grs", "GRS"},
	{"ssef", "SSEF"},
	{"gubelin gem lab", "GUBELIN"},
	{"gubelin", "GUBELIN"},
	{"american gemological laboratories", "AGL"},
	{"agl", "AGL"},
	{"lotus gemology", "LOTUS"},
	{"laboratoire francais de gemmologie", "LFG"},
	{"lfg", "LFG"},
}

// numberLabels are words between a laboratory and its number.
var numberLabels = []string{"no", "nr", "num", "number", "report", "cert", "certificate", "certificat", "zertifikat"}

// Lab gives a laboratory's short name, "GIA". A laboratory that is not in the table keeps its own words in upper case,
// so that it matches itself alone; "" means that none is stated.
func Lab(raw string) string {
	name := Name(raw)
	for _, l := range labNames {
		if name == l.name || name == strings.ReplaceAll(strings.ToLower(l.lab), "_", " ") {
			return l.lab
		}
	}
	return strings.ToUpper(name)
}

// Certificate reads a grading report. The number keeps its letters and digits, in upper case ("LG 123-456" is
// "LG123456"); the laboratory may be stated with it in one string ("GIA 2141438171", "IGI-LG513253612"). Without a
// laboratory Lab stays empty: the same number of a known laboratory is not the same report. It is an error when there
// is no number, or when the number names another laboratory than the one stated.
func Certificate(stated canon.StatedCert) (canon.Certificate, error) {
	c := canon.Certificate{
		Lab: Lab(stated.Lab), URL: strings.TrimSpace(stated.URL), Type: strings.TrimSpace(stated.Type), Inscription: strings.TrimSpace(stated.Inscription),
		Text: stated.Text,
	}
	for c.Number = stated.Number; ; {
		lab, rest := splitLab(c.Number)
		if lab != "" && c.Lab != "" && lab != c.Lab {
			c.Number = ""
			return c, fmt.Errorf("%w: report %.48q names the laboratory %s, but %s is stated; correct one of them", ErrUnread, stated.Number, lab, c.Lab)
		}
		if c.Lab == "" {
			c.Lab = lab
		}
		if rest = compactNumber(rest); rest == c.Number {
			break
		}
		c.Number = rest
	}
	switch {
	case strings.ContainsRune(c.Number, unicode.ReplacementChar):
		c.Number = ""
		return c, fmt.Errorf("%w: report number %.48q has characters that no number has", ErrUnread, stated.Number)
	case strings.Trim(c.Number, "0ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" || len(c.Number) < 4 || len(c.Number) > 32:
		c.Number = ""
		return c, fmt.Errorf("%w: %.48q is no report number", ErrUnread, stated.Number)
	}
	return c, nil
}

// Report reads a grading report with what it says: its date, its document's hash and the grades of its stone, in the
// code list of the laboratory itself. The error of what could not be read beside the identity wraps ErrUnread; ok tells whether
// there is an identity at all.
func Report(stated canon.StatedCert) (c canon.Certificate, ok bool, err error) {
	c, err = Certificate(stated)
	if err != nil {
		return c, false, err
	}
	var doubts []error
	if strings.TrimSpace(stated.Date) != "" {
		date, err := Date(stated.Date)
		if err != nil {
			doubts = append(doubts, err)
		}
		c.Date = date
	}
	hash, err := documentHash(stated.Hash)
	if err != nil {
		doubts = append(doubts, err)
	}
	c.Hash = hash
	if stated.Grading != nil {
		g, err := Stone(strings.ToLower(c.Lab), *stated.Grading)
		if err != nil {
			doubts = append(doubts, err)
		}
		c.Grading = &g
	}
	return c, true, errors.Join(doubts...)
}

// documentHash reads a SHA-256 in hexadecimal.
func documentHash(raw string) (string, error) {
	s := strings.ToLower(strings.TrimPrefix(strings.TrimSpace(raw), "sha256:"))
	if s == "" {
		return "", nil
	}
	if len(s) != 64 || strings.Trim(s, "0123456789abcdef") != "" {
		return "", fmt.Errorf("%w: a document's hash is SHA-256, 64 hexadecimal digits", ErrUnread)
	}
	return s, nil
}

// compactNumber leaves letters and digits; what no number has becomes the replacement character.
func compactNumber(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z' || r >= '0' && r <= '9':
			return r
		case strings.ContainsRune(" -–—_.#:/\u00a0", r):
			return -1
		}
		return unicode.ReplacementChar
	}, strings.ToUpper(s))
}

// splitLab takes a known laboratory and labels ("No.", "#") off the front of a number.
func splitLab(raw string) (lab, number string) {
	rest := strings.TrimSpace(raw)
	folded := fold(rest)
	if len(folded) != len(rest) { // positions would differ; such a text has no number of a laboratory
		return "", rest
	}
	for _, l := range labNames {
		after, found := strings.CutPrefix(folded, l.name)
		if !found || after == "" || after[0] >= 'a' && after[0] <= 'z' && !strings.HasPrefix(after, "lg") {
			continue
		}
		lab, rest, folded = l.lab, rest[len(rest)-len(after):], after
		break
	}
	for {
		trimmed := strings.TrimLeft(folded, " .:#-_/")
		if i := slices.IndexFunc(numberLabels, func(w string) bool {
			after, found := strings.CutPrefix(trimmed, w)
			return found && after != "" && strings.IndexByte(" .:#-_/", after[0]) >= 0
		}); i >= 0 {
			trimmed = trimmed[len(numberLabels[i]):]
		}
		if trimmed == folded {
			return lab, rest
		}
		rest, folded = rest[len(rest)-len(trimmed):], trimmed
	}
}
