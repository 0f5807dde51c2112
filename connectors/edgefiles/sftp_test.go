package edgefiles

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/pkg/sftp"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/jumpring/jumpring/plugins/sdk"
)

// sftpServer is a real server on this machine's files.
type sftpServer struct {
	t        *testing.T
	listener net.Listener
	config   *ssh.ServerConfig
	hostKey  string

	mu    sync.Mutex
	conns []net.Conn
	work  sync.WaitGroup
}

func newKey(t *testing.T) ssh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	signer, err := ssh.NewSignerFromKey(private)
	require.NoError(t, err)
	return signer
}

func newSFTPServer(t *testing.T, user ssh.PublicKey) *sftpServer {
	t.Helper()
	host := newKey(t)
	s := &sftpServer{t: t, hostKey: string(ssh.MarshalAuthorizedKey(host.PublicKey()))}
	s.config = &ssh.ServerConfig{
		PasswordCallback: func(_ ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			if string(password) != "canary-password" {
				return nil, errors.New("wrong")
			}
			return nil, nil
		},
		PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if user == nil || string(key.Marshal()) != string(user.Marshal()) {
				return nil, errors.New("wrong")
			}
			return nil, nil
		},
	}
	s.config.AddHostKey(host)
	var err error
	s.listener, err = net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.work.Go(func() {
		for {
			conn, err := s.listener.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns = append(s.conns, conn)
			s.mu.Unlock()
			s.work.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = s.listener.Close()
		s.cut()
		s.work.Wait()
	})
	return s
}

// cut ends every connection.
func (s *sftpServer) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		_ = c.Close()
	}
	s.conns = nil
}

func (s *sftpServer) serve(raw net.Conn) {
	conn, channels, requests, err := ssh.NewServerConn(raw, s.config)
	if err != nil {
		return
	}
	defer conn.Close()
	go ssh.DiscardRequests(requests)
	for offered := range channels {
		channel, asked, err := offered.Accept()
		if err != nil {
			return
		}
		go func() {
			for r := range asked {
				_ = r.Reply(r.Type == "subsystem" && strings.HasSuffix(string(r.Payload), "sftp"), nil)
			}
		}()
		server, err := sftp.NewServer(channel)
		if err != nil {
			return
		}
		_ = server.Serve() // ends with the connection
	}
}

// overSFTP opens the bench's connector on the same exchange, over the server.
func (b *bench) overSFTP(s *sftpServer, secrets map[string]string) {
	b.t.Helper()
	b.c = New().(*connector)
	config := fmt.Sprintf(`{"sftp":"sftp://edge@%s%s","host_key":%q,%s,"taken":"Processed","refused":"Refused"}`, s.listener.Addr(), b.dir, strings.TrimSpace(s.hostKey), someConfig)
	resp, err := b.c.Open(b.t.Context(), &sdk.OpenRequest{Connection: "edge", Config: json.RawMessage(config), Secrets: secrets})
	require.NoError(b.t, err)
	require.Empty(b.t, resp.Diagnostics)
	b.c.now = b.now
}

func TestTheExchangeOverSFTP(t *testing.T) {
	user := newKey(t)
	server := newSFTPServer(t, user.PublicKey())
	_, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	block, err := ssh.MarshalPrivateKeyWithPassphrase(private, "", []byte("open sesame"))
	require.NoError(t, err)
	signer, err := ssh.NewSignerFromKey(private)
	require.NoError(t, err)
	byKey := newSFTPServer(t, signer.PublicKey())
	for name, c := range map[string]struct {
		server  *sftpServer
		secrets map[string]string
	}{
		"with a password":    {server, map[string]string{secretPassword: "canary-password"}},
		"with a private key": {byKey, map[string]string{secretKey: string(pem.EncodeToMemory(block)), secretPassphrase: "open sesame"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.overSFTP(c.server, c.secrets)
			someRows(b.edge)
			checked, err := b.c.Check(t.Context(), nil)
			require.NoError(t, err)
			require.Len(t, checked.Diagnostics, 1)
			require.Equal(t, sdk.SeverityWarning, checked.Diagnostics[0].Severity)
			_, err = b.edge.WriteLists(b.clock)
			require.NoError(t, err)
			require.Len(t, b.poll(), 1+3+1+6+2)
			require.Len(t, b.files(doneFolder), 3)
			sale := soldOnTheWeb(t, 7, "open", nil)
			require.Equal(t, sdk.StatusApplied, b.deliver(sale).Status)
			_, err = b.edge.Import()
			require.NoError(t, err)
			require.Len(t, b.edge.Sales(), 1)

			c.server.cut() // it connects anew
			again := b.deliver(sale)
			if again.Status == sdk.StatusUnknown {
				again = b.deliver(sale)
			}
			require.Equal(t, sdk.StatusDuplicate, again.Status, again.Reason)
			_, err = b.c.Close(t.Context(), nil)
			require.NoError(t, err)
		})
	}
}

// TestASaleGoesOutOnceOverSFTP is what a kill leaves, on a server.
func TestASaleGoesOutOnceOverSFTP(t *testing.T) {
	server := newSFTPServer(t, nil)
	for n := 1; n <= 8; n++ {
		b := newBench(t)
		b.overSFTP(server, map[string]string{secretPassword: "canary-password"})
		someRows(b.edge)
		sale := soldOnTheWeb(t, 7, "open", nil)
		b.c.x = &crashing{exchange: b.c.x, left: n, after: n%2 == 0}
		b.deliver(sale)
		b.overSFTP(server, map[string]string{secretPassword: "canary-password"})
		b.deliver(sale)
		require.Equal(t, sdk.StatusDuplicate, b.deliver(sale).Status)
		_, err := b.edge.Import()
		require.NoError(t, err)
		require.Len(t, b.edge.Sales(), 1, "killed at change %d", n)
		require.Empty(t, b.edge.Refusals())
	}
}

func TestAServerWithAnotherKeyIsNotSpokenTo(t *testing.T) {
	server, other := newSFTPServer(t, nil), newSFTPServer(t, nil)
	server.hostKey = other.hostKey
	b := newBench(t)
	b.overSFTP(server, map[string]string{secretPassword: "canary-password"})
	_, err := b.c.Poll(t.Context(), &sdk.PollRequest{Stream: streamLists})
	require.ErrorContains(t, err, "host key mismatch")
	require.NotContains(t, err.Error(), "canary")
	checked, err := b.c.Check(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, "edge-files.unreachable", checked.Diagnostics[0].Code)

	b.overSFTP(other, map[string]string{secretPassword: "wrong-canary"})
	_, err = b.c.Poll(t.Context(), &sdk.PollRequest{Stream: streamLists})
	require.ErrorContains(t, err, "log in")
	require.NotContains(t, err.Error(), "canary")
}

func TestABadConfigurationIsExplained(t *testing.T) {
	key := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(newKey(t).PublicKey())))
	good := `"stores":["1"],"timezone":"America/Chicago","currency":"USD"`
	for name, c := range map[string]struct {
		config  string
		secrets map[string]string
		code    string
	}{
		"no place":           {`{` + good + `}`, nil, "edge-files.place"},
		"two places":         {`{"folder":"/x","sftp":"sftp://a@b/c",` + good + `}`, nil, "edge-files.place"},
		"no host key":        {`{"sftp":"sftp://a@b/c",` + good + `}`, map[string]string{secretPassword: "canary"}, "edge-files.host_key"},
		"no user":            {`{"sftp":"sftp://b/c","host_key":"` + key + `",` + good + `}`, map[string]string{secretPassword: "canary"}, "edge-files.sftp_invalid"},
		"a password in it":   {`{"sftp":"sftp://a:canary@b/c","host_key":"` + key + `",` + good + `}`, nil, "edge-files.sftp_password"},
		"no credentials":     {`{"sftp":"sftp://a@b/c","host_key":"` + key + `",` + good + `}`, nil, "edge-files.credentials"},
		"a key that is none": {`{"sftp":"sftp://a@b/c","host_key":"` + key + `",` + good + `}`, map[string]string{secretKey: "canary"}, "edge-files.private_key"},
		"outside":            {`{"folder":"/x","sales":"../etc",` + good + `}`, nil, "edge-files.folder_outside"},
		"one folder":         {`{"folder":"/x","lists":"a","sales":"a/",` + good + `}`, nil, "edge-files.folder_twice"},
		"no stores":          {`{"folder":"/x","timezone":"America/Chicago","currency":"USD"}`, nil, "edge-files.stores_missing"},
		"no zone":            {`{"folder":"/x","stores":["1"],"currency":"USD"}`, nil, "edge-files.timezone"},
		"no currency":        {`{"folder":"/x","stores":["1"],"timezone":"America/Chicago"}`, nil, "edge-files.currency"},
		"a status":           {`{"folder":"/x","statuses":["Vault=hidden"],` + good + `}`, nil, "edge-files.statuses"},
		"a column":           {`{"folder":"/x","columns":["Inv #=nothing"],` + good + `}`, nil, "edge-files.columns"},
		"an unknown word":    {`{"folder":"/x","ftp":"x",` + good + `}`, nil, "edge-files.config_unreadable"},
	} {
		t.Run(name, func(t *testing.T) {
			resp, err := New().(*connector).Validate(t.Context(), &sdk.ValidateRequest{Config: json.RawMessage(c.config), Secrets: c.secrets})
			require.NoError(t, err)
			require.Len(t, resp.Diagnostics, 1)
			require.Equal(t, c.code, resp.Diagnostics[0].Code)
			require.NotEmpty(t, resp.Diagnostics[0].Do)
			require.NotContains(t, resp.Diagnostics[0].Summary+resp.Diagnostics[0].Do, "canary")
		})
	}
}
