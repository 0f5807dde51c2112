package main

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestStaffSignInToTheRunningHub: people who are added while the hub is stopped, and while it runs, sign in to its pages; a
// role of the house's own holds at both doors.
func TestStaffSignInToTheRunningHub(t *testing.T) {
	o, _ := newOperator(t)
	raw, err := os.ReadFile(o.config)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(o.config, append(raw, "roles:\n  shop-lead: {like: manager, without: [parked.manage]}\n"...), 0o600))
	o.input = "three calm words\n"
	require.Contains(t, o.ok("staff", "add", "--name", "anna", "--role", "shop-lead", "--location", "paris"), "anna")
	require.Equal(t, exitUsage, o.run("staff", "add", "--name", "max", "--role", "root").code)
	require.Equal(t, exitRefused, o.run("staff", "add", "--name", "anna", "--role", "manager").code)
	o.input = ""
	require.Equal(t, exitUsage, o.run("staff", "add", "--name", "max", "--role", "manager").code, "without a password")

	stop := o.serve()
	o.env[passwordVariable] = "a phrase of four words"
	require.Contains(t, o.ok("staff", "add", "--name", "max", "--role", "consultant"), "max")
	require.Contains(t, o.ok("staff", "list"), "anna")
	require.Contains(t, o.ok("staff", "roles"), "shop-lead")
	require.Equal(t, exitRefused, o.run("staff", "add", "--name", "eve", "--role", "root").code)
	require.Contains(t, o.ok("token", "create", "--name", "desk", "--role", "shop-lead"), "jr_")
	require.Contains(t, o.ok("token", "rotate", "desk", "--grace", "1h"), "jr_")

	asking := newConsole(nil, nil, nil)
	asking.configPath, asking.env = o.config, func(name string) string { return o.env[name] }
	cfg, err := asking.configuration()
	require.NoError(t, err)
	at := "http://" + cfg.Listen
	signIn := func(name, password string) (*http.Client, int) {
		t.Helper()
		jar, err := cookiejar.New(nil)
		require.NoError(t, err)
		c := &http.Client{Jar: jar, Timeout: time.Minute}
		_, page := getPage(t, c, at+"/")
		form := regexp.MustCompile(`name="form" value="([^"]+)"`).FindStringSubmatch(page)
		require.NotNil(t, form, page)
		res, err := c.PostForm(at+"/console/sign-in", url.Values{"form": {form[1]}, "name": {name}, "password": {password}})
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		return c, res.StatusCode
	}
	anna, status := signIn("anna", "three calm words")
	require.Equal(t, 200, status)
	_, page := getPage(t, anna, at+"/console")
	require.Contains(t, page, "web-eu")
	status, _ = getPage(t, anna, at+"/console/parked")
	require.Equal(t, 403, status)
	_, status = signIn("max", "a phrase of four words")
	require.Equal(t, 200, status)
	o.ok("staff", "disable", "max")
	_, status = signIn("max", "a phrase of four words")
	require.Equal(t, 401, status)
	o.ok("staff", "disable", "max", "--undo")
	o.ok("staff", "role", "anna", "read")
	status, _ = getPage(t, anna, at+"/console/clients")
	require.Equal(t, 403, status, "another role holds at once")
	o.ok("staff", "password", "anna")
	_, page = getPage(t, anna, at+"/console")
	require.Contains(t, page, "/console/sign-in", "and another password ends the sessions")
	served := stop()
	require.Equal(t, exitOK, served.code, served.err)
	require.NotContains(t, served.out+served.err, "calm words")
	require.Contains(t, o.ok("staff", "list"), "max", "people outlive a restart")
}

func getPage(t *testing.T, c *http.Client, at string) (int, string) {
	t.Helper()
	res, err := c.Get(at)
	require.NoError(t, err)
	b, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	return res.StatusCode, string(b)
}
