package edgefiles

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// The secrets of an exchange over SFTP.
const (
	secretPassword   = "password"
	secretKey        = "private_key"
	secretPassphrase = "passphrase"
)

var configFields = []sdk.ConfigField{
	{Key: "folder", Description: "folder of the exchange on this machine, or mounted", Type: "string"},
	{Key: "sftp", Description: "the exchange on a server instead: sftp://user@host:22/path", Type: "url"},
	{Key: "host_key", Description: "public key of the SFTP server, as in known_hosts: ssh-ed25519 AAAA…", Type: "string"},
	{Key: "lists", Description: "folder of lists, within the exchange", Type: "string", Default: "."},
	{Key: "sales", Description: "folder that The Edge takes web sales from, within the exchange", Type: "string", Default: "WebSales"},
	{Key: "taken", Description: "folder that The Edge moves imported sales to; empty where it deletes them", Type: "string"},
	{Key: "refused", Description: "folder that The Edge moves refused sales to", Type: "string"},
	{Key: "stores", Description: "The Edge's stores, as its files name them", Type: "list", Required: true},
	{Key: "timezone", Description: "IANA time zone of The Edge's times, such as America/Chicago", Type: "string", Required: true},
	{Key: "dates", Description: "how dates without an offset are written", Type: "string", Default: "us", OneOf: []string{"us", "iso", "eu"}},
	{Key: "currency", Description: "ISO 4217 currency of The Edge", Type: "string", Required: true, Pattern: "^[A-Z]{3}$"},
	{Key: "delimiter", Description: "what parts the fields of lists", Type: "string", Default: "comma", OneOf: []string{"comma", "tab", "semicolon", "pipe"}},
	{Key: "settle", Description: "how long a file must stay unchanged before it counts as complete", Type: "duration", Default: "5s"},
	{Key: "columns", Description: "other names of columns, each as theirs=ours, such as Inv #=itemid", Type: "list"},
	{Key: "statuses", Description: "other words for an item's status, each as theirs=canonical, such as Vault=quarantine", Type: "list"},
	{Key: "from", Description: "connections whose sales go to The Edge; empty for all others", Type: "list"},
	{Key: "misc_item", Description: "The Edge's item for lines that are none of its own; without it such a sale waits for a person", Type: "string"},
	{Key: secretPassword, Description: "of the SFTP user", Type: "string", Secret: true},
	{Key: secretKey, Description: "private key of the SFTP user, PEM", Type: "string", Secret: true},
	{Key: secretPassphrase, Description: "of the private key", Type: "string", Secret: true},
}

// config is a connection's `config` with its secrets.
type config struct {
	Folder    string   `json:"folder"`
	SFTP      string   `json:"sftp"`
	HostKey   string   `json:"host_key"`
	Lists     string   `json:"lists"`
	Sales     string   `json:"sales"`
	Taken     string   `json:"taken"`
	Refused   string   `json:"refused"`
	Stores    []string `json:"stores"`
	Timezone  string   `json:"timezone"`
	Dates     string   `json:"dates"`
	Currency  string   `json:"currency"`
	Delimiter string   `json:"delimiter"`
	Settle    string   `json:"settle"`
	Columns   []string `json:"columns"`
	Statuses  []string `json:"statuses"`
	From      []string `json:"from"`
	MiscItem  string   `json:"misc_item"`

	zone     *time.Location
	comma    rune
	settle   time.Duration
	columns  map[string]string // a header of the files → a column of this package
	statuses map[string]canon.ItemStatus
	server   *server // nil for a folder
}

// server is how an SFTP server is reached.
type server struct {
	address, root string
	config        *ssh.ClientConfig
}

// diagnose takes what is wrong with a key and what to do about it.
type diagnose func(code, path, summary, do string)

// parseConfig reads and checks a configuration. A diagnostic never repeats a secret.
func parseConfig(raw json.RawMessage, secrets map[string]string) (*config, []sdk.Diagnostic) {
	var found []sdk.Diagnostic
	bad := func(code, path, summary, do string) {
		found = append(found, sdk.Diagnostic{Severity: sdk.SeverityError, Code: "edge-files." + code, Path: path, Summary: summary, Do: do})
	}
	c := &config{}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(c); err != nil {
		bad("config_unreadable", "config", "the configuration can't be read: "+err.Error(), "compare it with the connector's list of keys")
		return nil, found
	}
	c.checkPlace(bad, secrets)
	c.checkFolders(bad)
	c.checkWords(bad)
	if len(found) > 0 {
		return nil, found
	}
	return c, nil
}

func (c *config) checkPlace(bad diagnose, secrets map[string]string) {
	switch {
	case (c.Folder == "") == (c.SFTP == ""):
		bad("place", "config.folder", "the exchange is nowhere, or at two places", "set either folder or sftp")
		return
	case c.Folder != "":
		return
	}
	u, err := url.Parse(c.SFTP)
	if err != nil || u.Scheme != "sftp" || u.Hostname() == "" || u.User == nil || u.User.Username() == "" {
		bad("sftp_invalid", "config.sftp", "not the address of a user at an SFTP server", "write sftp://user@host:22/path")
		return
	}
	if _, has := u.User.Password(); has {
		bad("sftp_password", "config.sftp", "the address has a password in it", "put it into secrets."+secretPassword)
		return
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(c.HostKey))
	if err != nil {
		bad("host_key", "config.host_key", "the server's key is not named, or can't be read", "run ssh-keyscan -t ed25519 HOST, compare the key with what the server's owner says, and write it as ssh-ed25519 AAAA…")
		return
	}
	var auth []ssh.AuthMethod
	if text := secrets[secretKey]; text != "" {
		var signer ssh.Signer
		if p := secrets[secretPassphrase]; p != "" {
			signer, err = ssh.ParsePrivateKeyWithPassphrase([]byte(text), []byte(p))
		} else {
			signer, err = ssh.ParsePrivateKey([]byte(text))
		}
		if err != nil {
			bad("private_key", "secrets."+secretKey, "the private key can't be read", "write it as PEM, with its passphrase in secrets."+secretPassphrase+" where it has one")
			return
		}
		auth = append(auth, ssh.PublicKeys(signer))
	}
	if p := secrets[secretPassword]; p != "" {
		auth = append(auth, ssh.Password(p))
	}
	if len(auth) == 0 {
		bad("credentials", "secrets", "there is neither a password nor a private key", "set secrets."+secretKey+" or secrets."+secretPassword)
		return
	}
	port := u.Port()
	if port == "" {
		port = "22"
	}
	c.server = &server{address: u.Hostname() + ":" + port, root: path.Clean("/" + u.Path), config: &ssh.ClientConfig{
		User: u.User.Username(), Auth: auth, HostKeyCallback: ssh.FixedHostKey(key), HostKeyAlgorithms: algorithms(key), Timeout: 20 * time.Second,
	}}
}

// algorithms are those under which a server may prove that it has a key.
func algorithms(key ssh.PublicKey) []string {
	if key.Type() == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	return []string{key.Type()}
}

func (c *config) checkFolders(bad diagnose) {
	for name, v := range map[string]*string{"lists": &c.Lists, "sales": &c.Sales, "taken": &c.Taken, "refused": &c.Refused} {
		if *v == "" {
			*v = map[string]string{"lists": ".", "sales": "WebSales"}[name]
			continue
		}
		if *v = path.Clean(*v); path.IsAbs(*v) || *v == ".." || strings.HasPrefix(*v, "../") {
			bad("folder_outside", "config."+name, "the folder is outside of the exchange", "name it within the exchange, such as WebSales")
		}
	}
	if c.Lists == c.Sales {
		bad("folder_twice", "config.sales", "lists and sales are in one folder", "give the sales a folder of their own")
	}
}

func (c *config) checkWords(bad diagnose) {
	if len(c.Stores) == 0 {
		bad("stores_missing", "config.stores", "no store is named", "list The Edge's stores as its files name them, such as [\"1\"]")
	}
	if zone, err := time.LoadLocation(c.Timezone); c.Timezone == "" || err != nil || c.Timezone == "Local" {
		bad("timezone", "config.timezone", fmt.Sprintf("%q is no time zone", c.Timezone), "write an IANA name, such as America/Chicago")
	} else {
		c.zone = zone
	}
	if _, ok := canon.CurrencyExponent(c.Currency); !ok {
		bad("currency", "config.currency", fmt.Sprintf("%q is no currency", c.Currency), "write an ISO 4217 code, such as USD")
	}
	if c.Dates == "" {
		c.Dates = "us"
	}
	if layouts[c.Dates] == nil {
		bad("dates", "config.dates", fmt.Sprintf("%q is not known", c.Dates), "write us, iso or eu")
	}
	if c.Delimiter == "" {
		c.Delimiter = "comma"
	}
	c.comma = map[string]rune{"comma": ',', "tab": '\t', "semicolon": ';', "pipe": '|'}[c.Delimiter]
	if c.comma == 0 {
		bad("delimiter", "config.delimiter", fmt.Sprintf("%q is not known", c.Delimiter), "write comma, tab, semicolon or pipe")
	}
	c.settle = 5 * time.Second
	if c.Settle != "" {
		d, err := time.ParseDuration(c.Settle)
		if err != nil || d <= 0 {
			bad("settle", "config.settle", fmt.Sprintf("%q is no duration above zero", c.Settle), "write a duration such as 5s")
		}
		c.settle = d
	}
	c.columns = map[string]string{}
	for _, entry := range c.Columns {
		theirs, ours, ok := strings.Cut(entry, "=")
		if !ok || !slices.Contains(knownColumns, columnName(ours)) {
			bad("columns", "config.columns", fmt.Sprintf("%q maps no column", entry), "write theirs=ours, such as Inv #=itemid; ours is one of "+strings.Join(knownColumns, ", "))
			continue
		}
		c.columns[columnName(theirs)] = columnName(ours)
	}
	c.statuses = map[string]canon.ItemStatus{}
	for _, entry := range c.Statuses {
		theirs, ours, ok := strings.Cut(entry, "=")
		if _, known := canonical[canon.ItemStatus(strings.TrimSpace(ours))]; !ok || !known {
			bad("statuses", "config.statuses", fmt.Sprintf("%q maps no status", entry), "write theirs=canonical, such as Vault=quarantine")
			continue
		}
		c.statuses[columnName(theirs)] = canon.ItemStatus(strings.TrimSpace(ours))
	}
}
