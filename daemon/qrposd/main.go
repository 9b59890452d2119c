// Command qrposd is the till and whatever a technician does with it from a shell.
//
// Each verb is one row of the table and one file. Errors go to standard error as
// one line that says what is wrong and one that says what to do.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"qrposd/daemon"
	"qrposd/daemon/api"
	"qrposd/store"
)

// version is set by the linker.
var version = "dev" // budget: the linker's -X can only set a variable

// Exit codes, as sysexits.h and the unit file know them.
const (
	exitOK      = 0
	exitFailed  = 1
	exitUsage   = 2
	exitInDoubt = 70 // the store could not tell whether it wrote; the next start finds out
	exitInUse   = 75 // another process has the store; it may be gone the next time
	exitConfig  = 78 // no restart mends it
)

// verb is one thing to do.
type verb struct {
	name, args, does string
	run              func(ctx context.Context, c *call) error
}

// call is one run of a verb: its flags, its words and where it speaks.
type call struct {
	flags  *flag.FlagSet
	args   []string
	out    io.Writer
	errOut io.Writer
}

// kind takes the word that says which kind of a verb is meant; kinds lists them for
// whoever leaves it out.
func (c *call) kind(kinds string) (string, error) {
	if len(c.args) == 0 {
		return "", usage(kinds)
	}
	what := c.args[0]
	c.args = c.args[1:]
	return what, nil
}

// parse reads the flags that the verb has declared.
func (c *call) parse() error {
	err := c.flags.Parse(c.args)
	c.args = c.flags.Args()
	if errors.Is(err, flag.ErrHelp) {
		return err
	}
	if err != nil {
		return usage(err.Error())
	}
	return nil
}

// usage is a mistake in the command line.
type usage string

func (u usage) Error() string { return string(u) }

func verbs() []verb {
	return append([]verb{
		{"serve", "-config FILE", "run the till", serve},
		{"sale", "open|ls|show|cancel|refund|scan|take-over ...", "make and look at sales of a running till", saleVerb},
		{"case", "ls|show|close ...", "look at what waits for the owner of a running till, and close it", caseVerb},
		{"queue", "ls|show|retry|set-aside|repaid ...", "look at what a running till owes, and have it go on or leave it", queueVerb},
		{"leave", "-for update|reset|removal|logout", "say whether the till may be taken away: not while it owes money", leave},
		{"bill", "ls|fetch|show ...", "look at the provider's bills of a running till, and fetch one anew", billVerb},
		{"day", "x|z|ls|show|drawer ...", "look at the day of a running till, close it, and enter what is in a drawer", dayVerb},
		{"offline", "ls|card|reconcile|attest|dispute|settle ...", "look at what was sold without the provider, and say what became of it", offlineVerb},
		{"rules", "default|check|test|replay|shadow|explain ...", "look at rules and try them", rulesVerb},
		{"check", "[-q] FILE", "verify a store file of a stopped till", check},
		{"doctor", "-config FILE [-live] [-offline]", "examine the installation and the machine", examine},
		{"backup", "[-addr URL]", "have a running till write a verified copy of its store", backup},
		{"restore", "-from FILE -by NAME [-moved] [-discard -why WORDS]", "put a backup in the place of the store of a stopped till", restore},
		{"salvage", "-config FILE [-fresh -by NAME]", "put a damaged store of a stopped till together of what can be proven", salvage},
		{"adopt", "-config FILE", "take over the store of a till that this machine replaces", adopt},
		{"config", "[FILE | -print NAME]", "print the configuration with its defaults, or check one", config},
		{"version", "", "print the version", printVersion},
	}, simulated()...)
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, out, errOut io.Writer) int {
	// A second signal kills at once: the file does not mind.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	defer stop()
	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		help(out)
		return exitOK
	}
	for _, v := range verbs() {
		if v.name != args[0] {
			continue
		}
		c := &call{flags: flag.NewFlagSet(v.name, flag.ContinueOnError), args: args[1:], out: out, errOut: errOut}
		c.flags.SetOutput(errOut)
		c.flags.Usage = func() {
			fmt.Fprintf(errOut, "qrposd %s %s\n    %s\n", v.name, v.args, v.does)
			c.flags.PrintDefaults()
		}
		return report(errOut, v.run(ctx, c))
	}
	return report(errOut, usage(fmt.Sprintf("there is no verb %.20q; `qrposd help` lists them", args[0])))
}

func help(out io.Writer) {
	fmt.Fprintln(out, "qrposd is a QR point of sale.")
	for _, v := range verbs() {
		fmt.Fprintf(out, "  %-8s %-36s %s\n", v.name, v.args, v.does)
	}
}

// report says what went wrong, and what to do about it where somebody knows.
func report(errOut io.Writer, err error) int {
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return exitOK
	}
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintln(errOut, "qrposd: error:", strings.TrimSpace(line))
	}
	if h := hint(err); h != "" {
		fmt.Fprintln(errOut, "qrposd: hint:", h)
	}
	var u usage
	var c *daemon.ConfigError
	var w unwell
	switch {
	case errors.As(err, &w):
		return w.code
	case errors.As(err, &u):
		return exitUsage
	case errors.As(err, &c) || daemon.NeedsAPerson(err):
		return exitConfig
	case errors.Is(err, store.ErrLocked):
		return exitInUse
	}
	return exitFailed
}

func hint(err error) string {
	var p *api.Problem
	var c *daemon.ConfigError
	switch {
	case errors.As(err, &p):
		return "" // its text has the hint
	case errors.As(err, &c):
		return "`qrposd config` prints every key with its default; `qrposd config FILE` checks a file"
	}
	return daemon.Hint(err)
}

func printVersion(_ context.Context, c *call) error {
	if err := c.parse(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(c.out, version)
	return err
}
