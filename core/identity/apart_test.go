package identity

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestApart says which records of one house are two people's: each pair shares the address and the family name.
func TestApart(t *testing.T) {
	at := []Where{{Line: "54 Green Lane", City: "Chester", PostalCode: "28292"}}
	who := func(given, email, phone string, born Date, id string) Facts {
		f := Facts{Given: given, Family: "Elpole", Addresses: at, Birthday: born}
		for to, v := range map[*[]string]string{&f.Emails: email, &f.Phones: phone, &f.PersonIDs: id} {
			if v != "" {
				*to = []string{v}
			}
		}
		return f
	}
	may, august := Date{1969, 5, 7}, Date{1982, 8, 26}
	const phone = "+441703775149"
	for _, tc := range []struct {
		name  string
		a, b  Facts
		apart bool
	}{
		{"two names that people have", who("Pauline", "", phone, may, ""), who("Ronald", "", phone, may, ""), true},
		{"two names with one person's number", who("Pauline", "", "", may, "L123456"), who("Ronald", "", "", may, "L123456"), false},
		{"a name and its nickname", who("Michael", "", "", Date{}, ""), who("Mike", "", "", Date{}, ""), false},
		{"a name and a slip in it", who("Ronald", "", "", Date{}, ""), who("Ronadl", "", "", Date{}, ""), false},
		{"one name, two birthdays and nothing shared", who("Sam", "", "", may, ""), who("Samuel", "", "", august, ""), true},
		{"one name, two birthdays and one phone", who("Sam", "", phone, may, ""), who("Samuel", "", phone, august, ""), false},
		{"one name spelled alike and two birthdays", who("Sam", "", "", may, ""), who("Sam", "", "", august, ""), false},
		{"a mailbox of another name", who("Mikhail", "lewell133@example.com", "", Date{}, ""), who("Michele", "michelle4713@example.org", "", Date{}, ""), true},
		{"mailboxes of two names", who("Jmmy", "james.elpole@example.com", "", Date{}, ""), who("Emma", "emma.elpole@example.org", "", Date{}, ""), true},
		{"one mailbox for two forms of a name", who("Jim", "emma.elpole@example.com", "", Date{}, ""), who("James", "emma.elpole@example.com", "", Date{}, ""), false},
		{"a mailbox of another name and one birthday", who("Mikhail", "lewell133@example.com", "", may, ""), who("Michele", "michelle4713@example.org", "", may, ""), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := Default(1000)
			a, b := NewProfile("a", &tc.a, w), NewProfile("b", &tc.b, w)
			l := Compare(a, b)
			require.Equal(t, tc.apart, Apart(&l, a, b), "%v", l)
			back := Compare(b, a)
			require.Equal(t, tc.apart, Apart(&back, b, a), "the other way round")
		})
	}
}

// TestAPersonsRecordsRankBeforeTheHousehold says what is joined first of a house.
func TestAPersonsRecordsRankBeforeTheHousehold(t *testing.T) {
	w := Default(1000)
	rank := func(a, b Facts) int32 {
		x, y := NewProfile("a", &a, w), NewProfile("b", &b, w)
		l := Compare(x, y)
		return w.Rank(&l, x, y)
	}
	alone := Facts{Given: "Mario", Family: "Johnson", Emails: []string{"mjohnson25@example.com"}}
	again := Facts{Given: "Mario", Family: "Johnson", Birthday: Date{1966, 1, 6}}
	other := Facts{Given: "Mart", Family: "Johnson", Emails: []string{"mjohnson25@example.com"}}
	require.Greater(t, rank(alone, again), rank(alone, other), "an equal name counts before a shared mailbox")
	same := alone
	same.Given = "Mary"
	require.Greater(t, rank(alone, same), rank(again, same), "of names that are only alike, who shares more comes first")
}
