package pipeline

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"trunkline/internal/config"
	"trunkline/internal/destination"
	"trunkline/internal/fault"
	"trunkline/internal/schema"
	"trunkline/internal/source"
)

// Verdict is the outcome of a check.
type Verdict string

// The verdicts.
const (
	Pass   Verdict = "pass"
	Warn   Verdict = "warn"
	Fail   Verdict = "fail"
	NotRun Verdict = "skipped"
)

// Check is one line of Test Connection.
type Check struct {
	Name    string  `json:"name"`
	Verdict Verdict `json:"verdict"`
	// Detail is what was found; of a skipped check, why it was.
	Detail string `json:"detail,omitempty"`
	Code   int    `json:"code,omitempty"`
	Title  string `json:"title,omitempty"`
	Action string `json:"action,omitempty"`
}

// AnyFailed reports whether a check of a list has failed.
func AnyFailed(checks []Check) bool {
	return slices.ContainsFunc(checks, func(c Check) bool { return c.Verdict == Fail })
}

// checker runs checks in order; once one that others need has failed, those are
// skipped.
type checker struct {
	list    []Check
	blocked string
}

func (c *checker) run(name string, needed bool, check func() (detail string, err error)) {
	if c.blocked != "" {
		c.list = append(c.list, Check{Name: name, Verdict: NotRun, Detail: c.blocked + " has failed"})
		return
	}
	detail, err := check()
	c.add(name, detail, err)
	if err != nil && needed {
		c.blocked = name
	}
}

func (c *checker) add(name, detail string, err error) {
	line := Check{Name: name, Verdict: Pass, Detail: detail}
	if err != nil {
		line.Verdict, line.Detail = Fail, err.Error()
		if f, ok := fault.Of(err); ok {
			line.Code, line.Title, line.Detail, line.Action = f.Kind.Code, f.Kind.Title, f.Cause, f.Remedy()
			if f.Subject != "" {
				line.Detail = f.Subject + ": " + f.Cause
			}
		}
	}
	c.list = append(c.list, line)
}

// tester holds what the checks have found out so far.
type tester struct {
	checker
	config  *config.Pipeline
	kind    destination.Kind
	log     *slog.Logger
	source  *source.Source // nil unless it could be reached
	objects []Object
	// running says that a process runs this pipeline: it holds the destination.
	running bool
}

// Checks tests source and destination of a pipeline without changing either.
func Checks(ctx context.Context, c *config.Pipeline, kind destination.Kind, log *slog.Logger) []Check {
	t := &tester{config: c, kind: kind, log: log}
	t.checkSource(ctx)
	if t.source != nil {
		defer t.source.Close() // nothing was changed
	}
	t.blocked = ""
	remembered := t.checkDestination(ctx)
	t.blocked = ""
	if t.source == nil {
		t.blocked = "connection"
	}
	t.run("slot", false, func() (string, error) { return t.checkSlot(ctx, remembered) })
	return t.list
}

func (t *tester) slotName() string { return SlotName(t.config, t.kind) }

func (t *tester) checkSource(ctx context.Context) {
	c := t.config
	t.run("connection", true, func() (string, error) {
		s, err := source.Open(ctx, &c.Source, "trunkline check", t.log)
		if err == nil {
			t.source = s
			_, t.running, err = s.Holder(ctx, t.slotName())
		}
		return fmt.Sprintf("%s:%d, database %s, user %s", c.Source.Host, c.Source.Port, c.Source.Database, c.Source.User), err
	})
	s := t.source
	t.run("server version", true, func() (string, error) { return "PostgreSQL " + s.Version.String(), nil })
	t.run("wal_level and REPLICATION", false, func() (string, error) {
		return "logical, may replicate", s.Blocked(ctx)
	})
	t.run("replication connection", false, func() (string, error) {
		err := s.IdentifySystem(ctx)
		return fmt.Sprintf("system %s, timeline %d", s.SystemIdentifier, s.Timeline), err
	})
	t.checkObjects(ctx)
}

func (t *tester) checkObjects(ctx context.Context) {
	t.run("objects and SELECT", true, func() (_ string, err error) {
		if t.objects, err = Objects(ctx, t.source, t.config); err == nil {
			err = replicates(t.objects)
		}
		return summary(t.objects), err
	})
	t.run("publication", false, func() (string, error) {
		if t.config.Source.Publication.Mode == config.PublicationGiven {
			return "given: " + strings.Join(t.config.Source.Publication.Names, ", "), nil
		}
		return "managed: the tables are ours to publish", t.source.MayPublish(ctx, replicatedTables(t.objects), t.slotName())
	})
	if t.blocked != "" {
		return
	}
	for _, o := range t.objects {
		if o.Table != nil && o.Table.Identity == schema.InsertOnly {
			t.list = append(t.list, Check{
				Name: "replica identity", Verdict: Warn,
				Detail: fmt.Sprintf("%v: %s: only inserts and truncates are replicated", o.Source.Name, o.Reason),
				Action: identityAction(&o.Source),
			})
		}
	}
}

// identityAction is what gives a table a replica identity.
func identityAction(t *source.Table) string {
	action := fmt.Sprintf("ALTER TABLE %s REPLICA IDENTITY FULL", t.Name.SQL())
	if t.DeferrableKey {
		return action + ", or make its primary key anew, NOT DEFERRABLE"
	}
	return action + ", or add a primary key"
}

func replicatedTables(objects []Object) (tables []source.Table) {
	for _, o := range objects {
		if o.Table != nil {
			tables = append(tables, o.Source)
		}
	}
	return tables
}

func summary(objects []Object) string {
	n := len(replicatedTables(objects))
	return fmt.Sprintf("%d of %d tables are replicated", n, len(objects))
}

// checkSlot compares the slot with what the destination remembers; nil where
// that is not known.
func (t *tester) checkSlot(ctx context.Context, remembered *destination.Checkpoint) (string, error) {
	name := t.slotName()
	slot, exists, err := t.source.Slot(ctx, name)
	if err != nil {
		return "", err
	}
	if remembered != nil && t.source.SystemIdentifier != "" {
		if err := slotFits(remembered, t.source, name, slot, exists, false); err != nil {
			return "", err
		}
	}
	switch {
	case !exists:
		return "will be made: " + name, t.source.SlotsFree(ctx)
	case slot.Invalid != "":
		return "", source.SlotLost.New("the server has invalidated slot %s: %s", name, slot.Invalid)
	case slot.Active:
		return fmt.Sprintf("%s is in use by backend %d", name, slot.ActivePID), nil
	}
	return fmt.Sprintf("%s keeps %d bytes of WAL", name, slot.Retained), nil
}

// checkDestination returns what the destination remembers, or nil if that cannot
// be told.
func (t *tester) checkDestination(ctx context.Context) (remembered *destination.Checkpoint) {
	var d destination.Destination
	t.run("destination", true, func() (_ string, err error) {
		if t.running {
			return t.kind.Name + ": held by the running pipeline", nil
		}
		d, err = t.kind.Open(ctx, destination.Options{Pipeline: t.config.Name, Settings: t.config.Destination.Settings, Log: t.log})
		if err != nil {
			return "", err
		}
		return t.kind.Name + ": opened, written and taken back", d.Check(ctx)
	})
	if d == nil {
		return nil
	}
	defer d.Close() // nothing was changed
	t.run("destination's tables", false, func() (string, error) {
		return "none is in the way", tablesFree(ctx, d, t.config.Name, t.objects)
	})
	t.run("checkpoint", true, func() (_ string, err error) {
		var detail string
		remembered, detail, err = recall(ctx, d)
		return detail, err
	})
	return remembered
}
