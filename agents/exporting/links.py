"""What Redis knows of campaigns and decisions do not say: the payment instruments that their accounts share."""

import asyncio
from collections.abc import Sequence

from msgspec import Struct

from agents.exporting.sharing import SharedKind
from agents.known import campaign_named
from agents.store.redis import RedisStore
from streams.campaigns import Campaign


class StoredLink(Struct, frozen=True):
    """A link of a campaign as its last finding, at `as_of_ms`, describes it."""

    kind: SharedKind
    value: str
    as_of_ms: int
    sentences: tuple[str, ...]

    @property
    def name(self) -> str:
        """The link as one string."""
        return f"{self.kind}:{self.value}"


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


def links_of(campaign: Campaign) -> list[StoredLink]:
    """The payments that its accounts share, and the templates that are the campaign's own and not a crowd's."""
    links = []
    for name, evidence in sorted(campaign.links.items()):
        kind, _, value = name.partition(":")
        sentences = tuple(reason.sentence for reason in evidence.reasons)
        if kind == "payment":
            links.append(StoredLink("payment", value, evidence.as_of_ms, sentences))
        elif kind == "template" and evidence.is_theirs:
            links.append(StoredLink("template", value, evidence.as_of_ms, sentences))
    return links
