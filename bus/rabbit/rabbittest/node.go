package rabbittest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Node is one node of a private broker. It keeps its name, ports and data when it is started again.
type Node struct {
	broker *Broker
	bin    string
	name   string
	dir    string
	ports  []int // amqp, Erlang's distribution, three spare ones
	proc   *process
	wiped  bool
}

// Name is the node's Erlang name.
func (n *Node) Name() string { return n.name }

// Address is the node's host and port for AMQP.
func (n *Node) Address() string { return fmt.Sprintf("127.0.0.1:%d", n.ports[0]) }

// Port gives the number of the port that "{port1}" to "{port3}" stand for in Options.Config.
func (n *Node) Port(i int) int { return n.ports[1+i] }

// URL is the node's address for a virtual host, with an administrator's credentials.
func (n *Node) URL(vhost string) string { return n.UserURL("guest", "guest", vhost) }

// UserURL is the node's address for another user.
func (n *Node) UserURL(user, password, vhost string) string {
	return "amqp://" + url.UserPassword(user, password).String() + "@" + n.Address() + "/" + url.PathEscape(vhost)
}

// Running says whether the node's process is there, frozen or not.
func (n *Node) Running() bool { return n.proc != nil && !n.proc.ended() }

// Start starts a stopped node with what data it has and returns when it takes connections. A node without data joins
// the nodes of its cluster that run.
func (n *Node) Start(ctx context.Context) error {
	if n.Running() {
		return fmt.Errorf("rabbittest: %s runs already", n.name)
	}
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	if err := n.forgetWiped(ctx); err != nil {
		return err
	}
	if err := n.writeConfig(); err != nil {
		return err
	}
	log := filepath.Join(n.dir, "output.log")
	proc, err := startProcess(filepath.Join(n.bin, "rabbitmq-server"), nil, n.environ(), log)
	if err != nil {
		return err
	}
	n.proc = proc
	for {
		conn, err := amqp.DialConfig(n.URL("/"), amqp.Config{Dial: amqp.DefaultDial(time.Second)})
		if err == nil {
			return conn.Close()
		}
		select {
		case <-proc.done:
			return fmt.Errorf("rabbittest: %s ended while it started:\n%s", n.name, lastLines(log))
		case <-ctx.Done():
			return fmt.Errorf("rabbittest: %s did not start: %w:\n%s", n.name, ctx.Err(), lastLines(log))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// forgetWiped has the cluster forget the node's former self, else it would refuse its new one.
func (n *Node) forgetWiped(ctx context.Context) error {
	if !n.wiped {
		return nil
	}
	n.wiped = false
	for _, other := range n.broker.nodes {
		if other != n && other.Running() {
			_, err := other.Ctl(ctx, "forget_cluster_node", n.name)
			return err
		}
	}
	return nil
}

func (n *Node) writeConfig() error {
	if err := os.MkdirAll(n.dir, 0o700); err != nil {
		return err
	}
	lines := []string{
		fmt.Sprintf("listeners.tcp.default = 127.0.0.1:%d", n.ports[0]),
		"log.file.level = warning",
		"disk_free_limit.absolute = 50MB",
	}
	i := 0
	for _, other := range n.broker.nodes {
		if other != n && other.Running() {
			i++
			lines = append(lines, fmt.Sprintf("cluster_formation.classic_config.nodes.%d = %s", i, other.name))
		}
	}
	if i > 0 {
		lines = append(lines, fmt.Sprintf("cluster_formation.classic_config.nodes.%d = %s", i+1, n.name))
	}
	if len(n.broker.nodes) > 1 {
		lines = append(lines, "cluster_partition_handling = pause_minority")
	}
	fill := strings.NewReplacer("{dir}", n.broker.dir, "{port1}", fmt.Sprint(n.ports[2]), "{port2}", fmt.Sprint(n.ports[3]), "{port3}", fmt.Sprint(n.ports[4]))
	for _, l := range n.broker.opts.Config {
		lines = append(lines, fill.Replace(l))
	}
	files := map[string]string{
		"rabbitmq.conf":   strings.Join(lines, "\n") + "\n",
		"enabled_plugins": "[" + strings.Join(n.broker.opts.Plugins, ",") + "].\n",
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(n.dir, name), []byte(content), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// environ has all that RabbitMQ's scripts read, and nothing of this process's environment that could lead them to
// another broker.
func (n *Node) environ() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"),
		"LANG=C.UTF-8",
		"HOME=" + n.broker.dir,
		"ERL_CRASH_DUMP=" + filepath.Join(n.dir, "erl_crash.dump"),
		fmt.Sprintf("ERL_EPMD_PORT=%d", n.broker.port),
		"ERL_EPMD_ADDRESS=127.0.0.1",
		"RABBITMQ_NODENAME=" + n.name,
		fmt.Sprintf("RABBITMQ_DIST_PORT=%d", n.ports[1]),
		"RABBITMQ_MNESIA_BASE=" + filepath.Join(n.dir, "data"),
		"RABBITMQ_LOG_BASE=" + filepath.Join(n.dir, "log"),
		"RABBITMQ_PID_FILE=" + filepath.Join(n.dir, "pid"),
		"RABBITMQ_CONFIG_FILE=" + filepath.Join(n.dir, "rabbitmq.conf"),
		"RABBITMQ_ADVANCED_CONFIG_FILE=" + filepath.Join(n.dir, "advanced.config"),
		"RABBITMQ_CONF_ENV_FILE=" + filepath.Join(n.dir, "none"),
		"RABBITMQ_ENABLED_PLUGINS_FILE=" + filepath.Join(n.dir, "enabled_plugins"),
		"RABBITMQ_GENERATED_CONFIG_DIR=" + filepath.Join(n.dir, "generated"),
		// A node that stops answering is noticed in seconds.
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel net_ticktime 8 -kernel inet_dist_use_interface {127,0,0,1}",
		// The scripts replace themselves by the Erlang machine, so that the process that was started is the node.
		"RUNNING_UNDER_SYSTEMD=true",
	}
}

// Stop stops a node in order, as a rolling restart does.
func (n *Node) Stop(ctx context.Context) error {
	if !n.Running() {
		return nil
	}
	if err := n.proc.signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-n.proc.done:
		return nil
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("rabbittest: %s does not stop: %w", n.name, ctx.Err()), n.Kill())
	}
}

// Restart stops a node in order and starts it.
func (n *Node) Restart(ctx context.Context) error {
	if err := n.Stop(ctx); err != nil {
		return err
	}
	return n.Start(ctx)
}

// Kill ends a node as kill -9 does.
func (n *Node) Kill() error {
	if n.proc == nil {
		return nil
	}
	return n.proc.kill()
}

// Freeze stops the node's process from running (SIGSTOP): its connections stay open and nothing answers.
func (n *Node) Freeze() error { return n.proc.signal(syscall.SIGSTOP) }

// Thaw lets a frozen node go on.
func (n *Node) Thaw() error { return n.proc.signal(syscall.SIGCONT) }

// DeleteData removes all that a stopped node stored. Its next Start is that of a new node.
func (n *Node) DeleteData() error {
	if n.Running() {
		return fmt.Errorf("rabbittest: %s runs", n.name)
	}
	n.wiped = true
	return os.RemoveAll(filepath.Join(n.dir, "data"))
}

// Partition cuts a node off from the others of its cluster, both ways; clients still reach it. Nodes pause while they
// see no majority.
func (n *Node) Partition(ctx context.Context) error {
	_, err := n.Eval(ctx, fmt.Sprintf("[begin erlang:set_cookie(N, cut_off), erlang:disconnect_node(N) end || N <- [%s]].", n.others()))
	return err
}

// Heal ends a partition. The node joins its cluster again within seconds; a paused one does it by itself.
func (n *Node) Heal(ctx context.Context) error {
	_, err := n.Eval(ctx, fmt.Sprintf("[begin erlang:set_cookie(N, '%s'), net_kernel:connect_node(N) end || N <- [%s]].", n.broker.cookie, n.others()))
	return err
}

func (n *Node) others() string {
	var names []string
	for _, other := range n.broker.nodes {
		if other != n {
			names = append(names, "'"+other.name+"'")
		}
	}
	return strings.Join(names, ", ")
}

// Block raises a memory alarm: the broker stops reading from connections that publish.
func (n *Node) Block(ctx context.Context) error {
	_, err := n.Eval(ctx, "rabbit_alarm:set_alarm({{resource_limit, memory, node()}, []}).")
	return err
}

// Unblock clears the alarm of Block.
func (n *Node) Unblock(ctx context.Context) error {
	_, err := n.Eval(ctx, "rabbit_alarm:clear_alarm({resource_limit, memory, node()}).")
	return err
}

// CloseConnections drops every client connection, as an operator can.
func (n *Node) CloseConnections(ctx context.Context) error {
	_, err := n.Ctl(ctx, "close_all_connections", "dropped by a test")
	return err
}

// Eval evaluates an Erlang expression on the node and gives its value as text.
func (n *Node) Eval(ctx context.Context, expression string) (string, error) {
	return n.Ctl(ctx, "eval", expression)
}

// Ctl runs rabbitmqctl against the node and gives what it prints. A call takes about a second.
func (n *Node) Ctl(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(n.bin, "rabbitmqctl"), append([]string{"--quiet", "-n", n.name}, args...)...)
	cmd.Env = n.environ()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("rabbittest: rabbitmqctl %s on %s: %w: %s", args[0], n.name, err, strings.TrimSpace(string(out)))
	}
	return strings.TrimSpace(string(out)), nil
}
