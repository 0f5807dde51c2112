package lifecycle

// PriceListMachine is a list of prices of one channel or place.
var PriceListMachine = Machine{Name: "price_list", Table: []Transition{
	{From: "", Event: "draft", To: "draft", By: by(Manager, Connector)},
	{From: "draft", Event: "edit", To: "draft", By: by(Manager)},
	{From: "draft", Event: "approve", To: "scheduled", By: by(Manager), Guards: guards(approved, hasWindow)},
	{From: "draft", Event: "discard", To: "discarded", By: by(Manager)},
	{From: "scheduled", Event: "activate", To: "active", By: by(Manager, Timer), Guards: guards(hasStarted)},
	{From: "scheduled", Event: "withdraw", To: "draft", By: by(Manager)},
	{From: "active", Event: "expire", To: "expired", By: by(Timer), Guards: guards(overdue)},
	{From: "active", Event: "replace", To: "replaced", By: by(Manager, Timer)},
	{From: "active", Event: "suspend", To: "suspended", By: by(Manager)},
	{From: "suspended", Event: "activate", To: "active", By: by(Manager), Guards: guards(hasStarted, hasWindow)},
	{From: "suspended", Event: "expire", To: "expired", By: by(Timer), Guards: guards(overdue)},
}}

// PromotionMachine is an offer with a window, a rule and channels.
var PromotionMachine = Machine{Name: "promotion", Table: []Transition{
	{From: "", Event: "draft", To: "draft", By: by(Manager, Connector)},
	{From: "draft", Event: "approve", To: "scheduled", By: by(Manager), Guards: guards(approved, hasWindow)},
	{From: "draft", Event: "discard", To: "discarded", By: by(Manager)},
	{From: "scheduled", Event: "start", To: "running", By: by(Timer, Manager), Guards: guards(hasStarted)},
	{From: "scheduled", Event: "withdraw", To: "draft", By: by(Manager)},
	{From: "running", Event: "pause", To: "paused", By: by(Manager)},
	{From: "running", Event: "end", To: "ended", By: by(Timer), Guards: guards(overdue)},
	{From: "running", Event: "stop", To: "ended", By: by(Manager)},
	{From: "running", Event: "exhaust", To: "ended", By: by(Connector, Timer)},
	{From: "paused", Event: "start", To: "running", By: by(Manager), Guards: guards(hasStarted, hasWindow)},
	{From: "paused", Event: "end", To: "ended", By: by(Timer), Guards: guards(overdue)},
	{From: "paused", Event: "stop", To: "ended", By: by(Manager)},
}}

// GiftCardMachine is the life of a gift card or a store credit; what it is worth is its ledger's (Credit).
var GiftCardMachine = Machine{Name: "gift_card", Table: []Transition{
	{From: "", Event: "issue", To: "issued", By: by(Consultant, Connector), Guards: guards(positive)},
	{From: "issued", Event: "activate", To: "active", By: by(Consultant, Connector), Guards: guards(paid)},
	{From: "issued", Event: "cancel", To: "cancelled", By: by(Consultant, Manager)},
	{From: "active", Event: "load", To: "active", By: by(Consultant, Connector), Guards: guards(positive)},
	{From: "active", Event: "redeem", To: "active", By: by(Consultant, Customer, Connector), Guards: guards(covered)},
	{From: "active", Event: "block", To: "blocked", By: by(Manager, Consultant)},
	{From: "active", Event: "expire", To: "expired", By: by(Timer), Guards: guards(overdue)},
	{From: "active", Event: "cancel", To: "cancelled", By: by(Manager), Guards: guards(approved)},
	{From: "blocked", Event: "unblock", To: "active", By: by(Manager)},
	{From: "blocked", Event: "cancel", To: "cancelled", By: by(Manager), Guards: guards(approved)},
	{From: "blocked", Event: "expire", To: "expired", By: by(Timer), Guards: guards(overdue)},
	{From: "expired", Event: "extend", To: "active", By: by(Manager), Guards: guards(approved, timeLimit)},
}}
