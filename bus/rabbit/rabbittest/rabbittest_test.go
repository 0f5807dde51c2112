package rabbittest_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus/rabbit/rabbittest"
)

const patience = 90 * time.Second

func TestMain(m *testing.M) {
	if os.Getenv("RABBITTEST_CHILD") != "" {
		child()
	}
	os.Exit(m.Run())
}

// child starts a broker, tells its folder and waits to be killed.
func child() {
	b, err := rabbittest.Start(context.Background(), rabbittest.Options{})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	fmt.Println("folder", b.Dir())
	select {}
}

func TestABrokerEndsWithItsProcessEvenWhenThatIsKilled(t *testing.T) {
	rabbittest.StartFor(t, rabbittest.Options{}) // skips where there is none
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "RABBITTEST_CHILD=1")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	dir, ok := strings.CutPrefix(strings.TrimSpace(line), "folder ")
	require.True(t, ok, line)
	defer func() { require.NoError(t, os.RemoveAll(dir)) }()
	require.GreaterOrEqual(t, len(processesOf(t, dir)), 1)

	require.NoError(t, cmd.Process.Signal(syscall.SIGKILL))
	require.Error(t, cmd.Wait())
	require.Eventually(t, func() bool { return len(processesOf(t, dir)) == 0 }, patience, 50*time.Millisecond,
		"processes left: %v", processesOf(t, dir))
}

// processesOf lists the processes that have a folder in their environment or arguments.
func processesOf(t *testing.T, dir string) []int {
	t.Helper()
	var pids []int
	entries, err := os.ReadDir("/proc")
	require.NoError(t, err)
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		env, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "environ")) // a process may have ended by now
		if strings.Contains(string(env), "HOME="+dir) {
			pids = append(pids, pid)
		}
	}
	return pids
}

func TestAClusterSurvivesItsNodes(t *testing.T) {
	if os.Getenv("JUMPRING_CLUSTER") == "" {
		t.Skip("NO CLUSTER IS STARTED: three nodes take a quiet machine; run make test-cluster")
	}
	began := time.Now()
	b := rabbittest.StartFor(t, rabbittest.Options{Nodes: 3})
	t.Logf("three nodes in %.1f s", time.Since(began).Seconds())
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	vhost, err := b.NewVhost(ctx)
	require.NoError(t, err)

	require.NoError(t, publish(b.Node(0), vhost, "one"))
	require.NoError(t, b.Node(0).Kill())
	requireDepth(t, b.Node(1), vhost, 1)
	require.NoError(t, b.Node(0).Start(ctx))
	requireDepth(t, b.Node(0), vhost, 1)

	require.NoError(t, b.Node(1).Freeze())
	require.Eventually(t, func() bool { return publish(b.Node(2), vhost, "two") == nil }, patience, 100*time.Millisecond)
	require.NoError(t, b.Node(1).Thaw())

	require.Eventually(t, func() bool { return publish(b.Node(0), vhost, "three") == nil }, patience, 100*time.Millisecond)
	require.NoError(t, b.Node(2).Partition(ctx))
	require.Eventually(t, func() bool { return !reachable(b.Node(2), vhost) }, patience, 100*time.Millisecond,
		"a node without majority went on taking clients")
	require.Eventually(t, func() bool { return publish(b.Node(0), vhost, "four") == nil }, patience, 100*time.Millisecond)
	require.NoError(t, b.Node(2).Heal(ctx))
	require.Eventually(t, func() bool { return reachable(b.Node(2), vhost) }, patience, 100*time.Millisecond)

	require.NoError(t, b.Node(1).Stop(ctx))
	require.NoError(t, b.Node(1).DeleteData())
	require.NoError(t, b.Node(1).Start(ctx))
	requireDepth(t, b.Node(1), vhost, 4)
}

func reachable(n *rabbittest.Node, vhost string) bool {
	conn, err := amqp.DialConfig(n.URL(vhost), amqp.Config{Dial: amqp.DefaultDial(time.Second)})
	if err != nil {
		return false
	}
	return conn.Close() == nil
}

func withChannel(n *rabbittest.Node, vhost string, do func(*amqp.Channel) error) error {
	conn, err := amqp.DialConfig(n.URL(vhost), amqp.Config{Dial: amqp.DefaultDial(time.Second)})
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	if _, err := ch.QueueDeclare("q", true, false, false, false, amqp.Table{"x-queue-type": "quorum"}); err != nil {
		return err
	}
	return do(ch)
}

func publish(n *rabbittest.Node, vhost, text string) error {
	return withChannel(n, vhost, func(ch *amqp.Channel) error {
		if err := ch.Confirm(false); err != nil {
			return err
		}
		dc, err := ch.PublishWithDeferredConfirm("", "q", true, false, amqp.Publishing{DeliveryMode: amqp.Persistent, Body: []byte(text)})
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		acked, err := dc.WaitContext(ctx)
		if err == nil && !acked {
			err = fmt.Errorf("not confirmed")
		}
		return err
	})
}

// requireDepth waits until a node shows at least so many messages in the queue; a publish that timed out may count.
func requireDepth(t *testing.T, n *rabbittest.Node, vhost string, want int) {
	t.Helper()
	require.Eventually(t, func() bool {
		got := -1
		err := withChannel(n, vhost, func(ch *amqp.Channel) error {
			q, err := ch.QueueDeclarePassive("q", true, false, false, false, nil)
			got = q.Messages
			return err
		})
		return err == nil && got >= want
	}, patience, 100*time.Millisecond)
}
