package problem

import "net/http"

// Code is the stable name of a problem. Programs branch on it; the words beside it may change, it may not.
type Code string

// The codes that the doors give themselves. What the fold refuses (an outcome of a command) has the fold's code.
const (
	BodyNotJSON       Code = "body.not_json"
	BodyNotUTF8       Code = "body.not_utf8"
	BodyTooDeep       Code = "body.too_deep"
	BodyControlBytes  Code = "body.control_bytes"
	BodyTooLarge      Code = "body.too_large"
	BodyInvalid       Code = "body.invalid"
	BodyMediaType     Code = "body.media_type"
	ParameterInvalid  Code = "parameter.invalid"
	CursorInvalid     Code = "cursor.invalid"
	QueryTooBroad     Code = "query.too_broad"
	RouteUnknown      Code = "route.unknown"
	MethodNotAllowed  Code = "route.method"
	TokenMissing      Code = "token.missing"
	TokenInvalid      Code = "token.invalid"
	TokenForbidden    Code = "token.forbidden"
	TokenExists       Code = "token.exists"
	StaffExists       Code = "staff.exists"
	LocationForbidden Code = "location.forbidden"
	RecordUnknown     Code = "record.unknown"
	ConnectionUnknown Code = "connection.unknown"
	ConnectionDown    Code = "connection.unavailable"
	SignatureBad      Code = "signature.bad"
	HubBusy           Code = "hub.busy"
	HubFailed         Code = "hub.failed"
	HubNotReady       Code = "hub.not_ready"
	HubNotLeader      Code = "hub.not_leader"
	KeyReused         Code = "command.key_reused"
	ConnectionCan     Code = "connection.cannot"
	NotImported       Code = "connection.not_imported"
	ScopeUnknown      Code = "scope.unknown"
	PlanStale         Code = "plan.stale"
	PolicyInvalid     Code = "policy.invalid"
	CommandRefused    Code = "command.refused"
	JobRunning        Code = "job.running"
	EventType         Code = "event.type_unknown"
	EventInvalid      Code = "event.invalid"
	EventBatch        Code = "event.batch"
	SenderMissing     Code = "sender.missing"
	SenderUnknown     Code = "sender.unknown"
	DeliveryEncoded   Code = "delivery.encoded"
	ReloadRefused     Code = "reload.refused"
	ReloadStale       Code = "reload.stale"
	ReloadImpossible  Code = "reload.impossible"
	AlarmUntold       Code = "alarm.untold"
	BackupFailed      Code = "backup.failed"
)

// Spec is what a code means: the HTTP status it goes with, its title, and what to do about it.
type Spec struct {
	Code   Code
	Status int
	Title  string
	Do     string
}

// Specs lists every code of the doors in the order of the documentation.
func Specs() []Spec {
	return append([]Spec{
		{BodyNotJSON, http.StatusBadRequest, "The body is not JSON", "Send one JSON value and nothing after it."},
		{BodyNotUTF8, http.StatusBadRequest, "The body is not UTF-8", "Encode the body as UTF-8."},
		{BodyTooDeep, http.StatusBadRequest, "The body is nested too deeply", "Send a body nested no deeper than 64 levels."},
		{BodyControlBytes, http.StatusBadRequest, "A string has control characters", "Take the control characters out; tab, line feed and carriage return may stay."},
		{BodyTooLarge, http.StatusRequestEntityTooLarge, "The body is too large", "Send less at once: 1 MiB of JSON, or what limits.webhook_bytes allows for a webhook."},
		{BodyInvalid, http.StatusUnprocessableEntity, "The body does not fit what this route takes", "Change each field that errors names."},
		{BodyMediaType, http.StatusUnsupportedMediaType, "The content type is not taken here", "Send application/json; events may also be application/cloudevents+json or application/cloudevents-batch+json."},
		{ParameterInvalid, http.StatusBadRequest, "A parameter is not valid", "Change the parameter that errors names."},
		{CursorInvalid, http.StatusBadRequest, "The cursor is not one of this list's", "Start again without cursor, or pass next_cursor unchanged."},
		{QueryTooBroad, http.StatusUnprocessableEntity, "Too many records match", "Add a word, or more letters to one."},
		{RouteUnknown, http.StatusNotFound, "There is no such route", "See /openapi.json for the routes."},
		{MethodNotAllowed, http.StatusMethodNotAllowed, "This route does not take this method", "See /openapi.json for the methods of each route."},
		{TokenMissing, http.StatusUnauthorized, "This route needs a token", "Send Authorization: Bearer with a token of `jumpring token create`."},
		{TokenInvalid, http.StatusUnauthorized, "The token is not valid", "It was revoked, has expired, or was never given out: make another with `jumpring token create`."},
		{TokenForbidden, http.StatusForbidden, "The token's role does not allow this", "Use a token of a role that has the named permission."},
		{TokenExists, http.StatusConflict, "A token of this name exists", "Choose another name, or revoke that token first."},
		{StaffExists, http.StatusConflict, "There is somebody of this name or e-mail", "Choose another name or e-mail."},
		{LocationForbidden, http.StatusForbidden, "The token is bound to another location", "Leave the location out, or use a token of that location."},
		{RecordUnknown, http.StatusNotFound, "There is no such record", "Look the id up in its list."},
		{ConnectionUnknown, http.StatusNotFound, "There is no connection of this name", "See `jumpring connection list` for the names in the configuration."},
		{ConnectionDown, http.StatusServiceUnavailable, "The connection can't be used now", "Try again after Retry-After seconds; `jumpring connection list` shows why."},
		{SignatureBad, http.StatusUnauthorized, "The delivery's signature is not right", "Compare the webhook secret in the configuration with the platform's."},
		{HubBusy, http.StatusServiceUnavailable, "The hub can't take this now", "Try again after Retry-After seconds with the same Idempotency-Key."},
		{HubFailed, http.StatusInternalServerError, "The hub failed", "Look for the request's id in the hub's log."},
		{HubNotReady, http.StatusServiceUnavailable, "The hub is not ready", "Wait; missing says for what."},
		{HubNotLeader, http.StatusServiceUnavailable, "Another node has to do this", "Ask the node that detail names, or this one again after Retry-After seconds."},
		{KeyReused, http.StatusUnprocessableEntity, "The Idempotency-Key was used for another command", "Send each command under a key of its own."},
		{ConnectionCan, http.StatusConflict, "The connection's connector can't do this", "See what the connector describes; `jumpring connection list` names it."},
		{CommandRefused, http.StatusConflict, "The command was refused", "detail says why."},
		{JobRunning, http.StatusConflict, "The same job is running", "Follow the running job, whose address is in Location."},
		{NotImported, http.StatusConflict, "The connection has not been read in full", "Wait for its import to end, look at its plan, then go live."},
		{ScopeUnknown, http.StatusUnprocessableEntity, "The connection has no such part", "Name stock or order as the entity, and one of the hub's locations with stock; see `jumpring connection plan NAME`."},
		{PlanStale, http.StatusConflict, "The plan has changed since it was looked at", "Look at the plan again and pass its new digest."},
		{PolicyInvalid, http.StatusUnprocessableEntity, "The policy can't be used", "Change each rule that errors names."},
		{EventType, http.StatusUnprocessableEntity, "The event's type is not known", "See docs/events.md for the types that are taken."},
		{EventInvalid, http.StatusUnprocessableEntity, "The event can't be read", "Change each field that errors names; see docs/events.md for examples."},
		{EventBatch, http.StatusUnprocessableEntity, "The batch has no event, or too many", "Send 1 to 500 events at once."},
		{SenderMissing, http.StatusUnauthorized, "The message has no user_id", "Set the property user_id to the user that the device logs in to the broker with, or name bus.anonymous in the configuration."},
		{SenderUnknown, http.StatusForbidden, "The broker's user is no device of the hub's", "Name the user under bus.devices in the configuration."},
		{DeliveryEncoded, http.StatusUnsupportedMediaType, "The message is encoded", "Send the body as it is, without content_encoding."},
		{ReloadRefused, http.StatusUnprocessableEntity, "The configuration can't be taken up", "Change what detail names; the hub goes on with the one that it has."},
		{ReloadStale, http.StatusConflict, "The configuration has changed since its effect was looked at", "Look at the effect again and pass its new digest."},
		{ReloadImpossible, http.StatusConflict, "There is no configuration to read", "Restart the hub."},
		{AlarmUntold, http.StatusBadGateway, "The alarm could not be told", "detail says at which step; see alarms.ways of the configuration."},
		{BackupFailed, http.StatusConflict, "The backup could not be made", "detail says why; see backup of the configuration."},
		{"item.held", http.StatusConflict, "Somebody else holds the piece", "holder names the channel and until when; ask again afterwards."},
		{"item.contested", http.StatusConflict, "More than one claim is live on the piece", "Resolve its case first."},
		{"item.component_held", http.StatusConflict, "Something that shares a component with the piece is held", "Wait for its end; blocked_by of the item names it."},
		{"item.not_in_stock", http.StatusConflict, "The piece is not in stock", "Count it or restock it first."},
		{"item.unknown", http.StatusNotFound, "There is no such item", "Look the id up with /v1/items."},
		{"stock.short", http.StatusConflict, "There is not enough stock at the location", "Ask for less, or at a location that has it."},
		{"quantity.piece", http.StatusUnprocessableEntity, "A piece comes one at a time", "Leave quantity out."},
		{"money.unreadable", http.StatusUnprocessableEntity, "The amount can't be read", "Write digits with a point and an ISO 4217 currency."},
		{"memo.lines", http.StatusUnprocessableEntity, "A memo's pieces are not as they can be", "Name 1 to 100 pieces, each once."},
		{"memo.quantity", http.StatusUnprocessableEntity, "Only pieces are lent", "Leave quantity SKUs out."},
		{"undelivered.unknown", http.StatusNotFound, "Nothing waits to be delivered there", "Look at /v1/undelivered."},
		{"undelivered.moved", http.StatusConflict, "Another change waits by now", "Look at it again, then repeat."},
		{"memo.unknown", http.StatusNotFound, "There is no such memo", "Look the id up with /v1/memos."},
		{"memo.line", http.StatusConflict, "The piece is not out under this memo", "Look at the memo's lines."},
		{"transition.illegal", http.StatusConflict, "That is not possible in its state", "detail names the state."},
		{"transition.actor", http.StatusForbidden, "That is somebody else's to do", "Ask whom detail names."},
		{"party.unknown", http.StatusConflict, "The client or vendor is not named", "Name whom it goes to."},
		{"hold.no_end", http.StatusConflict, "A hold needs an end in the future", "State until when."},
		{"hold.extensions", http.StatusConflict, "It was extended often enough", "Take it back, or invoice it."},
		{"item.wrong_piece", http.StatusConflict, "What was scanned is another piece", "Scan the piece itself."},
		{"item.not_inspected", http.StatusConflict, "Nobody has looked at the piece", "Inspect it and say so."},
		{"reservation.duration", http.StatusUnprocessableEntity, "The duration is out of range", "Hold for 1 second to 30 days."},
		{"reservation.unknown", http.StatusNotFound, "There is no such reservation", "Use the id that the reservation was made with."},
		{"reservation.ended", http.StatusConflict, "The reservation has ended", "Reserve again."},
		{"claim.ambiguous", http.StatusConflict, "More than one sale is live", "Name the claim to take back."},
		{"claim.none", http.StatusConflict, "There is no live sale to take back", "Look at the item's timeline."},
		{"case.unknown", http.StatusNotFound, "There is no such case", "Look the id up with /v1/cases."},
		{"case.closed", http.StatusConflict, "The case is closed", "detail says how it ended."},
		{"case.stale", http.StatusConflict, "The piece of the case is no more", "Nothing is to be decided."},
		{"case.proposal", http.StatusUnprocessableEntity, "The case has no such proposal", "Use the id of one of the case's proposals."},
		{"case.in_progress", http.StatusConflict, "An earlier decision of the case is being carried out", "Wait for its outcome; actions of the case shows it."},
		{"case.unknown_outcome", http.StatusConflict, "Nobody knows whether what was sent to the platform happened", "Look at the order there; if nothing happened, decide again with again=true, else wait until the platform shows it."},
		{"order.unknown", http.StatusNotFound, "There is no such order", "Look the id up with /v1/orders."},
		{"order.by_hand", http.StatusConflict, "The hub can't do that at this platform", "Do it there; the hub takes in what the platform shows."},
		{"order.cancelled", http.StatusConflict, "The order is cancelled already", "Nothing is to be done."},
		{"order.fulfilled", http.StatusConflict, "The goods were handed over", "Refund the order's lines instead."},
		{"order.in_progress", http.StatusConflict, "Something is being done with this order", "Wait until it is over; /v1/orders/{id}/actions shows it."},
		{"order.lines", http.StatusUnprocessableEntity, "The lines are not as they can be", "Name lines of the order, each once, with at most what is left of it."},
		{"order.refund_by", http.StatusUnprocessableEntity, "That way of refunding is not known", "Use auto, original, by_hand or none."},
		{"order.reason", http.StatusUnprocessableEntity, "The reason is not known", "Use inventory, customer, fraud or other."},
		{"client.unknown", http.StatusNotFound, "There is no such client", "Look the id up with /v1/clients."},
		{"client.one_record", http.StatusUnprocessableEntity, "Both ids mean the same record", "Name two accounts of the client by their nodes, or two clients."},
		{"client.word", http.StatusUnprocessableEntity, "The word is not known", "Use same, different, undo or unmerge."},
		{"client.undecided", http.StatusConflict, "Nothing was said of the two", "There is nothing to undo: say same or different."},
		{"listing.unknown", http.StatusNotFound, "There is no such listing", "Use a listing_id of the match list."},
		{"mode.unknown", http.StatusUnprocessableEntity, "There is no such mode", "Use observe, shadow or live."},
		{"command.unknown", http.StatusUnprocessableEntity, "The hub does not know this command", "Use a newer hub, or a route of /openapi.json."},
	}, documentSpecs()...)
}

var specs = func() map[Code]Spec {
	m := make(map[Code]Spec)
	for _, s := range Specs() {
		m[s.Code] = s
	}
	return m
}()
