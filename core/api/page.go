package api

import (
	"bytes"
	"html/template"
	"net"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/problem"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/core/views"
)

// pageCount is how far the page counts cases and parked entries.
const pageCount = 100

var page200 = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="5"><title>Jumpring</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#222;background:#fff}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.4rem .6rem;border-bottom:1px solid #ddd}
.bad{color:#a3001b}.ok{color:#1c6b32}small{color:#666}
</style></head><body>
<h1>Jumpring</h1>
<p>{{if .Missing}}<strong class="bad">Not ready.</strong>{{range .Missing}}<br>{{.What}}: {{.Why}}{{end}}{{else}}<strong class="ok">Ready.</strong>{{end}}
 Open cases: <strong>{{.Cases}}</strong>. Parked entries: <strong>{{.Parked}}</strong>. Journal position: {{.Position}}.</p>
<table><thead><tr><th>Connection</th><th>Mode</th><th>State</th><th>Last fact</th><th>Lag</th><th>Differing</th><th>Last error</th></tr></thead><tbody>
{{range .Connections}}<tr><td>{{.Name}} <small>{{.Connector}}</small></td>
<td>{{.Mode}}{{range .Scopes}}, {{.Scope}} {{.Mode}}{{end}}{{if .Paused}}, paused{{end}}{{if .Fused}} <span class="bad">fuse: {{.Fused}}</span>{{end}}</td>
<td{{if ne .State "running"}} class="bad"{{end}}>{{.State}}</td>
<td{{if .Stale}} class="bad"{{end}}>{{if .LastFact.IsZero}}none yet{{else}}{{.LastFact.Format "2006-01-02 15:04:05 MST"}}{{end}}</td>
<td>{{.LagSeconds}} s</td><td>{{.Differing}}</td><td class="bad">{{.LastError}}</td></tr>
{{else}}<tr><td colspan="7">No connection is configured.</td></tr>{{end}}
</tbody></table>
<p><small>{{.Version}}, {{.Now}}. The page shows itself anew every 5 seconds.</small></p>
</body></html>
`))

// statusPage is a plain page for a browser. It has no personal data. It needs a token unless the hub listens on a
// loopback address and the request comes from this machine without a proxy between.
func (a *API) statusPage(c *fiber.Ctx, _ access.Principal) error {
	if a.Pages && len(c.Request().Header.Peek(fiber.HeaderAuthorization)) == 0 {
		return c.Redirect("/console", fiber.StatusSeeOther)
	}
	if !a.PageOnLoopback || !local(c) {
		who, err := a.identify(c)
		if err != nil {
			return err
		}
		if !who.Can(access.ConnectionsRead) {
			return problem.New(problem.TokenForbidden, "the page needs the permission "+string(access.ConnectionsRead))
		}
	}
	connections, err := a.Hub.Connections(a.ctx)
	if err != nil {
		return err
	}
	shown := struct {
		Connections []ConnectionStatus
		Missing     []Missing
		Cases       string
		Parked      string
		Position    string
		Version     string
		Now         string
	}{Connections: connections, Missing: a.Hub.Missing(a.ctx), Version: a.Version, Now: time.Now().Format("2006-01-02 15:04:05 MST")}
	err = a.look(func(v store.View) error {
		mark, err := v.Mark()
		if err != nil {
			return err
		}
		shown.Position = mark.Position.String()
		cases, err := views.Cases(v, true, "", views.Paging{Limit: pageCount})
		if err != nil {
			return err
		}
		parked, err := views.Parked(v, views.Paging{Limit: pageCount})
		if err != nil {
			return err
		}
		shown.Cases, shown.Parked = counted(cases), counted(parked)
		return nil
	})
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := page200.Execute(&b, shown); err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, "text/html; charset=utf-8")
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	return c.Send(b.Bytes())
}

func counted(p views.Page) string {
	n := template.HTMLEscaper(len(p.Items))
	if p.NextCursor != "" {
		return n + " or more"
	}
	return n
}

// local tells whether a request comes from this machine itself: not through a proxy, which would make everybody local,
// and under a local name, so that a page of another site can't ask for it through a name of its own.
func local(c *fiber.Ctx) bool {
	for _, h := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"} {
		if len(c.Request().Header.Peek(h)) > 0 {
			return false
		}
	}
	host := string(c.Request().Host())
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	named := host == "localhost"
	if ip := net.ParseIP(host); ip != nil {
		named = ip.IsLoopback()
	}
	return named && c.Context().RemoteIP().IsLoopback()
}
