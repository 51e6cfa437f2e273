"""What the store knows of an account or a campaign, for commands that tell it to a person. Nothing is changed."""

from agents.routing import key_partition
from agents.sealing import state_of
from agents.store import Place, Store
from streams.batch import account_key
from streams.campaigns import Campaign, Pointer
from streams.learning import Learner
from streams.policy import DEFAULT_POLICY
from streams.stages import CampaignsStage
from streams.stages.campaign_feedback import LEARNER
from streams.stages.campaign_states import campaign_key, member_key

_CAMPAIGNS = CampaignsStage(DEFAULT_POLICY)  # it decodes; what is stored does not depend on a policy


async def stored_state(store: Store, place: Place, key: str) -> bytes | None:
    """What the store holds of `key`, as it is stored. Raises StoreError."""
    return (await store.load(place, (key,))).values[0]


async def stored_account(store: Store, account_id: str, partitions: int) -> bytes | None:
    """The account as it is stored. Raises StoreError."""
    return await stored_state(store, Place("observe", key_partition(account_id, partitions)), account_key(account_id))


async def campaign_of(store: Store, account_id: str) -> Campaign | None:
    """The campaign that an account is a member of today: the last of those that took in the one it joined.

    Raises StoreError.
    """
    key = member_key(account_id)
    found = await stored_state(store, Place(_CAMPAIGNS.name, 0), key)
    pointer = Pointer() if found is None else _CAMPAIGNS.decode(key, found)
    if not isinstance(pointer, Pointer):
        raise TypeError(pointer)
    campaign_id, campaign = pointer.campaign_id, None
    while campaign_id is not None and (campaign := await campaign_named(store, campaign_id)) is not None:
        campaign_id = campaign.merged_into
    return campaign


async def campaign_named(store: Store, campaign_id: str) -> Campaign | None:
    """The campaign of that id. Raises StoreError."""
    key = campaign_key(campaign_id)
    found = await stored_state(store, Place(_CAMPAIGNS.name, 0), key)
    if found is None:
        return None
    campaign = _CAMPAIGNS.decode(key, found)
    if not isinstance(campaign, Campaign):
        raise TypeError(campaign)
    return campaign


async def learner_of(store: Store) -> Learner:
    """The model that learns from reviewers. Raises StoreError."""
    found = await stored_state(store, Place(_CAMPAIGNS.name, 0), LEARNER)
    learner = _CAMPAIGNS.decode(LEARNER, None if found is None else state_of(found))
    if not isinstance(learner, Learner):
        raise TypeError(learner)
    return learner
