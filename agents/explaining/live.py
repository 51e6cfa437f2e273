"""What stands in Kafka and Redis about a subject: its decisions, and what its windows say now."""

import asyncio

from msgspec import Struct

from agents.explaining.topic import decided
from agents.known import campaign_named, campaign_of, stored_account
from agents.settings import Settings
from agents.store import StoreError
from agents.store.redis import RedisStore
from agents.topics import TopicNames, partitions_of
from streams.accounts import account_of
from streams.explaining import History, Pays
from streams.explaining.now import Membership, Now, account_now, campaign_now, membership_of
from streams.folding import is_allowed
from streams.policy import Policy


class Stored(Struct, frozen=True):
    """What Redis holds of a subject. `sequence` is of the last decision about it, 0 if there was none.

    `spared`: the policy's allowlist names the account, its organisation or its payment.
    """

    sequence: int
    now: Now
    membership: Membership | None = None
    spared: bool = False


class Known(Struct):
    """All that concerns a subject: decisions, what Redis holds of it, and how many records were no decisions."""

    history: History
    stored: Stored | None = None
    unreadable: int = 0


def live(subject_id: str, settings: Settings, policy: Policy, pays: Pays | None = None) -> Known:
    """What the enforcement topic and Redis have about the subject, and how it `pays` if Redis does not know.

    Reads the enforcement topic once from its beginning. Raises `TopicError` and `StoreError`.
    """
    names = TopicNames.under(settings.prefix)
    partitions = partitions_of(settings.bootstrap_servers, names)
    stored, sends, paid = asyncio.run(_stored(subject_id, settings, partitions, policy))
    known = Known(History(subject_id, sends, pays or paid), stored)
    for decision in decided(settings.bootstrap_servers, names.enforcement):
        if decision is None:
            known.unreadable += 1
        else:
            known.history.take(decision)
    return known


async def _stored(
    subject_id: str, settings: Settings, partitions: int, policy: Policy
) -> tuple[Stored | None, frozenset[int], Pays | None]:
    """What Redis holds, and of an account the templates it uses most, by their `hash32`, and how it pays."""
    store = RedisStore(settings.redis_url, prefix=settings.prefix)
    try:
        campaign = await campaign_named(store, subject_id)
        if campaign is not None:
            now = (
                None if campaign.merged_into else Stored(campaign.enforcement.sequence, campaign_now(campaign, policy))
            )
            return now, frozenset(), None
        found = await stored_account(store, subject_id, partitions)
        home = await campaign_of(store, subject_id)
    finally:
        await store.close()
    if found is None:
        return None, frozenset(), None
    try:
        account = account_of(found)
    except ValueError as error:
        raise StoreError(f"Redis cannot be understood: {error}; `--decisions FILE` explains without it.") from error
    membership = None if home is None else membership_of(home, subject_id, policy)
    spared = is_allowed(subject_id, account.profile, policy.allowlist)
    stored = Stored(account.enforcement.sequence, account_now(found, policy), membership, spared)
    payment, created_ms = account.profile.payment_hash, account.profile.created_at_ms
    pays = None if payment is None or created_ms is None else Pays(payment, created_ms)
    return stored, frozenset(account.top_templates), pays
