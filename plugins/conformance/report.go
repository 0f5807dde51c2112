package conformance

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// WriteJSON writes the report as indented JSON.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// WriteText writes the report for a person: a line for each check, and below it what was found and what to do.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n\n", r.Connector, r.Version)
	for _, res := range r.Results {
		switch res.Outcome {
		case Passed:
			fmt.Fprintf(&b, "ok    %-18s %6d ms\n", res.Check, res.Millis)
		case NotApplicable:
			fmt.Fprintf(&b, "n/a   %-18s %s\n", res.Check, res.Reason)
		case Failed:
			fmt.Fprintf(&b, "FAIL  %-18s %6d ms  %s\n", res.Check, res.Millis, res.About)
			for _, f := range res.Findings {
				fmt.Fprintf(&b, "        - %s\n          do: %s\n", f.What, f.Do)
			}
		}
	}
	fmt.Fprintf(&b, "\n%d passed, %d failed, %d not applicable\n", r.Count(Passed), r.Count(Failed), r.Count(NotApplicable))
	_, err := io.WriteString(w, b.String())
	return err
}

type junitSuite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Time     string      `xml:"time,attr"` // seconds
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitMessage `xml:"failure,omitempty"`
	Skipped *junitMessage `xml:"skipped,omitempty"`
}

type junitMessage struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// WriteJUnit writes the report as a JUnit test suite; a check that is not applicable is a skipped case.
func (r *Report) WriteJUnit(w io.Writer) error {
	s := junitSuite{Name: "conformance of " + r.Connector, Tests: len(r.Results), Failures: r.Count(Failed), Skipped: r.Count(NotApplicable)}
	var total int64
	for _, res := range r.Results {
		c := junitCase{Name: res.Check, Class: "conformance." + r.Connector, Time: seconds(res.Millis)}
		total += res.Millis
		switch res.Outcome {
		case NotApplicable:
			c.Skipped = &junitMessage{Message: res.Reason}
		case Failed:
			var lines []string
			for _, f := range res.Findings {
				lines = append(lines, f.What+"\n  do: "+f.Do)
			}
			c.Failure = &junitMessage{Message: res.About, Text: strings.Join(lines, "\n")}
		}
		s.Cases = append(s.Cases, c)
	}
	s.Time = seconds(total)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(s); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func seconds(millis int64) string { return fmt.Sprintf("%.3f", float64(millis)/1000) }
