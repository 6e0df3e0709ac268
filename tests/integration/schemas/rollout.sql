-- Who serves. Rows are only added; the newest of a model is in force.
create table if not exists deployments (
    model text not null check (model <> ''),
    revision bigint not null check (revision > 0),
    champion integer not null check (champion > 0),
    challenger integer check (challenger > 0 and challenger <> champion),
    share double precision not null check (share >= 0 and share <= 1),
    shadow boolean not null,
    trial text not null,
    changed_at timestamptz not null default clock_timestamp(),
    reason text not null,
    actor text not null,
    -- Version -> folder of its artefact: a server loads by this row alone.
    artefacts jsonb not null,
    primary key (model, revision)
);
