-- Trials of challengers and probations of fresh champions: their terms, and how they ended.
create table if not exists trials (
    model text not null check (model <> ''),
    kind text not null check (kind in ('trial', 'probation')),
    -- Of the deployment that began it.
    revision bigint not null check (revision > 0),
    version integer not null,
    -- The champion that it is compared with.
    against integer not null,
    began_at timestamptz not null,
    terms jsonb not null,
    verdict text check (verdict in ('promote', 'reject', 'roll back')),
    reason text not null default '',
    evidence jsonb,
    actor text not null default '',
    decided_at timestamptz,
    -- When the verdict was carried out, and when people were told.
    acted_at timestamptz,
    told_at timestamptz,
    primary key (model, kind, revision),
    check ((verdict is null) = (decided_at is null))
);
