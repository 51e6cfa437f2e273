"""One account's state as it is stored and as people read it, and the view of it that signals judge.

What is stored is bytes: a head with what was decided about the account, its profile, and the numbers that
`streams.kernel` folds events into. `account_of` lays all of it out for a person, a command or a test.
"""

import struct
from typing import NamedTuple

import msgspec
import numpy as np
from msgspec import Struct, field

from streams import kernel
from streams.batch import Said
from streams.decisions import LADDER
from streams.distinct import Distinct
from streams.instructions import Instruction
from streams.room import buckets_of, days_of, instructions_of, sketch_of
from streams.windows import DAY_MS, Windows


class Enforcement(Struct, array_like=True):
    """What was last decided about a subject: rung, expiry, and the sequence of the decision that said so."""

    action: str = "release"
    expires_at_ms: int = 0
    sequence: int = 0
    shadow: bool = False


class Profile(Struct, frozen=True, array_like=True, gc=False):
    """What the events say about the account itself: of each field the last that was given."""

    created_at_ms: int | None = None
    plan: str | None = None
    plan_daily_tokens: int | None = None
    org_id: str | None = None
    payment_hash: str | None = None

    def after(self, said: Said) -> "Profile":
        """The profile once an event has spoken."""
        return Profile(
            self.created_at_ms if said.created_at_ms is None else said.created_at_ms,
            self.plan if said.plan is None else said.plan,
            self.plan_daily_tokens if said.plan_daily_tokens is None else said.plan_daily_tokens,
            self.org_id if said.org_id is None else said.org_id,
            self.payment_hash if said.payment_hash is None else said.payment_hash,
        )


class Head(Struct):
    """What was decided and learnt about an account; `p_value` is what the anomaly model said last."""

    enforcement: Enforcement = field(default_factory=Enforcement)
    taught_hour: int = 0
    p_value: float | None = None


class AccountState(Struct, array_like=True):
    """One account, laid out. Stored, a hot account takes about 4 KB, one with ten events below 1 KB.

    `top_templates` are the commonest templates by their `hash32`, `capability_days` requests by day since the epoch and
    position in `streams.events.CAPABILITIES`; bit i of `active_hours` is the hour i hours before the newest event's.
    """

    profile: Profile
    head: Head
    first_ms: int
    last_ms: int
    requests: int
    late: int
    evaluated_requests: int
    windows: Windows
    addresses: Distinct
    user_agents: Distinct
    templates: Distinct
    conversations: Distinct
    top_templates: dict[int, int]
    template_requests: int
    capability_days: dict[int, dict[int, int]]
    active_hours: int
    gap_mean_ms: float
    gap_variance: float
    openings: int
    continued: int
    instructions: tuple[Instruction, ...]

    @property
    def enforcement(self) -> Enforcement:
        """What is in force."""
        return self.head.enforcement


class AccountView(NamedTuple):
    """What signals judge: one account as of one moment. Counts are of the last 24 one-hour buckets unless named.

    `reworded` is how often one instruction opened a conversation in several wordings (`streams.instructions`), with how
    many of those were followed up and how many asked for what campaigns extract; `followed_share` is how many of its
    other openings the account follows up.
    """

    as_of_ms: int
    plan: str | None
    plan_daily_tokens: int | None
    age_ms: int | None
    requests: int
    tokens: int
    requests_1h: int
    errors: int
    active_hours: int
    active_hours_7d: int
    addresses: int
    user_agents: int
    templates: int
    conversations: int
    top_template_share: float
    capability_share: float
    gap_variation: float
    reworded: int
    reworded_followed: int
    reworded_extracted: int
    followed_share: float
    p_value: float | None = None

    @property
    def missing_follow_ups(self) -> float:
        """How often `reworded` would have been followed up by the account's habit and was not; 0 if a quarter was."""
        usual = self.reworded * self.followed_share
        return 0.0 if 4 * self.reworded_followed > usual else usual - self.reworded_followed


_HEAD = struct.Struct("<BBBBqIId")
_PROFILE_SIZE = struct.Struct("<H")
_decode_profile = msgspec.msgpack.Decoder(Profile).decode
_encode_profile = msgspec.msgpack.Encoder().encode
NOBODY = Profile()
NEW_MS = 3 * DAY_MS
"""So long `new_account_at_maximum` speaks of what an account uses of its plan, and then `volume_against_plan`."""


def head_of(stored: bytes) -> Head:
    """The head of a stored account. Raises ValueError if another version of Stillwatch stored it."""
    version, action, shadow, judged, expires_at_ms, sequence, taught_hour, p_value = _HEAD.unpack_from(stored)
    if version != kernel.VERSION:
        raise ValueError(f"an account is stored in version {version}, not {kernel.VERSION}")
    enforcement = Enforcement(LADDER[action], expires_at_ms, sequence, bool(shadow))
    return Head(enforcement, taught_hour, p_value if judged else None)


def profile_of(stored: bytes) -> Profile:
    """The profile of a stored account."""
    (size,) = _PROFILE_SIZE.unpack_from(stored, _HEAD.size)
    return _decode_profile(stored[kernel.HEAD_BYTES : kernel.HEAD_BYTES + size]) if size else NOBODY


def with_head(stored: bytes, head: Head) -> bytes:
    """The stored account under another head."""
    force = head.enforcement
    packed = _HEAD.pack(
        kernel.VERSION,
        next(rung for rung, action in enumerate(LADDER) if action == force.action),
        force.shadow,
        head.p_value is not None,
        force.expires_at_ms,
        force.sequence,
        head.taught_hour,
        0.0 if head.p_value is None else head.p_value,
    )
    return packed + stored[_HEAD.size :]


def with_profile(stored: bytes, profile: Profile) -> bytes:
    """The stored account under another profile."""
    (size,) = _PROFILE_SIZE.unpack_from(stored, _HEAD.size)
    text = _encode_profile(profile)
    return stored[: _HEAD.size] + _PROFILE_SIZE.pack(len(text)) + text + stored[kernel.HEAD_BYTES + size :]


def view_of(row: list[int], shares: list[float], profile: Profile) -> AccountView:
    """The view that signals judge, from a row of due views."""
    as_of_ms = row[kernel.VIEW_AS_OF]
    created = profile.created_at_ms
    return AccountView(
        as_of_ms=as_of_ms,
        plan=profile.plan,
        plan_daily_tokens=profile.plan_daily_tokens,
        age_ms=None if created is None else max(0, as_of_ms - created),
        requests=row[kernel.VIEW_REQUESTS],
        tokens=row[kernel.VIEW_TOKENS],
        requests_1h=row[kernel.VIEW_REQUESTS_1H],
        errors=row[kernel.VIEW_ERRORS],
        active_hours=row[kernel.VIEW_ACTIVE],
        active_hours_7d=row[kernel.VIEW_ACTIVE_7D],
        addresses=row[kernel.VIEW_ADDRESSES],
        user_agents=row[kernel.VIEW_AGENTS],
        templates=row[kernel.VIEW_TEMPLATES],
        conversations=row[kernel.VIEW_CONVERSATIONS],
        top_template_share=shares[0],
        capability_share=shares[1],
        gap_variation=shares[2],
        reworded=row[kernel.VIEW_REWORDED],
        reworded_followed=row[kernel.VIEW_REWORDED_FOLLOWED],
        reworded_extracted=row[kernel.VIEW_REWORDED_EXTRACTED],
        followed_share=shares[3],
    )


def current_view(stored: bytes) -> AccountView:
    """The account as signals see it as of its newest event."""
    row, shares = np.zeros(kernel.VIEW_COLUMNS, np.int64), np.zeros(kernel.SHARE_COLUMNS, np.float64)
    kernel.view_account(_laid_out(stored), row, shares)
    view = view_of(row.tolist(), shares.tolist(), profile_of(stored))
    return view._replace(p_value=head_of(stored).p_value)


def account_of(stored: bytes) -> AccountState:
    """The stored account, laid out."""
    room = _laid_out(stored)
    numbers = room.numbers.tolist()
    sketches = [sketch_of(room, kind) for kind in range(4)]
    top = int(room.sizes[kernel.TEMPLATES_HELD])
    return AccountState(
        profile=profile_of(stored),
        head=head_of(stored),
        first_ms=numbers[kernel.FIRST_MS],
        last_ms=numbers[kernel.LAST_MS],
        requests=numbers[kernel.REQUESTS],
        late=numbers[kernel.LATE],
        evaluated_requests=numbers[kernel.EVALUATED],
        windows=Windows(numbers[kernel.LAST_MS], *(buckets_of(room, plane) for plane in range(3))),
        addresses=sketches[0],
        user_agents=sketches[1],
        templates=sketches[2],
        conversations=sketches[3],
        top_templates=dict(zip(room.top_hashes[:top].tolist(), room.top_counts[:top].tolist(), strict=True)),
        template_requests=numbers[kernel.TEMPLATE_REQUESTS],
        capability_days=days_of(room),
        active_hours=sum(word << (56 * place) for place, word in enumerate(numbers[kernel.WEEK :])),
        gap_mean_ms=float(room.gaps[0]),
        gap_variance=float(room.gaps[1]),
        openings=numbers[kernel.OPENINGS],
        continued=numbers[kernel.CONTINUED],
        instructions=instructions_of(room),
    )


def _laid_out(stored: bytes) -> kernel.Room:
    room = kernel.make_room()
    kernel.read_account(np.frombuffer(stored, np.uint8), 0, len(stored), room)
    return room


TYPICAL = AccountView(
    as_of_ms=1_760_000_000_000,
    plan="pro",
    plan_daily_tokens=1_000_000,
    age_ms=200 * DAY_MS,
    requests=24,
    tokens=30_000,
    requests_1h=4,
    errors=0,
    active_hours=5,
    active_hours_7d=22,
    addresses=2,
    user_agents=1,
    templates=20,
    conversations=7,
    top_template_share=0.1,
    capability_share=0.4,
    gap_variation=1.8,
    reworded=0,
    reworded_followed=0,
    reworded_extracted=0,
    followed_share=0.6,
    p_value=0.5,
)
"""An ordinary account, the ground that samples of signals vary."""
