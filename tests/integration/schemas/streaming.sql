-- The ledger of micro-batches (PostgreSQL database "ledger"). Idempotent: run at every start.
CREATE TABLE IF NOT EXISTS topic_state (
    topic       text PRIMARY KEY,
    paused      boolean NOT NULL DEFAULT false,
    error       text,                       -- why the topic is halted; null while it runs
    error_at    timestamptz,
    contract    text,                       -- contract fingerprint under which it halted
    accept_over_threshold boolean NOT NULL DEFAULT false,
    lag         bigint NOT NULL DEFAULT 0,
    seen_at     timestamptz
);
CREATE TABLE IF NOT EXISTS micro_batch (
    topic         text NOT NULL,
    id            bigint NOT NULL,
    window_key    text NOT NULL,
    status        text NOT NULL CHECK (status IN ('taken', 'published', 'failed')),
    taken_at      timestamptz NOT NULL,
    published_at  timestamptz,
    records       bigint NOT NULL,
    published     bigint NOT NULL DEFAULT 0,
    quarantined   bigint NOT NULL DEFAULT 0,
    duplicates    bigint NOT NULL DEFAULT 0,
    dead_letters  bigint NOT NULL DEFAULT 0,
    late          bigint NOT NULL DEFAULT 0,
    rules         jsonb NOT NULL DEFAULT '{}',
    error         text,
    run_id        text,
    publications  integer NOT NULL DEFAULT 0,
    PRIMARY KEY (topic, id)
);
CREATE INDEX IF NOT EXISTS micro_batch_window ON micro_batch (topic, window_key);
CREATE INDEX IF NOT EXISTS micro_batch_open ON micro_batch (topic) WHERE status <> 'published';
CREATE TABLE IF NOT EXISTS micro_batch_range (
    topic            text NOT NULL,
    id               bigint NOT NULL,
    kafka_partition  integer NOT NULL,
    start_offset     bigint NOT NULL,
    end_offset       bigint NOT NULL,      -- exclusive
    watermark_before timestamptz,
    watermark_after  timestamptz,
    PRIMARY KEY (topic, id, kafka_partition),
    FOREIGN KEY (topic, id) REFERENCES micro_batch (topic, id) ON DELETE CASCADE,
    UNIQUE (topic, kafka_partition, start_offset)  -- a record belongs to one micro-batch, for ever
);
CREATE TABLE IF NOT EXISTS stream_window (
    topic       text NOT NULL,
    window_key  text NOT NULL,
    opened_at   timestamptz NOT NULL,
    closes_at   timestamptz NOT NULL,
    closed      boolean NOT NULL DEFAULT false,
    checked     boolean NOT NULL DEFAULT false,
    PRIMARY KEY (topic, window_key)
);
-- Event dates whose silver rows changed, in the order of publication; consumers keep a cursor.
CREATE TABLE IF NOT EXISTS silver_change (
    topic       text NOT NULL,
    seq         bigint NOT NULL,
    event_date  date NOT NULL,
    PRIMARY KEY (topic, seq, event_date)
);
CREATE TABLE IF NOT EXISTS consumer_cursor (
    consumer  text NOT NULL,
    topic     text NOT NULL,
    seq       bigint NOT NULL,
    PRIMARY KEY (consumer, topic)
);
-- One row a long-lived run; who holds it is decided by a session-level advisory lock.
CREATE TABLE IF NOT EXISTS lease (
    name            text PRIMARY KEY,
    run_id          text NOT NULL,
    pid             integer NOT NULL,
    code_version    text NOT NULL,
    taken_at        timestamptz NOT NULL,
    stop_requested  text
);
-- What the whole suite of a topic cost, so that a stream run can tell where it fits.
CREATE TABLE IF NOT EXISTS suite_timing (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic    text NOT NULL,
    rows     bigint NOT NULL,
    seconds  double precision NOT NULL
);
