"""Each campaign alone for a week or longer: what leaks in time."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Executor

from msgspec import Struct
from msgspec.structs import replace

from streams.evaluation import Evaluation
from streams.evaluation.bars import Bar
from tests.evaluation.evaluation_page import shortfalls
from tests.evaluation.robustness import WEEK, without_gateway
from tests.evaluation.tables import harm, middle, of_scenario, spread, whom
from tests.evaluation.worlds import SMALL, stillwatch


class Lasting(Struct, frozen=True):
    """A campaign's size against its disclosure, and how long it is watched."""

    size: float
    days: float = 7.0


LASTING: Mapping[str, Lasting] = {
    **{name: Lasting(size) for name, size in SMALL.campaigns.items()},
    "access_paths": Lasting(0.1),
    "release_pivot": Lasting(0.03),
    "thin": Lasting(0.3, days=28),
    "four_requests": Lasting(0.3, days=27),
    "quiet_relay": Lasting(0.5),
}
"""As in the small world; some nearer the size of their source, or as long as it was."""


def lasted(pool: Executor, seed: int) -> Mapping[str, Evaluation]:
    """Each campaign among a few innocents, the largest first."""
    largest_first = sorted(LASTING, key=lambda name: -LASTING[name].size * LASTING[name].days)
    running = {name: pool.submit(alone, name, LASTING[name], seed) for name in largest_first}
    return {name: running[name].result() for name in LASTING}


def alone(name: str, lasting: Lasting, seed: int) -> Evaluation:
    """The campaign, which reacts, and innocents of every kind but one: a gateway's requests are half of a week's."""
    world = replace(WEEK, days=lasting.days, campaigns={name: lasting.size})
    return stillwatch(without_gateway(world, seed))


def written(worlds: Mapping[str, Evaluation], ran: str) -> str:
    """The page. `ran` says how, where and how long."""
    parts = [
        INTRODUCTION,
        ran,
        "\n".join(_campaigns(worlds)),
        _innocents(worlds),
        "## Past a bar\n",
        "\n".join(shortfalls([*worlds.values()], Bar())),
    ]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


INTRODUCTION = """# Weeks

    make evaluate SCALE=weeks

**Simulated** campaigns, each alone with a few hundred innocents, which react to who is limited, as on the page of the
[evaluation](evaluation.md); sizes are against those of the disclosures. `thin` lasts as long as it would take at its
size to send what its disclosure says, `four_requests` as long as its own. A campaign lasts for weeks and is found once:
what leaks before weighs less the longer it goes on, and what leaks later is what its new accounts send until they are
known. Leaked is as on that page: of all that the campaign sent or meant to send, what came before its account, its
template or how it pays was limited. The first day counts from the campaign's first exchange, "later" is what leaked
after that, of what was sent or meant after it. This page is written by the command."""


def _campaigns(worlds: Mapping[str, Evaluation]) -> Iterator[str]:
    heads = "leaked | of extraction | on the first day | later | accounts found | first limit"
    yield f"| campaign | size | days | accounts | exchanges | {heads} |"
    yield "|---|---|---|---|---|---|---|---|---|---|---|"
    for name, world in worlds.items():
        found, lasting = of_scenario([world], name), LASTING[name]
        first = sum(it.first_day_leaked for it in found)
        later = sum(it.leaked for it in found) - first
        after = sum(it.exchanges - it.first_day_exchanges for it in found)
        yield (
            f"| {name} | {lasting.size:g} | {lasting.days:g} "
            f"| {sum(it.accounts for it in found):,} | {sum(it.exchanges for it in found):,} "
            f"| {spread([it.leakage for it in found])} | {spread([it.extraction_leakage for it in found])} "
            f"| {first:,} | {later / max(1, after):.2%} "
            f"| {spread([it.recall for it in found])} | {middle([it.minutes_from_evidence for it in found])} |"
        )


def _innocents(worlds: Mapping[str, Evaluation]) -> str:
    told = [f"{name}: {whom(world)}" for name, world in worlds.items() if world.innocents[-1].limited.count]
    most = max(worlds.values(), key=lambda world: world.innocents[-1].limited.count)
    return (
        f"Innocents limited in the worst of these worlds: {harm(most.innocents[-1].limited)}"
        f"{'; ' + '; '.join(told) if told else ''}."
    )
