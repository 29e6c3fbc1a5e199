"""The authority's tables, in the schema ``authority`` of a database of its own."""

from typing import Final

# Leaves and nodes never change: the triggers stop mistakes (nothing in the database
# stops its owner; docs/sigstore.md says what does). `last_ms` is the monotonic clock.
# `installation` names the first generation's log, as it did before there were more.
# Everything here may run again over an older layout: it adds, and changes no row.
TABLES: Final = """
CREATE SCHEMA IF NOT EXISTS authority;
CREATE TABLE IF NOT EXISTS authority.installation (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    log_name text NOT NULL,
    log_id bytea NOT NULL
);
CREATE TABLE IF NOT EXISTS authority.head (
    tree text PRIMARY KEY,
    size bigint NOT NULL CHECK (size >= 0),
    last_ms bigint NOT NULL,
    checkpoint text NOT NULL
);
ALTER TABLE authority.head
    ADD COLUMN IF NOT EXISTS closed boolean NOT NULL DEFAULT false;
CREATE TABLE IF NOT EXISTS authority.generation (
    number integer PRIMARY KEY CHECK (number > 0),
    log_id bytea NOT NULL UNIQUE CHECK (length(log_id) = 32),
    ct_log_id bytea NOT NULL UNIQUE CHECK (length(ct_log_id) = 32),
    first_index bigint NOT NULL CHECK (first_index >= 0)
);
CREATE TABLE IF NOT EXISTS authority.leaf (
    tree text NOT NULL REFERENCES authority.head,
    idx bigint NOT NULL CHECK (idx >= 0),
    leaf_hash bytea NOT NULL CHECK (length(leaf_hash) = 32),
    body bytea NOT NULL,
    logged_ms bigint NOT NULL,
    PRIMARY KEY (tree, idx),
    CONSTRAINT leaf_logged_once UNIQUE (tree, leaf_hash)
);
CREATE TABLE IF NOT EXISTS authority.node (
    tree text NOT NULL,
    level smallint NOT NULL,
    idx bigint NOT NULL,
    hash bytea NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (tree, level, idx)
);
CREATE TABLE IF NOT EXISTS authority.consumed_jti (
    kind text NOT NULL,
    jti text NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (kind, jti)
);
CREATE INDEX IF NOT EXISTS consumed_jti_by_expiry
    ON authority.consumed_jti (expires_at);
CREATE OR REPLACE FUNCTION authority.refuse_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the log is append-only: % on % is refused', TG_OP, TG_TABLE_NAME;
END $$;
CREATE OR REPLACE TRIGGER leaf_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON authority.leaf
    FOR EACH STATEMENT EXECUTE FUNCTION authority.refuse_change();
CREATE OR REPLACE TRIGGER node_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON authority.node
    FOR EACH STATEMENT EXECUTE FUNCTION authority.refuse_change();
CREATE OR REPLACE TRIGGER generation_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON authority.generation
    FOR EACH STATEMENT EXECUTE FUNCTION authority.refuse_change();
-- A closed tree has its last head: a server that missed the rotation cannot grow it.
CREATE OR REPLACE FUNCTION authority.refuse_closed() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the log % is closed: its keys were rotated', OLD.tree;
END $$;
CREATE OR REPLACE TRIGGER head_closed
    BEFORE UPDATE OR DELETE ON authority.head
    FOR EACH ROW WHEN (OLD.closed) EXECUTE FUNCTION authority.refuse_closed();
"""

# One statement, so that an append costs one round trip besides its reads.
APPEND: Final = """
WITH new_leaf AS (
    INSERT INTO authority.leaf (tree, idx, leaf_hash, body, logged_ms)
    VALUES (%(tree)s, %(idx)s, %(leaf_hash)s, %(body)s, %(ms)s)
), new_nodes AS (
    INSERT INTO authority.node (tree, level, idx, hash)
    SELECT %(tree)s, * FROM unnest(
        %(levels)s::smallint[], %(indices)s::bigint[], %(hashes)s::bytea[]
    )
)
UPDATE authority.head
SET size = %(idx)s + 1, last_ms = %(ms)s, checkpoint = %(checkpoint)s
WHERE tree = %(tree)s
"""

NODES: Final = """
SELECT level, idx, hash FROM authority.node
JOIN unnest(%s::smallint[], %s::bigint[]) AS wanted (level, idx) USING (level, idx)
WHERE tree = %s
"""

LEAF_BY_INDEX: Final = """
SELECT idx, body, logged_ms FROM authority.leaf WHERE tree = %s AND idx = %s
"""

LEAVES: Final = """
SELECT idx, body, logged_ms FROM authority.leaf
WHERE tree = %s AND idx BETWEEN %s AND %s ORDER BY idx
"""

LEAF_BY_HASH: Final = """
SELECT idx, body, logged_ms FROM authority.leaf WHERE tree = %s AND leaf_hash = %s
"""

CONSUME: Final = """
INSERT INTO authority.consumed_jti (kind, jti, expires_at)
VALUES (%s, %s, to_timestamp(%s)) ON CONFLICT DO NOTHING
"""

# A day is far more than any token lives, whatever the clocks do. SKIP LOCKED keeps
# two requests that tidy up at once from waiting for each other.
FORGET: Final = """
DELETE FROM authority.consumed_jti WHERE (kind, jti) IN (
    SELECT kind, jti FROM authority.consumed_jti
    WHERE expires_at < now() - interval '1 day'
    ORDER BY expires_at LIMIT 20 FOR UPDATE SKIP LOCKED
)
"""
