"""One typed profile: every address, limit and secret's name.

``WEIR_PROFILE=local`` (the default) derives every address from ``WEIR_HOME`` and
``WEIR_PORT_BASE``; ``WEIR_PROFILE=cluster`` takes each from the environment and has no
fallback: a missing one is an error that names it.
"""

from __future__ import annotations

import os
import re
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from platform_assets.core.secrets import SecretError, find_secret, read_secret_file

REPOSITORY = Path(__file__).resolve().parents[2]
"""The checkout: where dbt_project, workspace.yaml and dagster.yaml lie."""

LOOPBACK = "127.0.0.1"


class Profile(StrEnum):
    """Where the servers are: embedded on this machine, or given by the environment."""

    LOCAL = "local"
    CLUSTER = "cluster"


class EngineName(StrEnum):
    """The engine that runs bronze and silver."""

    LOCAL = "local"
    SPARK = "spark"


_CLUSTER_REQUIRED = (
    "kafka_bootstrap",
    "registry_url",
    "lake_root",
    "postgres_host",
    "postgres_port",
    "trino_host",
    "trino_port",
)


_PATH_CHARACTERS = re.compile(r"[A-Za-z0-9/._+=@~-]+")
"""Of a folder whose Delta tables Polars and delta-rs both find: they quote all others as in a
URL, each in its own way."""


class Settings(BaseSettings):
    """Every address, limit and secret's name; read once from ``WEIR_*`` variables.

    Raises:
        pydantic.ValidationError: a value is malformed, or the cluster profile lacks one;
            the message names the environment variable.
    """

    model_config = SettingsConfigDict(
        env_prefix="WEIR_", frozen=True, extra="ignore", allow_inf_nan=False
    )

    profile: Profile = Profile.LOCAL
    engine: EngineName = EngineName.LOCAL
    home: Path = REPOSITORY / ".weir"
    cache: Path = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "weir"
    port_base: int = Field(default=17700, ge=1024, le=65000)

    kafka_bootstrap: str = ""
    registry_url: str = ""
    lake_root: str = ""
    postgres_host: str = ""
    postgres_port: int = 0
    postgres_user: str = "weir"
    postgres_password_file: Path | None = None
    trino_host: str = ""
    trino_port: int = 0
    trino_user: str = "weir"
    connect_url: str = ""
    """REST address of Kafka Connect, which sources of database changes need."""
    spark_remote: str = ""
    """Spark Connect address (``sc://host:port``) or master URL; empty: an in-process session."""
    flink_python: str = ""
    """The Python that has Flink; empty: that of ``make flink-env``."""
    flink_master: str = ""
    """``host:port`` of a Flink cluster's REST endpoint; empty: within the job's own process."""
    dagster_url: str = ""

    batch_max_records: int = Field(default=200_000, ge=1)
    """Records that one micro-batch of one topic may hold."""
    batch_max_bytes: int = Field(default=128 * 1024 * 1024, ge=1024)
    """Bytes of record values that one micro-batch of one topic may hold."""
    stream_idle_seconds: float = Field(default=0.2, gt=0)
    """Pause of a topic's loop when nothing waits."""
    stream_pace_seconds: float = Field(default=0.9, ge=0)
    """Least time between the starts of two micro-batches of a topic: fewer, larger ones."""
    stream_max_hours: float = Field(default=6.0, gt=0)
    """Age at which a stream run drains and hands over to a fresh one."""
    materialisation_every_seconds: float = Field(default=20.0, gt=0)
    """Least time between two logged materialisations of one table in an open window."""
    gold_every_seconds: float = Field(default=1.0, gt=0)
    """Least time between two steps of the fresh gold models."""
    request_timeout_seconds: float = Field(default=30.0, gt=0)
    """Timeout of one external call."""

    source_networks: str = ""
    """Internal networks that sources may be in, with commas between."""
    sources: str = ""
    """Further folders of source folders, as ``PATH`` lists them; read by :mod:`..sources`."""
    inbox: str = ""
    """Folder below which the files of file sources arrive."""
    reports_root: str = ""
    """Folder of finished reports and of the embedded vector store."""
    portal_port: int = 0
    portal_url: str = ""
    """Address of the portal as readers see it: what a number in a PDF links to."""
    portal_sources: bool = False
    """Whether administrators may add sources in the portal: what they try there reaches whatever
    this machine reaches, with its secrets. The local profile allows it."""
    portal_oidc_issuer: str = ""
    """OpenID provider; empty: the portal's own users (argon2)."""
    portal_oidc_client_id: str = ""
    portal_oidc_secret_name: str = "WEIR_PORTAL_OIDC_SECRET"
    """Name of the environment variable that holds the client's secret (with ``_FILE`` appended: of
    the variable that names a file); so for all ``*_secret_name``."""
    llm_url: str = ""
    """Base URL of an OpenAI-compatible endpoint; empty: the template narrator."""
    llm_model: str = ""
    llm_secret_name: str = "WEIR_LLM_KEY"
    llm_timeout_seconds: float = Field(default=120.0, gt=0)
    """Timeout of one answer of the model."""
    llm_max_tokens: int = Field(default=20_000, ge=1)
    """Tokens (both ways) that the narrative of one report may use."""
    llm_daily_tokens: int = Field(default=200_000, ge=0)
    """Tokens (both ways) that the insights into texts may use in a UTC day."""
    llm_request_tokens: int = Field(default=6_000, ge=2_500)
    """Tokens of one request about texts: as many texts as fit go into it."""
    text_collection: str = ""
    """Collection of documents that notes about texts may cite; empty: there are no notes."""
    vector_store: str = "lancedb"
    """``lancedb`` (embedded), ``weaviate`` or ``pgvector``."""
    vector_store_url: str = ""
    vector_store_secret_name: str = "WEIR_VECTOR_STORE_KEY"
    embedding_model: str = "all-MiniLM-L6-v2"
    smtp_host: str = ""
    smtp_port: int = 0
    smtp_user: str = ""
    smtp_secret_name: str = "WEIR_SMTP_PASSWORD"
    smtp_tls: bool = True
    mail_from: str = "weir@localhost"
    sendgrid_url: str = ""
    """SendGrid's API; where set, mail goes there instead of SMTP."""
    sendgrid_secret_name: str = "WEIR_SENDGRID_KEY"
    slack_url: str = "https://slack.com/api/"
    slack_secret_name: str = "WEIR_SLACK_TOKEN"

    webhook_host: str = LOOPBACK
    """Address on which the receiver of webhooks listens."""
    webhook_port: int = 0
    webhook_url: str = ""
    """Address under which senders reach it, through a proxy that speaks TLS."""
    outside_port: int = 0
    """Where the made-up systems of ``weir run --sources`` answer."""
    speed_layer: bool = False
    """Whether the processors of single events run by themselves."""
    text_sentiment: str = ""
    """What judges texts: empty for the registry's champion, ``huggingface:FOLDER`` or
    ``kserve:URL/MODEL``."""
    text_entities: str = ""
    """What finds persons, organisations and places; as ``text_sentiment``."""
    text_secret_name: str = "WEIR_TEXT_KEY"
    text_sector: str = "retail"
    """What texts are classified by: a shipped sector's name, or the path of a YAML file."""
    redis_url: str = ""
    """Cache of the metrics API (``redis://host:port/0``; ``rediss`` for TLS); empty: none."""
    redis_secret_name: str = "WEIR_REDIS_PASSWORD"
    mlflow_uri: str = ""
    """MLflow's server; empty: its tables in Weir's PostgreSQL (database ``mlflow``), no server."""
    models_root: str = ""
    """Folder of the models' artefacts; beside them their key's file."""
    models_port: int = 0
    drift_cooldown_hours: float = Field(default=24.0, ge=1)
    """Least event time between the days for which drift asks for a training; doubles each time."""
    model_max_age_days: int = Field(default=45, ge=1)
    """Age of a model's training data from which its health check warns."""

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, values: dict[str, object]) -> dict[str, object]:
        if values.get("profile", Profile.LOCAL) == Profile.CLUSTER:
            missing = [name for name in _CLUSTER_REQUIRED if not values.get(name)]
            if missing:
                names = ", ".join(f"WEIR_{name.upper()}" for name in missing)
                raise ValueError(f"WEIR_PROFILE=cluster has no fallback; set {names}")
            return values
        base = int(str(values.get("port_base", 17700)))
        home = Path(str(values.get("home", REPOSITORY / ".weir"))).resolve()
        derived: dict[str, object] = {
            "home": home,
            "kafka_bootstrap": f"{LOOPBACK}:{base}",
            "registry_url": f"http://{LOOPBACK}:{base + 2}/apis/ccompat/v7",
            "lake_root": str(home / "lake"),
            "postgres_host": LOOPBACK,
            "postgres_port": base + 4,
            "postgres_password_file": home / "secrets" / "postgres_password",
            "trino_host": LOOPBACK,
            "trino_port": base + 5,
            "dagster_url": f"http://{LOOPBACK}:{base + 6}",
            "inbox": str(home / "inbox"),
            "reports_root": str(home / "reports"),
            "portal_port": base + 9,
            "portal_url": f"http://{LOOPBACK}:{base + 9}",
            "portal_sources": True,
            "models_root": str(home / "models"),
            "models_port": base + 10,
            "webhook_port": base + 13,
            "outside_port": base + 14,
            "connect_url": f"http://{LOOPBACK}:{base + 11}",
            "redis_url": f"redis://{LOOPBACK}:{base + 17}/0",
        }
        return {**derived, **{key: value for key, value in values.items() if value != ""}}

    @model_validator(mode="after")
    def _readable_paths(self) -> Settings:
        if self.profile is Profile.LOCAL:
            for name, path in (("WEIR_HOME", str(self.home)), ("WEIR_LAKE_ROOT", self.lake_root)):
                odd = sorted(set(_PATH_CHARACTERS.sub("", path)))
                if odd and "://" not in path:
                    raise ValueError(
                        f"{name}: {path!r} has {' '.join(map(repr, odd))}, and tables below it "
                        f"could not be read; set {name} to a folder named with ASCII letters, "
                        "digits and . _ - + = @ ~"
                    )
        return self

    @property
    def lake(self) -> Path:
        """The lake's root as a local path (local profile)."""
        return Path(self.lake_root)

    @property
    def dagster_home(self) -> Path:
        """``DAGSTER_HOME`` of the local profile."""
        return self.home / "dagster"

    def postgres_password(self) -> str:
        """Read the password: ``WEIR_POSTGRES_PASSWORD``, else the password file.

        Raises:
            SecretError: neither is there, or the file cannot be read.
        """
        if password := os.environ.get("WEIR_POSTGRES_PASSWORD"):
            return password
        if self.postgres_password_file and self.postgres_password_file.exists():
            return read_secret_file(self.postgres_password_file, "WEIR_POSTGRES_PASSWORD_FILE")
        raise SecretError(
            "no PostgreSQL password",
            "set WEIR_POSTGRES_PASSWORD or WEIR_POSTGRES_PASSWORD_FILE "
            "(local profile: `weir up` writes it)",
        )

    @property
    def redis_password_file(self) -> Path:
        """Where the local profile keeps the cache's password."""
        return self.home / "secrets" / "redis_password"

    def redis_password(self) -> str | None:
        """The cache's password; None where it has none.

        Raises:
            SecretError: the file that should hold it cannot be read.
        """
        if self.profile is Profile.LOCAL and self.redis_password_file.exists():
            return read_secret_file(self.redis_password_file, self.redis_secret_name)
        return find_secret(self.redis_secret_name)

    def postgres_dsn(self, database: str, driver: str = "") -> str:
        """The URL of one of Weir's databases, its password included.

        Args:
            database: its name.
            driver: SQLAlchemy's name of a driver; empty for libpq itself.

        Raises:
            SecretError: there is no password.
        """
        host = self.postgres_host
        # Whatever a URL gives a meaning to (@ : / ? # %) is quoted, and so is everything else.
        user, password, name = (
            quote(part, safe="")
            for part in (self.postgres_user, self.postgres_password(), database)
        )
        return (
            f"postgresql{'+' if driver else ''}{driver}://{user}:{password}"
            f"@{f'[{host}]' if ':' in host else host}:{self.postgres_port}/{name}"
        )


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The process's settings, read once."""
    return Settings()
