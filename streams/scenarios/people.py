"""Accounts and the people behind them: plan, payment, devices, connections, and what they use the model for.

The figures are our own: plausible shares, so that no attribute alone tells one kind of account from another. Whoever
needs an account that differs in a few respects takes an ordinary one and replaces those (`msgspec.structs.replace`).
"""

from bisect import bisect
from itertools import accumulate
from random import Random

from msgspec import Struct
from msgspec.structs import replace

from streams.events import CAPABILITIES, Capability
from streams.scenarios.addresses import COUNTRIES, Connection, home_address, host, network_of, subnet
from streams.scenarios.chance import repeatable
from streams.scenarios.stage import DAY_MS, Stage, Truth

PLAN_DAILY_TOKENS = {"free": 150_000, "pro": 600_000, "max": 3_000_000, "api": 10_000_000, "enterprise": 50_000_000}
"""What each plan allows in a day (our own figures)."""

MIXES: tuple[tuple[float, tuple[float, ...]], ...] = (
    (0.34, (0.08, 0.02, 0.02, 0.03, 0.05, 0.01, 0.02, 0.77)),  # everyday
    (0.24, (0.08, 0.62, 0.10, 0.06, 0.02, 0.00, 0.00, 0.12)),  # developer
    (0.14, (0.40, 0.12, 0.01, 0.06, 0.08, 0.03, 0.02, 0.28)),  # student
    (0.10, (0.10, 0.12, 0.06, 0.50, 0.04, 0.02, 0.01, 0.15)),  # analyst
    (0.05, (0.10, 0.02, 0.02, 0.04, 0.04, 0.40, 0.08, 0.30)),  # teacher or editor
    (0.05, (0.05, 0.02, 0.06, 0.04, 0.04, 0.04, 0.40, 0.35)),  # moderation, law, health
    (0.08, (0.06, 0.14, 0.55, 0.08, 0.03, 0.01, 0.01, 0.12)),  # automation
)
"""Share of the customers, and their mix of capabilities in the order of `streams.events.CAPABILITIES`."""

NEW_FOR_A_TOOL, NEWEST_MS = 0.5, 60 * DAY_MS
"""Share of a tool's users who opened an account for it, and how long ago they did at most."""

_MIX_SHARES = tuple(accumulate(share for share, _ in MIXES))
_MIX_WEIGHTS = tuple(tuple(accumulate(mix)) for _, mix in MIXES)

# The pools of devices are the same in every simulation.
_DEVICES = repeatable("devices")
BROWSERS = tuple(
    f"Mozilla/5.0 ({system}) Browser/{major}.0 Engine/{major + 400}.{minor}"
    for major in range(128, 142)
    for minor in (0, 3)
    for system in (
        "Windows NT 10.0; Win64; x64",
        "Macintosh; Mac OS X 14_5",
        "X11; Linux x86_64",
        "iPhone; OS 19_1",
        "Android 16",
    )
)
CLIENTS = tuple(
    f"{client}/{major}.{minor}.{patch}"
    for client in ("python-sdk", "node-sdk", "agent-cli", "go-client", "java-sdk", "editor-plugin")
    for major in (1, 2)
    for minor in range(6)
    for patch in (0, 1)
)
FINGERPRINTS = tuple(
    f"t13d{_DEVICES.randrange(12, 20)}{_DEVICES.randrange(8, 17):02d}h2_"
    f"{_DEVICES.getrandbits(48):012x}_{_DEVICES.getrandbits(48):012x}"
    for _ in range(120)
)
"""JA4-like TLS fingerprints; a few of them make up most of the traffic, as browsers and SDKs do."""

REMEMBERED = 50_000
"""People that a crowd keeps at hand. Others are made again when they come back, so that memory has a bound."""

YOUNG_SHARE, OLDEST_DAYS = 0.03, 900
WORLD = 5_000
"""The accounts of the ordinary world at scale 1, which offices and households are counted from."""
OFFICE_SHARE, OFFICE_SIZE, TEAM_PLAN_SHARE = 0.14, 14, 0.5
HOUSEHOLD_SHARE, HOUSEHOLD_SIZE = 0.07, 2
CLIENT_SHARE = 0.3
FREE_VOLUME, PRO_VOLUME = 2.5, 8.0
MODELS = ("large-5", "medium-5", "small-5", "large-4")
NEW_MODEL = "large-6"
"""The model that is released in the middle of the time that is simulated."""
ADOPTION_DAYS = 5.0
_MODEL_SHARES = (0.35, 0.75, 0.92)
HOURS_AHEAD = tuple(hours for _, hours, _ in COUNTRIES)


class Person(Struct, frozen=True, gc=False):
    """An account and the habits of whoever uses it; every record of the account starts from this."""

    truth: Truth
    plan: str
    account_created_at_ms: int
    payment_hash: str | None
    org_id: str | None
    api_key_id: str | None
    access_path: str
    user_agents: tuple[str, ...]
    tls_fingerprint: str
    connections: tuple[Connection, ...]
    capability_weights: tuple[float, ...]
    model: str
    adopts_ms: int

    def capability(self, random: Random) -> Capability:
        """What this person wants from the model this time."""
        weights = self.capability_weights
        return CAPABILITIES[min(bisect(weights, random.random() * weights[-1]), len(CAPABILITIES) - 1)]


def zipf(random: Random, pool: tuple[str, ...]) -> str:
    """One of the pool, the n-th about as often as 1/n."""
    return pool[int(len(pool) ** random.random()) - 1]


def ordinary_person(stage: Stage, index: int, place: int, volume: float, label: str = "benign") -> Person:
    """The `index`-th account of the scenario, in country `place`; `volume` is its use against the average account's.

    The same arguments give the same person. Heavy users are on the larger plans.
    """
    random = stage.random("person", index)
    plan = _plan(random, volume)
    programmatic = plan in {"api", "enterprise"} or (plan != "free" and random.random() < CLIENT_SHARE)
    mix = bisect(_MIX_SHARES, random.random() * _MIX_SHARES[-1])
    connections, payer = _connections(stage, random, place, index)
    return Person(
        truth=Truth(stage.account(index), label),
        plan=plan,
        account_created_at_ms=_created(stage, random),
        payment_hash=None if plan == "free" else stage.opaque("payment", payer),
        org_id=stage.opaque("org", payer) if plan == "enterprise" else None,
        api_key_id=stage.opaque("key", index) if programmatic else None,
        access_path=_access_path(random, programmatic=programmatic),
        user_agents=_user_agents(random, programmatic=programmatic),
        tls_fingerprint=zipf(random, FINGERPRINTS),
        connections=connections,
        capability_weights=_MIX_WEIGHTS[min(mix, len(MIXES) - 1)],
        model=MODELS[bisect(_MODEL_SHARES, random.random())],
        adopts_ms=stage.release_ms + int(random.expovariate(1 / ADOPTION_DAYS) * DAY_MS),
    )


def with_key(stage: Stage, person: Person, number: int, instead_of_free: str = "api") -> Person:
    """The person with a key for programs, and so with a plan and a payment."""
    return replace(
        person,
        plan=instead_of_free if person.plan == "free" else person.plan,
        payment_hash=person.payment_hash or stage.opaque("payment", f"account {number}"),
        api_key_id=stage.opaque("key", number),
        access_path="first_party_api",
    )


def user_of_a_tool(stage: Stage, person: Person, number: int, random: Random) -> Person:
    """The person with a key for a tool; half of a tool's users opened an account because it asks for one."""
    person = with_key(stage, person, number)
    if random.random() < NEW_FOR_A_TOOL:
        opened_ms = stage.start_ms - int(random.random() * NEWEST_MS)
        person = replace(person, account_created_at_ms=opened_ms)
    return person


def of_company(stage: Stage, person: Person, who: str, company: int, key: int) -> Person:
    """The person as one key of a company, which is `who` for its scenario, and pays for all of its keys."""
    return replace(
        person,
        payment_hash=stage.opaque(f"payment of the {who}", company),
        org_id=stage.opaque(f"org of the {who}", company),
        api_key_id=stage.opaque(f"key of the {who}", key),
        access_path="first_party_api",
    )


def _plan(random: Random, volume: float) -> str:
    """A plan; who uses the model more than a plan allows is on a larger one."""
    draw = random.random() * (0.20 if volume > PRO_VOLUME else 0.45 if volume > FREE_VOLUME else 1.0)
    return ("enterprise", "api", "max", "pro", "free")[bisect((0.04, 0.14, 0.20, 0.45), draw)]


def _created(stage: Stage, random: Random) -> int:
    """Most accounts are months old, a few were opened this week."""
    if random.random() < YOUNG_SHARE:
        return stage.start_ms - int(random.random() * 7 * DAY_MS)
    return stage.start_ms - int((7 + random.random() ** 1.5 * OLDEST_DAYS) * DAY_MS)


def _access_path(random: Random, *, programmatic: bool) -> str:
    if not programmatic:
        return "web"
    return ("first_party_api", "cloud_reseller", "partner")[bisect((0.85, 0.96), random.random())]


def _user_agents(random: Random, *, programmatic: bool) -> tuple[str, ...]:
    """One to three devices; somebody with an SDK also has a browser at times."""
    pool = CLIENTS if programmatic else BROWSERS
    return tuple(zipf(random, pool) for _ in range(bisect((0.6, 0.9), random.random()) + 1))


def _connections(stage: Stage, random: Random, place: int, index: int) -> tuple[tuple[Connection, ...], str]:
    """How somebody comes online, and who pays: an office or a household shares both, others have their own.

    A phone is a mobile network with four /24s of its carrier's shared addresses, a new one each session.
    """
    home = network_of(random, place, "residential")
    mobile = network_of(random, place, "mobile")
    phone = Connection(mobile, prefixes=tuple(f"{mobile.blocks[0]}{int(random.random() * 64)}." for _ in range(4)))
    own = Connection(home, home_address(random, home))
    draw, local = random.random(), COUNTRIES[place][2] * WORLD
    if draw < OFFICE_SHARE:
        office = int(random.random() * stage.size(local * OFFICE_SHARE / OFFICE_SIZE))
        payer = f"office {office} {place}" if random.random() < TEAM_PLAN_SHARE else f"account {index}"
        return (*_office(stage, office, place), own), payer
    if draw < OFFICE_SHARE + HOUSEHOLD_SHARE:
        household = int(random.random() * stage.size(local * HOUSEHOLD_SHARE / HOUSEHOLD_SIZE))
        shared = stage.random("household", household, place)
        network = network_of(shared, place, "residential")
        return (Connection(network, home_address(shared, network)), phone), f"household {household} {place}"
    return ((own,), (own, own, phone), (phone,))[bisect((0.35, 0.85), random.random())], f"account {index}"


def _office(stage: Stage, office: int, place: int) -> tuple[Connection, ...]:
    """The /24 that everyone in the office shares."""
    shared = stage.random("office", office, place)
    network = network_of(shared, place, "corporate")
    prefix = subnet(shared, network)
    return (Connection(network, host(shared, prefix)), Connection(network, prefixes=(prefix,)))
