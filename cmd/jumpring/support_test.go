package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/hub"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/support"
)

// canaries are planted where secrets and personal data may be; none may come out.
var canaries = map[string]string{
	"a secret in the configuration": "zzcanary-plain-secret+/=", "a secret of the environment": "zzcanary env <secret>&1", "the vault's key": "zzcanary-vault-key-0123456789",
	"a rotated secret": "zzcanary-rotated-token", "the admin's token": "zzcanary-admin-token-0123456789", "an e-mail": "zoe.zzcanary@example.com", "a family name": "Zzmartincanary",
	"a street": "Zzstreet", "a telephone": "0611998877", "a cost": "77712.34", "a tender's reference": "zzpaymentcanary", "a name in a platform's error": "Zzoecanary", "a word of the connector's configuration": "zzconfigcanary",
}

var (
	encoded64 = regexp.MustCompile(`[A-Za-z0-9+/_-]{6,}`)
	encoded16 = regexp.MustCompile(`(?i)(?:[0-9a-f]{2}){4,}`)
)

// readings are a text and everything that it may be an encoding of.
func readings(text string) []string {
	out := []string{text}
	for _, of := range []func(string) (string, error){
		url.QueryUnescape, url.PathUnescape,
		func(s string) (string, error) {
			once := strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&", `\u0040`, "@", `\\`, `\`, `\"`, `"`)
			return once.Replace(s) + once.Replace(once.Replace(s)), nil
		},
	} {
		for _, line := range strings.Split(text, "\n") {
			if plain, err := of(line); err == nil {
				out = append(out, plain)
			}
		}
	}
	for _, run := range encoded64.FindAllString(text, -1) {
		for from := range min(4, len(run)) { // wherever what is encoded begins
			cut := run[from:]
			if len(cut)%4 == 1 {
				cut = cut[:len(cut)-1]
			}
			for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
				if raw, err := e.DecodeString(cut); err == nil {
					out = append(out, string(raw))
				}
			}
		}
	}
	for _, run := range encoded16.FindAllString(text, -1) {
		if raw, err := hex.DecodeString(run); err == nil {
			out = append(out, string(raw))
		}
	}
	return out
}

// nothingOf fails where a bundle has a canary in any file.
func nothingOf(t *testing.T, path string) map[string]string {
	t.Helper()
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	files, err := support.Read(raw)
	require.NoError(t, err)
	out := map[string]string{}
	for _, f := range files {
		out[f.Name] = string(f.Body)
		for _, reading := range readings(string(f.Body)) {
			for what, canary := range canaries {
				require.NotContains(t, strings.ToLower(reading), strings.ToLower(canary), "%s is in %s", what, f.Name)
			}
		}
	}
	return out
}

func TestTheCheckOfABundleSeesEveryEncoding(t *testing.T) {
	for what, canary := range canaries {
		quoted, err := json.Marshal("it is " + canary)
		require.NoError(t, err)
		again, err := json.Marshal(string(quoted))
		require.NoError(t, err)
		for _, text := range []string{
			canary, string(quoted), string(again), "a=" + url.QueryEscape(canary), base64.StdEncoding.EncodeToString([]byte("x:" + canary)), base64.URLEncoding.EncodeToString([]byte(canary + "!")),
			hex.EncodeToString([]byte(canary)),
		} {
			found := false
			for _, reading := range readings(text) {
				found = found || strings.Contains(reading, canary)
			}
			require.True(t, found, "%s as %s", what, text)
		}
	}
}

// plantRecords puts personal data, costs and what can't be applied into a data folder.
func plantRecords(t *testing.T, data, key string) {
	t.Helper()
	h, err := hub.Open(t.Context(), hub.Options{Data: data, VaultKey: key, Settings: canon.Settings{
		MatchItem: []string{"serial", "sku"}, Serialized: "when_quantity_max_1", StockAuthority: "hub", Region: "FR", Locations: []string{"paris"},
	}})
	require.NoError(t, err)
	sum := sha256.Sum256([]byte(canaries["a secret of the environment"]))
	rotated, err := json.Marshal(map[string]string{"instead": hex.EncodeToString(sum[:]), "value": canaries["a rotated secret"]})
	require.NoError(t, err)
	require.NoError(t, h.Vault().Put("secrets.web-eu", "access_token", rotated))
	require.NoError(t, h.Router().Begin(t.Context()))
	person := &canon.PersonState{
		GivenName: "Zoe", FamilyName: canaries["a family name"], Emails: []string{canaries["an e-mail"]}, Phones: []string{canaries["a telephone"]},
		Addresses: []canon.AddressState{{Line1: "1 " + canaries["a street"], City: "Paris", Country: "FR"}},
	}
	head := canon.Head{Connection: "web-eu", Actor: "connection:web-eu"}
	var entries []bus.Entry
	for _, o := range []canon.Observation{
		{Kind: canon.KindCustomer, ExternalID: "c1", Aspect: canon.AspectMain, SourceVersion: 1, Customer: &canon.CustomerState{Person: person}},
		{Kind: canon.KindListing, ExternalID: "l1", Aspect: canon.AspectMain, SourceVersion: 1, Listing: &canon.ListingState{
			Title: "Ring of " + canaries["a family name"], SKU: "Z-1", Cost: &canon.StatedMoney{Amount: canaries["a cost"], Currency: "EUR"},
		}},
		{Kind: canon.KindOrder, ExternalID: "o1", Aspect: canon.AspectMain, SourceVersion: 1, Order: &canon.OrderState{
			Number: "1", Status: canon.OrderOpen, PlacedAt: time.Now(), Currency: "EUR", CustomerID: "c1", Buyer: person,
			Lines:   []canon.OrderLine{{ID: "1", ListingID: "l1", Quantity: 1}},
			Tenders: []canon.Tender{{Kind: "card", Reference: canaries["a tender's reference"], Amount: canon.StatedMoney{Amount: "1.00", Currency: "EUR"}}},
		}},
	} {
		e, err := router.EncodeObservation(head, o)
		require.NoError(t, err)
		entries = append(entries, e)
	}
	bad, err := router.NewEntry(canon.EntryObservation, head, map[string]any{"kind": "customer", "external_id": canaries["an e-mail"], "customer": canaries["a family name"]})
	require.NoError(t, err)
	_, err = h.Journal().Append(t.Context(), bus.ClassCommand, append(entries, bad))
	require.NoError(t, err)
	require.NoError(t, h.Close())
}

func TestASupportBundleHoldsNoSecretAndNobody(t *testing.T) {
	o, _ := newOperator(t)
	dir := filepath.Dir(o.config)
	raw, err := os.ReadFile(o.config)
	require.NoError(t, err)
	t.Setenv("ZZ_TOKEN", canaries["a secret of the environment"])
	t.Setenv("ZZ_UNUSED", canaries["a secret of the environment"])
	text := strings.NewReplacer("hush-secret", fmt.Sprintf("%q", canaries["a secret in the configuration"]), "hush-token", `"${env:ZZ_TOKEN}"`, "level: error", "level: trace", "aurum", canaries["a word of the connector's configuration"]).Replace(string(raw))
	// The folder of a person's name is not there: the connector's error names it.
	missing := filepath.Join(dir, canaries["a name in a platform's error"]+" "+canaries["an e-mail"])
	text += fmt.Sprintf("  - name: lost\n    connector: csv\n    config: {folder: %q, timezone: Europe/Paris, currency: EUR, location: paris}\n", missing)
	require.NoError(t, os.WriteFile(o.config, []byte(text), 0o600))
	o.env = map[string]string{
		keyVariable: canaries["the vault's key"], adminVariable: canaries["the admin's token"], "JUMPRING_TOKEN": canaries["the admin's token"], "ZZ_TOKEN": canaries["a secret of the environment"],
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "data"), 0o700))
	plantRecords(t, filepath.Join(dir, "data"), o.env[keyVariable])
	log := filepath.Join(dir, "old.log")
	var planted strings.Builder
	for what, canary := range canaries {
		quoted, err := json.Marshal(canary)
		require.NoError(t, err)
		fmt.Fprintf(&planted, "2026-11-22T18:00:00.000Z [WARN]  jumpring: the call failed: error=%s\n%s %s %s\n", quoted, url.QueryEscape(canary), base64.StdEncoding.EncodeToString([]byte("of "+what+": "+canary)), hex.EncodeToString([]byte(canary)))
	}
	require.NoError(t, os.WriteFile(log, []byte(planted.String()), 0o600))

	stop := o.serve()
	eventually(t, time.Minute, "the lost folder's error is shown, with the canary in it", func() bool {
		shown := o.run("connection", "show", "lost", "-o", "json").out
		return strings.Contains(shown, canaries["a name in a platform's error"])
	})
	eventually(t, time.Minute, "the parked entry is there", func() bool { return strings.Contains(o.run("parked", "list", "-o", "json").out, "web-eu") })
	file := filepath.Join(dir, "running.zip")
	o.ok("support", "bundle", file, "--log", log)
	files := nothingOf(t, file)
	for name, has := range map[string]string{
		"versions.json": `"go":`, "status.json": `"lost"`, "journal.json": `"observation"`, "records.json": `"rec/client/": 1`, "metrics.txt": "jumpring_journal_end", "log.txt": "jumpring",
		"goroutines.txt": "core/hub", "configuration.json": `"access_token": "[redacted]"`, "doctor.json": `"disk"`, "environment.json": `"ZZ_TOKEN": true`, "log-file.txt": "the call failed", "README.txt": "status.json",
	} {
		require.Contains(t, files[name], has, name)
	}
	require.NotContains(t, files["environment.json"], "ZZ_UNUSED")
	require.Contains(t, files["status.json"], support.Mark, "of the error stays that there was one")
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	require.NotZero(t, o.run("support", "bundle", file).code, "a bundle never takes the place of another file")

	// Whoever may not run the hub gets none.
	made := o.ok("token", "create", "--name", "boss", "--role", "manager", "-o", "json")
	var token struct{ Token string }
	require.NoError(t, json.Unmarshal([]byte(made), &token))
	refused := filepath.Join(dir, "refused.zip")
	o.ok("--token", token.Token, "support", "bundle", refused)
	require.NotContains(t, nothingOf(t, refused), "status.json")
	stop()

	file = filepath.Join(dir, "stopped.zip")
	o.ok("support", "bundle", file, "--log", log)
	files = nothingOf(t, file)
	require.Contains(t, files["hub.txt"], "does not answer")
	require.Contains(t, files["records.json"], `"rec/client/": 1`)
	require.Contains(t, files["journal.json"], `"observation"`)

	// A hub that is not well: its journal can't be opened.
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "data", "journal")))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "data", "journal"), []byte(canaries["a family name"]), 0o600))
	file = filepath.Join(dir, "broken.zip")
	o.ok("support", "bundle", file)
	require.Contains(t, nothingOf(t, file)["hub.txt"], "can't be opened")
}
