"""Java trusts what the system trusts."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from platform_assets.local import trust
from platform_assets.local.fetch import _remedy
from platform_assets.local.java import java
from tests.certificates import certificate

BROKEN = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


def known_to_java(options: list[str]) -> str:
    """What Java's own keytool finds in a trust store, without a password."""
    (option,) = options
    name, _, store = option.partition("=")
    assert name == "-Djavax.net.ssl.trustStore"
    keytool = str(Path(java()).with_name("keytool"))
    done = subprocess.run(
        [keytool, "-list", "-keystore", store],
        input="\n", capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return done.stdout


def test_java_reads_the_certificates_of_the_environments_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, _ = certificate(tmp_path)
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(b"# a comment\n" + BROKEN + own.read_bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    listed = known_to_java(trust.trust_store_options(tmp_path))
    assert "contains 1 entry" in listed
    assert "trustedCertEntry" in listed


def test_the_systems_bundle_is_read_without_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    if trust.bundle() is None:
        pytest.skip(f"no {trust.SYSTEM} here")
    assert "trustedCertEntry" in known_to_java(trust.trust_store_options(tmp_path))
    assert not recwarn.list


def test_without_a_bundle_java_keeps_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
    assert trust.trust_store_options(tmp_path) == []


def test_a_certificate_that_is_not_trusted_has_its_own_remedy() -> None:
    assert "update-ca-certificates" in _remedy("javax.net.ssl.SSLHandshakeException: PKIX path")
    assert "network" in _remedy("no byte arrived for 120 s")
