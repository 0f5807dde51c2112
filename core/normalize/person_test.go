package normalize

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNamesInOtherLettersAndForms(t *testing.T) {
	for raw, want := range map[string]string{"Щербаков": "shcherbakov", "Юлия": "iuliia", "Ελένη": "eleni", "O’Brien": "obrien", "Ștefan": "stefan", "李": "李", "": ""} {
		require.Equal(t, want, Latin(raw))
	}
	for _, same := range [][2]string{{"Müller", "Mueller"}, {"Чернов", "Tschernow"}, {"Щербаков", "Scherbakov"}, {"Schmitt", "Schmit"}, {"Юлия", "Yulia"}, {"Philip", "Filip"}} {
		require.Equal(t, Skeleton(Latin(same[0])), Skeleton(Latin(same[1])), same)
	}
	for _, two := range [][2]string{{"Martin", "Marten"}, {"Anna", "Inna"}, {"Berg", "Burg"}} {
		require.NotEqual(t, Skeleton(two[0]), Skeleton(two[1]), two)
	}
	share := func(a, b []uint16) bool {
		return slices.ContainsFunc(a, func(r uint16) bool { return slices.Contains(b, r) })
	}
	require.True(t, share(GivenRoots("bob"), GivenRoots("robert")))
	require.True(t, share(GivenRoots("sasha"), GivenRoots("alexander")) && share(GivenRoots("sasha"), GivenRoots("alexandra")))
	require.False(t, share(GivenRoots("alexander"), GivenRoots("alexandra")))
	require.Nil(t, GivenRoots("xyzzy"))
	require.True(t, share(NearGivenRoots("charlott"), GivenRoots("lottie")))
	require.Nil(t, NearGivenRoots("robert"), "known as it is")
}

func TestStreetsAndPostalCodes(t *testing.T) {
	for raw, want := range map[string][2][]string{
		"12 Main Street":            {{"12"}, {"main", "st"}},
		"Main St. 12":               {{"12"}, {"main", "st"}},
		"Hauptstraße 7a":            {{"7"}, {"haupt", "st", "a"}},
		"007 Fifth Avenue, Suite 3": {{"7", "3"}, {"5", "ave", "apt"}},
		"":                          {nil, nil},
	} {
		numbers, names := Street(raw)
		require.Equal(t, want, [2][]string{numbers, names}, raw)
	}
	for raw, want := range map[string]string{"08001": "8001", "SW1A 1AA": "SW1A1AA", "12345-6789": "12345", "": "", "75 002": "75002"} {
		require.Equal(t, want, PostalCode(raw))
	}
}

func TestManyNames(t *testing.T) {
	for form, want := range map[string]bool{"sam": true, "alex": true, "ed": true, "chris": true, "tim": false, "samuel": false, "katie": false, "karl": false, "zoltana": false} {
		require.Equal(t, want, ManyNames(form), form)
	}
}

func TestGeneration(t *testing.T) {
	for name, want := range map[string]struct {
		words string
		is    int
	}{
		"elpole": {"elpole", 0}, "elpole jr": {"elpole", 2}, "elpole senior": {"elpole", 1}, "de la cruz iii": {"de la cruz", 3}, "junior": {"junior", 0}, "dumas fils": {"dumas", 2},
		"elpole ii jr": {"elpole", 2}, "": {"", 0},
	} {
		words, is := Generation(strings.Fields(name))
		require.Equal(t, want.words, strings.Join(words, " "), name)
		require.Equal(t, want.is, is, name)
	}
}
