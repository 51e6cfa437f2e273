"""Records of links merged into what shared links were used for, against the plain list of their uses."""

from collections.abc import Sequence
from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streams.capabilities import POSITION
from streams.distinct import hash32
from streams.events import CAPABILITIES
from streams.holders import Holders
from streams.links import LINK_KINDS, TYING_KINDS, Link, Links, link_hash
from streams.networks import Used
from streams.used import PlacedLinks, SharedUse, Uses, shared_uses, uses_after
from streams.windows import DAY_MS, MINUTE_MS, Counts
from tests.streams.link_bench import HOUR, NOON, Act, links

LATE_MS = NOON * MINUTE_MS


def act_drawn(random: Random) -> Act:
    return Act(
        random.choice("abcd"),
        NOON + random.choice((0, 0, 1, 2, HOUR, -1)),
        random.choice(LINK_KINDS),
        random.choice("vw"),
        random.randrange(len(CAPABILITIES)),
        random.choice((None, LATE_MS - 8 * DAY_MS, LATE_MS - DAY_MS)),
        random.choice((None, "o")),
        random.choice((None, "n1", "n2")),
        random.random() < 0.2,
        random.random() < 0.3,
        random.random() < 0.3,
    )


@st.composite
def records_of_acts(draw: st.DrawFn) -> list[list[Act]]:
    random = Random(draw(st.integers(0, 2**32)))
    return [[act_drawn(random) for _ in range(size)] for size in draw(st.lists(st.integers(1, 12), max_size=5))]


def merged(records: Sequence[Links]) -> list[SharedUse]:
    """What the shared links of these records were used for, with a fresh table of holders."""
    return plain(Uses(records, [-1] * len(records)))


def plain(uses: Uses) -> list[SharedUse]:
    """What shared links were used for; a member that two records name counts once, as it does in the fold."""
    found = shared_uses(uses, Holders(places=4_096).note(*uses.held()))
    for use in found:
        use.used.members = list(dict.fromkeys(use.used.members)) if use.link.kind in TYING_KINDS else ()
    return found


def plainly(acts: Sequence[Act]) -> dict[tuple[int, Link], tuple[Used, tuple[int, int] | None]]:
    """The same from the plain list: of each link and minute all uses from the link's second account on."""
    found: dict[tuple[int, Link], list[Act]] = {}
    holders: dict[Link, tuple[int, int]] = {}
    seen: dict[Link, list[Act]] = {}
    for act in acts:
        before = seen.setdefault(act.link, [])
        if {one.account for one in before} - {act.account} or len({one.account for one in before}) > 1:
            if len({one.account for one in before}) == 1:
                holders[act.link] = (hash32(before[0].account), max(one.minute for one in before) // HOUR)
            found.setdefault((act.minute, act.link), []).append(act)
        before.append(act)
    first = {link: min(minute for minute, other in found if other == link) for link in holders}
    return {
        (minute, link): (used_by(minute, link, group), holders[link] if first[link] == minute else None)
        for (minute, link), group in found.items()
    }


def used_by(minute: int, link: Link, acts: Sequence[Act]) -> Used:
    return Used(
        minute,
        Counts(
            requests=len(acts),
            input_tokens=10 * len(acts),
            output_tokens=20 * len(acts),
            errors=sum(act.error for act in acts),
            refusals=sum(act.refusal for act in acts),
        ),
        [sum(act.capability == POSITION[name] for act in acts) for name in CAPABILITIES],
        [hash32(act.account) for act in acts],
        [hash32(act.account) for act in acts if act.is_young],
        () if link.kind == "network" else [hash32(act.network) for act in acts if act.network is not None],
        list(dict.fromkeys(act.who for act in acts if not act.exempt)) if link.kind in TYING_KINDS else (),
    )


@given(records_of_acts())
def test_uses_of_shared_links_are_summed_by_link_and_minute(records: list[list[Act]]) -> None:
    found = merged([links(acts, 100 * number) for number, acts in enumerate(records)])
    expected = plainly([act for acts in records for act in acts])
    assert [(use.used.minute, use.link) for use in found] == sorted(expected, key=lambda key: key[0])
    for use in found:
        assert (use.used, use.holder) == expected[use.used.minute, use.link]


@given(records_of_acts(), st.integers(0, 40), st.integers(0, 40))
def test_of_a_record_only_what_comes_after_the_mark_is_used(records: list[list[Act]], mark: int, again: int) -> None:
    """The same log cut in another way: the first cut was taken up to a mark, wherever that is in the second."""
    log = [act for acts in records for act in acts]
    whole = merged([links(log)])
    first, rest = log[:mark], log[max(0, mark - again) :]
    items = [
        PlacedLinks(number, links(acts, start))
        for number, (acts, start) in enumerate(((first, 0), (rest, max(0, mark - again))))
        if acts
    ]
    assert plain(uses_after(items, {})) == whole


def test_what_was_taken_of_one_source_says_nothing_of_another() -> None:
    record = links([Act("a"), Act("b")], 7, source=3, log="k1")
    items = [PlacedLinks(0, record)]
    for taken, left in (
        ({}, 2),
        ({"k1/3": 6}, 2),
        ({"k1/3": 7}, 1),
        ({"k1/3": 8}, 0),
        ({"/3": 8, "k2/3": 8, "k1/4": 8}, 2),
    ):
        assert len(uses_after(items, taken).link) == left


def test_a_record_that_comes_twice_in_one_step_is_used_once() -> None:
    items = [PlacedLinks(number, links([Act("a"), Act("b"), Act("b")])) for number in range(3)]
    assert len(uses_after(items, {}).link) == 3


def test_nothing_is_used_where_nothing_is_shared() -> None:
    alone = links([Act("a"), Act("a", NOON + 1), Act("b", value="w")])
    assert merged([alone]) == []
    assert merged([]) == []
    uses = Uses([alone], [-1])
    assert uses.shared(Holders(places=64).note(*uses.held()).status) == []


@given(records_of_acts())
def test_the_accounts_of_each_hour_are_all_that_did_anything(records: list[list[Act]]) -> None:
    log = [act for acts in records for act in acts]
    uses = Uses([links(acts, 100 * number) for number, acts in enumerate(records)], [-1] * len(records))
    hours = sorted({act.minute // HOUR for act in log})
    assert [(hour, sorted(set(accounts.tolist()))) for hour, accounts in uses.accounts_by_hour()] == [
        (hour, sorted({hash32(act.account) for act in log if act.minute // HOUR == hour})) for hour in hours
    ]
    assert uses.newest_hour == max(hours, default=0)


@given(records_of_acts())
def test_links_and_accounts_are_asked_for_by_hash_and_hour(records: list[list[Act]]) -> None:
    log = [act for acts in records for act in acts]
    uses = Uses([links(acts, 100 * number) for number, acts in enumerate(records)], [-1] * len(records))
    asked = np.array(uses.held()).T.tolist()
    assert asked == [[link_hash(act.kind, act.value), hash32(act.account), act.minute // HOUR] for act in log]
