package config

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/policy"
	"github.com/jumpring/jumpring/core/policy/example"
)

// policyFile is a file of rules: by entity and field group, and by connection.
type policyFile struct {
	Item    map[string]policyRule  `yaml:"item"`
	Product map[string]policyRule  `yaml:"product"`
	Client  map[string]policyRule  `yaml:"client"`
	Publish map[string]publishRule `yaml:"publish"`

	Approvals *approvalRule `yaml:"approvals"`
}

// approvalRule names the commands that take a second person.
type approvalRule struct {
	Commands []string `yaml:"commands"`
	Within   string   `yaml:"within"`
}

type policyRule struct {
	Policy    string   `yaml:"policy"`
	Authority []string `yaml:"authority"`
	Others    string   `yaml:"others"`
	Losing    string   `yaml:"losing"`
	Direction string   `yaml:"direction"`
}

// LoadPolicy reads a file of rules and checks them against the configured connections. It gives nil where the file says
// nothing but the defaults. What is wrong comes back as an *InvalidError with all findings.
func LoadPolicy(path string, src Source, connections []string) (*canon.Policy, error) {
	raw, err := readWhole(path)
	if err != nil {
		return nil, err
	}
	return ParsePolicy(raw, path, src, connections)
}

// ParsePolicy reads rules; file names them in findings.
func ParsePolicy(raw []byte, file string, src Source, connections []string) (*canon.Policy, error) {
	d := newDecoder(src, filepath.Dir(file), "a policy", "configs/policy.yaml")
	var f policyFile
	d.document(raw, &f)
	p := f.policy()
	if !d.broken {
		for _, found := range policy.Check(p, connections) {
			d.found(found.Path, found.What, found.Do)
		}
	}
	return policy.Normal(p), d.result(file)
}

// policy gives the rules in the form that is journaled.
func (f *policyFile) policy() *canon.Policy {
	p := &canon.Policy{}
	for _, of := range []struct {
		entity string
		rules  map[string]policyRule
	}{{policy.Client, f.Client}, {policy.Item, f.Item}, {policy.Product, f.Product}} {
		for _, group := range slices.Sorted(maps.Keys(of.rules)) {
			r := of.rules[group]
			rule := canon.PolicyRule{
				Entity: of.entity, Group: group, Policy: canon.PolicyKind(r.Policy), Authority: r.Authority,
				Others: canon.Others(r.Others), Losing: canon.Losing(r.Losing), Direction: canon.Direction(r.Direction),
			}
			if g, known := policy.Find(of.entity + "." + group); known && rule.Policy == "" {
				rule.Policy = g.Default()
			}
			p.Rules = append(p.Rules, rule)
		}
	}
	if f.Approvals != nil {
		p.Approvals = &canon.ApprovalRule{Commands: f.Approvals.Commands, Seconds: secondsOf(f.Approvals.Within)}
	}
	for _, name := range slices.Sorted(maps.Keys(f.Publish)) {
		p.Publish = append(p.Publish, f.Publish[name].rule(name))
	}
	return p
}

// secondsOf reads a duration such as 24h; -1, which no rule may have, where it is none.
func secondsOf(words string) int64 {
	if words == "" {
		return 0
	}
	d, err := time.ParseDuration(words)
	if err != nil || d < time.Second {
		return -1
	}
	return int64(d.Seconds())
}

// exampleFile is a file of examples.
type exampleFile struct {
	// Policy is the file of the rules to try, relative to this one; the configuration's where it is left out.
	Policy   string        `yaml:"policy"`
	Examples []exampleItem `yaml:"examples"`
}

type exampleItem struct {
	Name    string          `yaml:"name"`
	Entity  string          `yaml:"entity"`
	Sources []exampleSource `yaml:"sources"`
	Expect  Document        `yaml:"expect"`
	Cases   []string        `yaml:"cases"`
	// Published are the connections that the item is published to.
	Published []string `yaml:"published"`
}

type exampleSource struct {
	Connection string   `yaml:"connection"`
	ID         string   `yaml:"id"`
	States     Document `yaml:"states"`
}

// LoadExamples reads a file of examples for the rules of a policy. policyPath is the file of the rules to try, empty for
// those of the configuration. What is wrong comes back as an *InvalidError with all findings.
func LoadExamples(path string, src Source, connections []string) (examples []example.Example, policyPath string, err error) {
	raw, err := readWhole(path)
	if err != nil {
		return nil, "", err
	}
	d := newDecoder(src, filepath.Dir(path), "a file of examples", "configs/policy-examples.yaml")
	var f exampleFile
	d.document(raw, &f)
	if !d.broken {
		if len(f.Examples) == 0 {
			d.found("examples", "has none", "write at least one")
		}
		for i := range f.Examples {
			examples = append(examples, f.Examples[i].example(d, fmt.Sprintf("examples[%d]", i), connections))
		}
	}
	if f.Policy != "" && !filepath.IsAbs(f.Policy) {
		f.Policy = filepath.Join(filepath.Dir(path), f.Policy)
	}
	return examples, f.Policy, d.result(path)
}

func (x *exampleItem) example(d *decoder, path string, connections []string) example.Example {
	e := example.Example{Name: x.Name, Entity: x.Entity, Cases: x.Cases, Expect: x.Expect.raw, Published: x.Published}
	if e.Name == "" {
		d.found(path+".name", "is empty", "say in a few words what is expected")
	}
	if e.Entity == "" {
		e.Entity = policy.Item
	}
	oneOf(d, path+".entity", e.Entity, policy.Entities()...)
	if len(x.Sources) == 0 {
		d.found(path+".sources", "has none", "write what at least one connection shows")
	}
	if len(x.Expect.raw) > 0 {
		d.fits(path+".expect", x.Expect.raw, example.NewRecord(e.Entity))
	}
	for i, c := range x.Cases {
		if g, known := policy.Find(c); !known || g.Entity != e.Entity {
			d.found(fmt.Sprintf("%s.cases[%d]", path, i), "is no field group of "+e.Entity, "write one such as "+e.Entity+".title")
		}
	}
	for i, name := range x.Published {
		if at := fmt.Sprintf("%s.published[%d]", path, i); e.Entity != policy.Item {
			d.found(at, "goes with items", "leave it out")
		} else if !slices.Contains(connections, name) {
			d.found(at, "is no connection", "write"+strings.TrimPrefix(orOneOf(connections), " or"))
		}
	}
	for i := range x.Sources {
		at := fmt.Sprintf("%s.sources[%d]", path, i)
		s := &x.Sources[i]
		if !slices.Contains(connections, s.Connection) {
			d.found(at+".connection", "is no connection", "write"+strings.TrimPrefix(orOneOf(connections), " or"))
		}
		o := canon.Observation{Kind: example.KindOf(e.Entity), ExternalID: s.ID}
		if o.ExternalID == "" {
			o.ExternalID = fmt.Sprint(i + 1)
		}
		switch o.Kind {
		case canon.KindProduct:
			o.Product = new(canon.ProductState)
			d.fits(at+".states", s.States.JSON(), o.Product)
		case canon.KindCustomer:
			o.Customer = new(canon.CustomerState)
			d.fits(at+".states", s.States.JSON(), o.Customer)
		default:
			o.Listing = new(canon.ListingState)
			d.fits(at+".states", s.States.JSON(), o.Listing)
		}
		e.Sources = append(e.Sources, example.Source{Connection: s.Connection, Observation: o})
	}
	return e
}

// fits decodes a part of the file into a type of the model, strictly.
func (d *decoder) fits(path string, raw json.RawMessage, into any) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	err := dec.Decode(into)
	if err == nil {
		return
	}
	what := strings.TrimPrefix(err.Error(), "json: ")
	var other *json.UnmarshalTypeError
	if errors.As(err, &other) {
		kinds := map[reflect.Kind]string{reflect.String: "a text", reflect.Bool: "true or false", reflect.Slice: "a list", reflect.Struct: "keys and values", reflect.Int64: "a whole number"}
		what = fmt.Sprintf("%s is a %s, not %s", other.Field, other.Value, cmp.Or(kinds[other.Type.Kind()], other.Type.String()))
	}
	d.found(path, "does not fit: "+what, "docs/schemas has the fields and their types")
}

// readWhole reads a file that is no larger than a configuration may be.
func readWhole(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("configuration: %s has %d bytes, at most %d are read", path, info.Size(), maxFile)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return raw, nil
}
