"""Encryption of what must be stored and read again: upstream credentials.

One master key, from the setting `HEADGATE_SECRET_KEY` or else from a file in the data directory that the first start
makes. Every purpose has its own key, derived from it, so that what is issued for one use is worth nothing for another.
"""

import base64
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

FILE_NAME = "secret.key"
SHORTEST = 16

_KEY_BYTES = 32
_NONCE_BYTES = 12
_SALT = b"headgate master key, version 1"


class SecretUnreadable(Exception):
    """A stored secret cannot be decrypted: it was written under another master key, or belongs to something else."""


class MasterKeyUnusable(Exception):
    """The master key is missing, too short, or readable by others. The message says what to do."""


class Sealer:
    """Encrypts and decrypts for one purpose (AES-256-GCM)."""

    def __init__(self, master: bytes, purpose: str) -> None:
        derived = HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=_SALT, info=purpose.encode()).derive(master)
        self._cipher = AESGCM(derived)

    def seal(self, text: str, owner: str) -> bytes:
        """Nonce and ciphertext. `owner` is not stored, but needed to `unseal`: a ciphertext copied to another row is
        worth nothing there."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, text.encode(), owner.encode())

    def unseal(self, sealed: bytes, owner: str) -> str:
        """The text.

        Raises:
            SecretUnreadable: not sealed by this key for this owner.
        """
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], owner.encode()).decode()
        except (InvalidTag, ValueError):
            raise SecretUnreadable(f"the secret of {owner} cannot be read with this master key") from None


def master_key(setting: str | None, directory: Path) -> bytes:
    """The master key: the setting if there is one, else the contents of `secret.key` in the data directory, which is
    made where it does not exist. Several processes may start at once; they end up with the same key.

    Raises:
        MasterKeyUnusable: the setting or the file cannot be used.
    """
    if setting is not None:
        if len(setting) < SHORTEST:
            raise MasterKeyUnusable(f"HEADGATE_SECRET_KEY has fewer than {SHORTEST} characters; use a long random text")
        return setting.encode()
    path = directory / FILE_NAME
    if not path.exists():
        _make(path)
    return _load(path)


def _make(path: Path) -> None:
    # Written beside and linked into place: nobody ever reads half a key, and the first of several wins.
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.b64encode(secrets.token_bytes(_KEY_BYTES)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return
    finally:
        draft.unlink()


def _load(path: Path) -> bytes:
    if path.stat().st_mode & 0o077:
        raise MasterKeyUnusable(f"{path} can be read by others; run: chmod 600 {path}")
    key = path.read_bytes().strip()
    if len(key) < SHORTEST:
        raise MasterKeyUnusable(f"{path} holds no key; restore it from a backup")
    return key
