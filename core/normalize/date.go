package normalize

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// months maps the names of the months, folded, to their numbers.
var months = func() map[string]int {
	numbers := map[string]int{}
	for i, names := range []string{
		"january jan janvier janv januar gennaio gen enero ene januari", "february feb fevrier fevr fev februar febbraio febrero februari", "march mar mars marz marzo maart mrt maerz mrz",
		"april apr avril avr aprile abril abr", "may mai maggio mag mayo mei", "june jun juin juni giugno giu junio", "july jul juillet juil juli luglio lug julio",
		"august aug aout agosto ago augustus", "september sep sept septembre settembre set septiembre", "october oct octobre oktober okt ottobre ott octubre",
		"november nov novembre noviembre", "december dec decembre dezember dez dicembre dic diciembre",
	} {
		for _, n := range strings.Fields(names) {
			numbers[n] = i + 1
		}
	}
	return numbers
}()

var (
	isoDate     = regexp.MustCompile(`^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:$|[T ].*)`)
	compactDate = regexp.MustCompile(`^(\d{4})(\d{2})(\d{2})$`)
	dotted      = regexp.MustCompile(`^(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4})$`)
	slashed     = regexp.MustCompile(`^(\d{1,2})[/-](\d{1,2})[/-](\d{4})$`)
	dayFirst    = regexp.MustCompile(`^(\d{1,2})(?:st|nd|rd|th|er|\.)?(?: de)? ([a-z]+)\.?(?: de)?,? (\d{4})$`)
	monthFirst  = regexp.MustCompile(`^([a-z]+)\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})$`)
	dashedMonth = regexp.MustCompile(`^(\d{1,2})-([a-z]+)-(\d{4})$`)
	yearless    = regexp.MustCompile(`^(?:--?)?(\d{2})-(\d{2})$`)
)

// Date reads a calendar day into YYYY-MM-DD: ISO 8601 (with or without a time, which is dropped as it stands),
// "02.06.2025" (a point means day first), "June 2, 2025" and "2 juin 2025" in English, French, German, Italian, Spanish
// and Dutch. "02/06/2025" is the second of June or the sixth of February, so it is read only where one of the two is no
// month or both are the same. Years of two digits are not read.
func Date(raw string) (day string, err error) {
	s := strings.Join(strings.Fields(fold(raw)), " ")
	var y, m, d string
	switch {
	case isoDate.MatchString(strings.ToUpper(s)):
		p := isoDate.FindStringSubmatch(strings.ToUpper(s))
		y, m, d = p[1], p[2], p[3]
	case compactDate.MatchString(s):
		p := compactDate.FindStringSubmatch(s)
		y, m, d = p[1], p[2], p[3]
	case dotted.MatchString(s):
		p := dotted.FindStringSubmatch(s)
		y, m, d = p[3], p[2], p[1]
	case slashed.MatchString(s):
		p := slashed.FindStringSubmatch(s)
		a, _ := strconv.Atoi(p[1])
		b, _ := strconv.Atoi(p[2])
		switch {
		case a > 12 || a == b:
			y, m, d = p[3], p[2], p[1]
		case b > 12:
			y, m, d = p[3], p[1], p[2]
		default:
			return "", fmt.Errorf("%w: date %.32q may have the day or the month first; write 2025-06-02", ErrUnread, raw)
		}
	case dayFirst.MatchString(s), dashedMonth.MatchString(s):
		p := dayFirst.FindStringSubmatch(s)
		if p == nil {
			p = dashedMonth.FindStringSubmatch(s)
		}
		y, m, d = p[3], strconv.Itoa(months[p[2]]), p[1]
	case monthFirst.MatchString(s):
		p := monthFirst.FindStringSubmatch(s)
		y, m, d = p[3], strconv.Itoa(months[p[1]]), p[2]
	default:
		return "", fmt.Errorf("%w: %.32q is no date; write 2025-06-02", ErrUnread, raw)
	}
	return calendarDay(y, m, d, raw)
}

func calendarDay(year, month, day, raw string) (string, error) {
	y, _ := strconv.Atoi(year)
	m, _ := strconv.Atoi(month)
	d, _ := strconv.Atoi(day)
	t := time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC)
	if m < 1 || m > 12 || t.Day() != d || y < 1000 || y > 9998 {
		return "", fmt.Errorf("%w: %.32q is no day of the calendar", ErrUnread, raw)
	}
	return t.Format(time.DateOnly), nil
}

// Birthday reads a day of birth into YYYY-MM-DD, or into --MM-DD where the source states no year ("06-02", "--06-02").
func Birthday(raw string) (day string, err error) {
	s := strings.TrimSpace(raw)
	if p := yearless.FindStringSubmatch(s); p != nil {
		full, err := calendarDay("2000", p[1], p[2], raw) // a leap year: 29 February is a birthday
		if err != nil {
			return "", err
		}
		return "-" + full[len("2000"):], nil
	}
	return Date(s)
}

// Instant reads a moment with its offset (RFC 3339) and gives it unchanged; a day alone stays a day.
func Instant(raw string) (string, error) {
	s := strings.TrimSpace(raw)
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t.Format(time.RFC3339), nil
	}
	return Date(s)
}
