package pgtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// TPCB is the load of pgbench: its tables and its default transaction, three
// updates, a read and an insert.
// https://www.postgresql.org/docs/current/pgbench.html
type TPCB struct {
	// URL says where. Tables are in the first schema of the search path.
	URL string
	// Scale is the number of branches; each has 10 tellers and 100 000 accounts,
	// about 15 MB. Clients beyond it wait for each other's branches.
	Scale int
	// Clients is how many sessions run transactions at the same time.
	Clients int
}

// tpcbTables are the tables as pgbench makes them.
var tpcbTables = []string{
	"drop table if exists pgbench_accounts, pgbench_branches, pgbench_history, pgbench_tellers",
	"create table pgbench_history (tid int, bid int, aid int, delta int, mtime timestamp, filler char(22))",
	"create table pgbench_tellers (tid int not null, bid int, tbalance int, filler char(84)) with (fillfactor=100)",
	"create table pgbench_accounts (aid int not null, bid int, abalance int, filler char(84)) with (fillfactor=100)",
	"create table pgbench_branches (bid int not null, bbalance int, filler char(88)) with (fillfactor=100)",
}

// tpcbRows fill the tables; $1 is the scale.
var tpcbRows = []string{
	"insert into pgbench_branches (bid, bbalance) select bid, 0 from generate_series(1, $1::int) bid",
	"insert into pgbench_tellers (tid, bid, tbalance) " +
		"select tid, (tid - 1) / 10 + 1, 0 from generate_series(1, $1::int * 10) tid",
	"insert into pgbench_accounts (aid, bid, abalance, filler) " +
		"select aid, (aid - 1) / 100000 + 1, 0, '' from generate_series(1, $1::int * 100000) aid",
}

var tpcbKeys = []string{
	"alter table pgbench_branches add primary key (bid)",
	"alter table pgbench_tellers add primary key (tid)",
	"alter table pgbench_accounts add primary key (aid)",
}

// Create makes the tables anew and fills them.
func (b TPCB) Create(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, b.URL)
	if err != nil {
		return fmt.Errorf("create the tables of pgbench: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for _, sql := range tpcbTables {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return err
			}
		}
		for _, sql := range tpcbRows {
			if _, err := tx.Exec(ctx, sql, b.Scale); err != nil {
				return err
			}
		}
		for _, sql := range tpcbKeys {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		_, err = conn.Exec(ctx, "vacuum analyze pgbench_branches, pgbench_tellers, pgbench_accounts, pgbench_history")
	}
	if err != nil {
		return fmt.Errorf("create the tables of pgbench: %w", err)
	}
	return nil
}

// lastCommit is how long a transaction may take to end after ctx has ended.
const lastCommit = 10 * time.Second

// Run lets all clients run transactions until ctx ends, and returns how many
// have committed. The end of ctx is no error, and transactions that are under
// way then are finished first, so the number is exact unless there is an error.
// The first error, such as a lost connection, ends all clients.
func (b TPCB) Run(ctx context.Context) (commits int64, err error) {
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	unwatch := context.AfterFunc(ctx, func() {
		patience := time.AfterFunc(lastCommit, stopWork)
		context.AfterFunc(work, func() { patience.Stop() })
	})
	defer unwatch()
	goOn, stopAll := context.WithCancel(ctx)
	defer stopAll()

	var total atomic.Int64
	errs := make([]error, b.Clients)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			errs[i] = b.client(goOn, work, &total)
			if errs[i] != nil {
				stopAll()
			}
		})
	}
	wg.Wait()
	return total.Load(), errors.Join(errs...)
}

// client runs transactions, each to its end in work, until goOn ends.
func (b TPCB) client(goOn, work context.Context, commits *atomic.Int64) error {
	conn, err := pgx.Connect(goOn, b.URL)
	if err != nil && goOn.Err() != nil {
		return nil
	}
	if err != nil {
		return err
	}
	defer conn.Close(work)
	for goOn.Err() == nil {
		if err := b.transaction(work, conn); err != nil {
			return fmt.Errorf("tpc-b transaction: %w", err)
		}
		commits.Add(1)
	}
	return nil
}

// transaction sends one transaction and waits for its end, in one round trip:
// what is measured is the server. All transactions take their locks in the same
// order of tables, one row of each, so they cannot deadlock.
func (b TPCB) transaction(ctx context.Context, conn *pgx.Conn) error {
	aid := 1 + rand.IntN(100_000*b.Scale)
	tid := 1 + rand.IntN(10*b.Scale)
	bid := 1 + rand.IntN(b.Scale)
	delta := rand.IntN(10_001) - 5_000

	var batch pgx.Batch
	batch.Queue("begin")
	batch.Queue("update pgbench_accounts set abalance = abalance + $1 where aid = $2", delta, aid)
	batch.Queue("select abalance from pgbench_accounts where aid = $1", aid)
	batch.Queue("update pgbench_tellers set tbalance = tbalance + $1 where tid = $2", delta, tid)
	batch.Queue("update pgbench_branches set bbalance = bbalance + $1 where bid = $2", delta, bid)
	batch.Queue("insert into pgbench_history (tid, bid, aid, delta, mtime) "+
		"values ($1, $2, $3, $4, current_timestamp)", tid, bid, aid, delta)
	batch.Queue("commit")
	return conn.SendBatch(ctx, &batch).Close()
}
