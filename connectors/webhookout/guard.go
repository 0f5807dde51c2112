package webhookout

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// errPrivate is returned for an address that the hub's own network has and no receiver elsewhere.
var errPrivate = errors.New("the address is private: name its network in allow_private if the receiver is really there")

// guard keeps requests out of the house's own network: whoever may set an address, or answers for its name, must not
// reach what only the hub can reach.
type guard struct{ allowed []netip.Prefix }

// reserved are networks that are no receiver's beside those that netip knows: shared address space (RFC 6598), this
// network and reserved ones (RFC 6890), benchmarks (RFC 2544), and addresses that stand for IPv4 ones (RFC 6052, 3056).
var reserved = []netip.Prefix{
	netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("192.0.0.0/24"), netip.MustParsePrefix("64:ff9b::/96"),
	netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("2002::/16"),
}

// check refuses an address of the house's own network.
func (g *guard) check(a netip.Addr) error {
	a = a.Unmap().WithZone("")
	for _, p := range g.allowed {
		if p.Contains(a) {
			return nil
		}
	}
	if !a.IsValid() || !a.IsGlobalUnicast() || a.IsPrivate() || a.IsLoopback() {
		return errPrivate
	}
	for _, p := range reserved {
		if p.Contains(a) {
			return errPrivate
		}
	}
	return nil
}

// control looks at the very address that is about to be connected to: a name that changes its mind after it was looked up
// gets no further.
func (g *guard) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("the address %q can't be read: %w", address, err)
	}
	return g.check(to.Addr())
}

// transport makes connections that the guard lets through. It uses no proxy: that would connect on its behalf.
func (g *guard) transport() *http.Transport {
	d := &net.Dialer{Timeout: 10 * time.Second, ControlContext: g.control}
	return &http.Transport{
		DialContext: d.DialContext, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: 10 * time.Second,
		ResponseHeaderTimeout: longestTimeout,
	}
}
