package trial

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/identity"
)

// TestClientsAreFoundAndCouplesAreNot is the bar of `jumpring bench identity` on fewer records: the command runs it on
// 100,000.
func TestClientsAreFoundAndCouplesAreNot(t *testing.T) {
	t.Parallel()
	var all Score
	for seed := range uint64(2) {
		r, err := Run(Generate(4000, seed+1), seed)
		require.NoError(t, err)
		require.GreaterOrEqual(t, r.Auto.Precision, 0.999, "seed %d: %+v", seed, r.Auto)
		all.Pairs, all.Hits, all.TruePairs = all.Pairs+r.Auto.Pairs, all.Hits+r.Auto.Hits, all.TruePairs+r.Auto.TruePairs
		require.Zero(t, r.Auto.Couples, "seed %d: partners were merged", seed)
		require.Less(t, r.Exact.Recall, 0.75, "the control: equal keys alone would do")
	}
	all.rate()
	require.GreaterOrEqual(t, all.Recall, 0.95, "%+v", all)
}

// TestTheGeneratorIsAsHardAsItSays counts what makes the records hard.
func TestTheGeneratorIsAsHardAsItSays(t *testing.T) {
	t.Parallel()
	records := Generate(20_000, 7)
	require.Equal(t, records, Generate(20_000, 7), "the same seed gives the same records")
	count := func(is func(r *Record) bool) float64 {
		n := 0
		for i := range records {
			if is(&records[i]) {
				n++
			}
		}
		return 100 * float64(n) / float64(len(records))
	}
	phones := make(map[string]map[string]bool)
	for i := range records {
		for _, p := range records[i].Facts.Phones {
			if phones[p] == nil {
				phones[p] = make(map[string]bool)
			}
			phones[p][records[i].Person] = true
		}
	}
	within := func(name string, got, want float64) {
		t.Logf("%s: %.1f %%", name, got)
		require.InDelta(t, want, got, want/4, name)
	}
	within("in couples", count(func(r *Record) bool { return r.Partner != "" }), inCouples)
	within("without e-mail", count(func(r *Record) bool { return len(r.Facts.Emails) == 0 }), withoutEmail)
	within("shared phones", count(func(r *Record) bool { return len(r.Facts.Phones) > 0 && len(phones[r.Facts.Phones[0]]) > 10 }), sharedPhones)
	within("many errors", count(func(r *Record) bool { return r.errors > 1 }), manyErrors)
	require.Positive(t, count(func(r *Record) bool { return strings.ContainsAny(r.Facts.Given, "абвгдеио") }), "another script")
}

func TestReadTable(t *testing.T) {
	const file = "\ufeffwho;First Name;Surname;DOB;house_number;street;Zip;notes\n" +
		"1;Ana;Ruiz;03.04.1970;12;Main Street;08001;x\n1;Ana María;Ruiz;1970-04-03;;12 Main St;8001;y\n2;Bo;;25/12/70;NA;N/A;;z\n"
	records, roles, err := (&Table{Truth: "who"}).Read(strings.NewReader(file), "r/")
	require.NoError(t, err)
	require.Equal(t, map[Role][]string{
		RoleGiven: {"First Name"}, RoleFamily: {"Surname"}, RoleBorn: {"DOB"}, RoleNumber: {"house_number"}, RoleStreet: {"street"}, RolePostal: {"Zip"},
	}, roles)
	require.Equal(t, identity.Facts{
		Given: "Ana", Family: "Ruiz", Birthday: identity.Date{Year: 1970, Month: 4, Day: 3}, Addresses: []identity.Where{{Line: "12 Main Street", PostalCode: "08001"}},
	}, records[0].Facts)
	require.Equal(t, records[0].Person, records[1].Person)
	require.Equal(t, identity.Facts{Given: "Bo", Birthday: identity.Date{Year: 1970, Month: 12, Day: 25}}, records[2].Facts)
	a, b := identity.NewProfile("a", &records[0].Facts, identity.Default(100)), identity.NewProfile("b", &records[1].Facts, identity.Default(100))
	l := identity.Compare(a, b)
	require.Equal(t, identity.StreetEqual, l[identity.Street])
	require.Equal(t, identity.PlaceEqual, l[identity.Place])

	for name, bad := range map[string]struct {
		table Table
		file  string
		says  string
	}{
		"no such truth":        {Table{Truth: "label"}, file, `no column "label"`},
		"the truth as a field": {Table{Truth: "who", Roles: map[Role][]string{RoleGiven: {"who"}}}, file, "is the truth"},
		"an unknown column":    {Table{Truth: "who", Roles: map[Role][]string{RoleGiven: {"given"}}}, file, `no column "given"`},
		"nothing recognized":   {Table{Truth: "a"}, "a,b\n1,2\n", "--map"},
		"no rows":              {Table{Truth: "a"}, "a,b\n", "no rows"},
	} {
		_, _, err := bad.table.Read(strings.NewReader(bad.file), "")
		require.ErrorContains(t, err, bad.says, name)
	}
}

func TestReadDate(t *testing.T) {
	for raw, want := range map[string]identity.Date{
		"1970-04-03": {Year: 1970, Month: 4, Day: 3}, "19700403": {Year: 1970, Month: 4, Day: 3}, "1970-04-03T00:00:00Z": {Year: 1970, Month: 4, Day: 3},
		"3 Apr 1970": {Year: 1970, Month: 4, Day: 3}, "April 3, 1970": {Year: 1970, Month: 4, Day: 3}, "03.04.70": {Year: 1970, Month: 4, Day: 3},
		"12/25/1970": {Year: 1970, Month: 12, Day: 25}, "1970": {Year: 1970}, "03041970": {Year: 1970, Month: 4, Day: 3}, "19701350": {Year: 1970, Month: 13, Day: 50},
		"soon": {}, "": {},
	} {
		require.Equal(t, want, readDate(raw, true), raw)
	}
	require.Equal(t, identity.Date{Year: 1970, Month: 3, Day: 4}, readDate("3/4/1970", false))
}
