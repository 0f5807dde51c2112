package hub

import (
	"context"
	"errors"
	"net/http"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/intake"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/plugins/host"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// ErrUnknownConnection is returned for a connection that is not configured.
var ErrUnknownConnection = errors.New("hub: no connection of this name")

// ErrUnavailable is returned while a connection's plugin can't be asked.
var ErrUnavailable = errors.New("hub: the connection's plugin is not available")

// HandleWebhook has a delivery verified and translated by its connection's plugin, journals what came out, and gives
// the HTTP answer. Invariant 1: the answer comes after the journal's fsync. Of a delivery that is not genuine nothing
// is kept but a count. One whose connector is away for longer than the platform waits is kept as it came, durably, and
// verified and translated when the connector is back.
func (h *Hub) HandleWebhook(ctx context.Context, name string, req *sdk.WebhookRequest) (status int, contentType string, body []byte, err error) {
	res, err := h.translate(ctx, name, req)
	c := h.connection(name)
	var in *intake.Connection
	if c != nil {
		_, _, in, _, _ = c.parts()
	}
	if err != nil {
		if in != nil {
			in.PollSales() // not every platform delivers again
		}
		if !away(err) {
			return 0, "", nil, err
		}
		if h.keepWaiting(name, req) {
			return http.StatusOK, "", nil, nil
		}
		return 0, "", nil, errors.Join(ErrUnavailable, err)
	}
	var at canon.Position
	status = res.Status
	switch res.Verdict {
	case sdk.VerdictBadSignature:
		h.log.Warn("delivery refused: not genuine", "connection", name, "reason", res.Reason)
		return http.StatusUnauthorized, "", nil, nil
	case sdk.VerdictIgnored, sdk.VerdictChallenge:
	case sdk.VerdictMalformed:
		err = h.keepMalformed(ctx, name, res, req)
	case sdk.VerdictAccepted:
		at, err = h.journalDelivery(ctx, name, res)
	default:
		return 0, "", nil, errors.Join(ErrUnavailable, errors.New("hub: the plugin gave an unknown verdict"))
	}
	if err != nil {
		var refused *bus.Refused
		if errors.As(err, &refused) && in != nil {
			in.Missed()
		}
		return 0, "", nil, err
	}
	if res.Verdict != sdk.VerdictChallenge {
		h.keepCopy(name, req, at)
	}
	if status == 0 {
		status = http.StatusOK
	}
	return status, res.ContentType, res.Body, nil
}

// journalDelivery appends what a delivery states, and gives the position of the first entry of it.
func (h *Hub) journalDelivery(ctx context.Context, name string, res *host.WebhookResult) (canon.Position, error) {
	entries, err := h.deliveryEntries(name, canon.Position{}, res)
	if err != nil || len(entries) == 0 {
		return canon.Position{}, err
	}
	r, err := h.router.Append(ctx, bus.ClassWebhook, entries...)
	return r.Position(0), err
}

// deliveryEntries makes the entries of what a delivery states. cause is the entry that it gave before, where it is
// translated again.
func (h *Hub) deliveryEntries(name string, cause canon.Position, res *host.WebhookResult) ([]bus.Entry, error) {
	head := canon.Head{Connection: name, Actor: "connection:" + name, Delivery: res.DeliveryID, Cause: cause}
	if c := h.connection(name); c != nil {
		if _, about, _, _, _ := c.parts(); about != nil {
			head.Translation = about.TranslationVersion
		}
	}
	entries := make([]bus.Entry, 0, len(res.Facts)+1)
	for i := range res.Facts {
		e, err := router.ObservationEntry(head, res.Facts[i].Data, res.Facts[i].Personal)
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	if len(res.Touched) > 0 {
		e, err := router.NewEntry(canon.EntryTouched, head, canon.Touched{Refs: res.Touched})
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// maxKept bounds the body of a malformed delivery that is kept, in bytes.
const maxKept = 256 << 10

// keepMalformed journals a genuine delivery that can't be read, so that a person can look at it.
func (h *Hub) keepMalformed(ctx context.Context, name string, res *host.WebhookResult, req *sdk.WebhookRequest) error {
	head := canon.Head{Connection: name, Actor: "connection:" + name, Delivery: res.DeliveryID}
	kept := req.Body
	if len(kept) > maxKept {
		kept = kept[:maxKept]
	}
	return h.park(ctx, bus.ClassWebhook, head, canon.Malformed{Reason: res.Reason, Size: len(req.Body)}, string(kept))
}
