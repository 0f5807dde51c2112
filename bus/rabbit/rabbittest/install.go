package rabbittest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// homes are where packages put RabbitMQ's own scripts. Those in sbin folders of distributions switch users and read
// the machine's configuration.
var homes = []string{"/usr/lib/rabbitmq/bin", "/opt/homebrew/opt/rabbitmq/sbin", "/usr/local/opt/rabbitmq/sbin"}

// installed finds RabbitMQ's scripts; as root on Debian it installs the package if need be.
func installed(ctx context.Context) (string, error) {
	if bin, ok := find(); ok {
		return bin, nil
	}
	if os.Getuid() != 0 || !onDebian() {
		return "", ErrUnavailable
	}
	// Test binaries run side by side: one installs, the others wait for it.
	lock, err := os.OpenFile(filepath.Join(os.TempDir(), "jumpring-rabbitmq-install.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", fmt.Errorf("rabbittest: %w", err)
	}
	defer func() { _ = lock.Close() }() // which releases the lock
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return "", fmt.Errorf("rabbittest: lock %s: %w", lock.Name(), err)
	}
	if bin, ok := find(); ok {
		return bin, nil
	}
	if err := aptInstall(ctx); err != nil {
		return "", fmt.Errorf("%w; the installation failed: %w", ErrUnavailable, err)
	}
	if bin, ok := find(); ok {
		return bin, nil
	}
	return "", ErrUnavailable
}

func find() (string, bool) {
	if _, err := exec.LookPath("epmd"); err != nil {
		return "", false
	}
	for _, dir := range homes {
		if _, err := os.Stat(filepath.Join(dir, "rabbitmq-server")); err == nil {
			return dir, true
		}
	}
	return "", false
}

func onDebian() bool {
	release, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return false
	}
	_, err = exec.LookPath("apt-get")
	return err == nil && strings.Contains(string(release), "debian")
}

// aptInstall installs the package without starting the machine's own broker.
func aptInstall(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	const policy = "/usr/sbin/policy-rc.d" // asked before a package's service is started
	if file, err := os.OpenFile(policy, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755); err == nil {
		defer func() { _ = os.Remove(policy) }()
		if _, err := file.WriteString("#!/bin/sh\nexit 101\n"); err != nil {
			return err
		}
		if err := file.Close(); err != nil {
			return err
		}
	}
	install := []string{"-q", "-y", "-o", "DPkg::Lock::Timeout=240", "install", "--no-install-recommends", "rabbitmq-server"}
	_, err := apt(ctx, install...)
	if err == nil {
		return nil
	}
	if out, err := apt(ctx, "-q", "update"); err != nil {
		return fmt.Errorf("apt-get update: %w: %s", err, out)
	}
	if out, err := apt(ctx, install...); err != nil {
		return fmt.Errorf("apt-get install: %w: %s", err, out)
	}
	return nil
}

func apt(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "apt-get", args...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	out, err := cmd.CombinedOutput()
	return string(out), err
}
