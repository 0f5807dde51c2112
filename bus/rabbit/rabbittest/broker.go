// Package rabbittest runs private RabbitMQ brokers for tests: one node or a cluster on this machine, with node names,
// ports, cookie, epmd and data of their own. It never talks to a broker that it did not start, except the one that
// AMQP_URL names. Nodes can be stopped, killed, frozen, cut off from their cluster and made to forget everything.
package rabbittest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// ErrUnavailable is returned by Start where RabbitMQ is neither installed nor can be installed.
var ErrUnavailable = errors.New("rabbittest: no RabbitMQ here: it is not installed, and can be installed only as root on Debian")

// startPatience bounds the start of one node. It takes about 6 s on two idle cores, 14 s with cold disk caches.
const startPatience = 3 * time.Minute

// Options say what kind of broker to start. The zero value is one plain node.
type Options struct {
	// Nodes is the size of the cluster; default 1. Clusters pause the side of a partition that has no majority.
	Nodes int
	// Plugins to enable, such as "rabbitmq_mqtt".
	Plugins []string
	// Config has further lines of rabbitmq.conf. "{dir}" stands for the broker's folder and "{port1}" to "{port3}"
	// for three free ports of the node, which Node.Port gives.
	Config []string
	// Files are written into the broker's folder before it starts, by name; keys and certificates, say.
	Files map[string][]byte
}

// Broker is a private broker of one or more nodes. Its methods are safe for concurrent use, those of one node one at a
// time.
type Broker struct {
	opts   Options
	dir    string
	cookie string
	epmd   *process
	port   int // of epmd
	nodes  []*Node

	mu     sync.Mutex
	vhosts int
}

// Start starts a broker and returns when each of its nodes takes connections. ErrUnavailable tells that there is no
// RabbitMQ. Call Stop in the end; should this process be killed, the kernel ends the broker.
func Start(ctx context.Context, opts Options) (*Broker, error) {
	if opts.Nodes == 0 {
		opts.Nodes = 1
	}
	bin, err := installed(ctx)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "jumpring-rabbit-")
	if err != nil {
		return nil, fmt.Errorf("rabbittest: %w", err)
	}
	b := &Broker{opts: opts, dir: dir, cookie: randomName()}
	if err := b.start(ctx, bin); err != nil {
		return nil, errors.Join(err, b.Stop())
	}
	return b, nil
}

func (b *Broker) start(ctx context.Context, bin string) error {
	if err := os.WriteFile(filepath.Join(b.dir, ".erlang.cookie"), []byte(b.cookie), 0o400); err != nil {
		return err
	}
	for name, content := range b.opts.Files {
		if err := os.WriteFile(filepath.Join(b.dir, name), content, 0o600); err != nil {
			return err
		}
	}
	ports, err := freePorts(1 + 5*b.opts.Nodes)
	if err != nil {
		return err
	}
	b.port, ports = ports[0], ports[1:]
	b.epmd, err = startProcess("epmd", []string{"-address", "127.0.0.1", "-port", fmt.Sprint(b.port)}, []string{"HOME=" + b.dir}, filepath.Join(b.dir, "epmd.log"))
	if err != nil {
		return err
	}
	id := randomName()[:8]
	for i := range b.opts.Nodes {
		n := &Node{broker: b, bin: bin, name: fmt.Sprintf("jr%s-%d@localhost", id, i+1), ports: ports[5*i : 5*i+5]}
		n.dir = filepath.Join(b.dir, fmt.Sprintf("node%d", i+1))
		b.nodes = append(b.nodes, n)
	}
	// The first node makes the cluster, then the others join it, both at once.
	if err := b.nodes[0].Start(ctx); err != nil {
		return err
	}
	joined := make(chan error, len(b.nodes))
	for _, n := range b.nodes[1:] {
		go func() { joined <- n.Start(ctx) }()
	}
	for range b.nodes[1:] {
		err = errors.Join(err, <-joined)
	}
	return err
}

// Stop kills all nodes and removes their data.
func (b *Broker) Stop() error {
	var errs []error
	for _, n := range b.nodes {
		errs = append(errs, n.Kill())
	}
	if b.epmd != nil {
		errs = append(errs, b.epmd.kill())
	}
	return errors.Join(append(errs, os.RemoveAll(b.dir))...)
}

// Node gives the node number i, from 0.
func (b *Broker) Node(i int) *Node { return b.nodes[i] }

// Nodes gives all nodes.
func (b *Broker) Nodes() []*Node { return append([]*Node(nil), b.nodes...) }

// Dir is the broker's folder, where Options.Files are. It goes away with Stop.
func (b *Broker) Dir() string { return b.dir }

// URLs gives the address of each node for a virtual host, with an administrator's credentials.
func (b *Broker) URLs(vhost string) []string {
	urls := make([]string, len(b.nodes))
	for i, n := range b.nodes {
		urls[i] = n.URL(vhost)
	}
	return urls
}

// NewVhost makes an empty virtual host, open to the administrator, and returns its name.
func (b *Broker) NewVhost(ctx context.Context) (string, error) {
	b.mu.Lock()
	b.vhosts++
	name := fmt.Sprintf("t%d", b.vhosts)
	b.mu.Unlock()
	expr := fmt.Sprintf(`ok = rabbit_vhost:add(<<"%[1]s">>, <<"test">>), `+
		`ok = rabbit_auth_backend_internal:set_permissions(<<"guest">>, <<"%[1]s">>, <<".*">>, <<".*">>, <<".*">>, <<"test">>).`, name)
	for _, n := range b.nodes {
		if n.Running() {
			_, err := n.Eval(ctx, expr)
			return name, err
		}
	}
	return "", errors.New("rabbittest: no node runs")
}

// randomName is 20 hexadecimal digits.
func randomName() string {
	var raw [10]byte
	_, _ = rand.Read(raw[:]) // never fails, says its documentation
	return hex.EncodeToString(raw[:])
}

// lastLines gives the end of a file, for errors.
func lastLines(path string) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}
