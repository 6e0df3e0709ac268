-- Files whose records were all sent, by content.
create table if not exists ingested_file (
    source text not null,
    sha256 text not null,
    file text not null,
    records bigint not null,
    dead_letters bigint not null,
    ingested_at timestamptz not null default now(),
    primary key (source, sha256)
);
