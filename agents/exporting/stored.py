"""What Redis knows of campaigns and decisions do not say."""

import asyncio
from collections.abc import Sequence

from agents.exporting.links import StoredLink, links_of
from agents.known import campaign_named
from agents.store.redis import RedisStore


def stored_links(redis_url: str, prefix: str, campaign_ids: Sequence[str]) -> dict[str, list[StoredLink]]:
    """The links of each campaign that stands in Redis and that no other took in. Raises StoreError."""
    return asyncio.run(_stored(redis_url, prefix, campaign_ids))


async def _stored(redis_url: str, prefix: str, campaign_ids: Sequence[str]) -> dict[str, list[StoredLink]]:
    store = RedisStore(redis_url, prefix=prefix)
    try:
        found = {campaign_id: await campaign_named(store, campaign_id) for campaign_id in campaign_ids}
    finally:
        await store.close()
    return {name: links_of(it) for name, it in found.items() if it is not None and it.merged_into is None}
