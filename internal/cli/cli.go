// Package cli is the command line.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"trunkline/internal/app"
	"trunkline/internal/config"
	"trunkline/internal/fault"
	"trunkline/internal/pipeline"
	"trunkline/internal/telemetry"
)

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// errSilent ends a command with exit code 1 after it has said all there is to
// say.
var errSilent = errors.New("said already")

// usageError is a command line that was not understood.
type usageError struct{ error }

// command is what all commands share.
type command struct {
	app       *app.App
	out, err  io.Writer
	logFormat string
	logLevel  string
	file      string
	state     string
}

// Run runs the command line and returns the exit code: 0 done, 1 failed, 2 usage
// or configuration.
func Run(args []string, stdout, stderr io.Writer) int {
	return RunWith(app.New(), args, stdout, stderr)
}

// RunWith is Run for another build of the program.
func RunWith(a *app.App, args []string, stdout, stderr io.Writer) int {
	app.Tune()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	// The second signal ends the process the hard way, which loses nothing.
	context.AfterFunc(ctx, stop)
	c := &command{app: a, out: stdout, err: stderr}
	root := c.root()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	called, err := root.ExecuteContextC(ctx)
	return c.report(called, err)
}

func (c *command) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "trunkline",
		Short:         "Replicates PostgreSQL into a destination of your choice: history first, then every change.",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	flags := root.PersistentFlags()
	flags.StringVar(&c.logFormat, "log-format", telemetry.FormatText, "format of the log on stderr: text or json")
	flags.StringVar(&c.logLevel, "log-level", "info", "what is logged: debug, info, warn or error")
	root.AddCommand(
		c.runCommand(), c.checkCommand(), c.objectsCommand(), c.verifyCommand(), c.queryCommand(),
		c.dropCommand(), c.demoCommand(), c.schemaCommand(), c.explainCommand(), c.versionCommand(),
	)
	return root
}

// withFile adds the flag that every command on a pipeline takes.
func (c *command) withFile(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().StringVarP(&c.file, "file", "f", "", "the pipeline file (required)")
	if err := cmd.MarkFlagRequired("file"); err != nil {
		panic(err) // the flag was just defined
	}
	return cmd
}

func (c *command) withState(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().StringVar(&c.state, "state", "", "state directory (default: the user's state directory and the pipeline's name)")
	return cmd
}

// load reads the pipeline file and says its warnings.
func (c *command) load() (*config.Pipeline, error) {
	p, warnings, err := c.app.Load(c.file)
	for _, w := range warnings {
		fmt.Fprintln(c.err, "warning:", w)
	}
	return p, err
}

func (c *command) log() (*slog.Logger, error) {
	log, err := telemetry.NewLog(c.err, c.logFormat, c.logLevel)
	if err != nil {
		return nil, usageError{err}
	}
	return log, nil
}

// prepare is load and log.
func (c *command) prepare() (*config.Pipeline, *slog.Logger, error) {
	log, err := c.log()
	if err != nil {
		return nil, nil, err
	}
	p, err := c.load()
	return p, log, err
}

// statePath is where the state of a pipeline is.
func (c *command) statePath(p *config.Pipeline) (string, error) {
	if c.state != "" {
		return c.state, nil
	}
	return pipeline.DefaultState(p.Name)
}

// report prints an error and returns the exit code.
func (c *command) report(called *cobra.Command, err error) int {
	var usage usageError
	f, isFault := fault.Of(err)
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errSilent):
		return exitFailed
	case isFault:
		c.printFault(f)
		if f.Kind.Usage {
			return exitUsage
		}
		return exitFailed
	case errors.As(err, &usage), isCobraUsage(err):
		fmt.Fprintf(c.err, "%s\n", strings.TrimSpace(err.Error()))
		if called.HasParent() {
			fmt.Fprintf(c.err, "Usage: trunkline %s\n", called.Use)
		}
		fmt.Fprintf(c.err, "Run '%s --help' for more.\n", called.CommandPath())
		return exitUsage
	}
	fmt.Fprintln(c.err, "error:", err)
	return exitFailed
}

// printFault prints a fault for people: what, why and what to do.
func (c *command) printFault(f *fault.Error) {
	if c.logFormat == telemetry.FormatJSON {
		if log, err := c.log(); err == nil {
			log.Error(f.Kind.Title, "code", f.Kind.Code, "subject", f.Subject, "cause", f.Cause, "action", f.Remedy())
			return
		}
	}
	cause := f.Cause
	if f.Subject != "" {
		cause = f.Subject + ": " + cause
	}
	cause = strings.ReplaceAll(strings.TrimRight(cause, "\n"), "\n", "\n  ")
	fmt.Fprintf(c.err, "error %d: %s\n  %s\n", f.Kind.Code, f.Kind.Title, cause)
	if remedy := f.Remedy(); remedy != "" {
		fmt.Fprintf(c.err, "  To mend it: %s\n", remedy)
	}
}

// isCobraUsage reports whether an error comes from cobra's reading of the
// command line, which has no type for it: it is then the only one in its chain.
func isCobraUsage(err error) bool {
	_, isFault := fault.Of(err)
	return !isFault && errors.Unwrap(err) == nil && (hasPrefix(err, "unknown command") || hasPrefix(err, "required flag") ||
		hasPrefix(err, "accepts ") || hasPrefix(err, "requires "))
}

func hasPrefix(err error, prefix string) bool {
	return len(err.Error()) >= len(prefix) && err.Error()[:len(prefix)] == prefix
}

// isTerminal reports whether w is a terminal.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
