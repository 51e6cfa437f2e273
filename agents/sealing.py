"""Models are signed where they are stored, and taken back only as the decider left them.

Whoever can write Redis could otherwise teach the models: what counts as strange, and what reviewers are said to have
confirmed. Where there is a signing key (Ed25519, RFC 8032) a model is stored behind a byte that no MessagePack value
begins with, the version of this envelope, the id of the key and the signature of its place, its name and itself. One
that carries no good signature is left out, and the model begins anew, as it does where there is none.

Nothing tells an older snapshot of the same place from the newest. The windows beside it are not signed: what may be
written to Redis, and by whom, is what the ACL says (deploy/redis-acls.txt).
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from prometheus_client import Counter

from agents.keys import ID_DIGITS, PublicKeys, Watched, read_public
from agents.signing import SIGNATURE_BYTES, Signer, framed
from agents.store import NO_APPENDS, Answer, Loaded, Opened, Place, Store

logger = logging.getLogger(__name__)

SEALED: Final = frozenset({"model", "learner"})
"""The keys of the states that are models."""

CONTEXT: Final = b"stillwatch snapshot 1"
MARK: Final = b"\xc1\x01"
"""The one byte that MessagePack never uses, and the version."""

HEAD_BYTES: Final = len(MARK) + ID_DIGITS + SIGNATURE_BYTES


def state_of(value: bytes) -> bytes:
    """The state in a stored value, sealed or not, whoever signed it."""
    return value[HEAD_BYTES:] if value.startswith(MARK) else value


class SealingStore:
    """A `Store` that signs models, and gives out only such as were signed with a key that is trusted.

    Trusted are the keys in `verify_keys`, and without that path the signer's own. Without either nothing is checked:
    a model is given out whoever signed it, and without a signer it is stored as it is.
    """

    def __init__(self, store: Store, signer: Signer | None, verify_keys: Path | None, refused: Counter) -> None:
        """`refused` counts, by stage, each model that is left out. Raises SettingsError."""
        self._store = store
        self._signer = signer
        self._trusted: Watched[PublicKeys] | None = None if verify_keys is None else Watched(verify_keys, read_public)
        self._refused = refused

    async def open(self, place: Place) -> Opened:
        """As the store does."""
        return await self._store.open(place)

    async def load(self, place: Place, keys: Sequence[str]) -> Loaded:
        """As the store does; None for a model that carries no good signature."""
        loaded = await self._store.load(place, keys)
        if SEALED.isdisjoint(keys):
            return loaded
        values = zip(keys, loaded.values, strict=True)
        return Loaded(
            loaded.offset,
            tuple(
                value if key not in SEALED or value is None else self._opened(place, key, value)
                for key, value in values
            ),
        )

    async def commit(
        self,
        place: Place,
        *,
        owner: str,
        expected: int,
        offset: int,
        values: Mapping[str, bytes],
        outbox: bytes,
        log: str = "",
        appends: Mapping[str, bytes] = NO_APPENDS,
    ) -> Answer:
        """As the store does, with models sealed."""
        sealed = {key: self._sealed(place, key, values[key]) for key in SEALED & values.keys()}
        return await self._store.commit(
            place,
            owner=owner,
            expected=expected,
            offset=offset,
            values={**values, **sealed},
            outbox=outbox,
            log=log,
            appends=appends,
        )

    async def close(self) -> None:
        """As the store does."""
        await self._store.close()

    def _sealed(self, place: Place, key: str, state: bytes) -> bytes:
        if self._signer is None:
            return state
        name, signature = self._signer.sign(_message(place, key, state))
        return b"".join((MARK, name.encode(), signature, state))

    def _opened(self, place: Place, key: str, value: bytes) -> bytes | None:
        why = self._wrong(place, key, value)
        if not why:
            return state_of(value)
        logger.error("The %s of %s/%d in Redis %s: it begins anew.", key, place.stage, place.partition, why)
        self._refused.labels(stage=place.stage).inc()
        return None

    def _wrong(self, place: Place, key: str, value: bytes) -> str:
        """What is wrong with a stored value, empty if nothing is."""
        if self._signer is None and self._trusted is None:
            return ""
        if not value.startswith(MARK) or len(value) < HEAD_BYTES:
            return "is not signed"
        name = value[len(MARK) : len(MARK) + ID_DIGITS].decode("ascii", "replace")
        public = self._public_keys().get(name)
        if public is None and self._trusted is not None and self._trusted.refresh():
            public = self._trusted.value.get(name)
        if public is None:
            return "is signed with a key that is not trusted"
        try:
            public.verify(value[len(MARK) + ID_DIGITS : HEAD_BYTES], _message(place, key, state_of(value)))
        except InvalidSignature:
            return "is not as it was signed"
        return ""

    def _public_keys(self) -> PublicKeys:
        if self._trusted is not None:
            return self._trusted.value
        return {} if self._signer is None else self._signer.public


def _message(place: Place, key: str, state: bytes) -> bytes:
    """The bytes that are signed of a model."""
    return framed(CONTEXT, place.stage.encode(), str(place.partition).encode(), key.encode(), state)
