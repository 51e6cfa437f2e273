"""The files that keys are in: those that are secret, and those that gateways check decisions with (Ed25519, PEM).

A key's id is the first 16 hexadecimal digits of the SHA-256 of its 32 public bytes. It names a key and vouches for
nothing.
"""

import contextlib
import logging
import os
import re
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final, Generic, TypeVar

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from agents.environment import SettingsError

Loaded = TypeVar("Loaded")
PublicKeys = dict[str, Ed25519PublicKey]

ID_DIGITS: Final = 16
NOT_FOR_OTHERS: Final = 0o027
"""Of a file that holds a secret: nothing for others, and for its group at most to read it."""

SUFFIXES: Final = (".pem", ".pub")
"""The files of a folder that hold public keys."""

_PUBLIC = re.compile(rb"-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----", re.DOTALL)

logger = logging.getLogger(__name__)


def key_id(key: Ed25519PublicKey) -> str:
    """What a key is called in a header, in a log and in a file's name."""
    return sha256(key.public_bytes_raw()).hexdigest()[:ID_DIGITS]


def read_secret(path: Path, what: str) -> bytes:
    """What a file holds that nobody but its owner and group may read. Raises SettingsError, which calls it `what`."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode & 0o777
            text = file.read()
    except OSError as error:
        raise SettingsError(f"{path}, which holds {what}, cannot be read: {error.strerror}.") from error
    if mode & NOT_FOR_OTHERS:
        raise SettingsError(f"{path} holds {what} and is open to others (mode {mode:04o}): chmod 600 it.")
    return text


def read_private(path: Path) -> Ed25519PrivateKey:
    """The key that signs. Raises SettingsError, also for a file that others than its owner and group can read."""
    text = read_secret(path, "the signing key")
    try:
        key = serialization.load_pem_private_key(text, password=None)
    except (TypeError, ValueError, UnsupportedAlgorithm):  # its text is not repeated: it may hold a secret
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise SettingsError(
            f"{path} holds no Ed25519 private key (PEM, PKCS#8, without a password): `stillwatch keys new`."
        )
    return key


def read_public(path: Path) -> PublicKeys:
    """The public keys in a file, or in the .pem and .pub files of a folder, by id. Raises SettingsError without any."""
    found: PublicKeys = {}
    try:
        for file in _files(path):
            blocks = _PUBLIC.findall(file.read_bytes())
            if not blocks:
                raise SettingsError(
                    f"{file} holds no public key (PEM): `stillwatch keys new` makes one beside each signing key."
                )
            for block in blocks:
                key = _public(block, file)
                found[key_id(key)] = key
    except OSError as error:
        raise SettingsError(
            f"{path}, where the keys are that decisions are checked with, cannot be read: {error.strerror}."
        ) from error
    if not found:
        raise SettingsError(
            f"{path} holds no .pem or .pub file with a public key: nothing that is signed could be checked."
        )
    return found


def make_pair(path: Path) -> str:
    """Write a new key to `path`, for its owner only, and its public half beside it; its id. Never overwrites.

    Raises SettingsError.
    """
    if path.exists():
        raise SettingsError(f"{path} is there already: a key is never overwritten.")
    key = Ed25519PrivateKey.generate()
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    try:
        with _fresh(path, 0o600, text) as fresh:
            os.link(fresh, path)  # unlike a rename it fails where somebody was quicker
    except OSError as error:
        raise SettingsError(f"A key cannot be written to {path}: {error.strerror}.") from error
    _write_public(path, key.public_key())
    return key_id(key.public_key())


def kept_pair(folder: Path) -> tuple[Path, Path]:
    """The key pair of the servers in `folder`, made once: the file that signs, the file that checks.

    Raises SettingsError.
    """
    path = folder / "signing.key"
    try:
        if not path.exists():
            make_pair(path)
    except SettingsError:
        if not path.exists():  # else somebody was quicker
            raise
    public = public_of(path)
    if not public.exists():
        _write_public(path, read_private(path).public_key())
    return path, public


def public_of(path: Path) -> Path:
    """Where the public half of the key in `path` is."""
    return path.with_name(f"{path.name}.pub")


def _write_public(path: Path, key: Ed25519PublicKey) -> None:
    """Write the public half of the key in `path` beside it, whole or not at all. Raises SettingsError."""
    text = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    try:
        with _fresh(path, 0o644, text) as fresh:
            fresh.replace(public_of(path))
    except OSError as error:
        raise SettingsError(f"A key cannot be written to {public_of(path)}: {error.strerror}.") from error


@contextlib.contextmanager
def _fresh(path: Path, mode: int, text: bytes) -> Iterator[Path]:
    """A new file with `text` beside `path`; it is gone after the block, unless it was moved. Raises OSError."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with open(fresh, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
        file.write(text)
    try:
        yield fresh
    finally:
        fresh.unlink(missing_ok=True)


class Watched(Generic[Loaded]):
    """What `load` makes of a file or folder, loaded again when that has changed.

    A file is known by its time, size and inode. What cannot be loaded (half a file, a wrong mode) leaves what was
    there in force, and is said once in the log: a mistake in a rotation stops nobody.
    """

    def __init__(self, path: Path, load: Callable[[Path], Loaded]) -> None:
        """Load for the first time. Raises SettingsError."""
        self._path = path
        self._load = load
        self._stamp = _stamp(path)
        self.value = load(path)

    def refresh(self) -> bool:
        """Look whether the files have changed (one `stat` each); whether something else is in force now."""
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        try:
            self.value = self._load(self._path)
        except SettingsError as error:
            logger.error("Keys stay as they were: %s", error)  # noqa: TRY400  its sentence says it all
            return False
        return True


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    yield from sorted(
        it for it in path.iterdir() if it.suffix in SUFFIXES and not it.name.startswith(".") and it.is_file()
    )


def _public(block: bytes, file: Path) -> Ed25519PublicKey:
    try:
        key = serialization.load_pem_public_key(block)
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise SettingsError(f"{file} holds a public key that is not Ed25519.")
    return key


def _stamp(path: Path) -> tuple[tuple[str, int, int, int], ...]:
    """What is different once a file is; empty where nothing can be read."""
    found = []
    with contextlib.suppress(OSError):
        for file in _files(path):
            told = file.stat()
            found.append((file.name, told.st_mtime_ns, told.st_size, told.st_ino))
    return tuple(found)
