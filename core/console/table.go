package console

import (
	"net/http"

	"github.com/jumpring/jumpring/core/access"
)

// pages is the table of all addresses of the console.
func pages() []page {
	get, post := http.MethodGet, http.MethodPost
	self, control := access.OwnSelfRead, access.ConnectionsControl
	return []page{
		{method: get, path: "/console/static/:name", open: true, handle: (*Console).asset},
		{method: get, path: "/console/sign-in", open: true, handle: (*Console).signInPage},
		{method: post, path: "/console/sign-in", open: true, handle: (*Console).signIn},
		{method: get, path: "/console/sso", open: true, handle: (*Console).ssoBegin},
		{method: get, path: "/console/sso/back", open: true, handle: (*Console).ssoBack},
		{method: get, path: "/console/language", open: true, handle: (*Console).language},
		{method: post, path: "/console/sign-out", needs: self, handle: (*Console).signOut},

		{method: get, path: "/console", needs: self, handle: (*Console).overview},
		{method: get, path: "/console/live", needs: access.StreamRead, passes: true, handle: (*Console).live},
		{method: get, path: "/console/search", needs: access.ItemsRead, handle: (*Console).search},
		{method: get, path: "/console/items/:id", needs: access.ItemsRead, handle: (*Console).item},
		{method: get, path: "/console/clients", needs: access.ClientsRead, handle: (*Console).clients},
		{method: get, path: "/console/clients/:id", needs: access.ClientsRead, handle: (*Console).client},
		{method: post, path: "/console/clients/:id/same", needs: access.ClientsMerge, handle: (*Console).sameClient},
		{method: get, path: "/console/orders/:id", needs: access.OrdersRead, handle: (*Console).order},
		{method: get, path: "/console/cases", needs: access.CasesRead, handle: (*Console).cases},
		{method: get, path: "/console/cases/:id", needs: access.CasesRead, handle: (*Console).oneCase},
		{method: post, path: "/console/cases/:id/resolve", needs: access.CasesResolve, handle: (*Console).resolve},
		{method: get, path: "/console/approvals", needs: access.CasesRead, handle: (*Console).approvals},
		{method: post, path: "/console/approvals/:id/:step", needs: access.CasesResolve, handle: (*Console).decideApproval},
		{method: get, path: "/console/merges", needs: access.ClientsMerge, handle: (*Console).merges},
		{method: get, path: "/console/matches", needs: access.MatchesManage, handle: (*Console).matches},
		{method: post, path: "/console/matches/:name", needs: access.MatchesManage, handle: (*Console).match},
		{method: get, path: "/console/matches/:name/list.csv", needs: access.MatchesManage, handle: (*Console).matchesFile},
		{method: get, path: "/console/parked", needs: access.ParkedManage, handle: (*Console).parked},
		{method: get, path: "/console/parked/:position", needs: access.ParkedManage, handle: (*Console).parkedOne},
		{method: post, path: "/console/parked/:position/replay", needs: access.ParkedManage, handle: (*Console).parkedReplay},
		{method: post, path: "/console/parked/:position/discard", needs: access.ParkedManage, handle: (*Console).parkedDiscard},
		{method: get, path: "/console/connections", needs: access.ConnectionsRead, handle: (*Console).connections},
		{method: get, path: "/console/connections/:name", needs: access.ConnectionsRead, handle: (*Console).connection},
		{method: post, path: "/console/connections/:name/check", needs: access.ConnectionsInspect, handle: (*Console).check},
		{method: post, path: "/console/connections/:name/discover", needs: access.ConnectionsInspect, handle: (*Console).discover},
		{method: post, path: "/console/connections/:name/import", needs: access.ConnectionsInspect, handle: (*Console).startImport},
		{method: get, path: "/console/connections/:name/plan", needs: access.ConnectionsInspect, handle: (*Console).plan},
		{method: post, path: "/console/connections/:name/live", needs: control, handle: (*Console).goLive},
		{method: post, path: "/console/connections/:name/mode", needs: control, handle: (*Console).mode},
		{method: get, path: "/console/drift", needs: access.ConnectionsRead, handle: (*Console).drift},
		{method: post, path: "/console/drift", needs: access.ConnectionsInspect, handle: (*Console).startDrift},
		{method: get, path: "/console/jobs/:id", needs: access.ConnectionsInspect, handle: (*Console).job},
		{method: get, path: "/console/reports", needs: access.FiguresRead, handle: (*Console).reports},
		{method: get, path: "/console/reports/:name", needs: access.FiguresRead, handle: (*Console).reports},
		{method: get, path: "/console/reports/:name/rows.csv", needs: access.FiguresRead, handle: (*Console).reportFile},
		{method: get, path: "/console/policy", needs: access.PolicyRead, handle: (*Console).policy},
		{method: get, path: "/console/audit", needs: access.AuditRead, handle: (*Console).audit},
		{method: get, path: "/console/audit/journal", needs: access.AuditRead, handle: (*Console).journal},
		{method: post, path: "/console/audit/verify", needs: access.AuditRead, handle: (*Console).auditVerify},
		{method: post, path: "/console/audit/seal", needs: access.AuditRead, handle: (*Console).auditSeal},
		{method: get, path: "/console/tokens", needs: access.TokensManage, handle: (*Console).tokens},
		{method: post, path: "/console/tokens", needs: access.TokensManage, handle: (*Console).tokenCreate},
		{method: post, path: "/console/tokens/:name/rotate", needs: access.TokensManage, handle: (*Console).tokenRotate},
		{method: post, path: "/console/tokens/:name/revoke", needs: access.TokensManage, handle: (*Console).tokenRevoke},
		{method: get, path: "/console/staff", needs: access.StaffManage, handle: (*Console).staff},
		{method: post, path: "/console/staff", needs: access.StaffManage, handle: (*Console).staffAdd},
		{method: post, path: "/console/staff/:name/role", needs: access.StaffManage, handle: (*Console).staffRole},
		{method: post, path: "/console/staff/:name/password", needs: access.StaffManage, handle: (*Console).staffPassword},
		{method: post, path: "/console/staff/:name/:step", needs: access.StaffManage, handle: (*Console).staffStep},
		{method: get, path: "/console/account", needs: self, handle: (*Console).account},
		{method: post, path: "/console/account/password", needs: self, handle: (*Console).ownPassword},
	}
}

// navigation is the pages that the menu leads to, in its order.
var navigation = []struct {
	Group     string // the key of the heading that it stands under
	Path, Key string
	Access    string // the access key
	needs     access.Permission
	wide      bool // not for who is bound to a location
}{
	{"nav.day", "/console", "nav.overview", "o", access.OwnSelfRead, false},
	{"nav.day", "/console/search", "nav.search", "s", access.ItemsRead, false},
	{"nav.day", "/console/clients", "nav.clients", "k", access.ClientsRead, false},
	{"nav.day", "/console/cases", "nav.cases", "c", access.CasesRead, false},
	{"nav.day", "/console/approvals", "nav.approvals", "a", access.CasesRead, false},
	{"nav.day", "/console/reports", "nav.reports", "r", access.FiguresRead, false},
	{"nav.records", "/console/merges", "nav.merges", "g", access.ClientsMerge, false},
	{"nav.records", "/console/matches", "nav.matches", "m", access.MatchesManage, false},
	{"nav.records", "/console/parked", "nav.parked", "p", access.ParkedManage, false},
	{"nav.systems", "/console/connections", "nav.connections", "n", access.ConnectionsRead, false},
	{"nav.systems", "/console/drift", "nav.drift", "d", access.ConnectionsRead, false},
	{"nav.systems", "/console/policy", "nav.policy", "y", access.PolicyRead, false},
	{"nav.house", "/console/staff", "nav.staff", "f", access.StaffManage, false},
	{"nav.house", "/console/tokens", "nav.tokens", "t", access.TokensManage, false},
	{"nav.house", "/console/audit", "nav.audit", "u", access.AuditRead, true},
}
