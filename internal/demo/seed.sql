INSERT INTO customers (name, email, country, tags, preferences, created_at)
SELECT 'Customer ' || i, 'customer' || i || '@example.com', (ARRAY['DE', 'FR', 'IT', 'ES', 'PL', 'SE'])[1 + i % 6],
  CASE WHEN i % 5 = 0 THEN ARRAY['newsletter', 'early "bird"'] WHEN i % 7 = 0 THEN ARRAY['vip', NULL] ELSE '{}' END,
  CASE WHEN i % 3 = 0 THEN jsonb_build_object('language', 'en', 'limit', i * 1.5) END,
  timestamptz '2022-03-01' + i * interval '37 minutes'
FROM generate_series(1, 20000) i;

INSERT INTO products
SELECT 'SKU-' || lpad(i::text, 6, '0'), 'Product ' || i,
  (SELECT string_agg(md5((i * 1000 + n)::text), ' ') FROM generate_series(1, 60 + i % 60) n),
  (i % 900)::numeric / 7 + 1, CASE WHEN i % 4 > 0 THEN i % 100 / 3.0 END, ARRAY[i % 50, i % 30 + 0.5, i % 20], i % 97 = 0
FROM generate_series(1, 2000) i;

INSERT INTO stock SELECT 'SKU-' || lpad(i::text, 6, '0'), w, (i * w) % 500 FROM generate_series(1, 2000) i, generate_series(1, 3) w;

INSERT INTO orders (customer_id, status, total, delivery, note, placed_at)
SELECT 1 + i % 20000, (enum_range(NULL::order_status))[1 + i % 5], (i % 5000)::numeric / 3,
  daterange('2024-01-01'::date + i % 600, '2024-01-05'::date + i % 600), CASE WHEN i % 11 = 0 THEN 'leave at the door' END,
  timestamptz '2024-01-01' + i * interval '11 minutes'
FROM generate_series(1, 60000) i;

INSERT INTO order_items
SELECT i, l, 'SKU-' || lpad((1 + (i * 7 + l * 13) % 2000)::text, 6, '0'), 1 + i % 4, (i % 900)::numeric / 7 + 1
FROM generate_series(1, 60000) i, generate_series(1, 3) l;

INSERT INTO payments (order_id, amount, method, client, waited, paid_at)
SELECT i, (i % 5000)::numeric / 3, (ARRAY['card', 'invoice', 'transfer'])[1 + i % 3], ('10.0.' || i % 256 || '.' || i % 255)::inet,
  i % 90 * interval '1 second', timestamptz '2024-01-01' + i * interval '12 minutes'
FROM generate_series(1, 50000) i;

INSERT INTO carts SELECT i, 1 + i % 20000, jsonb_build_object('items', i % 9) FROM generate_series(1, 5000) i;

INSERT INTO page_views SELECT timestamptz '2025-01-01' + i * interval '1 second', '/product/' || i % 2000, i % 300 / 7.0
FROM generate_series(1, 30000) i;

ANALYZE;
