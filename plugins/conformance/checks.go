package conformance

import (
	"context"
	"slices"
	"time"

	"github.com/jumpring/jumpring/plugins/sdk"
)

// check is one thing that must hold.
type check struct {
	name  string
	about string // what must hold, for a person
	do    string // what an author does about a finding
	needs []need
	// try reports by trial.find what does not hold; the error says why it could not be tried.
	try func(context.Context, *trial) error
}

// need gives why a check is not applicable, or "".
type need func(*kit) string

// The rows that a twin is filled with, how many come by a page, and how many change at one moment: more than a page.
const (
	rows  = 25
	page  = 10
	tied  = 15
	walks = 200 // pages after which a walk is said not to end
)

// checks are all checks, in the order of the report. The search for secrets comes last, since it looks at what all the
// others made the connector say.
var checks = []check{
	{"describe", "the description is complete and always the same", "complete what Describe answers; it must need no I/O and no configuration", nil, tryDescribe},
	{"configuration", "Validate accepts what is valid and names each missing required key", "give a diagnostic of severity error with the key's path (config.KEY or secrets.KEY), a code and what to do", []need{can(sdk.CanValidate)}, tryConfiguration},
	{"unreachable", "with nobody at the platform's address Open works and every call fails in order", "connect in the calls and not in Open; return errors, never an empty success, a panic or an exit", nil, tryUnreachable},
	{"check", "Check finds nothing wrong with a platform that is well, and changes nothing", "let Check ask for what the connector needs with safe requests only", []need{can(sdk.CanCheck), twin}, tryCheck},
	{"credentials", "wrong credentials are told: Check has an error, and no poll pretends that nothing changed", "treat 401 and 403 as an error of Check and of each call", []need{secrets, twin, anyOf(can(sdk.CanCheck), can(sdk.CanPoll))}, tryCredentials},
	{"snapshot", "a snapshot shows everything once, ends with Complete, names its kinds and gives a cursor for each stream on page one", "see the contract of sdk.Snapshotter", []need{can(sdk.CanSnapshot), twin}, trySnapshot},
	{"snapshot-handoff", "what changes while a snapshot runs is shown by the poll that goes on after it", "capture the cursors before the first row is read, by the platform's clock", []need{can(sdk.CanSnapshot), can(sdk.CanPoll), twin, rereads}, tryHandoff},
	{"snapshot-resume", "a snapshot goes on at any page in a new process", "put all that the next page needs into the page token, nothing into memory", []need{can(sdk.CanSnapshot), twin, rereads}, trySnapshotResume},
	{"poll-ties", "rows that changed at the same moment, more than a page of them, are all shown, and the poll ends", "use sdk.TimeCursor, or page within one time by a second key", []need{can(sdk.CanPoll), twin, rereads}, tryTies},
	{"poll-resume", "a poll goes on from any cursor in a new process, and shows the same when a cursor is asked twice", "put all that the next poll needs into the cursor, nothing into memory", []need{can(sdk.CanPoll), twin, rereads}, tryPollResume},
	{"poll-throttled", "after 429 with Retry-After no request comes too early, and nothing is lost", "return an sdk.Error with RetryAfter, or wait; see sdk.HTTPResponse.RetryAfter", []need{can(sdk.CanPoll), network}, tryPollThrottled},
	{"network-slow", "answers that trickle in are read whole", "bound a call by its context, not by a short time-out of your own", []need{anyOf(can(sdk.CanPoll), can(sdk.CanSnapshot)), network}, trySlow},
	{"network-dropped", "an answer that breaks off is an error and never an empty or partial success", "treat a body that ends early as a failed request and keep the cursor", []need{anyOf(can(sdk.CanPoll), can(sdk.CanSnapshot)), network}, tryDropped},
	{"network-hang", "a platform that never answers holds up neither a call beyond its deadline nor other calls", "hand the call's context to every request, and hold no lock while you wait", []need{anyOf(can(sdk.CanPoll), can(sdk.CanCheck)), network}, tryHang},
	{"webhook-genuine", "genuine deliveries get their verdict", "verify the raw bytes before anything is parsed", []need{can(sdk.CanWebhook), deliveries}, tryGenuine},
	{"webhook-signature", "a delivery that was altered, has no headers or is signed with another secret is refused", "verify the signature over the raw body in constant time (sdk.VerifyHMAC…); an empty secret verifies nothing", []need{can(sdk.CanWebhook), genuine}, trySignature},
	{"webhook-replay", "a delivery that comes again gives the same facts and the same id", "derive DeliveryID and observations from the delivery alone", []need{can(sdk.CanWebhook), genuine}, tryReplay},
	{"webhook-stale", "a delivery older than the replay window is refused", "compare the signed time with WebhookRequest.ReceivedAt", []need{can(sdk.CanWebhook), genuine, replayWindow}, tryStale},
	{"webhook-order", "a delivery means the same whatever came before it", "keep no state between deliveries; order is told by SourceVersion", []need{can(sdk.CanWebhook), several}, tryOrder},
	{"webhook-challenge", "a challenge is answered as the platform expects", "answer with VerdictChallenge and the body that the platform asks for", []need{can(sdk.CanWebhook), challenges}, tryChallenge},
	{"apply", "a write that is said to be applied shows at the platform", "say applied only when the platform confirmed it; Shows is what it shows now", []need{can(sdk.CanApply), twin, readsBack}, tryApply},
	{"apply-expect", "a write whose expected value is not shown does not happen and is a conflict", "use the platform's compare-and-set, or read and compare before you write", []need{can(sdk.CanApply), twin, readsBack}, tryExpect},
	{"apply-repeat", "a write that comes again under its key has no second effect", "send the key as the platform's idempotency key, or read before you write", []need{can(sdk.CanApply), twin, readsBack}, tryRepeat},
	{"apply-partial", "one bad write in a batch fails alone", "answer one result for each write, in order", []need{can(sdk.CanApply), twin, readsBack}, tryPartial},
	{"apply-throttled", "a write that is throttled is retried no earlier than the platform asks", "answer retry with RetryAfterMillis, or wait", []need{can(sdk.CanApply), network, readsBack}, tryApplyThrottled},
	{"apply-not-done", "a write that did not reach the platform is not said to be applied", "say retry where nothing was sent (sdk.ErrNotSent), unknown where you can't know", []need{can(sdk.CanApply), network, readsBack}, tryNotDone},
	{"apply-unknown", "a write that was done without an answer is not denied, and not done twice", "say unknown after a 5xx or a lost answer (sdk.ErrOutcomeUnknown), never retry; Lookup tells the truth", []need{can(sdk.CanApply), network, readsBack}, tryUnknown},
	{"action", "each declared action on orders does once what it says, however often it comes under its key", "look whether the platform shows that it was done under the key before you act, and leave the key there (an idempotency key, a note, a tag)", []need{acts, twin, sells}, tryAction},
	{"action-partial", "one action on an order that is not there fails alone, and for good", "answer one result for each write, in order", []need{acts, twin, sells}, tryActionPartial},
	{"action-throttled", "an action that is throttled is tried again no earlier than the platform asks, and then done once", "answer retry with RetryAfterMillis where nothing was done; heed Retry-After", []need{acts, network, sells}, tryActionThrottled},
	{"action-unknown", "an action whose answer is lost is neither denied nor done twice: Lookup tells whether it happened", "say unknown once a request that acts went out (sdk.ErrOutcomeUnknown, a 5xx); find it in Lookup by the mark that you left", []need{acts, network, sells}, tryActionUnknown},
	{"read", "what is read again is what was shown, alone and with others, and what is not there is a deletion", "answer every entity that is asked for; one that the platform does not have is an observation with Deleted", []need{can(sdk.CanRead), twin}, tryRead},
	{"discover", "what a person maps has ids and names, is the same each time, and has every location at which stock is observed", "list locations by the ids that levels have, in a fixed order", []need{can(sdk.CanDiscover), twin}, tryDiscover},
	{"register", "Register called again changes nothing, Unregister takes back what was made for its address and nothing else", "list the platform's subscriptions first, and create what misses; go by the address", []need{can(sdk.CanRegister), twin}, tryRegister},
	{"register-dropped", "a subscription that the platform dropped or disabled comes back with the next Register", "compare with what the platform has, not with what you made; name it under Created or Reactivated", []need{can(sdk.CanRegister), twin, hooked}, tryDroppedHook},
	{"health", "Health is ok while all is well, and is not right after the platform failed", "remember how the last call ended; give a reason that a person understands", []need{can(sdk.CanHealth), twin}, tryHealth},
	{"rotation", "a rotated credential is sealed by the hub before it is used, and survives a restart", "call Host.RotateSecret and wait for it before the first use; give the new value back at the next Open", []need{network, expires, anyOf(can(sdk.CanPoll), can(sdk.CanCheck))}, tryRotation},
	{"shutdown", "the process ends in time, idle or busy, and never by itself", "return from Close and from calls whose context ended; never exit", nil, tryShutdown},
	{"memory", "memory does not grow with the number of calls", "look for what is kept for each call: maps, goroutines, open bodies", []need{canMeasure, live, anyOf(all(can(sdk.CanWebhook), genuine), all(can(sdk.CanPoll), twin))}, tryMemory},
	{"secrets", "no secret is in a log line, an error, a diagnostic or a fact, even where the platform repeats it", "quote no request and no body in errors; redact with sdk.Redact", []need{secrets}, trySecrets},
}

func known(name string) bool {
	return slices.ContainsFunc(checks, func(c check) bool { return c.name == name })
}

// Names gives the names of all checks and what must hold, in the order of the report.
func Names() (names, about []string) {
	for _, c := range checks {
		names, about = append(names, c.name), append(about, c.about)
	}
	return names, about
}

func can(capability sdk.Capability) need {
	return func(k *kit) string {
		if !slices.Contains(k.about.Capabilities, capability) {
			return "the connector can't " + string(capability)
		}
		return ""
	}
}

func anyOf(needs ...need) need {
	return func(k *kit) (why string) {
		for _, n := range needs {
			if why = n(k); why == "" {
				return ""
			}
		}
		return why
	}
}

func all(needs ...need) need {
	return func(k *kit) string {
		for _, n := range needs {
			if why := n(k); why != "" {
				return why
			}
		}
		return ""
	}
}

func when(ok func(*kit) bool, why string) need {
	return func(k *kit) string {
		if !ok(k) {
			return why
		}
		return ""
	}
}

var (
	twin    = when(func(k *kit) bool { return k.Twin != nil }, "no twin is named")
	network = func(k *kit) string {
		switch {
		case k.offline:
			return "a recording has no network that misbehaves"
		case k.proxy == nil:
			return "the twin is not reached over HTTP"
		}
		return ""
	}
	live    = when(func(k *kit) bool { return !k.offline }, "a recording has only as much traffic as there was")
	secrets = when(func(k *kit) bool { return len(k.Secrets) > 0 }, "the configuration has no secret")
	rereads = when(func(k *kit) bool {
		c, ok := k.Twin.(Consumed)
		return !ok || !c.Consumed()
	}, "what was read from the twin is gone")
	readsBack = anyOf(can(sdk.CanRead), can(sdk.CanSnapshot))
	expires   = when(func(k *kit) bool {
		_, ok := expirer(k.Twin)
		return ok
	}, "the twin's credentials don't expire")
	acts  = all(can(sdk.CanApply), can(sdk.CanLookup), when(func(k *kit) bool { return len(k.orderActions()) > 0 }, "the connector describes no action on orders"))
	sells = when(func(k *kit) bool {
		if k.tape != nil {
			return k.tape.about.Sells
		}
		_, ok := seller(k.Twin)
		return ok
	}, "the twin sells nothing")
	hooked = when(func(k *kit) bool {
		if k.tape != nil {
			return k.tape.about.Hooked
		}
		_, ok := hookedTwin(k.Twin)
		return ok
	}, "the twin does not show its subscriptions")
	deliveries = when(func(k *kit) bool { return len(k.Deliveries) > 0 }, "no delivery is described")
	genuine    = when(func(k *kit) bool { return len(k.genuine()) > 0 }, "no delivery that is accepted is described")
	several    = when(func(k *kit) bool { return len(k.genuine()) > 1 }, "fewer than two deliveries that are accepted are described")
	challenges = when(func(k *kit) bool {
		return slices.ContainsFunc(k.Deliveries, func(d Delivery) bool { return d.Expect == sdk.VerdictChallenge })
	}, "no challenge is described")
	replayWindow = when(func(k *kit) bool { return k.ReplayWindow > 0 }, "the platform signs no time (no replay_window)")
	canMeasure   = when(func(*kit) bool { _, err := residentBytes(1); return err == nil || !errorsIsUnsupported(err) }, "memory can't be measured on this system")
)

func contains(list []string, s string) bool { return slices.Contains(list, s) }

// make makes one check.
func (k *kit) make(ctx context.Context, c check) (Result, error) {
	res := Result{Check: c.name, About: c.about}
	if why := all(c.needs...)(k); why != "" {
		res.Outcome, res.Reason = NotApplicable, why
		return res, nil
	}
	began := time.Now()
	t := &trial{kit: k, check: c}
	switch {
	case k.tape == nil:
	case k.tape.replay && !slices.Contains(k.tape.about.Checks, c.name):
		res.Outcome, res.Reason = NotApplicable, "it is not in the recording"
		return res, nil
	case !k.tape.replay:
		k.offline = true
		t.live = all(c.needs...)(k) != ""
		k.offline = false
	}
	err := c.try(ctx, t)
	t.end()
	if t.tapes() && k.tape.replay {
		if err != nil {
			t.find("%v", err)
		}
		err = t.unmatched()
	}
	if t.tapes() && !k.tape.replay && t.skipped == "" {
		k.tape.about.Checks = append(k.tape.about.Checks, c.name)
	}
	if k.proxy != nil {
		k.proxy.clear()
	}
	if err != nil {
		return res, err
	}
	res.Millis, res.Findings, res.Outcome = time.Since(began).Milliseconds(), t.findings, Passed
	switch {
	case len(res.Findings) > 0:
		res.Outcome = Failed
	case t.skipped != "":
		res.Outcome, res.Reason = NotApplicable, t.skipped
	}
	return res, nil
}
