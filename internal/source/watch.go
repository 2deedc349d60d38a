package source

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"trunkline/internal/pg"
)

// Watched is what is looked at while a pipeline runs.
type Watched struct {
	// Retained is the WAL, in bytes, that the server keeps for the slot.
	Retained int64
	// Exposed are tables published for updates whose replica identity is gone: the
	// application's own updates of them fail.
	Exposed []pg.Name
}

// selectExposed finds tables, and leaves of partitioned ones, in a publication
// although they have no usable replica identity.
// https://www.postgresql.org/docs/current/logical-replication-publication.html
const selectExposed = `
SELECT DISTINCT n.nspname, r.relname
FROM pg_publication p JOIN pg_publication_rel m ON m.prpubid = p.oid
JOIN pg_class r ON r.oid = m.prrelid JOIN pg_namespace n ON n.oid = r.relnamespace
CROSS JOIN LATERAL (SELECT r.oid AS leaf WHERE r.relkind = 'r'
  UNION ALL SELECT t.relid FROM pg_partition_tree(r.oid) t WHERE r.relkind = 'p' AND t.isleaf) l
JOIN pg_class c ON c.oid = l.leaf
WHERE p.pubname = $1 AND (p.pubupdate OR p.pubdelete) AND c.relkind = 'r' AND c.relreplident <> 'f'
  AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indimmediate AND i.indisvalid
    AND (c.relreplident = 'd' AND i.indisprimary OR c.relreplident = 'i' AND i.indisreplident))
ORDER BY 1, 2`

// watchTimeout bounds a look at the source.
const watchTimeout = 10 * time.Second

// Watch looks at the slot and at a publication every so often, over a connection
// of its own, until ctx ends. A look that fails is left out: whoever needs the
// source will say what is wrong with it.
func (s *Source) Watch(ctx context.Context, every time.Duration, slot, publication string, seen func(Watched)) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	var conn *pgx.Conn
	defer func() {
		if conn != nil {
			_ = conn.Close(context.WithoutCancel(ctx))
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		limited, cancel := context.WithTimeout(ctx, watchTimeout)
		if conn == nil || conn.IsClosed() {
			conn, _ = s.SQL(limited)
		}
		if conn != nil {
			if w, err := s.watched(limited, conn, slot, publication); err == nil {
				seen(w)
			}
		}
		cancel()
	}
}

func (s *Source) watched(ctx context.Context, conn *pgx.Conn, slot, publication string) (w Watched, err error) {
	retained := fmt.Sprintf("SELECT coalesce(max((%s - restart_lsn)::bigint), 0) FROM pg_replication_slots WHERE slot_name = $1", s.currentLSN())
	if err := conn.QueryRow(ctx, retained, slot).Scan(&w.Retained); err != nil {
		return w, err
	}
	rows, err := conn.Query(ctx, selectExposed, publication)
	if err != nil {
		return w, err
	}
	w.Exposed, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (name pg.Name, err error) {
		return name, row.Scan(&name.Schema, &name.Name)
	})
	return w, err
}
