"""The private CA, the leaf certificates of the two hosts, and the wrong ones.

The CA is made once per state directory and kept: clients are told to trust
`warehouse-ca.pem`, and a restart must not invalidate that.
"""

from __future__ import annotations

import datetime
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_FILE = "warehouse-ca.pem"
WRONG = ("name", "issuer", "expired")

DAY = datetime.timedelta(days=1)


class Certificates:
    """Owns the CA and hands out server contexts, right and wrong."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.key, self.ca = self._load_or_make_ca()
        self.stranger_key = ec.generate_private_key(ec.SECP256R1())
        self.stranger = _make_ca(self.stranger_key, "A CA nobody trusts")

    def _load_or_make_ca(self) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        cert_path, key_path = self.state / CA_FILE, self.state / "warehouse-ca.key"
        if cert_path.exists() and key_path.exists():
            key = serialization.load_pem_private_key(key_path.read_bytes(), None)
            assert isinstance(key, ec.EllipticCurvePrivateKey)
            return key, x509.load_pem_x509_certificate(cert_path.read_bytes())
        key = ec.generate_private_key(ec.SECP256R1())
        cert = _make_ca(key, "Stand-in warehouse CA")
        key_path.touch(mode=0o600)
        key_path.write_bytes(_pem(key))
        # The certificate is written last: its presence tells waiting tests that all is there.
        cert_path.write_bytes(cert.public_bytes(serialization.Encoding.PEM))
        return key, cert

    def context(self, host: str, wrong: str | None = None) -> ssl.SSLContext:
        """Makes a server context for the host; `wrong` names the defect, if any."""
        issuer, issuer_key = (self.stranger, self.stranger_key) if wrong == "issuer" else (self.ca, self.key)
        name = "someone-else.example.com" if wrong == "name" else host
        shift = -10 * DAY if wrong == "expired" else 0 * DAY
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = _make_leaf(name, key, issuer, issuer_key, shift)
        file = self.state / f"{host}{'.' + wrong if wrong else ''}.pem"
        file.touch(mode=0o600)
        file.write_bytes(leaf.public_bytes(serialization.Encoding.PEM) + _pem(key))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        context.load_cert_chain(file)
        return context


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _make_ca(key: ec.EllipticCurvePrivateKey, name: str) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    public = key.public_key()
    usage = x509.KeyUsage(
        digital_signature=False, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, key_cert_sign=True, crl_sign=True,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(name))
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + 365 * DAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )


def _make_leaf(
    host: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Certificate,
    issuer_key: ec.EllipticCurvePrivateKey,
    shift: datetime.timedelta,
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC) + shift
    issuer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(_name(host[:64]))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        # Short-lived, so that drivers that insist on revocation accept a leaf without URLs.
        .not_valid_after(now + 4 * DAY)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(issuer_id, critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
