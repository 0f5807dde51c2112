package lifecycle

// PieceMachine is the life of one serialized piece. A sold piece that comes in for a repair is a custody record of its own,
// owned by the client.
var PieceMachine = Machine{Name: "item", Table: []Transition{
	{From: "", Event: "order", To: "on_order", By: by(Consultant, Manager, Connector)},
	{From: "", Event: "intake", To: "in_stock", By: by(Consultant, Manager, Connector)},
	{From: "", Event: "take_in", To: "in_repair", By: by(Consultant, Bench), Guards: guards(clientsOwn)},
	{From: "on_order", Event: "receive", To: "in_stock", By: by(Consultant, Device, Connector), Guards: guards(rightPiece)},
	{From: "on_order", Event: "cancel", To: "cancelled", By: by(Manager, Connector)},

	{From: "in_stock", Event: "reserve", To: "reserved", By: by(Consultant, Customer, Connector), Guards: guards(free, timeLimit, oneChannel)},
	{From: "in_stock", Event: "sell", To: "sold", By: by(Consultant, Connector), Guards: guards(free, oneChannel, paid)},
	{From: "in_stock", Event: "lay_away", To: "layaway", By: by(Consultant), Guards: guards(free, deposit)},
	{From: "in_stock", Event: "lend", To: "on_memo_out", By: by(Consultant, Manager), Guards: guards(free, knownParty, timeLimit, withinLimit)},
	{From: "in_stock", Event: "repair", To: "in_repair", By: by(Consultant, Bench), Guards: guards(free)},
	{From: "in_stock", Event: "ship", To: "in_transit", By: by(Consultant), Guards: guards(free, otherPlace)},
	{From: "in_stock", Event: "damage", To: "quarantine", By: by(Consultant, Manager, Bench)},
	{From: "in_stock", Event: "miss", To: "missing", By: by(Manager, Device, Timer)},
	{From: "in_stock", Event: "assemble", To: "assembled", By: by(Manager, Bench), Guards: guards(free, intoPiece)},
	{From: "in_stock", Event: "melt", To: "melted", By: by(Manager), Guards: guards(free, approved)},
	{From: "in_stock", Event: "scrap", To: "scrapped", By: by(Manager), Guards: guards(free, approved)},
	{From: "in_stock", Event: "return_to_vendor", To: "returned_to_vendor", By: by(Manager), Guards: guards(free, referenced)},

	{From: "reserved", Event: "release", To: "in_stock", By: by(Consultant, Manager, Connector), Guards: guards(ownHold)},
	{From: "reserved", Event: "release", To: "in_stock", By: by(Manager)}, // a manager may free another's hold
	{From: "reserved", Event: "expire", To: "in_stock", By: by(Timer), Guards: guards(overdue)},
	{From: "reserved", Event: "sell", To: "sold", By: by(Consultant, Connector), Guards: guards(ownHold, paid)},
	{From: "reserved", Event: "miss", To: "missing", By: by(Manager, Device, Timer)},

	{From: "layaway", Event: "sell", To: "sold", By: by(Consultant), Guards: guards(paid)},
	{From: "layaway", Event: "cancel", To: "in_stock", By: by(Manager)},
	{From: "layaway", Event: "forfeit", To: "in_stock", By: by(Manager, Timer), Guards: guards(overdue)},

	{From: "on_memo_out", Event: "invoice", To: "sold", By: by(Consultant, Manager)},
	{From: "on_memo_out", Event: "take_back", To: "in_stock", By: by(Consultant, Manager), Guards: guards(rightPiece, inspected)},
	{From: "on_memo_out", Event: "miss", To: "missing", By: by(Manager)},

	{From: "in_repair", Event: "finish", To: "in_stock", By: by(Bench, Consultant), Guards: guards(jobClosed)},
	{From: "in_repair", Event: "hand_over", To: "sold", By: by(Consultant), Guards: guards(clientsOwn, jobClosed, paid)},
	{From: "in_repair", Event: "miss", To: "missing", By: by(Manager)},

	{From: "in_transit", Event: "receive", To: "in_stock", By: by(Consultant, Device), Guards: guards(rightPiece, otherPerson)},
	{From: "in_transit", Event: "miss", To: "missing", By: by(Manager, Timer), Guards: guards(overdue)},

	{From: "sold", Event: "return", To: "returned", By: by(Consultant, Manager, Connector), Guards: guards(rightPiece, inTime)},
	{From: "returned", Event: "restock", To: "in_stock", By: by(Manager, Bench), Guards: guards(inspected, withCertificate)},
	{From: "returned", Event: "repair", To: "in_repair", By: by(Manager, Bench), Guards: guards(inspected)},
	{From: "returned", Event: "damage", To: "quarantine", By: by(Manager, Bench), Guards: guards(inspected)},
	{From: "quarantine", Event: "restock", To: "in_stock", By: by(Manager), Guards: guards(inspected)},
	{From: "quarantine", Event: "repair", To: "in_repair", By: by(Manager, Bench)},
	{From: "quarantine", Event: "scrap", To: "scrapped", By: by(Manager), Guards: guards(approved)},

	{From: "missing", Event: "find", To: "in_stock", By: by(Consultant, Manager, Device), Guards: guards(rightPiece)},
	{From: "missing", Event: "report_stolen", To: "stolen", By: by(Manager), Guards: guards(referenced)},
	{From: "missing", Event: "write_off", To: "written_off", By: by(Manager), Guards: guards(approved)},
	{From: "stolen", Event: "find", To: "in_stock", By: by(Manager), Guards: guards(rightPiece, referenced)},
	{From: "written_off", Event: "find", To: "in_stock", By: by(Manager), Guards: guards(rightPiece)},
	{From: "assembled", Event: "dismantle", To: "in_stock", By: by(Manager, Bench), Guards: guards(inspected)},
}}

func by(actors ...Actor) []Actor        { return actors }
func guards(gs ...Guard) []Guard        { return gs }
func causes(effects ...Effect) []Effect { return effects }

func onItem(e Event) Effect { return Effect{"item", e} }
