package trial

import (
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The tables here have other columns, other people and other errors than the generator: what is learned must carry over
// to records that nobody has seen. Each goes through the reader, as a file does.

type forger struct{ *rand.Rand }

func (r forger) pick(words string) string {
	w := strings.Fields(words)
	return w[r.IntN(len(w))]
}

const (
	auGiven  = "joshua lachlan emiily samantha georgia hannah jack thomas william ella emily jessica nicholas matthew benjamin daniel isabella chloe lily sophie alexandra mitchell riley cooper zachary tiana kirra teagan brooklyn imogen bailey luke ruby holly caitlin finley jayden callum rourke tahlia noah mia angus xavier harrison"
	auFamily = "white campbell clarke nguyen webb ryan matthews dixon green morrison lock reid stephenson mccarthy burford goode leyshon crook tindall pascoe beltrame donaldson menzies vanderlaan szczepanski hollingworth coleman petersen kowalski blunden ebert rudd polmear heerey lombardi wilkins dolan fullston hand clifton"
	auStreet = "hindmarsh narrabundah ainslie limestone northbourne antill wattle maclaurin tyrrell cargelligo bindaga schlich barrallier hardwick torrens goyder dalrymple carnegie eggleston sturt kalgoorlie burkitt"
	auKind   = "street drive place crescent circuit avenue close court"
	auTown   = "kaleen fisher watson rivett hackett torquay balwyn mandurah toowoomba wollongong griffith dubbo bendigo ballarat mildura geelong cairns mackay tamworth orange albury"
	letters  = "abcdefghijklmnopqrstuvwxyz"
)

// spell makes a slip: a letter out, in, changed, swapped, misheard or misread by a scanner.
func (r forger) spell(s string) string {
	if len(s) < 3 {
		return s
	}
	i := r.IntN(len(s) - 1)
	switch r.IntN(6) {
	case 0:
		return s[:i] + s[i+1:]
	case 1:
		return s[:i] + string(letters[r.IntN(26)]) + s[i:]
	case 2:
		return s[:i] + string(letters[r.IntN(26)]) + s[i+1:]
	case 3:
		return s[:i] + s[i+1:i+2] + s[i:i+1] + s[i+2:]
	case 4:
		return strings.NewReplacer("ph", "f", "ck", "k", "th", "t", "ou", "u", "ie", "y", "c", "k").Replace(s)
	}
	return strings.NewReplacer("l", "1", "o", "0", "s", "5", "g", "q", "rn", "m").Replace(s)
}

func (r forger) digit(s string) string {
	if s == "" {
		return s
	}
	i := r.IntN(len(s))
	if r.IntN(3) == 0 && i > 0 {
		return s[:i-1] + s[i:i+1] + s[i-1:i] + s[i+1:]
	}
	return s[:i] + fmt.Sprint(r.IntN(10)) + s[i+1:]
}

func (r forger) born() (y, m, d int) { return 1900 + r.IntN(100), 1 + r.IntN(12), 1 + r.IntN(28) }

// table writes rows as a file and reads it.
func table(t *testing.T, tab Table, head string, rows [][]string) []Record {
	t.Helper()
	var b strings.Builder
	w := csv.NewWriter(&b)
	require.NoError(t, w.Write(strings.Fields(head)))
	require.NoError(t, w.WriteAll(rows))
	out, _, err := tab.Read(strings.NewReader(b.String()), "r/")
	require.NoError(t, err)
	return out
}

// census makes people with addresses, numbers of social security and birthdays; duplicates have up to two slips in a
// field and several in all, fields lost and names swapped.
func census(t *testing.T, originals, duplicates int, seed uint64) []Record {
	r := forger{rand.New(rand.NewPCG(seed, 1))}
	var rows, firsts [][]string
	for i := range originals {
		y, m, d := r.born()
		row := []string{
			fmt.Sprintf("rec-%d-org", i), r.pick(auGiven), r.pick(auFamily), fmt.Sprint(1 + r.IntN(200)), r.pick(auStreet) + " " + r.pick(auKind), "",
			r.pick(auTown), fmt.Sprint(800 + r.IntN(8000)), r.pick("nsw vic qld sa wa act"), fmt.Sprintf("%04d%02d%02d", y, m, d), fmt.Sprintf("%07d", r.IntN(1e7)),
		}
		if r.IntN(3) > 0 {
			row[5] = r.pick("villa unit flat the rosemount brentwood hillview") + " " + fmt.Sprint(r.IntN(60))
		}
		for f := 1; f < 10; f++ {
			if r.IntN(40) == 0 {
				row[f] = ""
			}
		}
		rows, firsts = append(rows, row), append(firsts, row)
	}
	copies := make(map[int]int)
	for range duplicates {
		i := r.IntN(originals)
		row := append([]string(nil), firsts[i]...)
		row[0] = fmt.Sprintf("rec-%d-dup-%d", i, copies[i])
		copies[i]++
		for range 1 + r.IntN(5) {
			f := 1 + r.IntN(10)
			for range 1 + r.IntN(2) {
				switch f {
				case 3, 7, 9, 10:
					row[f] = r.digit(row[f])
				default:
					row[f] = r.spell(row[f])
				}
			}
			switch r.IntN(12) {
			case 0:
				row[f] = ""
			case 1:
				row[1], row[2] = row[2], row[1]
			}
		}
		rows = append(rows, row)
	}
	tab := Table{Truth: "rec_id", Pattern: regexp.MustCompile(`rec-(\d+)-`)}
	return table(t, tab, "rec_id given_name surname street_number address_1 address_2 suburb postcode state date_of_birth soc_sec_id", rows)
}

// register makes people of whom only names and a birthday in three columns are known, with one slip somewhere.
func register(t *testing.T, originals, duplicates int, seed uint64) []Record {
	r := forger{rand.New(rand.NewPCG(seed, 2))}
	de := "stefan uwe klaus petra monika ursula sabine juergen michael andreas brigitte renate helga karin thomas peter wolfgang heinz dieter elke gisela ingrid angelika heike christian frank bernd markus ralf"
	var rows [][]string
	for i := range originals {
		y, m, d := 1920+r.IntN(70), 1+r.IntN(12), 1+r.IntN(28)
		rows = append(rows, []string{fmt.Sprint(i), r.pick(de), "", surname(r), fmt.Sprint(y), fmt.Sprint(m), fmt.Sprint(d)})
	}
	for range duplicates {
		row := append([]string(nil), rows[r.IntN(originals)]...)
		switch f := 1 + r.IntN(6); f {
		case 1, 3:
			row[f] = r.spell(row[f])
		case 2:
			row[f] = r.pick(de)
		default:
			row[f] = r.digit(row[f])
		}
		rows = append(rows, row)
	}
	return table(t, Table{Truth: "who"}, "who fname_c1 fname_c2 lname_c1 by bm bd", rows)
}

func surname(r forger) string {
	return r.pick("mueller schmidt schneider fischer weber meyer wagner becker schulz hoffmann bauer koch richter klein wolf neumann schwarz braun zimmermann krueger hartmann lange werner krause lehmann koehler maier walter koenig mayer kaiser fuchs peters scholz lang weiss jung hahn keller vogel friedrich guenther berger winkler lorenz baumann albrecht schuster simon ludwig winter kraus martin schumacher vogt jansen otto stein gross sommer haas graf heinrich seidel schreiber brandt ziegler kuhn kuehn pohl engel horn busch bergmann voigt sauer arnold pfeiffer")
}

// mailing makes people with a first name, a surname, a day of birth, a city and an e-mail address, a fifth of each
// missing, and up to six records of one.
func mailing(t *testing.T, people int, seed uint64) []Record {
	r := forger{rand.New(rand.NewPCG(seed, 3))}
	var rows [][]string
	for i := range people {
		y, m, d := r.born()
		given, family := r.pick(auGiven), r.pick(auFamily)
		full := []string{given, family, fmt.Sprintf("%d-%02d-%02d", y, m, d), r.pick("london leeds hull birmingham coventry swindon derby luton london london"), fmt.Sprintf("%s%s%d@%s.%s", given[:1+r.IntN(len(given))], family, r.IntN(99), r.pick("jones smith lewis perez brown hall"), r.pick("com net org biz info"))}
		for range 1 + r.IntN(6) {
			row := append([]string(nil), full...)
			for f := range row {
				switch r.IntN(10) {
				case 0, 1:
					row[f] = ""
				case 2:
					if f == 2 {
						row[f] = r.digit(row[f][:4]) + row[f][4:8] + r.digit(row[f][8:])
					} else {
						row[f] = r.spell(row[f])
					}
				}
			}
			if r.IntN(15) == 0 {
				row[0], row[1] = row[1], row[0]
			}
			rows = append(rows, append(row, fmt.Sprint(i)))
		}
	}
	return table(t, Table{Truth: "cluster"}, "first_name surname dob city email cluster", rows)
}

// guide makes restaurants of two guides that write names, addresses and phones in their own ways.
func guide(t *testing.T, n, both int, seed uint64) []Record {
	r := forger{rand.New(rand.NewPCG(seed, 4))}
	words := "golden dragon cafe blue moon grill le petit bistro casa palm garden royal oyster bar trattoria bella sunset steakhouse chez panisse harbor house old mill kitchen pacific tavern lotus palace spice route corner bakery silver spoon"
	var rows [][]string
	for i := range n {
		name := r.pick(words) + " " + r.pick(words)
		if r.IntN(2) == 0 {
			name += " " + r.pick(words)
		}
		no, street, kind := 1+r.IntN(9000), r.pick(auStreet)+" ", r.pick("street avenue boulevard road")
		city, phone := r.pick("atlanta chicago seattle boston denver"), fmt.Sprintf("%03d%03d%04d", 200+r.IntN(700), r.IntN(1000), r.IntN(10000))
		rows = append(rows, []string{name, fmt.Sprintf("%d %s%s", no, street, kind), city, phone[:3] + "/" + phone[3:6] + "-" + phone[6:], r.pick("italian french asian american"), fmt.Sprint(i)})
		if i >= both {
			continue
		}
		second := name
		switch r.IntN(4) {
		case 0:
			second = "the " + name
		case 1:
			second = name + " restaurant"
		case 2:
			second = r.spell(name)
		}
		short := strings.NewReplacer("street", "st.", "avenue", "ave.", "boulevard", "blvd.", "road", "rd.").Replace(kind)
		if r.IntN(4) == 0 {
			phone = fmt.Sprintf("%s%07d", phone[:3], r.IntN(1e7))
		}
		rows = append(rows, []string{second, fmt.Sprintf("%d %s%s between 5th and 6th", no, street, short), city, phone[:3] + "-" + phone[3:6] + "-" + phone[6:], "", fmt.Sprint(i)})
	}
	return table(t, Table{Truth: "class"}, "name addr city phone type class", rows)
}

func TestWhatIsLearnedCarriesOverToOtherRecords(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name                    string
		records                 []Record
		precision, recall, best float64 // least precision and recall of auto, least F1 of match
	}{
		{"census, one duplicate each", census(t, 1200, 600, 1), 0.999, 0.97, 0.985},
		{"census, many duplicates", census(t, 500, 1250, 2), 0.999, 0.97, 0.985},
		{"names and birthdays alone", register(t, 2500, 400, 3), 0.95, 0.5, 0.8},
		{"mailing list with a fifth missing", mailing(t, 130, 4), 0.99, 0.5, 0.85},
		{"two restaurant guides", guide(t, 350, 90, 5), 0.95, 0.6, 0.9},
	} {
		r, err := Run(tc.records, 1)
		require.NoError(t, err)
		t.Logf("%s: %d records, auto %.4f %.4f, match P %.4f R %.4f F1 %.4f, exact F1 %.3f; %d candidates, %.1f s", tc.name, r.Records, r.Auto.Precision, r.Auto.Recall, r.Match.Precision, r.Match.Recall, r.Match.F1, r.Exact.F1, r.Candidates, r.LinkSeconds)
		if r.Auto.Precision < tc.precision || r.Auto.Recall < tc.recall || r.Match.F1 < tc.best {
			t.Errorf("%s: auto %+v, match %+v; want at least %v", tc.name, r.Auto, r.Match, []float64{tc.precision, tc.recall, tc.best})
		}
	}
}
