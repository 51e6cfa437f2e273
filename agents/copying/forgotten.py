"""Whether Redis knows nothing of a prefix: states of another log under it would count what is copied on top."""

from agents.copying.entry import CopyError
from agents.store import NOTHING, Place
from agents.store.redis import RedisStore


async def require_forgotten(redis_url: str, prefix: str, partitions: int) -> None:
    """Raise CopyError if Redis holds states of accounts under `prefix`, and StoreError if it cannot be asked."""
    store = RedisStore(redis_url, prefix=prefix)
    try:
        for number in range(partitions):
            if (await store.load(Place("observe", number), ())).offset != NOTHING:
                raise CopyError(
                    f"Redis holds states under the prefix {prefix}, of other topics: what is copied would be counted "
                    "on top. Take another prefix, or remove those keys first (deploy/operations.md)"
                )
    finally:
        await store.close()
