package pipeline

import (
	"context"

	"trunkline/internal/config"
	"trunkline/internal/destination"
	"trunkline/internal/schema"
	"trunkline/internal/source"
)

// Drop removes slot, publications and what the destination remembers, in this
// order: a slot that nobody knows of would hold back WAL for ever. The tables
// stay. It can be run again after a failure.
func Drop(ctx context.Context, c *config.Pipeline, s *source.Source, d destination.Destination, slot string) error {
	if err := s.DropSlot(ctx, slot); err != nil {
		return err
	}
	if c.Source.Publication.Mode != config.PublicationGiven {
		if err := s.DropPublications(ctx, slot); err != nil {
			return err
		}
	}
	if _, err := d.Claim(ctx); err != nil {
		return err
	}
	return d.Migrate(ctx, schema.Plan{schema.Forget{}})
}
