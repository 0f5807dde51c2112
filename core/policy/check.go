package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
)

// Finding is one thing that is wrong with a policy.
type Finding struct {
	Path string `json:"path"` // "item.price.authority[1]", "publish.web-eu.create"
	What string `json:"what"`
	Do   string `json:"do,omitempty"`
}

// String gives "item.price.policy: is not a policy; write …".
func (f Finding) String() string {
	s := f.Path + ": " + f.What
	if f.Do != "" {
		s += "; " + f.Do
	}
	return s
}

// InvalidError has everything that is wrong with a policy.
type InvalidError struct{ Findings []Finding }

func (e *InvalidError) Error() string {
	var b strings.Builder
	b.WriteString("the policy can't be used:")
	for _, f := range e.Findings {
		b.WriteString("\n  " + f.String())
	}
	return b.String()
}

// Check lists what is wrong with a policy, given the names of the configured connections; none when it can be used. What
// asks for something that this hub does not do is wrong, so that nobody believes in a rule that has no effect.
func Check(p *canon.Policy, connections []string) []Finding {
	if p == nil {
		return nil
	}
	c := checker{connections: connections}
	seen := make(map[string]bool)
	for i := range p.Rules {
		r := &p.Rules[i]
		full := r.Entity + "." + r.Group
		if seen[full] {
			c.found(full, "is there twice", "leave one")
			continue
		}
		seen[full] = true
		c.rule(r, full)
	}
	clear(seen)
	for i := range p.Publish {
		r := &p.Publish[i]
		path := "publish." + r.Connection
		if seen[path] {
			c.found(path, "is there twice", "leave one")
			continue
		}
		seen[path] = true
		c.publish(r, path)
	}
	if a := p.Approvals; a != nil {
		for i, name := range a.Commands {
			if !slices.Contains(canon.ApprovableCommands(), name) {
				c.found(fmt.Sprintf("approvals.commands[%d]", i), "is no command that can take a second person", "write "+either(canon.ApprovableCommands()))
			}
		}
		if a.Seconds < 0 || a.Seconds > maxWait {
			c.found("approvals.within", "is not from a second to 30 days", "write it as 24h")
		}
	}
	return c.findings
}

// maxWait is how long a command may wait for a second person, in seconds.
const maxWait = 30 * 24 * 3600

type checker struct {
	connections []string
	findings    []Finding
}

func (c *checker) found(path, what, do string) {
	c.findings = append(c.findings, Finding{Path: path, What: what, Do: do})
}

func (c *checker) rule(r *canon.PolicyRule, path string) {
	if !slices.Contains(Entities(), r.Entity) {
		c.found(path, "has no field groups", "write rules under "+either(Entities()))
		return
	}
	g, known := Find(path)
	if !known {
		c.found(path, "is no field group", "the groups are "+strings.Join(names(r.Entity), ", "))
		return
	}
	if len(g.Allowed) == 0 {
		c.found(path, "is not a matter of policy", g.Elsewhere)
		return
	}
	if !slices.Contains(g.Allowed, r.Policy) {
		do := "write " + either(words(g.Allowed))
		if g.Why != "" {
			do += ": " + g.Why
		}
		c.found(path+".policy", "can't be "+word(r.Policy), do)
	}
	c.authority(r, path)
	switch r.Losing {
	case "", canon.LosingKeep:
	case canon.LosingCase:
		if r.Policy != canon.PolicyAuthority && r.Policy != canon.PolicyFirst {
			c.found(path+".losing", "goes with a policy under which one value counts and others lose", "write policy: authority or first, or losing: keep")
		}
	case canon.LosingWriteBack:
		if r.Direction != canon.DirectionOut && r.Direction != canon.DirectionBoth {
			c.found(path+".losing", "can't be write_back where values only come in", "add direction: both (or out), or write keep or case")
		}
	default:
		c.found(path+".losing", "is not one of what it can be", "write keep, case or write_back")
	}
	switch r.Direction {
	case "", canon.DirectionIn:
	case canon.DirectionOut, canon.DirectionBoth:
		if !slices.Contains(Writable(), path) {
			c.found(path+".direction", "can't be "+word(r.Direction)+": the hub does not write it", "write in; written are "+strings.Join(Writable(), ", "))
		}
		if r.Policy == canon.PolicyIgnore {
			c.found(path+".direction", "can't be "+word(r.Direction)+" where nobody's value counts", "write in, or another policy")
		}
	default:
		c.found(path+".direction", "is not one of what it can be", "write in, both or out")
	}
}

func (c *checker) authority(r *canon.PolicyRule, path string) {
	switch {
	case len(r.Authority) == 0 && r.Others == canon.OthersIgnore:
		c.found(path+".others", "goes with authority", "list the connections whose word counts")
	case len(r.Authority) > 0 && r.Policy == canon.PolicyIgnore:
		c.found(path+".authority", "goes with a policy that takes values", "leave it out")
	case len(r.Authority) > 0 && r.Policy == canon.PolicyFirst && r.Others != canon.OthersIgnore:
		c.found(path+".authority", "does not order sources under first, it can only say who takes part", "add others: ignore, or leave it out")
	}
	g, _ := Find(path)
	switch r.Others {
	case canon.OthersIgnore:
		if !slices.Contains(g.Allowed, canon.PolicyIgnore) && len(r.Authority) > 0 {
			c.found(path+".others", "can't be ignore", "write after: "+g.Why)
		}
	case "", canon.OthersAfter:
	default:
		c.found(path+".others", "is not one of what it can be", "write after or ignore")
	}
	for i, name := range r.Authority {
		at := fmt.Sprintf("%s.authority[%d]", path, i)
		if !slices.Contains(c.connections, name) {
			c.found(at, "is no connection", "write "+either(c.connections))
		}
		if slices.Index(r.Authority, name) < i {
			c.found(at, "is there twice", "leave one")
		}
	}
}

func (c *checker) publish(r *canon.PublishRule, path string) {
	if !slices.Contains(c.connections, r.Connection) {
		c.found(path, "is no connection", "write "+either(c.connections))
	}
	for _, p := range []struct {
		name  string
		which canon.Publish
		of    *canon.Selection
	}{{"create", r.Create, r.CreateOf}, {"update", r.Update, r.UpdateOf}, {"unpublish", r.Unpublish, r.UnpublishOf}} {
		switch p.which {
		case "", canon.PublishNone, canon.PublishAll:
			if p.of != nil {
				c.found(path+"."+p.name, "selects listings and is not about selected ones", "write what it selects, all or none")
			}
		case canon.PublishSelected:
			c.selection(p.of, path+"."+p.name)
		default:
			c.found(path+"."+p.name, "can't be "+word(p.which), "write all, none, or what it selects")
		}
	}
	whens := append(canon.HideDefault(), canon.HideReserved)
	for i, h := range r.Hide {
		if !slices.Contains(whens, h) {
			c.found(fmt.Sprintf("%s.hide[%d]", path, i), "is no reason to take a piece down", "write "+either(words(whens)))
		}
	}
	switch r.Deleted {
	case "", canon.DeletedCase, canon.DeletedLeave, canon.DeletedAgain:
	default:
		c.found(path+".deleted", "is not one of what it can be", "write case, leave or again")
	}
	if r.Currency != "" {
		if _, ok := canon.CurrencyExponent(r.Currency); !ok {
			c.found(path+".currency", "is no currency", "write its ISO 4217 code, such as EUR")
		}
	}
}

func (c *checker) selection(s *canon.Selection, path string) {
	if s == nil || len(s.Categories)+len(s.Metals)+len(s.Brands)+len(s.Statuses)+len(s.Locations)+len(s.Attributes) == 0 && s.Price == nil {
		c.found(path, "selects nothing", "write all for everything, or name categories, metals, brands, statuses, locations, price or attributes")
		return
	}
	if p := s.Price; p != nil {
		switch _, ok := canon.CurrencyExponent(p.Currency); {
		case !ok:
			c.found(path+".price.currency", "is no currency", "write its ISO 4217 code, such as EUR")
		case p.Min < 0 || p.Max < 0 || p.Max > 0 && p.Max < p.Min:
			c.found(path+".price", "is no range", "write min and max as amounts such as 500.00, or leave one out")
		}
	}
	for i, a := range s.Attributes {
		if a.Code == "" {
			c.found(fmt.Sprintf("%s.attributes[%d]", path, i), "has no code", "name a custom attribute")
		}
	}
}

// Writable lists the field groups that a listing can be written of, where its platform and connector can carry them.
func Writable() []string {
	return []string{
		"item.title", "item.brand", "item.style", "item.category", "item.sku", "item.serial", "item.epc", "item.gtin", "item.huid",
		"item.certificates", "item.metal", "item.weight", "item.ring_size", "item.price", "item.attributes", "product.description",
	}
}

func names(entity string) []string {
	var out []string
	for _, g := range Groups() {
		if g.Entity == entity && len(g.Allowed) > 0 {
			out = append(out, g.Name)
		}
	}
	return out
}

func words[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i := range list {
		out[i] = string(list[i])
	}
	return out
}

// word quotes what a person wrote, shortened.
func word[T ~string](s T) string {
	if s == "" {
		return "left out"
	}
	return fmt.Sprintf("%.32s", strings.ToValidUTF8(string(s), "?"))
}

func either(list []string) string {
	switch len(list) {
	case 0:
		return "none: there are none"
	case 1:
		return list[0]
	}
	return strings.Join(list[:len(list)-1], ", ") + " or " + list[len(list)-1]
}
