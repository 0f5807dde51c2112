package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
)

// PublishGroup begins the name under which a publish rule is explained: "publish.web-eu".
const PublishGroup = "publish."

// ExplainPublish says what a publish rule lets the hub do with listings of a connection.
func (s *Set) ExplainPublish(connection string) *Explanation {
	r := s.Publishes(connection)
	e := &Explanation{Group: PublishGroup + connection, Fields: []string{}, Own: s != nil && s.publish[connection] != nil}
	if !e.Own {
		e.Why = []string{fmt.Sprintf("The policy has no publish rule for %s: the hub makes, changes and takes down no listing there.", connection)}
		return e
	}
	for _, verb := range []struct {
		does  string
		which canon.Publish
		of    *canon.Selection
	}{{"makes listings of", r.Create, r.CreateOf}, {"changes listings of", r.Update, r.UpdateOf}, {"takes down and puts up listings of", r.Unpublish, r.UnpublishOf}} {
		e.Why = append(e.Why, fmt.Sprintf("The hub %s %s.", verb.does, about(verb.which, verb.of)))
	}
	hide := r.Hide
	if len(hide) == 0 {
		hide = canon.HideDefault()
	}
	e.Why = append(e.Why, "Taken down is what is "+either(words(hide))+".")
	switch r.Deleted {
	case canon.DeletedLeave:
		e.Why = append(e.Why, "What somebody deletes there stays deleted.")
	case canon.DeletedAgain:
		e.Why = append(e.Why, "What somebody deletes there is made again.")
	default:
		e.Why = append(e.Why, "Of what somebody deletes there, a case asks whether it is made again.")
	}
	var written []string
	for _, g := range Writable() {
		if is, over := s.Writes(g); is && over {
			written = append(written, g)
		} else if is {
			written = append(written, g+" where the platform has none")
		}
	}
	if len(written) == 0 {
		written = []string{"no field"}
	}
	return e.say("Of a listing that is there, it writes " + strings.Join(written, ", ") + ".")
}

func (e *Explanation) say(sentence string) *Explanation {
	e.Why = append(e.Why, sentence)
	return e
}

// about says which items a verb is about.
func about(which canon.Publish, of *canon.Selection) string {
	switch which {
	case canon.PublishAll:
		return "every item"
	case canon.PublishSelected:
	default:
		return "no item"
	}
	var parts []string
	list := func(what string, values []string) {
		if len(values) > 0 {
			parts = append(parts, what+" "+either(values))
		}
	}
	list("category", of.Categories)
	list("metal", of.Metals)
	list("brand", of.Brands)
	list("status", words(of.Statuses))
	list("location", of.Locations)
	if p := of.Price; p != nil {
		bound := canon.Money{Minor: p.Min, Currency: p.Currency}.String() + " and more"
		if p.Max > 0 {
			bound = canon.Money{Minor: p.Min, Currency: p.Currency}.String() + " to " + canon.Money{Minor: p.Max, Currency: p.Currency}.String()
		}
		parts = append(parts, "price "+bound)
	}
	for _, a := range of.Attributes {
		if len(a.Values) == 0 {
			parts = append(parts, "attribute "+a.Code)
			continue
		}
		values := slices.Clone(a.Values)
		parts = append(parts, a.Code+" "+either(values))
	}
	return "items of " + strings.Join(parts, ", ")
}
