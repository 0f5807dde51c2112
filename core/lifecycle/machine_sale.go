package lifecycle

// ReservationMachine is a hold on a piece or a quantity, click and collect included: asked for, held, confirmed by the
// boutique, picked, ready, collected.
var ReservationMachine = Machine{Name: "reservation", Table: []Transition{
	{From: "", Event: "request", To: "requested", By: by(Consultant, Customer, Connector)},
	{From: "", Event: "hold", To: "held", By: by(Consultant, Customer, Connector), Guards: guards(free, enough, timeLimit, oneChannel), Effects: causes(onItem("reserve"))},
	{From: "requested", Event: "hold", To: "held", By: by(Consultant, Connector, Timer), Guards: guards(free, enough, timeLimit, oneChannel), Effects: causes(onItem("reserve"))},
	{From: "requested", Event: "refuse", To: "refused", By: by(Consultant, Manager, Timer)},
	{From: "requested", Event: "cancel", To: "cancelled", By: by(Consultant, Customer, Connector)},
	{From: "held", Event: "confirm", To: "confirmed", By: by(Consultant)},
	{From: "held", Event: "refuse", To: "refused", By: by(Consultant, Manager, Timer), Effects: causes(onItem("release"))},
	{From: "held", Event: "expire", To: "expired", By: by(Timer), Guards: guards(overdue), Effects: causes(onItem("expire"))},
	{From: "held", Event: "release", To: "cancelled", By: by(Consultant, Manager, Customer, Connector), Effects: causes(onItem("release"))},
	{From: "held", Event: "sell", To: "collected", By: by(Consultant, Connector), Guards: guards(paid), Effects: causes(onItem("sell"))},
	{From: "held", Event: "extend", To: "held", By: by(Manager), Guards: guards(mayExtend, timeLimit)},
	{From: "confirmed", Event: "pick", To: "picked", By: by(Consultant, Device), Guards: guards(rightPiece)},
	{From: "confirmed", Event: "cancel", To: "cancelled", By: by(Consultant, Manager, Customer, Connector), Effects: causes(onItem("release"))},
	{From: "confirmed", Event: "move", To: "requested", By: by(Consultant, Manager), Guards: guards(otherPlace), Effects: causes(onItem("release"))},
	{From: "confirmed", Event: "expire", To: "expired", By: by(Timer), Guards: guards(overdue), Effects: causes(onItem("expire"))},
	{From: "picked", Event: "ready", To: "ready", By: by(Consultant, Device), Guards: guards(rightPiece, timeLimit)},
	{From: "picked", Event: "cancel", To: "cancelled", By: by(Consultant, Manager, Customer, Connector), Effects: causes(onItem("release"))},
	{From: "ready", Event: "extend", To: "ready", By: by(Manager), Guards: guards(mayExtend, timeLimit)},
	{From: "ready", Event: "collect", To: "collected", By: by(Consultant), Guards: guards(rightPiece, identified, paid, twoPersons), Effects: causes(onItem("sell"))},
	{From: "ready", Event: "cancel", To: "cancelled", By: by(Consultant, Manager, Customer, Connector), Effects: causes(onItem("release"))},
	{From: "ready", Event: "expire", To: "no_show", By: by(Timer), Guards: guards(overdue)},
	{From: "no_show", Event: "restock", To: "restocked", By: by(Consultant), Guards: guards(rightPiece), Effects: causes(onItem("release"))},
	{From: "no_show", Event: "extend", To: "ready", By: by(Manager), Guards: guards(mayExtend, timeLimit)},
}}

// OrderMachine is a sale from any channel.
var OrderMachine = Machine{Name: "order", Table: []Transition{
	{From: "", Event: "place", To: "pending", By: by(Consultant, Customer, Connector)},
	{From: "", Event: "accept", To: "open", By: by(Consultant, Connector), Guards: guards(paid), Effects: causes(onItem("sell"))},
	{From: "pending", Event: "accept", To: "open", By: by(Consultant, Connector), Guards: guards(paid), Effects: causes(onItem("sell"))},
	{From: "pending", Event: "cancel", To: "cancelled", By: by(Consultant, Manager, Customer, Connector, Timer), Effects: causes(onItem("release"))},
	{From: "open", Event: "edit", To: "open", By: by(Consultant, Manager, Connector)},
	{From: "open", Event: "fulfil_part", To: "part_fulfilled", By: by(Consultant, Connector), Guards: guards(someOpen)},
	{From: "open", Event: "fulfil", To: "fulfilled", By: by(Consultant, Connector), Guards: guards(noneOpen)},
	{From: "open", Event: "cancel", To: "cancelled", By: by(Manager, Connector), Effects: causes(onItem("return"))},
	{From: "part_fulfilled", Event: "fulfil", To: "fulfilled", By: by(Consultant, Connector), Guards: guards(noneOpen)},
	{From: "part_fulfilled", Event: "close", To: "fulfilled", By: by(Manager, Connector)},
	{From: "fulfilled", Event: "close", To: "closed", By: by(Timer, Manager)},
}}

// FulfilmentMachine is one delivery of an order's lines.
var FulfilmentMachine = Machine{Name: "fulfilment", Table: []Transition{
	{From: "", Event: "create", To: "created", By: by(Consultant, Connector), Guards: guards(someOpen)},
	{From: "created", Event: "pick", To: "picked", By: by(Consultant, Device), Guards: guards(rightPiece, noneOpen)},
	{From: "created", Event: "pick", To: "created", By: by(Consultant, Device), Guards: guards(rightPiece)},
	{From: "created", Event: "cancel", To: "cancelled", By: by(Consultant, Manager, Connector)},
	{From: "picked", Event: "pack", To: "packed", By: by(Consultant), Guards: guards(withCertificate)},
	{From: "picked", Event: "cancel", To: "cancelled", By: by(Consultant, Manager, Connector)},
	{From: "packed", Event: "ship", To: "shipped", By: by(Consultant, Connector), Guards: guards(referenced, twoPersons)},
	{From: "packed", Event: "cancel", To: "cancelled", By: by(Manager, Connector)},
	{From: "packed", Event: "hand_over", To: "delivered", By: by(Consultant), Guards: guards(identified)},
	{From: "shipped", Event: "deliver", To: "delivered", By: by(Connector, Consultant)},
	{From: "shipped", Event: "fail", To: "failed", By: by(Connector, Consultant)},
	{From: "failed", Event: "ship", To: "shipped", By: by(Consultant, Connector), Guards: guards(referenced)},
	{From: "failed", Event: "take_back", To: "returned", By: by(Consultant), Guards: guards(rightPiece)},
}}

// PaymentMachine is one tender. A card is only ever a gateway's token (invariant 7).
var PaymentMachine = Machine{Name: "payment", Table: []Transition{
	{From: "", Event: "create", To: "created", By: by(Consultant, Customer, Connector), Guards: guards(positive)},
	{From: "created", Event: "authorize", To: "authorized", By: by(Connector, Consultant)},
	{From: "created", Event: "capture", To: "captured", By: by(Connector, Consultant), Guards: guards(withinAuthority)}, // cash, a transfer, an instant wallet
	{From: "created", Event: "decline", To: "declined", By: by(Connector)},
	{From: "created", Event: "expire", To: "expired", By: by(Timer, Connector)},
	{From: "authorized", Event: "capture", To: "captured", By: by(Consultant, Manager, Connector), Guards: guards(withinAuthority)},
	{From: "authorized", Event: "void", To: "voided", By: by(Consultant, Manager, Connector)},
	{From: "authorized", Event: "expire", To: "expired", By: by(Timer, Connector)},
	{From: "captured", Event: "capture", To: "captured", By: by(Consultant, Manager, Connector), Guards: guards(withinAuthority)}, // a further part
	{From: "captured", Event: "settle", To: "settled", By: by(Connector, Accountant)},
	{From: "captured", Event: "refund", To: "refunded", By: by(Manager, Connector), Guards: guards(withinPaid, restRefund)},
	{From: "captured", Event: "refund", To: "part_refunded", By: by(Manager, Connector), Guards: guards(withinPaid)},
	{From: "settled", Event: "refund", To: "refunded", By: by(Manager, Connector), Guards: guards(withinPaid, restRefund)},
	{From: "settled", Event: "refund", To: "part_refunded", By: by(Manager, Connector), Guards: guards(withinPaid)},
	{From: "settled", Event: "charge_back", To: "charged_back", By: by(Connector)},
	{From: "part_refunded", Event: "refund", To: "refunded", By: by(Manager, Connector), Guards: guards(withinPaid, restRefund)},
	{From: "part_refunded", Event: "refund", To: "part_refunded", By: by(Manager, Connector), Guards: guards(withinPaid)},
	{From: "part_refunded", Event: "charge_back", To: "charged_back", By: by(Connector)},
	{From: "charged_back", Event: "win", To: "settled", By: by(Connector, Accountant)},
}}

// ReturnMachine is goods that come back, for money or for other goods. An exchange states its net amount: what the client
// pays or gets.
var ReturnMachine = Machine{Name: "return", Table: []Transition{
	{From: "", Event: "request", To: "requested", By: by(Consultant, Customer, Connector)},
	{From: "requested", Event: "authorize", To: "authorized", By: by(Consultant, Manager), Guards: guards(inTime)},
	{From: "requested", Event: "authorize", To: "authorized", By: by(Manager), Guards: guards(approved)}, // outside of the policy
	{From: "requested", Event: "reject", To: "rejected", By: by(Consultant, Manager)},
	{From: "requested", Event: "cancel", To: "cancelled", By: by(Customer, Consultant, Connector)},
	{From: "authorized", Event: "receive", To: "received", By: by(Consultant), Guards: guards(rightPiece, noneOpen), Effects: causes(onItem("return"))},
	{From: "authorized", Event: "receive", To: "authorized", By: by(Consultant), Guards: guards(rightPiece), Effects: causes(onItem("return"))},
	{From: "authorized", Event: "cancel", To: "cancelled", By: by(Customer, Consultant, Timer, Connector)},
	{From: "received", Event: "inspect", To: "inspected", By: by(Manager, Bench), Guards: guards(inspected)},
	{From: "inspected", Event: "accept", To: "accepted", By: by(Manager), Guards: guards(withCertificate)},
	{From: "inspected", Event: "reject", To: "rejected", By: by(Manager)},
	{From: "accepted", Event: "refund", To: "refunded", By: by(Manager, Connector), Guards: guards(withinPaid, restRefund), Effects: causes(Effect{"payment", "refund"})},
	{From: "accepted", Event: "refund", To: "part_refunded", By: by(Manager, Connector), Guards: guards(withinPaid), Effects: causes(Effect{"payment", "refund"})},
	{From: "accepted", Event: "exchange", To: "exchanged", By: by(Consultant, Manager), Guards: guards(paid), Effects: causes(onItem("sell"))},
	{From: "part_refunded", Event: "refund", To: "refunded", By: by(Manager, Connector), Guards: guards(withinPaid, restRefund), Effects: causes(Effect{"payment", "refund"})},
	{From: "part_refunded", Event: "refund", To: "part_refunded", By: by(Manager, Connector), Guards: guards(withinPaid), Effects: causes(Effect{"payment", "refund"})},
	{From: "part_refunded", Event: "close", To: "closed", By: by(Manager)},
	{From: "refunded", Event: "close", To: "closed", By: by(Manager, Timer)},
	{From: "exchanged", Event: "close", To: "closed", By: by(Manager, Timer)},
}}
