package destination

import (
	"context"
	"fmt"
	"log/slog"

	"trunkline/internal/pg"
)

// Kept is a table that stays under another name, for it has rows that the source
// has not, and the history of its object is loaded again.
type Kept struct {
	Object      pg.Name
	Table, Name string // the name that it had, and the one that it has now
}

// Warn tells the user, once the table has its other name for good.
func (k Kept) Warn(ctx context.Context, log *slog.Logger) {
	log.WarnContext(ctx, "the table has rows that the source has not; it is kept under another name, and a new one is loaded",
		"object", k.Object.String(), "table", k.Table, "kept", k.Name)
}

// KeptName is the name under which a table is kept when a generation begins: the
// first of its kind that is not taken.
func KeptName(table string, generation int64, taken func(name string) (bool, error)) (string, error) {
	first := fmt.Sprintf("%s__before_%d", table, generation)
	name := first
	for n := 2; ; n++ {
		if is, err := taken(name); err != nil || !is {
			return name, err
		}
		name = fmt.Sprintf("%s_%d", first, n)
	}
}
