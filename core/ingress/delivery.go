package ingress

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jumpring/jumpring/bus/rabbit"
	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/problem"
)

// The spellings of CloudEvents attributes in a message's headers: the AMQP binding's, its variant for JMS, and HTTP's.
var attributePrefixes = []string{"cloudevents:", "cloudevents_", "ce-", "ce_"}

// attributesOf finds the CloudEvents attributes in a message's headers, by their names. Values are not percent-encoded
// and may be of any type that AMQP has.
func attributesOf(d *rabbit.Delivery) map[string]string {
	var out map[string]string
	for name := range d.Headers {
		lower := strings.ToLower(name)
		for _, prefix := range attributePrefixes {
			attribute, ok := strings.CutPrefix(lower, prefix)
			if !ok || attribute == "" {
				continue
			}
			if out == nil {
				out = make(map[string]string)
			}
			out[attribute] = d.Text(name)
		}
	}
	return out
}

// Senders says who the users of the broker are to the hub.
type Senders struct {
	// Users are the devices by their user at the broker.
	Users map[string]access.Principal
	// Anonymous is who a message without a user is from; nil means that such messages are not taken.
	Anonymous *access.Principal
	// Own is the hub's own user. A message that comes back from the delay ladder was published by it and names its
	// first sender in a header.
	Own string
}

// user is who the broker vouches for: it refuses a message whose user_id is not its publisher's.
func (s *Senders) user(d *rabbit.Delivery) string {
	// The default exchange: it comes from the ladder. A device that may publish there could still not pass for the hub.
	if s.Own != "" && d.UserId == s.Own && d.Exchange == "" {
		return d.Text(rabbit.HeaderSender)
	}
	return d.UserId
}

// identify gives who a delivery is from. Invariant 8: never from the body, nor from what the sender could write itself.
func (s *Senders) identify(d *rabbit.Delivery) (access.Principal, *problem.Problem) {
	user := s.user(d)
	if user == "" {
		if s.Anonymous != nil {
			return *s.Anonymous, nil
		}
		return access.Principal{}, problem.New(problem.SenderMissing, "")
	}
	who, known := s.Users[user]
	if !known {
		return access.Principal{Name: user}, problem.New(problem.SenderUnknown, fmt.Sprintf("the broker's user is %.100q", user))
	}
	return who, nil
}

// fingerprint tells one event of one device from every other: a repeat of the same bytes is the same event.
func fingerprint(user string, d *rabbit.Delivery, attributes map[string]string) [sha256.Size]byte {
	h := sha256.New()
	part := func(s string) { fmt.Fprintf(h, "%d:%s", len(s), s) }
	part(user)
	part(d.ContentType)
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		part(name)
		part(attributes[name])
	}
	h.Write(d.Body)
	return [sha256.Size]byte(h.Sum(nil))
}

// journaled remembers the newest fingerprints, so that what the broker delivers again because an acknowledgement was lost
// is not journaled twice. What it forgot, or a restart did, the fold takes once anyway.
type journaled struct {
	known map[[sha256.Size]byte]bool
	ring  [][sha256.Size]byte
	next  int
}

// journaledKept is how many are remembered: many times what can be in hand.
const journaledKept = 8192

func (j *journaled) has(f [sha256.Size]byte) bool { return j.known[f] }

func (j *journaled) add(f [sha256.Size]byte) {
	if j.known == nil {
		j.known = make(map[[sha256.Size]byte]bool, journaledKept)
	}
	if j.known[f] {
		return
	}
	if len(j.ring) < journaledKept {
		j.ring = append(j.ring, f)
	} else {
		delete(j.known, j.ring[j.next])
		j.ring[j.next] = f
		j.next = (j.next + 1) % journaledKept
	}
	j.known[f] = true
}
