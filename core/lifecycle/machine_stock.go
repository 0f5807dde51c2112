package lifecycle

// TransferMachine moves goods from one of the house's places to another. Goods on the way are at neither.
var TransferMachine = Machine{Name: "transfer", Table: []Transition{
	{From: "", Event: "request", To: "requested", By: by(Consultant, Manager), Guards: guards(otherPlace)},
	{From: "requested", Event: "approve", To: "approved", By: by(Manager)},
	{From: "requested", Event: "cancel", To: "cancelled", By: by(Consultant, Manager)},
	{From: "approved", Event: "pick", To: "picked", By: by(Consultant, Device), Guards: guards(rightPiece, noneOpen)},
	{From: "approved", Event: "pick", To: "approved", By: by(Consultant, Device), Guards: guards(rightPiece)},
	{From: "approved", Event: "cancel", To: "cancelled", By: by(Manager)},
	{From: "picked", Event: "ship", To: "in_transit", By: by(Consultant), Guards: guards(free, referenced, twoPersons), Effects: causes(onItem("ship"))},
	{From: "picked", Event: "cancel", To: "cancelled", By: by(Manager)},
	{From: "in_transit", Event: "receive", To: "received", By: by(Consultant, Device), Guards: guards(rightPiece, otherPerson, noneOpen, noDiscrepancy), Effects: causes(onItem("receive"))},
	{From: "in_transit", Event: "receive", To: "part_received", By: by(Consultant, Device), Guards: guards(rightPiece, otherPerson), Effects: causes(onItem("receive"))},
	{From: "in_transit", Event: "miss", To: "investigated", By: by(Manager, Timer), Guards: guards(overdue), Effects: causes(onItem("miss"))},
	{From: "in_transit", Event: "miss", To: "investigated", By: by(Manager), Guards: guards(referenced), Effects: causes(onItem("miss"))}, // a parcel that came open
	{From: "part_received", Event: "receive", To: "received", By: by(Consultant, Device), Guards: guards(rightPiece, otherPerson, noneOpen, noDiscrepancy), Effects: causes(onItem("receive"))},
	{From: "part_received", Event: "receive", To: "part_received", By: by(Consultant, Device), Guards: guards(rightPiece, otherPerson), Effects: causes(onItem("receive"))},
	{From: "part_received", Event: "miss", To: "investigated", By: by(Manager, Timer), Guards: guards(overdue), Effects: causes(onItem("miss"))},
	{From: "part_received", Event: "miss", To: "investigated", By: by(Manager), Guards: guards(referenced), Effects: causes(onItem("miss"))}, // a parcel that came open
	{From: "investigated", Event: "receive", To: "received", By: by(Consultant, Manager), Guards: guards(rightPiece, otherPerson, noneOpen), Effects: causes(onItem("find"))},
	{From: "investigated", Event: "receive", To: "investigated", By: by(Consultant, Manager), Guards: guards(rightPiece, otherPerson), Effects: causes(onItem("find"))},
	{From: "investigated", Event: "close", To: "closed", By: by(Manager), Guards: guards(approved)},
	{From: "received", Event: "close", To: "closed", By: by(Manager, Timer)},
}}

// MemoMachine is goods that the house lends to a client or another house, for a time.
var MemoMachine = Machine{Name: "memo", Table: []Transition{
	{From: "", Event: "draft", To: "draft", By: by(Consultant, Manager), Guards: guards(knownParty)},
	{From: "draft", Event: "issue", To: "issued", By: by(Consultant, Manager), Guards: guards(free, timeLimit, withinLimit, twoPersons), Effects: causes(onItem("lend"))},
	{From: "draft", Event: "cancel", To: "cancelled", By: by(Consultant, Manager)},
	{From: "issued", Event: "settle_line", To: "settled", By: by(Consultant, Manager), Guards: guards(noneOpen), Effects: causes(onItem("invoice"))},
	{From: "issued", Event: "settle_line", To: "part_settled", By: by(Consultant, Manager), Effects: causes(onItem("invoice"))},
	{From: "issued", Event: "take_back", To: "returned", By: by(Consultant, Manager), Guards: guards(rightPiece, inspected, noneOpen), Effects: causes(onItem("take_back"))},
	{From: "issued", Event: "take_back", To: "part_settled", By: by(Consultant, Manager), Guards: guards(rightPiece, inspected), Effects: causes(onItem("take_back"))},
	{From: "issued", Event: "fall_due", To: "overdue", By: by(Timer), Guards: guards(overdue)},
	{From: "issued", Event: "extend", To: "issued", By: by(Manager), Guards: guards(mayExtend, timeLimit)},
	{From: "part_settled", Event: "settle_line", To: "settled", By: by(Consultant, Manager), Guards: guards(noneOpen), Effects: causes(onItem("invoice"))},
	{From: "part_settled", Event: "settle_line", To: "part_settled", By: by(Consultant, Manager), Effects: causes(onItem("invoice"))},
	{From: "part_settled", Event: "take_back", To: "settled", By: by(Consultant, Manager), Guards: guards(rightPiece, inspected, noneOpen), Effects: causes(onItem("take_back"))},
	{From: "part_settled", Event: "take_back", To: "part_settled", By: by(Consultant, Manager), Guards: guards(rightPiece, inspected), Effects: causes(onItem("take_back"))},
	{From: "part_settled", Event: "fall_due", To: "overdue", By: by(Timer), Guards: guards(overdue)},
	{From: "overdue", Event: "extend", To: "issued", By: by(Manager), Guards: guards(mayExtend, timeLimit)},
	{From: "overdue", Event: "settle_line", To: "settled", By: by(Consultant, Manager), Guards: guards(noneOpen), Effects: causes(onItem("invoice"))},
	{From: "overdue", Event: "settle_line", To: "overdue", By: by(Consultant, Manager), Effects: causes(onItem("invoice"))},
	{From: "overdue", Event: "take_back", To: "settled", By: by(Consultant, Manager), Guards: guards(rightPiece, inspected, noneOpen), Effects: causes(onItem("take_back"))},
	{From: "overdue", Event: "take_back", To: "overdue", By: by(Consultant, Manager), Guards: guards(rightPiece, inspected), Effects: causes(onItem("take_back"))},
	{From: "overdue", Event: "lose", To: "settled", By: by(Manager), Guards: guards(referenced, noneOpen), Effects: causes(onItem("miss"))},
}}

// ConsignmentMachine is goods that another's house or person lets this one sell.
var ConsignmentMachine = Machine{Name: "consignment", Table: []Transition{
	{From: "", Event: "receive", To: "received", By: by(Consultant, Manager), Guards: guards(knownParty, inspected), Effects: causes(onItem("intake"))},
	{From: "received", Event: "offer", To: "on_sale", By: by(Consultant, Manager), Guards: guards(timeLimit)},
	{From: "received", Event: "give_back", To: "returned", By: by(Consultant, Manager), Guards: guards(free, rightPiece), Effects: causes(onItem("return_to_vendor"))},
	{From: "on_sale", Event: "sell", To: "sold", By: by(Consultant, Connector), Effects: causes(onItem("sell"))},
	{From: "on_sale", Event: "expire", To: "in_grace", By: by(Timer), Guards: guards(overdue)},
	{From: "on_sale", Event: "convert", To: "converted", By: by(Manager), Guards: guards(approved)},
	{From: "on_sale", Event: "give_back", To: "returned", By: by(Consultant, Manager), Guards: guards(free, rightPiece), Effects: causes(onItem("return_to_vendor"))},
	{From: "in_grace", Event: "sell", To: "sold", By: by(Consultant, Connector), Effects: causes(onItem("sell"))},
	{From: "in_grace", Event: "offer", To: "on_sale", By: by(Manager), Guards: guards(timeLimit)},
	{From: "in_grace", Event: "give_back", To: "returned", By: by(Consultant, Manager), Guards: guards(free, rightPiece), Effects: causes(onItem("return_to_vendor"))},
	{From: "in_grace", Event: "convert", To: "converted", By: by(Manager), Guards: guards(approved)},
	{From: "in_grace", Event: "donate", To: "donated", By: by(Manager), Guards: guards(free, approved), Effects: causes(onItem("scrap"))},
	{From: "sold", Event: "pay_out", To: "paid_out", By: by(Accountant, Manager), Guards: guards(positive)},
	{From: "sold", Event: "take_back", To: "on_sale", By: by(Manager), Guards: guards(inspected)},
}}

// CountMachine is one count of what is at a place.
var CountMachine = Machine{Name: "count", Table: []Transition{
	{From: "", Event: "open", To: "open", By: by(Consultant, Manager, Device)},
	{From: "open", Event: "see", To: "open", By: by(Consultant, Device)},
	{From: "open", Event: "pause", To: "paused", By: by(Consultant, Manager)},
	{From: "open", Event: "submit", To: "submitted", By: by(Consultant, Device)},
	{From: "open", Event: "cancel", To: "cancelled", By: by(Manager)},
	{From: "paused", Event: "resume", To: "open", By: by(Consultant, Manager)},
	{From: "paused", Event: "cancel", To: "cancelled", By: by(Manager)},
	{From: "submitted", Event: "recount", To: "open", By: by(Manager)},
	{From: "submitted", Event: "complete", To: "completed", By: by(Manager, Timer), Guards: guards(noDiscrepancy)},
	{From: "submitted", Event: "complete", To: "completed", By: by(Manager), Guards: guards(approved), Effects: causes(onItem("miss"))},
	{From: "submitted", Event: "cancel", To: "cancelled", By: by(Manager)},
}}
