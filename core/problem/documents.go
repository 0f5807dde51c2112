package problem

import "net/http"

// documentSpecs lists the refusals of documents and of the states of goods.
func documentSpecs() []Spec {
	return []Spec{
		{"transition.unknown", http.StatusUnprocessableEntity, "There is no such event", "Use one that detail names."},
		{"item.document", http.StatusConflict, "The piece is under a document", "Take the step of its memo or transfer."},
		{"item.certificate_missing", http.StatusConflict, "The piece's report is not there", "Restock it with its report, and say so."},
		{"item.not_client_owned", http.StatusConflict, "The piece is not a client's", "Take in clients' own pieces alone."},
		{"item.contradiction", http.StatusConflict, "The listing's keys contradict another's", "Decide which piece it is: `jumpring match`, or correct the key at its source."},
		{"item.same_report", http.StatusConflict, "Another live piece states the same grading report", "Find out which of them the report is of, and correct, match or take out the other."},
		{"location.unknown", http.StatusUnprocessableEntity, "The house has no such place", "Use a name of /v1/locations."},
		{"reference.missing", http.StatusConflict, "A reference is missing", "Give the number of the police, the insurer, the seal or the document, or the reason."},
		{"component.missing", http.StatusConflict, "The piece that it goes into is not named", "Name it as component."},
		{"approval.missing", http.StatusConflict, "A manager has to approve it", "Send approved with a manager's token."},
		{"approval.second_person", http.StatusConflict, "It takes a second person", "Have somebody else than who approved it do it."},
		{"return.policy", http.StatusConflict, "The return is outside of the house's policy", "Say within_policy, or refuse it."},
		{"hold.not_due", http.StatusConflict, "It has not fallen due", "Wait for its time."},
		{"transfer.unknown", http.StatusNotFound, "There is no such transfer", "Look the id up with /v1/transfers."},
		{"transfer.lines", http.StatusUnprocessableEntity, "A transfer's lines are not as they can be", "Name 1 to 100 goods, each once."},
		{"transfer.line", http.StatusConflict, "The goods are not to be handled under this transfer now", "Look at the transfer's lines."},
		{"transfer.quantity", http.StatusUnprocessableEntity, "More than is still to come", "Receive what detail names, or less."},
		{"transfer.authority", http.StatusConflict, "A platform counts this stock", "Move the quantity there; pieces may be transferred here."},
		{"transfer.elsewhere", http.StatusConflict, "The piece is not where it is to leave from", "Look at its location, or count it."},
		{"transfer.same_place", http.StatusConflict, "Origin and destination are the same", "Name two places."},
		{"transfer.same_person", http.StatusConflict, "Who ships does not receive", "Have somebody else receive it."},
		{"count.unknown", http.StatusNotFound, "There is no such count", "Look the id up with /v1/counts."},
		{"count.scans", http.StatusUnprocessableEntity, "There are no scans, or too many", "Bring 1 to 500 at once."},
		{"count.comparing", http.StatusConflict, "The count is still being compared", "Ask again in a moment, under another Idempotency-Key."},
		{"credit.unknown", http.StatusNotFound, "There is no such gift card or store credit", "Look the id up with /v1/credits."},
		{"credit.kind", http.StatusUnprocessableEntity, "There is no such kind of credit", "Use gift_card or store_credit."},
		{"credit.currency", http.StatusConflict, "The account is in another currency", "Use the currency that detail names."},
		{"credit.lines", http.StatusConflict, "The account has too many lines", "Move its balance to a new one."},
		{"balance.short", http.StatusConflict, "The balance does not cover it", "Ask for what is free, or less."},
		{"amount.not_positive", http.StatusConflict, "The amount has to be above zero", "State an amount above zero."},
		{"ledger.line_unknown", http.StatusConflict, "No such line stands", "Name a line of the account that nobody has undone or captured."},
		{"payment.open", http.StatusConflict, "It is not paid for", "Take the payment, and say so."},
		{"offer.unknown", http.StatusNotFound, "There is no such price list or promotion", "Look the id up with /v1/price-lists or /v1/promotions."},
		{"offer.draft", http.StatusUnprocessableEntity, "The offer is not as it can be", "Change what detail names."},
		{"offer.prices", http.StatusUnprocessableEntity, "The prices are too many, or of a promotion", "Name up to 500 prices of a price list at once."},
		{"time.too_early", http.StatusConflict, "Its time has not come", "Wait for its beginning; the clock starts it."},
		{"time.window", http.StatusConflict, "Its end is not after its beginning, or is past", "Withdraw it to a draft and change its time."},
		{"lines.open", http.StatusConflict, "Lines are still open", "Settle each line first."},
		{"lines.discrepancy", http.StatusConflict, "What came is not what was sent", "Report what is missing."},
	}
}
