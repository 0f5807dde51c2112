package normalize

import (
	"strings"

	"github.com/jumpring/jumpring/core/canon"
)

// fancyIntensities are RapNet's codes of the intensities of fancy colours.
var fancyIntensities = map[string]string{
	"FNT": "FAINT", "VLT": "VERY LIGHT", "LGT": "LIGHT", "FCL": "FANCY LIGHT", "FCY": "FANCY", "FDK": "FANCY DARK", "FCI": "FANCY INTENSE", "FCV": "FANCY VIVID", "FDP": "FANCY DEEP",
}

var fancyHues = map[string]bool{
	"YELLOW": true, "BROWN": true, "PINK": true, "BLUE": true, "GREEN": true, "BLACK": true, "ORANGE": true, "GRAY": true, "PURPLE": true, "RED": true, "WHITE": true, "VIOLET": true, "CHAMPAGNE": true, "COGNAC": true, "CHAMELEON": true, "OLIVE": true,
	"BROWNISH": true, "GREENISH": true, "YELLOWISH": true, "PINKISH": true, "PURPLISH": true, "GRAYISH": true, "ORANGY": true, "REDDISH": true, "BLUISH": true, "VIOLETISH": true,
}

// fancySpellings are words that sources write for another one of the table.
var fancySpellings = map[string]string{"GREY": "GRAY", "GREYISH": "GRAYISH", "ORANGISH": "ORANGY", "ORANGEY": "ORANGY"}

// DiamondColour reads a diamond's colour grade: D … Z, two neighbours of it ("O-P"), or a fancy colour with its
// intensity and hues ("Fancy Intense Yellow", "FCI Yellow") in upper case.
func DiamondColour(raw string) (grade string, ok bool) {
	w := strings.Fields(strings.ToUpper(strings.Join(words(fold(raw)), " ")))
	switch {
	case len(w) == 1 && grade1(w[0]):
		return w[0], true
	case len(w) == 2 && grade1(w[0]) && grade1(w[1]) && w[1][0] == w[0][0]+1:
		return w[0] + "-" + w[1], true
	case len(w) == 2 && (w[1] == "COLOR" || w[1] == "COLOUR") && grade1(w[0]):
		return w[0], true
	case len(w) == 0:
		return "", false
	}
	if intensity, found := fancyIntensities[w[0]]; found {
		w = append(strings.Fields(intensity), w[1:]...)
	}
	fancy, ok := fancyOf(w)
	if !ok {
		return "", false
	}
	return fancyWords(fancy), true
}

func fancyOf(w []string) (canon.FancyColour, bool) {
	n := 0
	for n < len(w) && strings.Contains(" FAINT VERY LIGHT FANCY DARK INTENSE VIVID DEEP ", " "+w[n]+" ") {
		n++
	}
	known := false
	for _, i := range fancyIntensities {
		known = known || i == strings.Join(w[:n], " ")
	}
	if !known || n == len(w) {
		return canon.FancyColour{}, false
	}
	f := canon.FancyColour{Intensity: strings.Join(w[:n], " ")}
	for _, hue := range w[n:] {
		if right, found := fancySpellings[hue]; found {
			hue = right
		}
		if !fancyHues[hue] {
			return canon.FancyColour{}, false
		}
		f.Overtones = append(f.Overtones, hue)
	}
	f.Hue = f.Overtones[len(f.Overtones)-1]
	f.Overtones = f.Overtones[:len(f.Overtones)-1]
	if len(f.Overtones) == 0 {
		f.Overtones = nil
	}
	return f, true
}

func fancyWords(f canon.FancyColour) string {
	return strings.Join(append(append([]string{f.Intensity}, f.Overtones...), f.Hue), " ")
}

// Fancy takes a fancy colour of DiamondColour apart; nil for one of the scale D … Z.
func Fancy(grade string) *canon.FancyColour {
	if f, ok := fancyOf(strings.Fields(grade)); ok {
		return &f
	}
	return nil
}

func grade1(w string) bool { return len(w) == 1 && w[0] >= 'D' && w[0] <= 'Z' }
