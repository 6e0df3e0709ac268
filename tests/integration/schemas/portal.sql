-- The portal's state (PostgreSQL database "portal"). Idempotent: run at every start.
CREATE TABLE IF NOT EXISTS portal_user (
    name          text PRIMARY KEY,
    password_hash text,                    -- argon2id; null: signs in by OpenID only
    subject       text UNIQUE,             -- issuer and subject of OpenID, bound at first sign-in
    trino_user    text NOT NULL,           -- under whose permissions rows are read
    admin         boolean NOT NULL DEFAULT false,
    created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS portal_reader (
    user_name text NOT NULL REFERENCES portal_user (name) ON DELETE CASCADE,
    report    text NOT NULL,
    PRIMARY KEY (user_name, report)
);
CREATE TABLE IF NOT EXISTS portal_session (
    digest     bytea PRIMARY KEY,          -- SHA-256 of the cookie, which is kept nowhere
    user_name  text NOT NULL REFERENCES portal_user (name) ON DELETE CASCADE,
    csrf       text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    seen_at    timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS portal_openid_attempt (
    digest     bytea PRIMARY KEY,          -- SHA-256 of the state, which the browser holds
    nonce      text NOT NULL,
    verifier   text NOT NULL,
    next_path  text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS portal_audit (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at        timestamptz NOT NULL DEFAULT now(),
    user_name text NOT NULL,               -- no reference: it outlives the user
    address   text NOT NULL,
    action    text NOT NULL,
    report    text NOT NULL DEFAULT '',
    period    text NOT NULL DEFAULT '',
    detail    text NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS portal_audit_user ON portal_audit (user_name, id);
