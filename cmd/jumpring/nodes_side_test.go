package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus/rabbit/rabbittest"
	"github.com/jumpring/jumpring/bus/rabbit/stream"
	"github.com/jumpring/jumpring/core/api"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/hub"
	"github.com/jumpring/jumpring/core/reconcile"
)

// accepts waits until a node answers who comes with a token with a status.
func (n *nodes) accepts(t *testing.T, name, token string, status int) {
	t.Helper()
	at := newDoor(n.till(name).url, token)
	eventually(t, time.Minute, fmt.Sprintf("%s answers %d", name, status), func() bool {
		a, err := at.send(http.MethodGet, "/v1/items", nil)
		return err == nil && a.status == status
	})
}

// signsIn tells how a node's pages answer a sign-in: 200 for somebody whom they take, 401 for nobody.
func (n *nodes) signsIn(t *testing.T, name, person, password string) int {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	browser, at := &http.Client{Jar: jar, Timeout: time.Minute}, n.till(name).url
	_, page := getPage(t, browser, at+"/")
	form := regexp.MustCompile(`name="form" value="([^"]+)"`).FindStringSubmatch(page)
	require.NotNil(t, form, page)
	res, err := browser.PostForm(at+"/console/sign-in", url.Values{"form": {form[1]}, "name": {person}, "password": {password}})
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	return res.StatusCode
}

// refused starts a node that has to end by itself, and gives its log.
func (n *nodes) refused(t *testing.T, name, key string, join *hub.Join) string {
	t.Helper()
	spec := n.specs["a"]
	spec.Node, spec.Data, spec.VaultKey, spec.Join = name, filepath.Join(t.TempDir(), "data"), key, join
	n.spec = spec
	p, _ := n.launch()
	select {
	case <-p.exited:
	case <-time.After(2 * time.Minute):
		t.Fatalf("a node with another key goes on\n%s", p.log)
	}
	require.Error(t, p.err)
	return p.log.String()
}

// zeroAtTheShop waits until Shopify shows 0 of a piece, which takes a call with a token that it takes.
func (n *nodes) zeroAtTheShop(t *testing.T, p pair) {
	t.Helper()
	eventually(t, 2*time.Minute, p.sku+" is 0 at the shop", func() bool { return n.shopWrites(p.sku)[0] == 1 })
}

// nowhereReadable reads the journal and holds that some texts are in no entry of it. Invariant 7.
func (n *nodes) nowhereReadable(t *testing.T, texts ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	j, err := stream.Open(ctx, n.stream)
	require.NoError(t, err)
	defer func() { require.NoError(t, j.Close()) }()
	changes := 0
	for from := uint64(1); from <= j.End(); {
		batches, err := j.ReadFrom(ctx, from, 1<<20)
		require.NoError(t, err)
		require.NotEmpty(t, batches)
		for i := range batches {
			for _, e := range batches[i].Entries {
				for _, text := range texts {
					require.NotContains(t, string(e.Head)+string(e.Data)+string(e.Personal), text, "entry of type %s", e.Type)
				}
				if e.Type == string(canon.EntrySide) {
					changes++
				}
			}
			from = batches[i].Offset + 1
		}
	}
	require.Greater(t, changes, 5, "the changes are in the journal")
}

// TestNodesShareWhatIsSealed: credentials, tokens and people are those of the nodes, whichever they came to. The shop takes
// each refresh token once: a node that takes over with an old one is locked out.
func TestNodesShareWhatIsSealed(t *testing.T) {
	s := newSandbox(t, sandboxOptions{rotating: true, limits: reconcile.Limits{ChangesPerHour: 1_000_000, ToZeroShare: 1}})
	broker := rabbittest.StartFor(t, rabbittest.Options{})
	n := newNodes(t, s, broker.URLs("/"))
	s.spec.Pages = true
	pieces := s.pieces(3)
	n.up(t, "a")
	n.inMode(canon.ModeLive)
	ids := map[string]string{}
	for _, p := range pieces {
		ids[p.sku] = n.door.bySKU(t, p.sku).ID
	}
	sell := func(at string, p pair) {
		n.sell(t, at, p, ids[p.sku])
		n.zeroAtTheShop(t, p)
	}
	desk := n.token(t, n.admin("a"), "desk", "consultant")
	gone := n.token(t, n.admin("a"), "gone", "consultant")
	require.Equal(t, http.StatusNoContent, n.admin("a").must(t, http.MethodDelete, "/v1/tokens/gone", nil).status)
	added := n.admin("a").must(t, http.MethodPost, "/v1/staff", api.PersonAsked{Name: "anna", Role: "manager", Location: paris, Password: "three calm words"})
	require.Equal(t, http.StatusCreated, added.status, "%s", added.body)
	s.shop.RevokeTokens() // its next call needs the refresh token of the call before
	sell("a", pieces[0])

	// Another key is refused; without a snapshot too, which core/hub asks.
	log := n.refused(t, "c", "a key that no other node has", &hub.Join{URL: "http://" + n.procs["a"].address, Token: adminToken})
	require.Contains(t, log, "the key is not that of the other nodes")
	require.Contains(t, log, "set JUMPRING_KEY to the same at each node")

	// Who joins by a snapshot has all of it.
	n.from = n.procs["a"].address
	n.spec = n.specs["a"]
	n.up(t, "b")
	require.NotEmpty(t, snapshotsOf(t, n.specs["b"].Data), "the second node began with the first one's snapshot")
	n.accepts(t, "b", desk.Token, http.StatusOK)
	n.accepts(t, "b", gone.Token, http.StatusUnauthorized)
	require.Equal(t, http.StatusOK, n.signsIn(t, "b", "anna", "three calm words"))

	// Made at one, accepted at the other; revoked at the other, refused at the one as soon as it has folded that.
	late := n.token(t, n.admin("b"), "late", "consultant")
	n.accepts(t, "a", late.Token, http.StatusOK)
	twice := n.admin("a").must(t, http.MethodPost, "/v1/tokens", api.TokenAsked{Name: "late", Role: "consultant"})
	require.Equal(t, http.StatusConflict, twice.status, "%s", twice.body)
	revoked := n.admin("b").must(t, http.MethodDelete, "/v1/tokens/late", nil)
	require.Equal(t, http.StatusNoContent, revoked.status)
	at := n.admin("b").must(t, http.MethodGet, "/v1/items", nil).header.Get(api.HeaderPosition)
	require.Equal(t, http.StatusOK, n.admin("a").must(t, http.MethodGet, "/v1/items?after="+at, nil).status)
	require.Equal(t, http.StatusUnauthorized, newDoor(n.till("a").url, late.Token).must(t, http.MethodGet, "/v1/items", nil).status)
	for range 5 {
		require.Equal(t, http.StatusUnauthorized, n.signsIn(t, "a", "anna", "not her words at all"))
	}
	at = n.admin("a").must(t, http.MethodGet, "/v1/items", nil).header.Get(api.HeaderPosition)
	require.Equal(t, http.StatusOK, n.admin("b").must(t, http.MethodGet, "/v1/items?after="+at, nil).status)
	require.Equal(t, http.StatusUnauthorized, n.signsIn(t, "b", "anna", "three calm words"), "she is locked out everywhere")

	// A credential that the leader rotates is what its successor goes on with.
	require.Equal(t, "a", n.leader(t))
	s.shop.RevokeTokens()
	sell("a", pieces[1])
	n.procs["a"].sigkill()
	n.procs["a"].wait()
	s.shop.RevokeTokens()
	sell("b", pieces[2])
	require.Equal(t, "b", n.leader(t))

	// Stopped, a node shows what is shared; what is changed then counts when it starts.
	line := n.commandLine(t, "a")
	listed := line.ok("token", "list")
	require.Contains(t, listed, "desk")
	require.NotContains(t, listed, "gone")
	require.Contains(t, line.ok("token", "create", "--name", "stopped", "--role", "admin"), "jr_")
	require.Contains(t, line.ok("token", "list"), "stopped")
	line.ok("token", "revoke", "desk")
	n.accepts(t, "b", desk.Token, http.StatusOK)
	n.up(t, "a")
	n.accepts(t, "a", desk.Token, http.StatusUnauthorized)
	n.accepts(t, "b", desk.Token, http.StatusUnauthorized)
	eventually(t, time.Minute, "the token that was made at a stopped node is known", func() bool {
		return len(tokensOf(t, n.admin("b"), "stopped")) == 1
	})

	for _, p := range pieces {
		require.Equal(t, 1, n.shopWrites(p.sku)[0], "%s was written once", p.sku)
	}
	admin := sha256.Sum256([]byte(adminToken))
	n.sameState(t, "a", "b")
	n.nowhereReadable(t, "shprt_", "shpat_", "$argon2id$", hex.EncodeToString(admin[:]), desk.Token, adminToken)
}

// tokensOf lists the tokens of a name that a node knows.
func tokensOf(t *testing.T, at *door, name string) (out []api.TokenShown) {
	t.Helper()
	for _, one := range fetch[struct {
		Items []api.TokenShown `json:"items"`
	}](t, at, "/v1/tokens").Items {
		if one.Name == name {
			out = append(out, one)
		}
	}
	return out
}
