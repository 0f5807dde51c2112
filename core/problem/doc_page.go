package problem

import (
	"fmt"
	"strings"
)

// Markdown is the text of docs/errors.md.
func Markdown() string {
	var b strings.Builder
	b.WriteString(`# Problems and their codes

Every answer of the hub that is not a success is a problem document of RFC 9457 (` + "`application/problem+json`" + `):

` + "```json" + `
{
  "type": "urn:jumpring:problem:body.invalid",
  "title": "The body does not fit what this route takes",
  "status": 422,
  "code": "body.invalid",
  "do": "Change each field that errors names.",
  "errors": [{"path": "body.seconds", "message": "expected number >= 1"}]
}
` + "```" + `

Branch on ` + "`code`" + `: it stays. ` + "`do`" + ` says what to do, ` + "`errors`" + ` names each field, ` + "`holder`" + ` who holds a piece. A refused
command has the code that the fold decided, which may be one that is not in this table; it then comes with its own
` + "`detail`" + `. A 503 says in ` + "`Retry-After`" + ` when to try again.

| code | status | title | what to do |
|---|---|---|---|
`)
	for _, s := range Specs() {
		fmt.Fprintf(&b, "| `%s` | %d | %s | %s |\n", s.Code, s.Status, s.Title, s.Do)
	}
	return b.String()
}
