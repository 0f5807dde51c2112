package main

import (
	"fmt"
	"strings"
)

const persons = 120

var clientsHeader = []string{"id", "given_name", "family_name", "email", "phone", "address", "postal_code", "city", "country", "locale", "birthday", "tags", "marketing_email", "created", "modified"}

var (
	givenNames  = []string{"Anaïs", "Benoît", "Clara", "Dario", "Élodie", "Felix", "Greta", "Hugo", "Inès", "Jonas", "Katrin", "Léon", "Maëlle", "Nadia", "Oskar", "Paola", "Quentin", "Rosa", "Søren", "Thérèse", "Ugo", "Vera", "Wim", "Xenia", "Yann", "Zoé", "José", "Łucja", "Siobhán", "Umut"}
	familyNames = []string{"Ambrelle", "Brisefer", "Cordelaine", "D’Orlune", "Estrovel", "Fontclaire", "Grünberg", "Halloway", "Isenthal", "Joubertin", "Kestrel", "Lanternier", "Merrowby", "Norvège", "O'Tarran", "Pellorin", "Quillfeather", "Rosenquarz", "Sandström", "Tollemaire", "Underwick", "Vellacott", "Wintergrün", "Ysander"}
	streets     = []string{"rue des Orfèvres", "quai du Cygne", "Lindenallee", "Lantern Lane", "Beacon Street", "avenue des Tilleuls"}
)

// country has the places and the fictional phone numbers of a country.
type country struct {
	code, locale string
	cities       []string // "postal code city"
	phone        func(d *dice, n int) string
}

var countries = []country{
	// Numbers that the French regulator keeps for audiovisual works: 01 99 00, 06 39 98.
	{"FR", "fr-FR", []string{"75001 Paris", "69002 Lyon", "13001 Marseille"}, func(d *dice, n int) string {
		a, b := fmt.Sprintf("%02d", n/100), fmt.Sprintf("%02d", n%100)
		return pick(d, "06 39 98 "+a+" "+b, "06.39.98."+a+"."+b, "+33 6 39 98 "+a+" "+b, "+33639 98"+a+b, "0033 6 39 98 "+a+" "+b, "01 99 00 "+a+" "+b)
	}},
	// Ofcom's numbers for drama: London 020 7946 0, mobile 07700 900.
	{"GB", "en-GB", []string{"EC1A 1AA London", "M1 1AA Manchester"}, func(d *dice, n int) string {
		s := fmt.Sprintf("%03d", n%1000)
		return pick(d, "020 7946 0"+s, "+44 20 7946 0"+s, "+44 (0)20 7946 0"+s)
	}},
	// The Bundesnetzagentur's numbers for media: Berlin 030 23125.
	{"DE", "de-DE", []string{"10115 Berlin", "80331 München"}, func(d *dice, n int) string {
		s := fmt.Sprintf("%03d", n%1000)
		return pick(d, "030 23125 "+s, "+49 30 23125"+s, "(030) 23125-"+s)
	}},
	// The North American plan's 555-0100 to 555-0199.
	{"US", "en-US", []string{"10001 New York", "60601 Chicago"}, func(d *dice, n int) string {
		s := fmt.Sprintf("%02d", n%100)
		area := []string{"212", "312", "415", "617"}[n/100%4]
		return pick(d, "("+area+") 555-01"+s, area+".555.01"+s, "+1 "+area+" 555 01"+s, "1-"+area+"-555-01"+s)
	}},
}

func clients(d *dice) [][]string {
	var rows [][]string
	for i := range persons {
		// Strides without a common divisor pair every given name with another family name.
		given, family := givenNames[i*7%len(givenNames)], familyNames[(i*5+i/len(givenNames))%len(familyNames)]
		c := pick(d, countries[0], countries[0], countries[1], countries[2], countries[3])
		postal, city, _ := strings.Cut(pick(d, c.cities...), " ")
		if c.code == "GB" {
			inward, rest, _ := strings.Cut(city, " ")
			postal, city = postal+" "+inward, rest
		}
		email := fmt.Sprintf("%s.%s%d@%s", ascii(given), ascii(family), i, pick(d, "example.com", "example.org"))
		if d.n(6) == 0 {
			email = strings.ToUpper(email[:1]) + email[1:]
		}
		phone := c.phone(d, i*83%10_000)
		birthday, tags := "", ""
		if d.n(3) == 0 {
			birthday = fmt.Sprintf("%d-%02d-%02d", d.between(1950, 2004), d.between(1, 12), d.between(1, 28))
		}
		if d.n(5) == 0 {
			tags = pick(d, "vip", "wedding", "collector", "vip|collector")
		}
		rows = append(rows, []string{
			fmt.Sprintf("C%04d", i+1), given, family, email, phone, fmt.Sprintf("%d %s", d.between(1, 90), pick(d, streets...)), postal, city, c.code, c.locale, birthday, tags,
			pick(d, "subscribed", "unsubscribed", "subscribed", ""), fmt.Sprintf("2025-%02d-%02dT10:00:00+01:00", d.between(1, 12), d.between(1, 28)), modified,
		})
	}
	return rows
}

// ascii gives the letters that a name has in an e-mail address.
func ascii(name string) string {
	s := strings.NewReplacer("ï", "i", "î", "i", "é", "e", "è", "e", "ë", "e", "ö", "oe", "ü", "ue", "ø", "o", "á", "a", "ł", "l", "’", "", "'", "").Replace(strings.ToLower(name))
	return s
}
