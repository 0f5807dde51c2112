package rabbittest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// Shared is one broker for the tests of a package, started by the first test that asks for it:
//
//	var shared rabbittest.Shared
//
//	func TestMain(m *testing.M) { shared.Main(m) }
//
//	func TestX(t *testing.T) { url := shared.Vhost(t) … }
type Shared struct {
	// Options are those of Start.
	Options Options
	// Leaks are goroutines that Main forgives.
	Leaks []goleak.Option

	once   sync.Once
	broker *Broker
	err    error
	told   sync.Once
}

// Main runs the tests of a package, stops the broker, looks for leaked goroutines and exits.
func (s *Shared) Main(m *testing.M) {
	code := m.Run()
	if s.broker != nil {
		if err := s.broker.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	if code == 0 {
		if err := goleak.Find(s.Leaks...); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// Vhost gives the address of a virtual host. On a private broker it is new, empty and open to an administrator. With
// AMQP_URL it is what that names, for all tests: names in it must be unique then, as Name makes them. Where no broker
// can be had, the test is skipped, or fails if JUMPRING_REQUIRE_RABBIT is 1.
func (s *Shared) Vhost(t testing.TB) string {
	t.Helper()
	if url := os.Getenv("AMQP_URL"); url != "" {
		return url
	}
	b := s.private(t)
	vhost, err := b.NewVhost(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return b.Node(0).URL(vhost)
}

// Broker gives the private broker for tests that stop, block or look into it, and the name of a new virtual host. Such
// tests are skipped where AMQP_URL names another broker.
func (s *Shared) Broker(t testing.TB) (*Broker, string) {
	t.Helper()
	if os.Getenv("AMQP_URL") != "" {
		t.Skip("SKIPPED: this test stops or changes its broker, which it does not do to the one that AMQP_URL names")
	}
	b := s.private(t)
	vhost, err := b.NewVhost(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return b, vhost
}

func (s *Shared) private(t testing.TB) *Broker {
	t.Helper()
	s.once.Do(func() { s.broker, s.err = Start(context.Background(), s.Options) })
	if s.err != nil {
		s.told.Do(func() { fmt.Fprintf(os.Stderr, "\n*** TESTS WITHOUT RABBITMQ: %v ***\n\n", s.err) })
		Missing(t, s.err)
	}
	return s.broker
}

// StartFor starts a broker for one test, which stops with it; a cluster, say. Where none can be had, the test is
// skipped, or fails if JUMPRING_REQUIRE_RABBIT is 1.
func StartFor(t testing.TB, opts Options) *Broker {
	t.Helper()
	b, err := Start(t.Context(), opts)
	if err != nil {
		Missing(t, err)
	}
	t.Cleanup(func() {
		if err := b.Stop(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// Missing ends a test that has no broker: a skip only where RabbitMQ is not there and not required.
func Missing(t testing.TB, err error) {
	t.Helper()
	if os.Getenv("JUMPRING_REQUIRE_RABBIT") == "1" || !errors.Is(err, ErrUnavailable) {
		t.Fatalf("no broker to test with: %v", err)
	}
	t.Skipf("SKIPPED, NOT TESTED: %v", err)
}

// Name makes a name that no other test has.
func Name(t testing.TB, what string) string {
	return strings.NewReplacer("/", "-", " ", "-").Replace(t.Name()) + "-" + what + "-" + randomName()[:8]
}
