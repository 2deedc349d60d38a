// Package app builds the program from its rooms.
package app

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"runtime/debug"

	"trunkline/internal/config"
	"trunkline/internal/destination"
	"trunkline/internal/destination/all"
	"trunkline/internal/fault"
	"trunkline/internal/pipeline"
	"trunkline/internal/source"
)

// Version is set by the build.
var Version = "dev"

// App is what the faces of the program work with.
type App struct {
	Kinds  destination.Registry
	Faults fault.Catalogue
}

// garbagePercent is how much the heap may grow before it is collected. Batches
// use their memory again and again, so that there is little garbage and looking
// for it costs little; at the runtime's default of 100 half the memory would be
// waiting to be collected.
const garbagePercent = 25

// Tune sets the runtime up for a process that runs pipelines, unless the
// environment does.
func Tune() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
}

// New makes the program.
func New() *App { return With(all.Kinds()) }

// With makes the program with other kinds of destination.
func With(kinds destination.Registry) *App {
	return &App{
		Kinds:  kinds,
		Faults: fault.NewCatalogue(source.Faults, destination.Faults, config.Faults, pipeline.Faults),
	}
}

// Load reads a pipeline file. Warnings are about settings that are allowed and
// probably not meant.
func (a *App) Load(path string) (c *config.Pipeline, warnings []string, err error) {
	return config.Load(path, a.Kinds.Settings())
}

// Kind is the kind of a pipeline's destination, which Load has found to exist.
func (a *App) Kind(c *config.Pipeline) destination.Kind {
	kind, ok := a.Kinds.Find(c.Destination.Type)
	if !ok {
		panic("app: a pipeline with an unknown kind of destination was loaded")
	}
	return kind
}

// OpenSource connects to the source of a pipeline.
func (a *App) OpenSource(ctx context.Context, c *config.Pipeline, log *slog.Logger) (*source.Source, error) {
	return source.Open(ctx, &c.Source, "trunkline "+c.Name, log)
}

// OpenDestination opens the destination of a pipeline.
func (a *App) OpenDestination(ctx context.Context, c *config.Pipeline, log *slog.Logger) (destination.Destination, error) {
	return a.Kind(c).Open(ctx, destination.Options{Pipeline: c.Name, Settings: c.Destination.Settings, Log: log})
}

// Drop removes what a pipeline has made, except for the data: publications and
// slot at the source, what the destination remembers.
func (a *App) Drop(ctx context.Context, c *config.Pipeline, log *slog.Logger) (err error) {
	s, err := a.OpenSource(ctx, c, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	slot := pipeline.SlotName(c, a.Kind(c))
	if err := s.Lock(ctx, slot); err != nil {
		return err
	}
	d, err := a.OpenDestination(ctx, c, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	return pipeline.Drop(ctx, c, s, d, slot)
}
