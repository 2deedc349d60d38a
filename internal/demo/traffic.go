package demo

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// traffic is customers and clerks at work: every kind of change, in
// transactions over several tables, some of them rolled back.
type traffic struct {
	url          string
	clients      int
	transactions atomic.Int64
}

// deed is one transaction, and how often it is done among all.
type deed struct {
	weight int
	do     func(ctx context.Context, tx pgx.Tx, r *rand.Rand) error
}

var deeds = []deed{
	{40, placeOrder}, {25, moveOrder}, {15, view}, {10, fillCart}, {8, restock}, {5, changeCustomer},
	{4, abandonCart}, {3, describeProduct}, {2, changeMind}, {1, importFile}, {1, forgetViews},
}

// run works until ctx ends.
func (t *traffic) run(ctx context.Context) error {
	var group sync.WaitGroup
	errs := make([]error, t.clients)
	for i := range t.clients {
		group.Go(func() { errs[i] = t.client(ctx, uint64(i)) })
	}
	group.Wait()
	for _, err := range errs {
		if err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

func (t *traffic) client(ctx context.Context, seed uint64) error {
	conn, err := pgx.Connect(ctx, t.url)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	r := rand.New(rand.NewPCG(seed, 7))
	for ctx.Err() == nil {
		d := pick(r)
		if err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { return d.do(ctx, tx, r) }); err != nil && ctx.Err() == nil {
			return fmt.Errorf("traffic: %w", err)
		}
		t.transactions.Add(1)
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(r.IntN(4)) * time.Millisecond):
		}
	}
	return nil
}

func pick(r *rand.Rand) deed {
	total := 0
	for _, d := range deeds {
		total += d.weight
	}
	n := r.IntN(total)
	for _, d := range deeds {
		if n -= d.weight; n < 0 {
			return d
		}
	}
	return deeds[0]
}

func exec(ctx context.Context, tx pgx.Tx, sql string, args ...any) error {
	_, err := tx.Exec(ctx, sql, args...)
	return err
}

func sku(r *rand.Rand) string { return fmt.Sprintf("SKU-%06d", 1+r.IntN(2000)) }

func placeOrder(ctx context.Context, tx pgx.Tx, r *rand.Rand) error {
	var id int64
	err := tx.QueryRow(ctx, `INSERT INTO orders (customer_id, note, delivery) VALUES ($1, $2, daterange(current_date, current_date + 3)) RETURNING id`,
		1+r.IntN(20000), []any{nil, "gift", "ring twice"}[r.IntN(3)]).Scan(&id)
	if err != nil {
		return err
	}
	for line := range 1 + r.IntN(4) {
		if err := exec(ctx, tx, `INSERT INTO order_items SELECT $1, $2, sku, $3, price FROM products WHERE sku = $4`, id, line+1, 1+r.IntN(5), sku(r)); err != nil {
			return err
		}
	}
	if err := exec(ctx, tx, `UPDATE orders SET total = (SELECT sum(quantity * price) FROM order_items WHERE order_id = $1) WHERE id = $1`, id); err != nil {
		return err
	}
	return exec(ctx, tx, `INSERT INTO payments (order_id, amount, method, client, waited) SELECT id, total, 'card', $2::inet, $3::interval FROM orders WHERE id = $1`,
		id, fmt.Sprintf("192.168.%d.%d", r.IntN(256), r.IntN(256)), fmt.Sprintf("%d seconds", r.IntN(300)))
}

func moveOrder(ctx context.Context, tx pgx.Tx, r *rand.Rand) error {
	return exec(ctx, tx, `UPDATE orders SET status = (enum_range(NULL::order_status))[$2] WHERE id = $1`, 1+r.IntN(60000), 1+r.IntN(5))
}

func view(ctx context.Context, tx pgx.Tx, r *rand.Rand) error {
	return exec(ctx, tx, `INSERT INTO page_views (path, took_ms) SELECT '/product/' || $1::int, random() * 50 FROM generate_series(1, $2)`, r.IntN(2000), 1+r.IntN(10))
}

func fillCart(ctx context.Context, tx pgx.Tx, r *rand.Rand) error {
	return exec(ctx, tx, `INSERT INTO carts VALUES ($1, $2, jsonb_build_object('items', $3::int))
ON CONFLICT (id) DO UPDATE SET content = excluded.content, touched_at = localtimestamp`, r.IntN(8000), 1+r.IntN(20000), r.IntN(20))
}

func restock(ctx context.Context, tx pgx.Tx, r *rand.Rand) error {
	return exec(ctx, tx, `UPDATE stock SET quantity = quantity + $1, counted_at = now() WHERE warehouse = $2 AND sku = ANY($3)`,
		r.IntN(50), 1+r.IntN(3), []string{sku(r), sku(r), sku(r)})
}

func changeCustomer(ctx context.Context, tx pgx.Tx, r *rand.Rand) error {
	return exec(ctx, tx, `UPDATE customers SET tags = array_append(tags[1:3], $2::text), preferences = jsonb_build_object('seen', $2::text) WHERE id = $1`,
		1+r.IntN(20000), fmt.Sprintf("t%d", r.IntN(9)))
}

// abandonCart deletes carts and moves one to another key.
func abandonCart(ctx context.Context, tx pgx.Tx, r *rand.Rand) error {
	if err := exec(ctx, tx, `DELETE FROM carts WHERE id IN ($1, $2)`, r.IntN(8000), r.IntN(8000)); err != nil {
		return err
	}
	return exec(ctx, tx, `UPDATE carts SET id = id + 1000000000 WHERE id = $1 AND NOT EXISTS (SELECT FROM carts WHERE id = $1 + 1000000000)`, r.IntN(8000))
}

// describeProduct changes a price and leaves the long description as it is.
func describeProduct(ctx context.Context, tx pgx.Tx, r *rand.Rand) error {
	return exec(ctx, tx, `UPDATE products SET price = price + 0.05, discontinued = NOT discontinued WHERE sku = $1`, sku(r))
}

// changeMind takes half of its work back.
func changeMind(ctx context.Context, tx pgx.Tx, r *rand.Rand) error {
	if err := view(ctx, tx, r); err != nil {
		return err
	}
	undone := fmt.Errorf("changed my mind")
	err := pgx.BeginFunc(ctx, tx, func(nested pgx.Tx) error {
		if err := exec(ctx, nested, `DELETE FROM payments WHERE order_id = $1`, r.IntN(50000)); err != nil {
			return err
		}
		return undone
	})
	if err != nil && err.Error() != undone.Error() {
		return err
	}
	return restock(ctx, tx, r)
}

func importFile(ctx context.Context, tx pgx.Tx, r *rand.Rand) error {
	if err := exec(ctx, tx, `TRUNCATE import_staging`); err != nil {
		return err
	}
	return exec(ctx, tx, `INSERT INTO import_staging SELECT i, md5(i::text) FROM generate_series(1, $1) i`, 1+r.IntN(500))
}

func forgetViews(ctx context.Context, tx pgx.Tx, r *rand.Rand) error {
	return exec(ctx, tx, `DELETE FROM page_views WHERE path = '/product/' || $1::int`, r.IntN(2000))
}
