"""What links say about a campaign and about each account that was seen with it, and the view that signals judge."""

from collections.abc import Iterable, Mapping
from math import sqrt
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import xxhash
from msgspec import Struct, field

from streams.accounts import Enforcement
from streams.decisions import OPENED_BEFORE_DAYS, Reason
from streams.events import Capability
from streams.findings import Finding, Tied, link_name
from streams.members import REPEATS
from streams.policy import LONGEST_EXPIRY_MS
from streams.windows import DAY_MS

Times = npt.NDArray[np.int64]
"""Milliseconds since the epoch."""

QUARTER, MOST, NEARLY_ALL, ALL = 0.25, 0.5, 0.8, 0.95
FEWEST_REPEATING = 8
FEWEST_NAMED = 3
REWORDED = 8
"""Templates with a sibling from which on a campaign rewords, and one alone makes nobody a member."""
HALF_YEAR_MS = 180 * DAY_MS
RETURNING_SHARE = 1 / 3
"""Members among those seen; with fewer, most of them came upon the templates by chance."""

SEEN_FOR_MS = 7 * DAY_MS
"""How long one template that an account used is remembered while it is no member."""

_ONE_SIDED_95 = 1.645
_LINK_BITS = 64
ALL_LINKS = (1 << _LINK_BITS) - 1


class LinkEvidence(Struct, array_like=True):
    """What one link contributes to a campaign. `has_sibling`: it is a template of which the campaign has a rewording.

    `members` counts those that it named, `repeating` and `recent` those of them that used it at least `REPEATS` times,
    and whose account was younger than 60 days, `strangers` are those that were no members when the link was looked at
    last, nor refused for how they pay. `enforcement` is what was decided about the link itself, `is_worded` whether
    with it about other wordings too, None if never. Wordings of one instruction have the same `instruction`, the name
    of one of them; `sketch` is a template's.
    """

    as_of_ms: int
    reasons: tuple[Reason, ...]
    members: int = 0
    capability: Capability = "other"
    has_sibling: bool = False
    repeating: int = 0
    recent: int = 0
    strangers: set[str] = field(default_factory=set)
    enforcement: Enforcement = field(default_factory=Enforcement)
    is_worded: bool | None = None
    instruction: str = ""
    sketch: str = ""

    @property
    def ties_until_ms(self) -> int:
        """Until when it ties what it tied, if nothing more is found of it and what was decided about it ends."""
        return max(self.as_of_ms + LONGEST_EXPIRY_MS, self.enforcement.expires_at_ms)

    @property
    def is_theirs(self) -> bool:
        """Whether the template is the campaign's: a wording of its own, which mostly members use, or new accounts."""
        wording = self.has_sibling or self.is_repeated
        are_new = self.recent >= NEARLY_ALL * self.members
        return wording and self.members >= FEWEST_NAMED and (are_new or len(self.strangers) <= MOST * self.members)

    @property
    def is_crowds(self) -> bool:
        """Whether most of those who use the template are no members, and not just because it is new."""
        return len(self.strangers) > max(MOST * self.members, FEWEST_REPEATING)

    @property
    def is_repeated(self) -> bool:
        """Whether most of those who are no members use it again and again, and nearly all are new.

        Such a template makes members by itself.
        """
        return (
            self.members >= FEWEST_REPEATING
            and self.repeating >= max(FEWEST_NAMED, MOST * len(self.strangers))
            and self.recent >= NEARLY_ALL * self.members
        )


class ShortTemplate(Struct, array_like=True):
    """A template too short to tie anybody, as of when its users were last told of, and what was decided about it.

    `strangers` of its `users` were no members of the campaign then, nor refused for how they pay. `has_sibling`: the
    campaign has a wording of it.
    """

    as_of_ms: int
    users: int
    strangers: int
    has_sibling: bool
    enforcement: Enforcement = field(default_factory=Enforcement)
    is_worded: bool | None = None

    @property
    def is_theirs(self) -> bool:
        """Whether surely nearly all who use it are no strangers; or most, if it is a wording of the campaign's own."""
        if self.has_sibling and self.users >= FEWEST_NAMED and self.strangers <= MOST * self.users:
            return True
        return surely(self.users - self.strangers, self.users) >= NEARLY_ALL


class Told(Struct, array_like=True, gc=False):
    """When a decision told a payment last, and from when on accounts that pay so were opened to count as members."""

    at_ms: int
    opened_from_ms: int


class Seen(Struct, array_like=True):
    """What links said about one account since `since_ms`.

    `templates` is a bitmap of the campaign's templates it used, by hash, of 64 bits: how many there are is at least the
    number of bits, however often it is said. `repeated` is the same of those it used at least `REPEATS` times; `paid`:
    a payment link named it; `was_member`: it was found again after the campaign had to forget it. `used_ms` is when it
    began to do what is known of it here: an erasure until then or later takes all of it. The rest is what is known of
    the account, `paid_before` how it paid before it paid as it does.
    """

    since_ms: int
    templates: int = 0
    repeated: int = 0
    paid: bool = False
    org_id: str | None = None
    payment_hash: str | None = None
    created_at_ms: int | None = None
    used_ms: int = 0
    was_member: bool = False
    paid_before: str | None = None

    @property
    def came_back(self) -> bool:
        """Whether it used two templates of the campaign, came back to a payment of it, or was a member before."""
        return self.paid or self.was_member or self.templates.bit_count() > 1

    def was_opened_since(self, found_ms: int) -> bool:
        """Whether the account was opened after a campaign was found, and at most a week before it was seen with it.

        As far as its age is known. Of a campaign that was found long ago most accounts were opened since.
        """
        from_ms = max(found_ms, self.since_ms - OPENED_BEFORE_DAYS * DAY_MS)
        return self.created_at_ms is not None and self.created_at_ms >= from_ms

    def note(self, finding: Finding, tied: Tied, *, is_member: bool) -> None:
        """Take what a finding says; to say it again changes nothing."""
        if not is_member and not self.came_back and finding.as_of_ms - self.since_ms > SEEN_FOR_MS:
            self.since_ms, self.templates, self.repeated, self.used_ms = finding.as_of_ms, 0, 0, tied.since_ms
        self.used_ms = min(self.used_ms, tied.since_ms)
        if finding.kind == "payment":
            self.paid = True
        else:
            bit = bit_of(link_name(finding))
            self.templates |= bit
            self.repeated |= bit if tied.uses >= REPEATS else 0
        self.org_id = tied.org_id or self.org_id
        self._pay(tied.payment_hash)
        self.created_at_ms = self.created_at_ms if tied.created_at_ms is None else tied.created_at_ms

    def _pay(self, payment: str | None) -> None:
        if payment is not None and payment != self.payment_hash:
            self.payment_hash, self.paid_before = payment, self.payment_hash or self.paid_before

    def knows(self, finding: Finding, tied: Tied) -> bool:
        """Whether the finding says nothing new about the account."""
        if finding.kind == "payment":
            return self.paid
        return bool((self.repeated if tied.uses >= REPEATS else self.templates) & bit_of(link_name(finding)))

    def absorb(self, other: "Seen") -> None:
        """Take what another campaign knew of the same account."""
        self.since_ms = min(self.since_ms, other.since_ms)
        self.used_ms = min(self.used_ms, other.used_ms)
        self.templates |= other.templates
        self.repeated |= other.repeated
        self.paid = self.paid or other.paid
        self.was_member = self.was_member or other.was_member
        self.org_id = other.org_id if self.org_id is None else self.org_id
        paid = self.payment_hash, self.paid_before
        for payment in (other.paid_before, other.payment_hash, *reversed(paid)):
            self._pay(payment)
        self.created_at_ms = other.created_at_ms if self.created_at_ms is None else self.created_at_ms


def sharers(members: Mapping[str, Seen]) -> set[str]:
    """The members that pay with an instrument that another party has too."""
    payers: dict[str, set[str]] = {}
    for name, it in members.items():
        if it.payment_hash is not None:
            payers.setdefault(it.payment_hash, set()).add(it.org_id or name)
    shared = {payment for payment, parties in payers.items() if len(parties) > 1}
    return {name for name, it in members.items() if it.paid or it.payment_hash in shared}


def surely(count: int, of: int) -> float:
    """The share that `count` of `of` speaks for with 95 % confidence: the lower end of its one-sided interval.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22, 1927. A campaign is
    looked at again and again while it grows, and eight of eight are nothing rare then.

    >>> round(surely(8, 8), 2), round(surely(80, 80), 2)
    (0.75, 0.97)
    """
    if not of:
        return 0.0
    share, spread = count / of, _ONE_SIDED_95**2 / of
    middle = share + spread / 2
    return (middle - _ONE_SIDED_95 * sqrt(share * (1 - share) / of + spread / (4 * of))) / (1 + spread)


def opened(group: Iterable[Seen]) -> Times:
    """When the accounts were opened whose age is known."""
    return np.array([it.created_at_ms for it in group if it.created_at_ms is not None], np.int64)


def younger(groups: Iterable[Times], within_ms: int, at_ms: int) -> float:
    """Surely the share of a group opened within so many milliseconds: the greatest."""
    return max(surely(int(np.count_nonzero(group > at_ms - within_ms)), len(group)) for group in groups)


class Rotation(NamedTuple):
    """Who draws wordings of one instruction, among those seen with a campaign (`streams.rotation`).

    `share` is surely that of parties that do, of those that send an instruction more than once; `accounts` do, or come
    after them, and draw from the wordings that are the links `templates`.
    """

    share: float = 0.0
    accounts: frozenset[str] = frozenset()
    templates: frozenset[str] = frozenset()


class CampaignView(NamedTuple):
    """What signals judge of a campaign.

    `accounts` are its members, `parties` the same with organisations once, `payers` also with those once that one
    instrument pays for. `returning` is the share of members among those seen (until it is found, those first seen
    within a week), `sharing` surely that of members whose payment instrument another party of the campaign has,
    `recent` and `half_year` surely that of members, or of those seen if it is more, that were opened within 60 and 180
    days, of all whose age is known, `capability_share` that of its templates that ask for a capability that campaigns
    extract, and `rotation` who draws wordings.
    """

    accounts: int
    parties: int
    payers: int
    returning: float
    templates: int
    rewordings: int
    sharing: float
    recent: float
    half_year: float
    capability_share: float
    rotation: Rotation

    @property
    def came_by_chance(self) -> bool:
        """Whether most of those seen came upon the templates by chance: few returned, and some are long-standing."""
        return self.returning < RETURNING_SHARE and self.recent < NEARLY_ALL and self.half_year < ALL


def bit_of(name: str) -> int:
    """The bit of a link in bitmaps of links."""
    return 1 << xxhash.xxh32_intdigest(name.encode("utf-8", "surrogatepass")) % _LINK_BITS


TYPICAL = CampaignView(
    accounts=4,
    parties=4,
    payers=4,
    returning=0.1,
    templates=2,
    rewordings=0,
    sharing=0.0,
    recent=0.2,
    half_year=0.4,
    capability_share=0.5,
    rotation=Rotation(),
)
"""What customers share who come upon the same words, the ground that samples of signals vary."""
