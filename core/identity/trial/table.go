package trial

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/jumpring/jumpring/core/identity"
)

// Role is what a column of a table has.
type Role string

// The roles. Several columns may have one role; their words are put together in the order of the columns.
const (
	RoleGiven  Role = "given"
	RoleMiddle Role = "middle"
	RoleFamily Role = "family"
	RoleFull   Role = "full" // "Ana Ruiz" or "Ruiz, Ana"
	RoleName   Role = "name" // of a company, a restaurant
	RoleBorn   Role = "birthday"
	RoleYear   Role = "year"
	RoleMonth  Role = "month"
	RoleDay    Role = "day"
	RoleGender Role = "gender"
	RoleID     Role = "id" // a number that one person has
	RoleEmail  Role = "email"
	RolePhone  Role = "phone"
	RoleNumber Role = "number" // of the house
	RoleStreet Role = "street" // with or without the number, or a whole address
	RoleCity   Role = "city"
	RolePostal Role = "postcode"
	RoleRegion Role = "region"
	RoleOther  Role = "other"
)

// usualNames are the names by which columns of a role go, without case and punctuation.
var usualNames = map[Role][]string{
	RoleGiven:  {"given", "givenname", "firstname", "first", "fname", "fnamec1", "forename", "vorname", "prenom", "nome"},
	RoleMiddle: {"middle", "middlename", "mi", "mname", "middleinitial", "fnamec2"},
	RoleFamily: {"family", "familyname", "surname", "lastname", "last", "lname", "lnamec1", "nachname", "nom", "cognome"},
	RoleFull:   {"full", "fullname", "personname", "customername", "clientname"},
	RoleName:   {"name", "company", "companyname", "organisation", "organization", "restaurant", "title"},
	RoleBorn:   {"birthday", "dob", "dateofbirth", "birthdate", "born", "geburtsdatum"},
	RoleYear:   {"by", "birthyear", "yob", "yearofbirth"},
	RoleMonth:  {"bm", "birthmonth", "mob", "monthofbirth"},
	RoleDay:    {"bd", "dayofbirth"},
	RoleGender: {"gender", "sex"},
	RoleID:     {"id", "ssn", "socsecid", "socialsecurity", "socialsecuritynumber", "nationalid", "loyalty", "loyaltyid", "loyaltynumber", "account"},
	RoleEmail:  {"email", "mail", "emailaddress", "emails"},
	RolePhone:  {"phone", "telephone", "tel", "mobile", "cell", "phonenumber", "phones"},
	RoleNumber: {"number", "streetnumber", "streetno", "housenumber", "houseno", "hausnummer"},
	RoleStreet: {"street", "streetname", "address", "address1", "addr", "addressline1", "line1", "strasse"},
	RoleCity:   {"city", "town", "suburb", "locality", "ort", "ville"},
	RolePostal: {"postcode", "postalcode", "zip", "zipcode", "plz", "postal"},
	RoleRegion: {"region", "state", "province", "county"},
	RoleOther:  {"other", "address2", "addressline2"},
}

// Table says how records are read from CSV.
type Table struct {
	// Truth is the column whose equal values mean one person. Pattern, if set, takes its first group out of the value
	// ("rec-(\d+)-" of "rec-17-dup-0").
	Truth   string
	Pattern *regexp.Regexp
	// Roles maps roles to columns. Empty guesses them from the names of the columns; a column that is not recognized, a
	// record's number among them, is left out.
	Roles map[Role][]string
}

// ParseRoles reads "given=first_name,family=surname" into roles.
func ParseRoles(s string) (map[Role][]string, error) {
	out := make(map[Role][]string)
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		role, column, ok := strings.Cut(part, "=")
		if _, known := usualNames[Role(role)]; !ok || !known {
			return nil, fmt.Errorf("%q is no ROLE=COLUMN; roles are %s", part, strings.Join(roleNames(), ", "))
		}
		out[Role(role)] = append(out[Role(role)], column)
	}
	return out, nil
}

func roleNames() []string {
	var out []string
	for r := range usualNames {
		out = append(out, string(r))
	}
	slices.Sort(out)
	return out
}

// Read reads the records of a CSV file, with commas, semicolons, tabs or bars. Nodes begin with prefix. It gives the
// roles that it found as well.
func (t *Table) Read(r io.Reader, prefix string) ([]Record, map[Role][]string, error) {
	buffered := bufio.NewReader(r)
	head, err := buffered.Peek(4096)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	first, _, _ := strings.Cut(string(head), "\n")
	c := csv.NewReader(buffered)
	c.FieldsPerRecord, c.LazyQuotes, c.TrimLeadingSpace = -1, true, true
	for _, comma := range ";\t|" {
		if strings.Count(first, string(comma)) > strings.Count(first, string(c.Comma)) {
			c.Comma = comma
		}
	}
	rows, err := c.ReadAll()
	if err != nil {
		return nil, nil, fmt.Errorf("read the table: %w", err)
	}
	if len(rows) < 2 {
		return nil, nil, errors.New("the table has no rows below its head")
	}
	names := rows[0]
	for i := range names {
		names[i] = strings.TrimSpace(strings.TrimPrefix(names[i], "\ufeff"))
	}
	truth := slices.Index(names, t.Truth)
	if truth < 0 {
		return nil, nil, fmt.Errorf("the table has no column %q; it has %s", t.Truth, strings.Join(names, ", "))
	}
	at, roles, err := t.columns(names, truth)
	if err != nil {
		return nil, nil, err
	}
	cells := &cells{at: at, rows: rows[1:]}
	cells.dayFirst = cells.daysFirst()
	out := make([]Record, 0, len(rows)-1)
	for i, row := range rows[1:] {
		label := value(row, truth)
		if t.Pattern != nil {
			m := t.Pattern.FindStringSubmatch(label)
			if len(m) < 2 {
				return nil, nil, fmt.Errorf("row %d: the truth pattern does not match %q, or has no group", i+2, label)
			}
			label = m[1]
		}
		if label == "" {
			label = fmt.Sprintf("alone/%s%d", prefix, i)
		}
		out = append(out, Record{Node: fmt.Sprintf("%s%07d", prefix, i), Person: label, Facts: cells.facts(row)})
	}
	return out, roles, nil
}

// columns finds the columns of each role.
func (t *Table) columns(names []string, truth int) (map[Role][]int, map[Role][]string, error) {
	at, roles := make(map[Role][]int), make(map[Role][]string)
	if len(t.Roles) > 0 {
		for role, columns := range t.Roles {
			for _, c := range columns {
				i := slices.Index(names, c)
				switch {
				case i < 0:
					return nil, nil, fmt.Errorf("the table has no column %q; it has %s", c, strings.Join(names, ", "))
				case i == truth && t.Pattern == nil:
					return nil, nil, fmt.Errorf("column %q is the truth and can't be compared", c)
				}
				at[role], roles[role] = append(at[role], i), append(roles[role], c)
			}
		}
		return at, roles, nil
	}
	for i, n := range names {
		if i == truth {
			continue
		}
		plain := strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
				return r
			}
			return -1
		}, strings.ToLower(n))
		for _, role := range slices.Sorted(maps.Keys(usualNames)) {
			if slices.Contains(usualNames[role], plain) && plain != "id" {
				at[role], roles[role] = append(at[role], i), append(roles[role], n)
			}
		}
	}
	if len(at) == 0 {
		return nil, nil, fmt.Errorf("no column has a name that is known; say which is which with --map (columns: %s)", strings.Join(names, ", "))
	}
	return at, roles, nil
}

func value(row []string, i int) string {
	if i >= len(row) {
		return ""
	}
	v := strings.Trim(strings.TrimSpace(row[i]), `"'`)
	switch strings.ToLower(v) {
	case "na", "n/a", "nan", "null", "none", "nil", "unknown", "?", "-", "\\n":
		return ""
	}
	return v
}

// cells reads facts from rows.
type cells struct {
	at       map[Role][]int
	rows     [][]string
	dayFirst bool
}

func (c *cells) text(row []string, role Role) string {
	var parts []string
	for _, i := range c.at[role] {
		if v := value(row, i); v != "" {
			parts = append(parts, v)
		}
	}
	return strings.Join(parts, " ")
}

func (c *cells) list(row []string, role Role) []string {
	var out []string
	for _, i := range c.at[role] {
		if v := value(row, i); v != "" {
			out = append(out, v)
		}
	}
	return out
}

func (c *cells) facts(row []string) identity.Facts {
	f := identity.Facts{
		Given: c.text(row, RoleGiven), Middle: c.text(row, RoleMiddle), Family: c.text(row, RoleFamily), Name: c.text(row, RoleName),
		Gender: c.text(row, RoleGender), PersonIDs: c.list(row, RoleID), Emails: c.list(row, RoleEmail), Phones: c.list(row, RolePhone),
		Other: c.list(row, RoleOther), Birthday: c.birthday(row),
	}
	if full := c.text(row, RoleFull); full != "" && f.Given+f.Family == "" {
		f.Given, f.Family = splitName(full)
	}
	w := identity.Where{
		Line: strings.TrimSpace(c.text(row, RoleNumber) + " " + c.text(row, RoleStreet)), City: c.text(row, RoleCity),
		PostalCode: c.text(row, RolePostal), Region: c.text(row, RoleRegion),
	}
	if w != (identity.Where{}) {
		f.Addresses = []identity.Where{w}
	}
	return f
}

// splitName reads "Ana María Ruiz" or "Ruiz, Ana María".
func splitName(full string) (given, family string) {
	if f, g, ok := strings.Cut(full, ","); ok {
		return strings.TrimSpace(g), strings.TrimSpace(f)
	}
	words := strings.Fields(full)
	if len(words) < 2 {
		return "", full
	}
	return strings.Join(words[:len(words)-1], " "), words[len(words)-1]
}
