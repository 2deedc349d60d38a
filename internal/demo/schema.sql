-- A shop: what a production database has, small. Keys of several kinds, a
-- partitioned table, long texts, JSON, arrays, enums, and a table without a key.
CREATE TYPE order_status AS ENUM ('new', 'paid', 'packed', 'shipped', 'returned');
CREATE DOMAIN email AS text CHECK (value LIKE '%@%');

CREATE TABLE customers (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL,
  email email NOT NULL,
  country char(2) NOT NULL,
  tags text[] NOT NULL DEFAULT '{}',
  preferences jsonb,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE products (
  sku varchar(20) PRIMARY KEY,
  title text NOT NULL,
  description text NOT NULL,
  price numeric(12, 2) NOT NULL,
  weight real,
  dimensions numeric[],
  discontinued boolean NOT NULL DEFAULT false
);
ALTER TABLE products ALTER COLUMN description SET STORAGE EXTERNAL; -- long values out of line

CREATE TABLE stock (
  sku varchar(20) NOT NULL REFERENCES products,
  warehouse smallint NOT NULL,
  quantity integer NOT NULL,
  counted_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (warehouse, sku)
);

CREATE TABLE orders (
  id bigint GENERATED ALWAYS AS IDENTITY,
  customer_id bigint NOT NULL,
  status order_status NOT NULL DEFAULT 'new',
  total numeric(14, 2) NOT NULL DEFAULT 0,
  delivery daterange,
  note text,
  placed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (id, placed_at)
) PARTITION BY RANGE (placed_at);
CREATE TABLE orders_past PARTITION OF orders FOR VALUES FROM (MINVALUE) TO ('2025-01-01');
CREATE TABLE orders_now PARTITION OF orders FOR VALUES FROM ('2025-01-01') TO (MAXVALUE);

CREATE TABLE order_items (
  order_id bigint NOT NULL,
  line integer NOT NULL,
  sku varchar(20) NOT NULL,
  quantity integer NOT NULL,
  price numeric(12, 2) NOT NULL,
  PRIMARY KEY (order_id, line)
);

CREATE TABLE payments (
  id uuid PRIMARY KEY DEFAULT md5(random()::text || clock_timestamp()::text)::uuid,
  order_id bigint NOT NULL,
  amount numeric NOT NULL,
  method text NOT NULL,
  client inet,
  waited interval,
  paid_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE carts (
  id bigint PRIMARY KEY,
  customer_id bigint NOT NULL,
  content jsonb NOT NULL,
  touched_at timestamp NOT NULL DEFAULT localtimestamp
);

CREATE TABLE page_views (
  at timestamptz NOT NULL DEFAULT now(),
  path text NOT NULL,
  took_ms double precision NOT NULL
);
ALTER TABLE page_views REPLICA IDENTITY FULL; -- no key: rows are known by all of their values

CREATE TABLE import_staging (line integer PRIMARY KEY, content text);
