// Package ingress is where facts come in over HTTP: webhooks of platforms, raw as they came, and CloudEvents of tills
// and devices. It answers when what came is durable, and never before (invariant 1).
package ingress

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/jumpring/jumpring/core/problem"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// ErrUnknownConnection is wrapped by Webhooks for a connection that is not configured.
var ErrUnknownConnection = errors.New("ingress: no connection of this name")

// UnavailableError is returned by Webhooks when the connection's plugin can't be asked now. The platform gets a 503
// and delivers again.
type UnavailableError struct {
	// Reason is for a person; it has no secret.
	Reason     string
	RetryAfter time.Duration // 0 means 10 seconds
}

func (e *UnavailableError) Error() string { return "ingress: connection unavailable: " + e.Reason }

// Webhooks takes deliveries. HandleWebhook returns when what the delivery stated is durable, with the HTTP answer for
// the platform: 2xx, the plugin's own answer to a challenge, or 401 for a delivery that is not genuine, of which
// nothing was kept. A *bus.Refused, an *UnavailableError and ErrUnknownConnection become problems.
type Webhooks interface {
	HandleWebhook(ctx context.Context, connection string, req *sdk.WebhookRequest) (status int, contentType string, body []byte, err error)
}

// Hooks is the door of webhooks: POST /hooks/{connection} and below.
type Hooks struct {
	webhooks Webhooks
	now      func() time.Time
	// maxBytes is the largest body.
	maxBytes   int
	deliveries *prometheus.CounterVec
	seconds    prometheus.Histogram
}

// NewHooks gives the door; it registers its metrics. maxBytes is the largest body in bytes.
func NewHooks(w Webhooks, maxBytes int, now func() time.Time, metrics prometheus.Registerer) (*Hooks, error) {
	h := &Hooks{
		webhooks: w, now: now, maxBytes: maxBytes,
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "jumpring_webhooks_total", Help: "Webhook deliveries by connection and HTTP status of the answer.",
		}, []string{"connection", "status"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "jumpring_webhook_seconds", Help: "Time from a delivery's arrival to its durable answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5},
		}),
	}
	for _, c := range []prometheus.Collector{h.deliveries, h.seconds} {
		if err := metrics.Register(c); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// Handle takes one delivery. The route has the parameter "connection" and may have a wildcard below it.
func (h *Hooks) Handle(c *fiber.Ctx) error {
	start := h.now()
	connection := strings.Clone(c.Params("connection"))
	if len(c.Request().Body()) > h.maxBytes {
		h.deliveries.WithLabelValues("", "413").Inc()
		return problem.New(problem.BodyTooLarge, "")
	}
	status, contentType, body, err := h.webhooks.HandleWebhook(c.UserContext(), connection, Capture(c, connection, start))
	if err != nil {
		p := hookProblem(err)
		if p.Code == problem.ConnectionUnknown {
			connection = "" // a name that somebody made up must not make a label
		}
		h.deliveries.WithLabelValues(connection, strconv.Itoa(p.Status)).Inc()
		if p.Code == problem.HubFailed {
			return err
		}
		return p
	}
	h.deliveries.WithLabelValues(connection, statusLabel(status)).Inc()
	h.seconds.Observe(h.now().Sub(start).Seconds())
	if status == http.StatusUnauthorized {
		return problem.New(problem.SignatureBad, "")
	}
	if contentType != "" {
		c.Set(fiber.HeaderContentType, contentType)
	}
	return c.Status(status).Send(body)
}

func statusLabel(status int) string {
	if status == http.StatusOK {
		return "200"
	}
	return strconv.Itoa(status)
}

func hookProblem(err error) *problem.Problem {
	var down *UnavailableError
	switch {
	case errors.Is(err, ErrUnknownConnection):
		return problem.New(problem.ConnectionUnknown, "")
	case errors.As(err, &down):
		after := down.RetryAfter
		if after <= 0 {
			after = 10 * time.Second
		}
		return problem.New(problem.ConnectionDown, down.Reason).Retry(after)
	case errors.Is(err, context.DeadlineExceeded):
		return problem.New(problem.HubBusy, "the delivery was not durable in time").Retry(5 * time.Second)
	}
	return problem.Of(err)
}

// Capture copies a request as it came: the body byte for byte, the headers with their keys in canonical form. Nothing
// of it refers to the server's buffers, which are used again after the answer.
func Capture(c *fiber.Ctx, connection string, at time.Time) *sdk.WebhookRequest {
	req := c.Request()
	n := req.Header.Len()
	values := make([]string, 0, n) // one array behind the values of all headers
	headers := make(map[string][]string, n)
	req.Header.VisitAll(func(k, v []byte) {
		key := string(k) // fasthttp gives keys in canonical form
		if old, repeated := headers[key]; repeated {
			headers[key] = append(old, string(v))
			return
		}
		values = append(values, string(v))
		headers[key] = values[len(values)-1 : len(values) : len(values)]
	})
	path := string(c.Request().URI().PathOriginal())
	path = strings.TrimPrefix(path, "/hooks/"+connection)
	return &sdk.WebhookRequest{
		Method: strings.Clone(c.Method()), Path: path, Query: string(req.URI().QueryString()), Headers: headers,
		Body: append([]byte(nil), req.Body()...), ReceivedAt: at,
	}
}
