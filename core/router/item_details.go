package router

import (
	"bytes"
	"cmp"
	"encoding/json"
	"reflect"
	"slices"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/normalize"
)

func flag(flags map[string]bool, code string, err error) {
	if err != nil {
		flags[code] = true
	}
}

// united adds what no source has stated so far.
func united[T any](list []T, more T) []T {
	if slices.ContainsFunc(list, func(k T) bool { return reflect.DeepEqual(k, more) }) {
		return list
	}
	return append(list, more)
}

// withComponent adds a component. Two that share a key are one, with the keys of both.
func withComponent(list []canon.Component, c canon.Component) []canon.Component {
	if len(c.Keys) == 0 {
		return united(list, c)
	}
	out := list[:0:0]
	for _, k := range list {
		if slices.ContainsFunc(k.Keys, func(key string) bool { return slices.Contains(c.Keys, key) }) {
			c.Kind, c.Keys = k.Kind, append(c.Keys, k.Keys...)
			continue
		}
		out = append(out, k)
	}
	slices.Sort(c.Keys)
	c.Keys = slices.Compact(c.Keys)
	return append(out, c)
}

// sortDetails gives lists that were united an order that does not depend on who stated what.
func sortDetails(item *canon.Item) {
	slices.SortFunc(item.Sets, func(a, b canon.MatchingSet) int { return cmp.Compare(a.Code, b.Code) })
	slices.SortFunc(item.Components, func(a, b canon.Component) int {
		return cmp.Or(slices.Compare(a.Keys, b.Keys), cmp.Compare(a.Raw, b.Raw))
	})
	slices.SortFunc(item.Provenance, func(a, b canon.Provenance) int { return cmp.Or(cmp.Compare(a.Date, b.Date), compareJSON(a, b)) })
	slices.SortFunc(item.Appraisals, func(a, b canon.Appraisal) int { return cmp.Or(cmp.Compare(a.Date, b.Date), compareJSON(a, b)) })
}

func compareJSON(a, b any) int {
	x, errA := json.Marshal(a)
	y, errB := json.Marshal(b)
	if errA != nil || errB != nil { // the model's types always marshal
		return 0
	}
	return bytes.Compare(x, y)
}

// report takes a certificate: a new one, or what an earlier source did not say of a known one.
func (f *fold) report(item *canon.Item, stated canon.StatedCert, flags map[string]bool) {
	cert, ok, err := normalize.Report(stated)
	flag(flags, "certificate.unreadable", err)
	if !ok {
		return
	}
	for i := range item.Certificates {
		k := &item.Certificates[i]
		if k.Lab != cert.Lab || k.Number != cert.Number {
			continue
		}
		first(&k.URL, cert.URL)
		first(&k.Type, cert.Type)
		first(&k.Date, cert.Date)
		first(&k.Inscription, cert.Inscription)
		first(&k.Hash, cert.Hash)
		first(&k.Text, cert.Text)
		if k.Grading == nil {
			k.Grading = cert.Grading
		}
		return
	}
	item.Certificates = append(item.Certificates, cert)
}

// reported ties stones to the certificates that describe them, and flags a stone that is not what its report says.
func reported(item *canon.Item, flags map[string]bool) {
	if len(item.Stones) == 0 || len(item.Certificates) == 0 {
		return
	}
	for i := range item.Stones {
		s := &item.Stones[i]
		if s.Certificate == "" {
			continue
		}
		for j := range item.Certificates {
			c := &item.Certificates[j]
			if c.Key() != s.Certificate && c.Number != s.Certificate {
				continue
			}
			s.Certificate = c.Key()
			if c.Grading != nil && contradicts(s, c.Grading) {
				flags["certificate.mismatch"] = true
			}
			break
		}
	}
}

// contradicts reports whether a stone and its report state different grades. What one of them does not state is no
// contradiction.
func contradicts(s, report *canon.Stone) bool {
	for _, pair := range [][2]string{
		{s.Shape, report.Shape}, {s.Colour, report.Colour}, {s.Clarity, report.Clarity}, {s.Cut, report.Cut}, {s.Origin, report.Origin},
	} {
		if pair[0] != "" && pair[1] != "" && pair[0] != pair[1] {
			return true
		}
	}
	// A listing may round to a hundredth of a carat what a laboratory states to a thousandth.
	d := s.CaratThousandths - report.CaratThousandths
	return s.CaratThousandths != 0 && report.CaratThousandths != 0 && (d > 5 || d < -5)
}

// attributes reads custom attributes by their definitions: the first source's, or all where several values are allowed.
func (f *fold) attributes(list []canon.Attribute, connection string, stated []canon.StatedAttribute, flags map[string]bool) []canon.Attribute {
	for _, a := range stated {
		if a.Code == "" {
			continue
		}
		def := f.settings.Attribute(connection, a.Code)
		code := a.Code
		if def != nil {
			code = def.Code
		}
		multi := def != nil && def.Multi
		if !multi && slices.ContainsFunc(list, func(k canon.Attribute) bool { return k.Code == code }) {
			continue
		}
		read, err := normalize.Attribute(def, code, a.Value)
		flag(flags, "attribute.unreadable", err)
		if multi && slices.ContainsFunc(list, func(k canon.Attribute) bool { return k.Code == code && k.Value == read.Value }) {
			continue
		}
		list = append(list, read)
	}
	return list
}
