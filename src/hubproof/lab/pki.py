"""The lab's certificates and kubeconfigs: one authority, made once, that no machine but this one trusts."""

from __future__ import annotations

import base64
import datetime as dt
import ipaddress
import json
import os
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hubproof.lab import layout as at
from hubproof.lab.layout import Layout

_YEARS = dt.timedelta(days=3650)


class Authority:
    """A certificate authority in a folder: `ca.crt` and `ca.key`, made when missing.

    Args:
        folder: where it is kept; the key is readable by its owner only.

    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.certificate_file = folder / "ca.crt"
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        key_file = folder / "ca.key"
        if key_file.exists() and self.certificate_file.exists():
            self._key = serialization.load_pem_private_key(key_file.read_bytes(), None)
            self._certificate = x509.load_pem_x509_certificate(self.certificate_file.read_bytes())
            return
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("hubproof lab authority")
        self._certificate = (
            _builder(name, name, key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_usage(sign=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        self._key = key
        write_private(key_file, _pem(key))
        self.certificate_file.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def issue(
        self, stem: str, common_name: str, *, organization: str = "", names: tuple[str, ...] = (), days: int = 3650
    ) -> tuple[Path, Path]:
        """Return the files of a certificate and its key, made when missing.

        Args:
            stem: file name without ending.
            common_name: subject CN; for a client certificate, the Kubernetes user.
            organization: subject O; for a client certificate, its group.
            names: DNS names and IP addresses that it is for.
            days: how long it stays valid.

        """
        certificate_file, key_file = self.folder / f"{stem}.crt", self.folder / f"{stem}.key"
        if certificate_file.exists() and key_file.exists():
            return certificate_file, key_file
        key = ec.generate_private_key(ec.SECP256R1())
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = (
            _builder(_name(common_name, organization), self._certificate.subject, key.public_key(), days)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(sign=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._certificate.public_key()),  # type: ignore[arg-type]
                critical=False,
            )
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName([_san(n) for n in names]), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())  # type: ignore[arg-type]
        write_private(key_file, _pem(key))
        certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return certificate_file, key_file


def make_cluster_pki(layout: Layout) -> Authority:
    """Make everything that the cluster's parts sign in with, where it is missing."""
    authority = Authority(layout.pki)
    authority.issue(
        "apiserver",
        "kube-apiserver",
        names=(
            "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
            "127.0.0.1", at.NODE_ADDRESS["n1"], at.API_SERVICE,
        ),
    )  # fmt: skip
    _client(layout, authority, "admin", "admin", "system:masters")
    # Users to whom Kubernetes itself gives the rights that each part needs.
    for part in ("controller-manager", "scheduler", "proxy"):
        stem = "kube-proxy" if part == "proxy" else part
        _client(layout, authority, stem, f"system:kube-{part}", "")
    for node in at.NODES:
        _client(layout, authority, f"kubelet-{node}", f"system:node:{node}", "system:nodes")
    if not (layout.pki / "sa.key").exists():
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        (layout.pki / "sa.pub").write_bytes(public)
        write_private(layout.pki / "sa.key", _pem(key))
    return authority


def _client(layout: Layout, authority: Authority, stem: str, user: str, group: str) -> None:
    certificate, key = authority.issue(stem, user, organization=group)
    credentials = {
        "client-certificate-data": base64.b64encode(certificate.read_bytes()).decode(),
        "client-key-data": base64.b64encode(key.read_bytes()).decode(),
    }
    write_kubeconfig(layout.pki / f"{stem}.kubeconfig", authority.certificate_file, credentials)


def write_kubeconfig(path: Path, ca_file: Path, credentials: dict[str, str], namespace: str = "default") -> None:
    """Write a kubeconfig with one context, `lab`. JSON is YAML, and Go and Python read it alike."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "lab",
        "clusters": [
            {
                "name": "lab",
                "cluster": {
                    "server": at.API_SERVER,
                    "certificate-authority-data": base64.b64encode(ca_file.read_bytes()).decode(),
                },
            }
        ],
        "users": [{"name": "lab", "user": credentials}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "lab", "namespace": namespace}}],
    }
    write_private(path, json.dumps(config, indent=1).encode())


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
    temporary.replace(path)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int = 3650
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + min(_YEARS, dt.timedelta(days=days)))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True, key_cert_sign=sign, crl_sign=sign, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _name(common_name: str, organization: str = "") -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if organization:
        parts.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(parts)


def _san(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
