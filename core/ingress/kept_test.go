package ingress

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestWhatIsKeptHasNoSecret(t *testing.T) {
	for body, want := range map[string]string{
		`{"receipt":"R1","total":"10.00"}`:                `{"receipt":"R1","total":"10.00"}`,
		`card 4111-1111-1111-1111.`:                       `card [redacted].`,
		`pan=5500000000000004&x=1`:                        `pan=[redacted]&x=1`,
		`123 4111111111111111 1226`:                       `[redacted]`,
		`ean 9780306406157, epc 3034257BF7194E4000001A85`: `ean 9780306406157, epc 3034257BF7194E4000001A85`,
		`{"password": "a\"b", "x": 1}`:                    `{"password": "[redacted]", "x": 1}`,
		`{"client_secret":"abc`:                           `{"client_secret":"[redacted]"`,
		`{"access_token":12345,"n":2}`:                    `{"access_token":"[redacted]","n":2}`,
		`api-key: topsecret; next`:                        `api-key: "[redacted]"; next`,
		`use Bearer abc.def.ghi-123 now`:                  `use Bearer [redacted] now`,
		`jr_AbCdEfGhIjKlMnOpQrSt`:                         `[redacted]`,
		`amqps://till:hush@rabbit1/`:                      `amqps://[redacted]@rabbit1/`,
		"\xff\x00binary":                                  "\uFFFD\x00binary",
	} {
		require.Equal(t, want, kept([]byte(body)))
	}
	long := kept([]byte(strings.Repeat("é", 3*maxKept)))
	require.LessOrEqual(t, len(long), maxKept)
	require.True(t, utf8.ValidString(long))
}

func FuzzKept(f *testing.F) {
	f.Add([]byte(`{"card":"4111 1111 1111 1111"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		text := kept(body)
		if len(text) > maxKept || !utf8.ValidString(text) {
			t.Fatalf("%d bytes", len(text))
		}
		for _, row := range digitsInARow.FindAllString(text, -1) {
			if withoutCards(row) != row {
				t.Fatalf("a card number is left in %q", text)
			}
		}
	})
}
