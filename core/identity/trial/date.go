package trial

import (
	"strconv"
	"strings"

	"github.com/jumpring/jumpring/core/identity"
)

// birthday reads a row's day of birth, in one column or in three.
func (c *cells) birthday(row []string) identity.Date {
	if born := c.text(row, RoleBorn); born != "" {
		return readDate(born, c.dayFirst)
	}
	part := func(role Role) int {
		n, err := strconv.Atoi(c.text(row, role))
		if err != nil {
			return 0
		}
		return n
	}
	return identity.Date{Year: part(RoleYear), Month: part(RoleMonth), Day: part(RoleDay)}
}

// daysFirst finds out from the whole column whether 3/4/1970 is the third of April: more values have a day above 12
// in the first place than in the second.
func (c *cells) daysFirst() bool {
	first, second := 0, 0
	for _, row := range c.rows {
		n := numbers(c.text(row, RoleBorn))
		if len(n) != 3 || len(n[0]) > 2 {
			continue
		}
		if atoi(n[0]) > 12 {
			first++
		}
		if atoi(n[1]) > 12 {
			second++
		}
	}
	return first >= second
}

var months = []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}

// readDate reads a date in any usual spelling: 1970-04-03, 19700403, 3/4/1970, 3.4.70, 3 Apr 1970, April 3, 1970. What is
// no date by the calendar is kept all the same: it is a slip of the pen, and still compares.
func readDate(s string, dayFirst bool) identity.Date {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "T")
	n := numbers(s)
	month := 0
	for i, m := range months {
		if strings.Contains(strings.ToLower(s), m) {
			month = i + 1
			break
		}
	}
	switch {
	case month > 0 && len(n) >= 2: // the month as a word
		a, b := n[0], n[1]
		if len(a) == 4 || atoi(a) > 31 {
			a, b = b, a
		}
		return identity.Date{Year: year(b), Month: month, Day: atoi(a)}
	case len(n) == 1 && len(n[0]) == 8:
		d := n[0]
		if head := atoi(d[:4]); head >= 1800 && head <= 2100 || atoi(d[4:]) < 1800 || atoi(d[4:]) > 2100 {
			return identity.Date{Year: head, Month: atoi(d[4:6]), Day: atoi(d[6:])}
		}
		return inOrder(d[:2], d[2:4], d[4:], dayFirst)
	case len(n) == 1 && len(n[0]) == 4:
		return identity.Date{Year: atoi(n[0])}
	case len(n) < 3:
		return identity.Date{}
	case len(n[0]) == 4:
		d := identity.Date{Year: atoi(n[0]), Month: atoi(n[1]), Day: atoi(n[2])}
		if d.Month > 12 && d.Day <= 12 {
			d.Month, d.Day = d.Day, d.Month
		}
		return d
	}
	return inOrder(n[0], n[1], n[2], dayFirst)
}

func inOrder(a, b, y string, dayFirst bool) identity.Date {
	day, month := atoi(a), atoi(b)
	if !dayFirst {
		day, month = month, day
	}
	if month > 12 && day <= 12 {
		day, month = month, day
	}
	return identity.Date{Year: year(y), Month: month, Day: day}
}

// year reads a year of birth; of two digits, one that is past.
func year(s string) int {
	y := atoi(s)
	switch {
	case len(s) > 2:
		return y
	case y > 25:
		return 1900 + y
	}
	return 2000 + y
}

// numbers gives the runs of digits.
func numbers(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}
