package api

import (
	"net"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/jumpring/jumpring/core/access"
)

// known is the key under which a request carries who it is of when a door of the hub itself has found that out. Nothing
// that comes from outside can set it.
type known struct{}

// Answer is what a route answered.
type Answer struct {
	Status   int
	Body     []byte
	Location string // the header, of what was made
}

// Call carries out a request of somebody whom another door of the hub knows, as the routes do: with the same permission,
// scope, checks and redaction. It is how the console does everything that it does; there is no second way.
func (a *API) Call(who access.Principal, method, target string, body []byte, header map[string]string) Answer {
	var req fasthttp.Request
	req.Header.SetMethod(method)
	req.SetRequestURI(target)
	req.Header.SetHost("hub")
	if body != nil {
		req.Header.SetContentType(fiber.MIMEApplicationJSON)
		req.SetBody(body)
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	var ctx fasthttp.RequestCtx
	ctx.Init(&req, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, nil)
	ctx.SetUserValue(known{}, who)
	a.app.Handler()(&ctx)
	return Answer{
		Status: ctx.Response.StatusCode(), Body: append([]byte(nil), ctx.Response.Body()...),
		Location: strings.Clone(string(ctx.Response.Header.Peek(fiber.HeaderLocation))),
	}
}

// Follow answers a request of another door with what happens, for somebody whom it knows, for as long as they may.
func (a *API) Follow(c *fiber.Ctx, who access.Principal, may func() bool) error {
	if !who.Can(access.StreamRead) {
		return forbidden(who, access.StreamRead)
	}
	return a.followLive(c, who, may)
}
