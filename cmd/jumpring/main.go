// Jumpring is the hub and its command line in one program. `jumpring serve` runs the hub; the other verbs talk to a
// running one over HTTP, or work on the data folder of one that is stopped.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set by the linker.
var version = "dev"

// The exit codes.
const (
	exitOK          = 0
	exitFailed      = 1 // the work was done and what it found is not good: drift, a digest that differs, a check with errors
	exitUsage       = 2 // wrong arguments or a configuration that can't work
	exitUnreachable = 3 // no hub answers, or it is too busy
	exitRefused     = 4 // the hub refused: no such record, held by somebody else, no permission
	exitInUse       = 5 // the data folder belongs to a running hub
)

const exitHelp = `Exit codes:
  0  done
  1  done, and what was found is not good (drift, a digest that differs, a check with errors), or it failed
  2  wrong arguments, or a configuration that can't work
  3  no hub answers at the address, or it is too busy
  4  the hub refused: no such record, held by somebody else, no permission
  5  the data folder is in use by a running hub
`

// exitError ends the program with a code of its own and says nothing more.
type exitError struct{ code int }

func (e *exitError) Error() string { return fmt.Sprintf("exit %d", e.code) }

// codedError is an error with the exit code that it ends the program with.
type codedError struct {
	code int
	err  error
}

func (e *codedError) Error() string { return e.err.Error() }
func (e *codedError) Unwrap() error { return e.err }

func coded(code int, err error) error {
	if err == nil {
		return nil
	}
	return &codedError{code, err}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], newConsole(os.Stdin, os.Stdout, os.Stderr)))
}

// run carries out one command line and gives the exit code.
func run(ctx context.Context, args []string, con *console) int {
	root := newRoot(con)
	root.SetArgs(args)
	root.SetIn(con.in)
	root.SetOut(con.out)
	root.SetErr(con.err)
	err := root.ExecuteContext(ctx)
	var exit *exitError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &exit):
		return exit.code
	}
	fmt.Fprintf(con.err, "jumpring: %v\n", err)
	var own *codedError
	if errors.As(err, &own) {
		return own.code
	}
	return exitFailed
}

func newRoot(con *console) *cobra.Command {
	root := &cobra.Command{
		Use: "jumpring", Short: "One canonical record per piece and per client of a jeweler",
		Long:         "Jumpring joins the systems of a jeweler around one canonical record per piece and per client.\n\n" + exitHelp,
		SilenceUsage: true, SilenceErrors: true,
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return coded(exitUsage, fmt.Errorf("%w; see `%s --help`", err, c.CommandPath()))
	})
	f := root.PersistentFlags()
	f.StringVar(&con.configPath, "config", con.configPath, "configuration file")
	f.StringVar(&con.hub, "hub", "", "address of the running hub (default: listen of the configuration)")
	f.StringVar(&con.token, "token", "", "token (default: JUMPRING_TOKEN, or the admin token that the first start left in the data folder)")
	f.StringVarP(&con.format, "output", "o", "table", "table, json or csv")
	root.PersistentPreRunE = func(*cobra.Command, []string) error { return con.checkFormat() }
	root.AddCommand(
		newServe(con), newConnector(), newConnection(con), newMatch(con), newPublication(con), newCase(con), newPolicy(con), newItem(con), newOrder(con), newReservation(con), newApproval(con), newMemo(con), newConsignment(con),
		newTransfer(con), newCount(con), newCredit(con), newPriceList(con), newPromotion(con),
		newClient(con), newSearch(con), newParked(con), newUndelivered(con), newDrift(con), newImport(con), newReport(con), newAudit(con), newDoctor(con), newSupport(con), newAlarm(con), newVerify(con), newRebuild(con),
		newBackup(con), newRestore(con), newToken(con), newStaff(con), newBus(con), newReload(con), newReprocess(con), newDemo(con), newBench(con), newVersion(con),
		group("plugin", "Connectors of others", newPluginNew(con), newPluginKey(con), newPluginSign(con), newPluginAdd(con), newPluginList(con), newPluginRemove(con), newPluginVerify(con)), newConformance(con),
	)
	return root
}

// exactly checks the number of arguments; what is wrong is a mistake of usage.
func exactly(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != n {
			return coded(exitUsage, fmt.Errorf("%d arguments, want %d: %s", len(args), n, c.UseLine()))
		}
		return nil
	}
}

func atMost(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) > n {
			return coded(exitUsage, fmt.Errorf("%d arguments, at most %d: %s", len(args), n, c.UseLine()))
		}
		return nil
	}
}

// group is a command that only has others below it.
func group(use, short string, below ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Args: func(c *cobra.Command, args []string) error {
		if len(args) > 0 {
			return coded(exitUsage, fmt.Errorf("%s has no command %q; see `%s --help`", c.CommandPath(), args[0], c.CommandPath()))
		}
		return nil
	}, RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(below...)
	return c
}
