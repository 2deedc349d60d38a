package pipeline

import (
	"context"
	"fmt"
	"strings"

	"trunkline/internal/destination"
	"trunkline/internal/source"
)

// slotReady refuses, before anything is written, a slot that does not fit and a
// server that has no room for one. The slot is read first: it may only be behind
// what the destination remembers later.
func (a *attempt) slotReady(ctx context.Context) error {
	slot, exists, err := a.source.Slot(ctx, a.slot)
	if err != nil {
		return err
	}
	remembered, _, err := recall(ctx, a.destination)
	if err != nil {
		return err
	}
	if remembered != nil {
		if err := slotFits(remembered, a.source, a.slot, slot, exists, a.TakeOver); err != nil {
			return err
		}
	}
	if exists {
		return nil
	}
	return a.source.SlotsFree(ctx)
}

// tablesFree refuses tables that exist and are not the pipeline's, before
// anything is written.
func tablesFree(ctx context.Context, d destination.Destination, pipeline string, objects []Object) error {
	var names []string
	wanted := map[string]*Object{}
	for i := range objects {
		if o := &objects[i]; o.Table != nil {
			names = append(names, o.Table.Name)
			wanted[o.Table.Name] = o
		}
	}
	present, err := d.Tables(ctx, names)
	if err != nil {
		return err
	}
	for _, t := range present {
		o := wanted[t.Name]
		if t.Origin.Pipeline == pipeline && t.Origin.Object == o.Source.Name.String() {
			continue
		}
		cause := fmt.Sprintf("table %q exists and was not made by this pipeline; its columns: %s", t.Name, columnList(t.Columns))
		if t.Origin.Pipeline != "" {
			cause = fmt.Sprintf("table %q belongs to pipeline %q, object %s", t.Name, t.Origin.Pipeline, t.Origin.Object)
		}
		return destination.TableTaken.New("%s", cause).On(o.Source.Name.String())
	}
	return nil
}

// columnList names columns for a message: the first few.
func columnList(columns []destination.ColumnInfo) string {
	const most = 8
	var names []string
	for _, c := range columns[:min(len(columns), most)] {
		names = append(names, c.Name+" "+c.Type)
	}
	if len(columns) > most {
		names = append(names, "...")
	}
	return strings.Join(names, ", ")
}

// unrecorded says that the destination knows of no slot, or of one that may have
// been made without being recorded.
func unrecorded(c *destination.Checkpoint) bool { return c.Slot == "" || c.ConsistentPoint == 0 }

// slotFits refuses a slot, or its absence, that does not fit what the destination
// remembers.
func slotFits(c *destination.Checkpoint, s *source.Source, name string, slot source.Slot, exists, takeOver bool) error {
	switch {
	case c.Slot == "" && exists && !takeOver:
		return SlotForeign.New("slot %s exists", name)
	case unrecorded(c):
		return nil
	case c.SystemIdentifier != s.SystemIdentifier:
		return source.SlotLost.New("the checkpoint is of server %s, this is server %s", c.SystemIdentifier, s.SystemIdentifier)
	case !exists:
		return source.SlotLost.New("slot %s does not exist any more", name)
	case slot.Invalid != "":
		return source.SlotLost.New("the server has invalidated slot %s: %s", name, slot.Invalid).
			Do("raise max_slot_wal_keep_size; then trunkline drop and run again load the history anew")
	case slot.Confirmed > c.Position.End:
		return source.SlotLost.New("slot %s was confirmed up to %v, the destination stands at %v", name, slot.Confirmed, c.Position.End)
	}
	return nil
}

// recall reads what a destination remembers of the pipeline, if it can tell
// without being claimed.
func recall(ctx context.Context, d destination.Destination) (c *destination.Checkpoint, detail string, err error) {
	q, ok := d.(destination.Querier)
	if !ok {
		return nil, "not known before the run", nil
	}
	found, err := q.Checkpoint(ctx)
	if err != nil {
		return nil, "", err
	}
	if unrecorded(&found) {
		return &found, "none yet: the history will be loaded", nil
	}
	return &found, fmt.Sprintf("at %v", found.Position.End), nil
}
