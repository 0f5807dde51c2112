package api

import (
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/policy"
	"github.com/jumpring/jumpring/core/reconcile"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// route is one operation: how it is reached, who may, what it takes and gives, and what does it. The table of all of
// them is what is served, what the OpenAPI document describes and what the tests go through.
type route struct {
	method string
	path   string // with {parameters}, as OpenAPI writes them
	name   string // operation id
	// summary says what it does, in one sentence.
	summary string
	// needs is the permission that a token must have. open is set instead for what needs no token.
	needs access.Permission
	open  bool
	query []param
	takes any  // the zero value of the body's type; nil for none
	keyed bool // takes an Idempotency-Key
	// leader is set for what, of several nodes, only the one that asks platforms can do: others pass it on.
	leader bool
	gives  gives
	// scope holds who is bound to one location, by scopeOf; nil lets through.
	scope func(a *API, c *fiber.Ctx, who access.Principal) error
	// handle answers. A returned error becomes a problem.
	handle func(a *API, c *fiber.Ctx, who access.Principal) error
	// delicate are the classes among cost and personal that its answer may have; who reads them is recorded.
	delicate []access.Class
}

// param is a parameter of the query.
type param struct{ name, what string }

// gives is the answer of success.
type gives struct {
	status int
	media  string // application/json where empty
	value  any    // zero value of its type; nil when there is no schema
	page   bool   // value is the type of the items of a list
}

func json200(v any) gives { return gives{status: http.StatusOK, value: v} }
func page(v any) gives    { return gives{status: http.StatusOK, value: v, page: true} }

var paging = []param{{"limit", "How many at most: 1 to 500, 50 where it is left out"}, {"cursor", "next_cursor of the page before"}}

func with(own ...param) []param { return append(own, paging...) }

// routes is the table.
func routes() []route {
	get, post, del := http.MethodGet, http.MethodPost, http.MethodDelete
	control := access.ConnectionsControl
	return append(slices.Concat(documentRoutes(), offerRoutes(), orderDocumentRoutes(), consignmentRoutes(), approvalRoutes(), accessRoutes(), liveRoutes(), reportRoutes(), auditRoutes(), dayTwoRoutes()), []route{
		{
			method: post, path: "/hooks/{connection}", name: "hook", summary: "Take a webhook of a platform.", open: true,
			gives: gives{status: 200, media: "text/plain"}, handle: (*API).hook,
		},
		{
			method: post, path: "/hooks/{connection}/*", name: "hook-below", summary: "Take a webhook of a platform that adds to the address.", open: true,
			gives: gives{status: 200, media: "text/plain"}, handle: (*API).hook,
		},
		{
			method: get, path: "/hooks/{connection}", name: "hook-challenge", summary: "Answer a platform that verifies the address.", open: true,
			gives: gives{status: 200, media: "text/plain"}, handle: (*API).hook,
		},

		{
			method: get, path: "/v1/snapshot", name: "snapshot", summary: "Hand the whole view over to another node, as a file.", needs: access.SnapshotRead,
			gives: gives{status: 200, media: "application/octet-stream"}, handle: (*API).snapshot,
		},

		{
			method: get, path: "/v1/items", name: "items", summary: "List items; every given key must match.", needs: access.ItemsRead,
			query: with(param{"sku", "SKU"}, param{"serial", "Serial number"}, param{"certificate", "Number, or laboratory and number: GIA/2141438171"},
				param{"epc", "EPC as hexadecimal, URN or Digital Link"}, param{"gtin", "Barcode"}, param{"status", "in_stock, reserved, sold …"},
				param{"location", "One of the hub's locations"}),
			gives: page(canon.Item{}), handle: (*API).items,
		},
		{
			method: get, path: "/v1/items/{id}", name: "item", summary: "Show an item, by any id that resolves to it.", needs: access.ItemsRead,
			gives: json200(canon.Item{}), handle: (*API).item,
		},
		{
			method: get, path: "/v1/items/{id}/timeline", name: "item-timeline", summary: "Show what happened to an item, the newest last.", needs: access.ItemsRead,
			query: paging, gives: page(canon.Row{}), handle: (*API).itemTimeline,
		},
		{
			method: post, path: "/v1/items/{id}/reservations", name: "reserve", summary: "Hold an item; 409 names who holds it and until when.", needs: access.ItemsClaim,
			takes: Reserve{}, keyed: true, gives: gives{status: 201, value: canon.Reservation{}}, handle: (*API).reserve,
		},
		{
			method: del, path: "/v1/items/{id}/reservations/{reservation}", name: "release", summary: "End a reservation.", needs: access.ItemsClaim,
			keyed: true, gives: json200(canon.Reservation{}), handle: (*API).release,
		},
		{
			method: post, path: "/v1/items/{id}/reservations/{reservation}/release", name: "release-by-post", summary: "End a reservation, where DELETE can't be sent.", needs: access.ItemsClaim,
			keyed: true, gives: json200(canon.Reservation{}), handle: (*API).release,
		},
		{
			method: post, path: "/v1/items/{id}/sell", name: "sell", summary: "Sell an item at the till.", needs: access.ItemsClaim,
			takes: Sell{}, keyed: true, gives: gives{status: 201, value: canon.Order{}}, handle: (*API).sell,
		},
		{
			method: post, path: "/v1/items/{id}/restock", name: "restock", summary: "Put a returned piece back for sale.", needs: access.ItemsRestock,
			takes: Restock{}, keyed: true, gives: json200(Restocked{}), handle: (*API).restock,
		},
		{
			method: get, path: "/v1/memos", name: "memos", summary: "List memos: pieces that are lent.", needs: access.ItemsRead,
			query: with(param{"status", "issued, part_settled, overdue, settled or returned"}), gives: page(canon.Memo{}), handle: (*API).memos,
		},
		{
			method: get, path: "/v1/memos/{id}", name: "memo", summary: "Show a memo.", needs: access.ItemsRead,
			gives: json200(canon.Memo{}), handle: (*API).memo,
		},
		{
			method: post, path: "/v1/memos", name: "lend", summary: "Lend pieces, all or none. To invoice one, sell it under its line's claim as the reservation.", needs: access.ItemsClaim,
			takes: Lend{}, keyed: true, gives: gives{status: 201, value: canon.Memo{}}, handle: (*API).lend,
		},
		{
			method: post, path: "/v1/memos/{id}/take-back", name: "take-back", summary: "Take a lent piece back.", needs: access.ItemsClaim,
			takes: TakeBack{}, keyed: true, gives: json200(canon.Memo{}), handle: (*API).takeBack,
		},
		{
			method: post, path: "/v1/memos/{id}/extend", name: "extend-memo", summary: "Give a memo more time; a manager's to decide.", needs: access.ItemsClaim,
			takes: Extend{}, keyed: true, gives: json200(canon.Memo{}), handle: (*API).extendMemo,
		},
		{
			method: get, path: "/v1/commands/{key}", name: "command", summary: "Show what became of a command of this token, by its Idempotency-Key.", needs: access.OwnCommandsRead,
			gives: json200(Command{}), handle: (*API).command,
		},

		{
			method: get, path: "/v1/clients", name: "clients", summary: "List clients; every given key must match.", needs: access.ClientsRead,
			query: with(param{"email", "E-mail"}, param{"phone", "Phone number in any usual spelling"}, param{"q", "Words, or beginnings of words, of the name"}),
			gives: page(canon.Client{}), handle: (*API).clients,
		},
		{
			method: get, path: "/v1/clients/{id}", name: "client", summary: "Show a client, by any id that resolves to it.", needs: access.ClientsRead,
			gives: json200(canon.Client{}), handle: (*API).client,
		},
		{
			method: get, path: "/v1/clients/{id}/timeline", name: "client-timeline", summary: "Show what happened to a client's record.", needs: access.ClientsRead,
			query: paging, gives: page(canon.Row{}), handle: (*API).clientTimeline,
		},
		{
			method: post, path: "/v1/clients/{id}/same", name: "same-client", summary: "Say whether two records are one person: same, different, unmerge or undo.", needs: access.ClientsMerge,
			takes: SameClient{}, keyed: true, gives: json200(canon.ClientDecided{}), handle: (*API).sameClient,
		},
		{
			method: get, path: "/v1/search/items", name: "search-items", summary: "Find pieces by words, attributes and ranges, with counts of what else could be chosen.", needs: access.ItemsRead,
			query: searchParams("princess 1-1.5 ct F-G VS platinum under 9,000 EUR in Paris"), gives: json200(ItemsFound{}), handle: (*API).searchItems,
		},
		{
			method: get, path: "/v1/search/clients", name: "search-clients", summary: "Find clients by name, e-mail, phone or city.", needs: access.ClientsRead,
			query: searchParams("anna martin in Paris"), gives: json200(ClientsFound{}), handle: (*API).searchClients,
		},
		{
			method: get, path: "/v1/orders", name: "orders", summary: "List orders.", needs: access.OrdersRead,
			query: with(param{"connection", "Connection that it was placed on"}, param{"external_id", "The platform's id"}, param{"client", "Any id of a client"}),
			gives: page(canon.Order{}), handle: (*API).orders,
		},
		{
			method: get, path: "/v1/orders/{id}", name: "order", summary: "Show an order.", needs: access.OrdersRead,
			gives: json200(canon.Order{}), handle: (*API).order,
		},
		{
			method: get, path: "/v1/orders/{id}/actions", name: "order-actions", summary: "List what was asked for at an order's platform, and how far it is.", needs: access.OrdersRead,
			query: paging, gives: page(canon.Action{}), handle: (*API).orderActions,
		},
		{
			method: post, path: "/v1/orders/{id}/cancel", name: "cancel-order", summary: "Cancel an order at its platform and give back what was paid.", needs: access.OrdersChange,
			takes: CancelOrder{}, keyed: true, gives: gives{status: 202, value: canon.Action{}}, handle: (*API).cancelOrder,
		},
		{
			method: post, path: "/v1/orders/{id}/refund", name: "refund-lines", summary: "Give back at its platform what was paid for lines of an order.", needs: access.OrdersChange,
			takes: RefundLines{}, keyed: true, gives: gives{status: 202, value: canon.Action{}}, handle: (*API).refundLines,
		},
		{
			method: get, path: "/v1/orders/{id}/timeline", name: "order-timeline", summary: "Show what happened to an order.", needs: access.OrdersRead,
			query: paging, gives: page(canon.Row{}), handle: (*API).orderTimeline,
		},
		{
			method: get, path: "/v1/locations", name: "locations", summary: "List the hub's locations.", needs: access.LocationsRead,
			query: paging, gives: page(canon.Location{}), handle: (*API).locations,
		},
		{
			method: get, path: "/v1/locations/{id}", name: "location", summary: "Show a location.", needs: access.LocationsRead,
			gives: json200(canon.Location{}), handle: (*API).location,
		},
		{
			method: get, path: "/v1/locations/{id}/timeline", name: "location-timeline", summary: "Show what happened to a location.", needs: access.LocationsRead,
			query: paging, gives: page(canon.Row{}), handle: (*API).locationTimeline,
		},

		{
			method: get, path: "/v1/cases", name: "cases", summary: "List cases.", needs: access.CasesRead,
			query: with(param{"state", "open (default) or closed"}, param{"kind", "double_claim, component_claim, oversold, identity, same_report, client, field, document, fuse"}),
			gives: page(canon.Case{}), handle: (*API).cases,
		},
		{
			method: get, path: "/v1/cases/{id}", name: "case", summary: "Show a case.", needs: access.CasesRead,
			gives: json200(canon.Case{}), handle: (*API).oneCase,
		},
		{
			method: post, path: "/v1/cases/{id}/resolve", name: "resolve", summary: "Decide a case by one of its proposals, and carry that out at the platforms; the case shows how far it is.", needs: access.CasesResolve,
			takes: Resolve{}, keyed: true, gives: json200(canon.Case{}), handle: (*API).resolve,
		},

		{
			method: get, path: "/v1/policy", name: "policy", summary: "Show whose word counts for which field.", needs: access.PolicyRead,
			gives: json200(PolicyShown{}), handle: (*API).policyShown,
		},
		{
			method: get, path: "/v1/policy/explain", name: "policy-explain", summary: "Say which rule a field goes by and why, and what each source of a record states.", needs: access.PolicyRead,
			query: []param{{"group", "A field group, such as item.price"}, {"id", "Any id of a record; the rule alone where it is left out"}},
			gives: json200(policy.Explanation{}), handle: (*API).policyExplain,
		},
		{
			method: post, path: "/v1/policy/plan", name: "policy-plan", summary: "Compute what another policy would change; writes nothing.", needs: access.PolicyRead,
			takes: PolicyAsked{}, gives: json200(router.SettingsPlan{}), handle: (*API).policyPlan,
		},

		{
			method: post, path: "/v1/policy/apply", name: "policy-apply", summary: "Put a policy into force; takes the digest of the plan that was looked at.", needs: control,
			takes: PolicyToApply{}, keyed: true, gives: json200(Applied{}), handle: (*API).policyApply,
		},

		{
			method: get, path: "/v1/parked", name: "parked", summary: "List the entries that could not be applied.", needs: access.ParkedManage,
			query: paging, gives: page(canon.Parked{}), handle: (*API).parked,
		},
		{
			method: get, path: "/v1/parked/{position}", name: "parked-one", summary: "Show a parked entry.", needs: access.ParkedManage,
			gives: json200(canon.Parked{}), handle: (*API).parkedOne,
		},
		{
			method: post, path: "/v1/parked/{position}/replay", name: "parked-replay", summary: "Fold a parked entry again, as it was or with other data.", needs: access.ParkedManage,
			takes: Replay{}, gives: json200(Replayed{}), handle: (*API).parkedReplay,
		},
		{
			method: post, path: "/v1/parked/{position}/discard", name: "parked-discard", summary: "End a parked entry without applying it.", needs: access.ParkedManage,
			gives: json200(Replayed{}), handle: (*API).parkedDiscard,
		},

		{
			method: get, path: "/v1/undelivered", name: "undelivered", summary: "List the records whose changes could not be delivered and wait.", needs: access.ParkedManage,
			query: with(param{"connection", "Those of one connection"}), gives: page(canon.Undelivered{}), handle: (*API).undelivered,
		},
		{
			method: get, path: "/v1/undelivered/{connection}/{key}", name: "undelivered-one", summary: "Show what waits of a record.", needs: access.ParkedManage,
			gives: json200(canon.Undelivered{}), handle: (*API).undeliveredOne,
		},
		{
			method: post, path: "/v1/undelivered/{connection}/{key}/replay", name: "undelivered-replay", summary: "Deliver what waits of a record again.", needs: access.ParkedManage,
			takes: Redeliver{}, keyed: true, gives: json200(canon.Undelivered{}), handle: (*API).undeliveredReplay,
		},
		{
			method: post, path: "/v1/undelivered/{connection}/{key}/discard", name: "undelivered-discard", summary: "Leave the first change that waits undelivered, and go on with those behind it.", needs: access.ParkedManage,
			takes: Redeliver{}, keyed: true, gives: json200(canon.Undelivered{}), handle: (*API).undeliveredDiscard,
		},

		{
			method: get, path: "/v1/connections", name: "connections", summary: "List the connections with mode, state, freshness, lag and last error.", needs: access.ConnectionsRead,
			gives: page(ConnectionStatus{}), handle: (*API).connections,
		},
		{
			method: get, path: "/v1/connections/{name}", name: "connection", summary: "Show a connection.", needs: access.ConnectionsRead,
			gives: json200(ConnectionStatus{}), handle: (*API).connection,
		},
		{
			method: post, path: "/v1/connections/{name}/check", name: "connection-check", summary: "Test a connection live; changes nothing.", needs: access.ConnectionsInspect,
			leader: true, gives: json200(sdk.CheckResponse{}), handle: (*API).connectionCheck,
		},
		{
			method: post, path: "/v1/connections/{name}/discover", name: "connection-discover", summary: "List what there is to map.", needs: access.ConnectionsInspect,
			leader: true, gives: json200(sdk.DiscoverResponse{}), handle: (*API).connectionDiscover,
		},
		{
			method: get, path: "/v1/connections/{name}/plan", name: "connection-plan", summary: "List each call that would be made if it, or the part that is named, were live.", needs: access.ConnectionsInspect,
			query: []param{{"entity", "stock or order; empty for all that has no mode of its own"}, {"location", "The hub's location whose stock is meant"}}, gives: json200(reconcile.Plan{}), handle: (*API).connectionPlan,
		},
		{
			method: post, path: "/v1/connections/{name}/import", name: "connection-import", summary: "Read everything that a connection has; answers with the job.", needs: access.ConnectionsInspect,
			leader: true, gives: gives{status: 202, value: Job{}}, handle: (*API).connectionImport,
		},
		{
			method: post, path: "/v1/connections/{name}/restart", name: "connection-restart", summary: "End a connector's process in order and start it again.", needs: control,
			gives: json200(ConnectionStatus{}), handle: (*API).connectionRestart,
		},
		{
			method: post, path: "/v1/connections/{name}/reprocess", name: "connection-reprocess", summary: "Translate kept webhook deliveries again, after a mapping was put right; answers with the job.", needs: control,
			takes: ReprocessAsked{}, gives: gives{status: 202, value: Job{}}, handle: (*API).connectionReprocess,
		},
		{
			method: get, path: "/v1/reload", name: "reload-plan", summary: "Read the configuration and show what a reload would do.", needs: access.TokensManage,
			gives: json200(ReloadPlan{}), handle: (*API).reloadPlan,
		},
		{
			method: post, path: "/v1/reload", name: "reload", summary: "Take up the configuration; only connections that changed are started anew.", needs: access.TokensManage,
			takes: ReloadAsked{}, gives: json200(ReloadPlan{}), handle: (*API).reload,
		},
		{
			method: post, path: "/v1/connections/{name}/live", name: "connection-live", summary: "Let the hub write to a connection; takes the digest of the plan that was looked at.", needs: control,
			takes: GoLive{}, keyed: true, gives: gives{status: 200}, handle: (*API).connectionLive,
		},
		{
			method: post, path: "/v1/connections/{name}/shadow", name: "connection-shadow", summary: "Compute what would be written, write nothing.", needs: control,
			takes: Part{}, keyed: true, gives: gives{status: 200}, handle: setMode(canon.ModeShadow),
		},
		{
			method: post, path: "/v1/connections/{name}/observe", name: "connection-observe", summary: "Read a connection only.", needs: control,
			takes: Part{}, keyed: true, gives: gives{status: 200}, handle: setMode(canon.ModeObserve),
		},
		{
			method: post, path: "/v1/connections/{name}/pause", name: "connection-pause", summary: "Stop all calls to a connection.", needs: control,
			keyed: true, gives: gives{status: 200}, handle: setPause(true),
		},
		{
			method: post, path: "/v1/connections/{name}/resume", name: "connection-resume", summary: "Go on with a connection; also resets its fuse.", needs: control,
			keyed: true, gives: gives{status: 200}, handle: setPause(false),
		},
		{
			method: get, path: "/v1/connections/{name}/matches", name: "matches", summary: "List the listings that could not be joined, or that a person decided; format=csv gives all of them as a file.", needs: access.MatchesManage,
			query: with(param{"format", "json (default) or csv"}), gives: page(canon.MatchRow{}), handle: (*API).matches,
		},
		{
			method: post, path: "/v1/connections/{name}/matches", name: "matches-import", summary: "Take decisions about listings: an item's id, new, none, or undo; as JSON or as the CSV of the list.", needs: access.MatchesManage,
			takes: Decisions{}, gives: json200(Decided{}), handle: (*API).matchesImport,
		},
		{
			method: get, path: "/v1/connections/{name}/publications", name: "publications", summary: "List what the hub means to show at a connection, and how far that is.", needs: access.ConnectionsRead,
			query: with(param{"state", "same, wanted, written, refused or gone"}), gives: page(canon.Publication{}), handle: (*API).publications,
		},
		{
			method: post, path: "/v1/connections/{name}/publications", name: "publication-word", summary: "Say that a deleted listing is made again, or that what was refused is written once more.", needs: control,
			takes: ListingWord{}, keyed: true, gives: json200(ListingTold{}), handle: (*API).publicationWord,
		},
		{
			method: get, path: "/v1/bus", name: "bus", summary: "Show how the bus to devices and third parties stands.", needs: access.ConnectionsRead,
			gives: json200(BusStatus{}), handle: (*API).bus,
		},
		{
			method: get, path: "/v1/drift", name: "drift", summary: "Show the newest report of each connection's full read and compare.", needs: access.ConnectionsRead,
			query: []param{{"connection", "One connection's"}, {"kept", "true gives every report that is kept, not the newest alone"}}, gives: json200(Drift{}), handle: (*API).drift,
		},
		{
			method: get, path: "/v1/drift/key", name: "drift-key", summary: "Show the public key that reports without rows are signed with.", needs: access.ConnectionsRead,
			gives: json200(DriftKey{}), handle: (*API).driftKey,
		},
		{
			method: post, path: "/v1/drift", name: "drift-start", summary: "Read and compare a connection, or all; answers with the job.", needs: access.ConnectionsInspect,
			query: []param{{"connection", "One connection; all where it is left out"}}, leader: true, gives: gives{status: 202, value: Job{}}, handle: (*API).driftStart,
		},
		{
			method: post, path: "/v1/drift/{name}/repair", name: "drift-repair", summary: "Put one row of drift right: a level is written again, anything else is read anew.", needs: control,
			takes: DriftToRepair{}, keyed: true, gives: json200(canon.DriftRepaired{}), handle: (*API).driftRepair,
		},
		{
			method: get, path: "/v1/jobs", name: "jobs", summary: "List the newest jobs.", needs: access.ConnectionsInspect,
			gives: page(Job{}), handle: (*API).jobList,
		},
		{
			method: get, path: "/v1/jobs/{id}", name: "job", summary: "Show how far a job is, and its report.", needs: access.ConnectionsInspect,
			gives: json200(Job{}), handle: (*API).job,
		},

		{
			method: post, path: "/v1/events", name: "events", summary: "Report events of tills and devices as CloudEvents 1.0; see docs/events.md.", needs: access.EventsReport,
			gives: gives{status: 200}, handle: (*API).events,
		},
		{
			method: get, path: "/v1/stream", name: "stream", summary: "Follow what changes as server-sent events; Last-Event-ID resumes.", needs: access.StreamRead,
			query: []param{{"type", "Only rows of this type: item, order, client …"}, {"after", "A position to start behind; now where it is left out"}},
			gives: gives{status: 200, media: "text/event-stream"}, handle: (*API).stream,
		},

		{
			method: get, path: "/v1/tokens", name: "tokens", summary: "List the tokens.", needs: access.TokensManage,
			gives: page(TokenShown{}), handle: (*API).tokens,
		},
		{
			method: post, path: "/v1/tokens", name: "token-create", summary: "Make a token; its text is shown once.", needs: access.TokensManage,
			takes: TokenAsked{}, gives: gives{status: 201, value: TokenMade{}}, handle: (*API).tokenCreate,
		},
		{
			method: del, path: "/v1/tokens/{name}", name: "token-revoke", summary: "End a token at once.", needs: access.TokensManage,
			gives: gives{status: 204}, handle: (*API).tokenRevoke,
		},

		{
			method: get, path: "/metrics", name: "metrics", summary: "Metrics in Prometheus' text format.", needs: access.MetricsRead,
			gives: gives{status: 200, media: "text/plain"}, handle: (*API).metrics,
		},
		{
			method: get, path: "/openapi.json", name: "openapi", summary: "This description.", needs: access.DescriptionRead,
			gives: gives{status: 200}, handle: (*API).description,
		},
		{
			method: get, path: "/healthz", name: "healthz", summary: "Tell that the process answers.", open: true,
			gives: json200(Health{}), handle: (*API).healthz,
		},
		{
			method: get, path: "/readyz", name: "readyz", summary: "Tell whether the hub is ready, and what is missing.", open: true,
			gives: json200(Ready{}), handle: (*API).readyz,
		},
		{
			method: get, path: "/", name: "page", summary: "A status page for a browser; without a token on this machine only.", open: true,
			gives: gives{status: 200, media: "text/html"}, handle: (*API).statusPage,
		},
	}...)
}

// fiberPath writes a path as Fiber does: {id} becomes :id.
func fiberPath(path string) string {
	return strings.NewReplacer("{", ":", "}", "").Replace(path)
}

func typeOf(v any) reflect.Type { return reflect.TypeOf(v) }
