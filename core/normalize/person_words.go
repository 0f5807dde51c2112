package normalize

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/language"

	"github.com/jumpring/jumpring/core/canon"
)

// Locale reads a BCP 47 language tag in its canonical form: "fr_fr" is "fr-FR".
func Locale(raw string) (tag string, ok bool) {
	t, err := language.Parse(strings.TrimSpace(raw))
	if err != nil || t == language.Und {
		return "", false
	}
	return t.String(), true
}

var contactKinds = map[string]canon.ContactKind{
	"EMAIL": canon.ContactEmail, "MAIL": canon.ContactEmail, "PHONE": canon.ContactPhone, "MOBILE": canon.ContactPhone, "TELEPHONE": canon.ContactPhone, "TEL": canon.ContactPhone, "CELL": canon.ContactPhone,
	"WHATSAPP": canon.ContactWhatsApp, "WECHAT": canon.ContactWeChat, "WEIXIN": canon.ContactWeChat, "LINE": canon.ContactLine, "INSTAGRAM": canon.ContactInstagram,
}

// Contact reads a way to reach a person; region is that of Phone. A kind that is not in the table keeps the source's word.
func Contact(stated canon.StatedContact, region string) (canon.ContactPoint, error) {
	p := canon.ContactPoint{Label: Name(stated.Label), Verified: stated.Verified, Preferred: stated.Preferred}
	kind, known := contactKinds[compact(stated.Kind)]
	if !known {
		kind = canon.ContactKind(strings.ReplaceAll(Name(stated.Kind), " ", "_"))
	}
	p.Kind = kind
	var ok bool
	switch kind {
	case canon.ContactEmail:
		p.Value, ok = Email(stated.Value)
	case canon.ContactPhone, canon.ContactWhatsApp:
		p.Value, ok = Phone(stated.Value, region)
	default:
		p.Value = strings.TrimPrefix(strings.TrimSpace(stated.Value), "@")
		ok = p.Value != "" && kind != ""
	}
	if !ok {
		p.Value, p.Raw = "", strings.TrimSpace(stated.Value)
		return p, fmt.Errorf("%w: a contact point of kind %.24q", ErrUnread, string(kind)) // its value is personal
	}
	return p, nil
}

var consentStates = invert(map[string]string{
	string(canon.ConsentGiven):     "OPTEDIN OPTIN GRANTED YES TRUE CONFIRMED ACCEPTED",
	string(canon.ConsentPending):   "UNCONFIRMED NOTCONFIRMED PENDINGCONFIRMATION",
	string(canon.ConsentWithdrawn): "OPTEDOUT OPTOUT DENIED NO FALSE NOTSUBSCRIBED REVOKED WITHDRAWN CLEANED REDACTED INVALID",
})

var consentChannels = invert(map[string]string{
	"email": "MAIL NEWSLETTER", "sms": "TEXT MMS", "phone": "CALL TELEPHONE", "post": "LETTER DIRECTMAIL POSTAL", "whatsapp": "", "push": "", "wechat": "", "line": "",
})

// Consent reads what a person allows. What can't be read is taken for no consent, never for one.
func Consent(stated canon.StatedConsent) (canon.Consent, error) {
	c := canon.Consent{Source: strings.TrimSpace(stated.Source), Text: strings.TrimSpace(stated.Text)}
	var doubts []error
	channel, ok := consentChannels[compact(stated.Channel)]
	if !ok {
		channel = strings.ReplaceAll(Name(stated.Channel), " ", "_")
	}
	if c.Channel = channel; channel == "" {
		doubts = append(doubts, fmt.Errorf("%w: a consent names no channel", ErrUnread))
	}
	if c.Purpose = strings.ReplaceAll(Name(stated.Purpose), " ", "_"); c.Purpose == "" {
		c.Purpose = "marketing"
	}
	state, ok := consentStates[compact(stated.State)]
	if !ok {
		state = string(canon.ConsentWithdrawn)
		doubts = append(doubts, fmt.Errorf("%w: consent %.32q is not in the table, so it counts as none", ErrUnread, stated.State))
	}
	c.State = canon.ConsentState(state)
	if strings.TrimSpace(stated.At) != "" {
		at, err := Instant(stated.At)
		if err != nil {
			doubts = append(doubts, err)
		}
		c.At = at
	}
	return c, errors.Join(doubts...)
}

var relationKinds = invert(map[string]string{
	"spouse": "HUSBAND WIFE EPOUX EPOUSE MARI FEMME EHEMANN EHEFRAU MARRIED", "partner": "FIANCE FIANCEE BOYFRIEND GIRLFRIEND PARTENAIRE", "parent": "MOTHER FATHER MERE PERE MUTTER VATER",
	"child": "SON DAUGHTER FILS FILLE SOHN TOCHTER ENFANT", "sibling": "BROTHER SISTER FRERE SOEUR", "household": "FAMILY", "assistant": "SECRETARY CONCIERGE", "other": "",
})

// RelationKind reads how two persons are related.
func RelationKind(raw string) (kind string, ok bool) {
	kind, ok = relationKinds[compact(raw)]
	return kind, ok
}

// Tags gives the words that a source sorts a person by: trimmed, each once, sorted.
func Tags(stated []string) []string {
	var out []string
	for _, t := range stated {
		if t = strings.Join(strings.Fields(t), " "); t != "" {
			out = append(out, t)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// generations has what tells a parent from a child of the same name, where it follows a name. A single "I" or "V" is an
// initial.
var generations = map[string]int{
	"sr": 1, "snr": 1, "senior": 1, "pere": 1, "jr": 2, "jnr": 2, "junior": 2, "fils": 2, "ii": 2, "2nd": 2, "iii": 3, "3rd": 3, "iv": 4, "4th": 4,
}

// Generation takes what tells a parent from a child off the end of a name's words, which are in Latin's form: 1 is the
// elder, 2 the younger, 3 and 4 theirs, 0 is not stated. A name is never only that.
func Generation(words []string) (name []string, generation int) {
	for len(words) > 1 {
		g, known := generations[words[len(words)-1]]
		if !known {
			break
		}
		words, generation = words[:len(words)-1], g
	}
	return words, generation
}
