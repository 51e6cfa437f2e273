"""The links of a batch against the plain list of what each event shares: each once, to its owner, in order."""

from collections.abc import Sequence
from random import Random
from unittest.mock import patch

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from streams.batch import EventBatch, Incoming
from streams.capabilities import POSITION
from streams.distinct import hash32
from streams.events import CAPABILITIES, RequestEvent
from streams.linking import links_of_batch
from streams.links import (
    ACCOUNT,
    ACCOUNT_HASH,
    CAPABILITY_BIT,
    LINK_KINDS,
    MARK_ERROR,
    MARK_REFUSAL,
    MARK_YOUNG,
    MARKS,
    MINUTE,
    NETWORK,
    OFFSET,
    TYING_KINDS,
    Link,
    Links,
    Source,
    Who,
    link_hash,
    link_partition,
)
from streams.windows import DAY_MS, HOUR_MS, MINUTE_MS
from tests.streams.account_bench import NOON_MS, event
from tests.streams.interpreted import interpreted
from tests.streams.link_uses import Use, each_use
from tests.streams.reference_links import links_of

PARTITIONS = 3
INTERPRETED = interpreted("streams.parting")
SOURCE = Source(5, "k1")


def test_an_event_has_a_link_for_each_thing_it_names() -> None:
    full = event(network_hash="n", asn=64500, payment_hash="p", template_hash="t", tls_fingerprint="f")
    named = [("network", "n"), ("asn", "64500"), ("payment", "p"), ("template", "t"), ("tls", "f")]
    assert list(links_of(full)) == named
    assert tuple(kind for kind, _ in named) == LINK_KINDS
    assert [(use.link.kind, use.link.value) for use in uses_of(records_of([full], partitions=1))] == named


def test_what_an_event_does_not_name_ties_nobody() -> None:
    assert list(links_of(event())) == []
    assert records_of([event()]) == {}
    assert records_of([]) == {}


def records_of(
    events: Sequence[RequestEvent],
    exempt: Sequence[bool] | None = None,
    unpaid: Sequence[bool] | None = None,
    *,
    partitions: int = PARTITIONS,
    first_offset: int = 0,
    appended_at_ms: int | None = None,
) -> dict[int, Links]:
    """The record of each partition."""
    items = [
        Incoming(first_offset + place, one.occurred_at_ms if appended_at_ms is None else appended_at_ms, one)
        for place, one in enumerate(events)
    ]
    spared = [False] * len(items) if exempt is None else exempt
    none_paid_with = np.array(unpaid or [False] * len(items), np.bool_)
    pairs = list(links_of_batch(EventBatch(items), spared, none_paid_with, SOURCE, partitions))
    assert [number for number, _ in pairs] == sorted({number for number, _ in pairs})
    return dict(pairs)


def uses_of(records: dict[int, Links]) -> list[Use]:
    return [use for record in records.values() for use in each_use(record)]


def expected_uses(events: Sequence[RequestEvent], exempt: Sequence[bool], owner: int) -> list[Use]:
    """The uses of the links that one partition owns, in the order of the log.

    Who used them is said of an event that used a link of this partition that can tie.
    """
    expected = []
    for offset, (one, spared) in enumerate(zip(events, exempt, strict=True)):
        mine = [
            Link(kind, value, one.sketch if kind == "template" else None)
            for kind, value in links_of(one)
            if link_partition(kind, value, PARTITIONS) == owner
        ]
        is_tied = any(link.kind in TYING_KINDS for link in mine)
        who = Who(one.account_id, one.org_id, one.account_created_at_ms, spared, one.payment_hash) if is_tied else None
        minute = one.occurred_at_ms // MINUTE_MS
        expected += [
            Use(link, who, offset, minute, one.input_tokens, one.output_tokens, marks_of(one)) for link in mine
        ]
    return expected


def marks_of(one: RequestEvent) -> int:
    created = one.account_created_at_ms
    return (
        (MARK_ERROR if one.status_code >= 400 else 0)
        + (MARK_REFUSAL if one.finish_reason == "refusal" else 0)
        + (MARK_YOUNG if created is not None and one.occurred_at_ms - created < 7 * DAY_MS else 0)
        + (POSITION[one.capability] << CAPABILITY_BIT)
    )


def drawn(random: Random) -> RequestEvent:
    """An event that shares some of few things with others, or nothing."""
    return event(
        NOON_MS + random.randrange(-3, 4) * MINUTE_MS + random.randrange(MINUTE_MS),
        random.choice("abc"),
        network_hash=random.choice((None, "n1", "n2")),
        asn=random.choice((None, 1, 2)),
        payment_hash=random.choice((None, "1", "2", "3")),
        template_hash=random.choice((None, *map(str, range(9)))),
        tls_fingerprint=random.choice((None, "1")),
        org_id=random.choice((None, "o")),
        account_created_at_ms=random.choice((None, NOON_MS, NOON_MS - 7 * DAY_MS)),
        status_code=random.choice((200, 500)),
        finish_reason=random.choice((None, "refusal")),
        capability=random.choice(CAPABILITIES),
        input_tokens=random.randrange(9),
        output_tokens=random.randrange(9),
        plan=random.choice((None, "pro")),
    )


@st.composite
def batches(draw: st.DrawFn) -> tuple[list[RequestEvent], list[bool]]:
    """Events, and of each whether the allowlist has its account by then."""
    random = Random(draw(st.integers(0, 2**32)))
    events = [drawn(random) for _ in range(draw(st.integers(0, 40)))]
    return events, [random.random() < 0.2 for _ in events]


@given(batches())
def test_every_link_of_every_event_leaves_once_to_its_owner_in_the_order_of_the_log(
    batch: tuple[list[RequestEvent], list[bool]],
) -> None:
    events, exempt = batch
    records = records_of(events, exempt)
    for owner in range(PARTITIONS):
        expected = expected_uses(events, exempt, owner)
        assert (owner in records) is (len(expected) > 0)
        if owner in records:
            assert list(each_use(records[owner])) == expected


@given(batches())
def test_a_payment_that_is_none_is_as_if_the_event_did_not_name_it(
    batch: tuple[list[RequestEvent], list[bool]],
) -> None:
    events, exempt = batch
    unpaid = [one.payment_hash == "1" for one in events]
    blank = [replace(one, payment_hash=None) if none else one for one, none in zip(events, unpaid, strict=True)]
    with_it, without = records_of(events, exempt, unpaid), records_of(blank, exempt)
    assert {owner: list(each_use(it)) for owner, it in with_it.items()} == {
        owner: list(each_use(it)) for owner, it in without.items()
    }


@given(batches())
def test_a_record_names_each_account_and_each_link_once_and_only_events_that_use_one(
    batch: tuple[list[RequestEvent], list[bool]],
) -> None:
    events, exempt = batch
    for record in records_of(events, exempt).values():
        assert len(set(record.links)) == len(record.links)
        assert [link_hash(link.kind, link.value) for link in record.links] == record.hashes[0].tolist()
        assert set(record.use_columns[1].tolist()) == set(range(len(record.links)))
        assert set(record.use_columns[0].tolist()) == set(range(record.event_columns.shape[1]))
        assert set(record.event_columns[ACCOUNT].tolist()) - {-1} == set(range(len(record.accounts)))
        assert len(set(record.accounts)) == len(record.accounts)
        mine = [events[offset] for offset in record.event_columns[OFFSET].tolist()]
        assert record.event_columns[ACCOUNT_HASH].tolist() == [hash32(one.account_id) for one in mine]
        networks = [one.network_hash for one in mine]
        assert record.event_columns[NETWORK].tolist() == [-1 if name is None else hash32(name) for name in networks]


@given(batches())
def test_the_same_lines_interpreted_make_the_same_records(batch: tuple[list[RequestEvent], list[bool]]) -> None:
    compiled = records_of(*batch)
    with patch("streams.linking.part", INTERPRETED.part):
        assert records_of(*batch) == compiled


@given(batches(), st.integers(0, 40))
def test_the_uses_are_the_same_however_the_log_is_cut(batch: tuple[list[RequestEvent], list[bool]], cut: int) -> None:
    events, exempt = batch
    whole = records_of(events, exempt)
    first = records_of(events[:cut], exempt[:cut])
    second = records_of(events[cut:], exempt[cut:], first_offset=cut)
    for owner, record in whole.items():
        parts = [part[owner] for part in (first, second) if owner in part]
        assert list(each_use(record)) == [use for part in parts for use in each_use(part)]


def test_a_record_says_where_it_comes_from_and_how_old_its_newest_event_is() -> None:
    events = [event(NOON_MS + HOUR_MS, payment_hash="p"), event(NOON_MS, payment_hash="p"), event()]
    (record,) = records_of(events, first_offset=7).values()
    assert (record.source_partition, record.source_log, record.source_offset) == (5, "k1", 9)
    assert record.appended_at_ms == NOON_MS + HOUR_MS
    assert record.event_columns[OFFSET].tolist() == [7, 8]


def test_an_account_is_young_until_it_is_seven_days_old() -> None:
    ages_ms = (0, 7 * DAY_MS - 1, 7 * DAY_MS, NOON_MS)
    events = [event(asn=1, account_created_at_ms=NOON_MS - age_ms) for age_ms in ages_ms]
    (record,) = records_of([*events, event(asn=1)]).values()
    assert [bool(marks & MARK_YOUNG) for marks in record.event_columns[MARKS].tolist()] == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_an_event_from_the_future_used_its_links_when_the_log_took_it() -> None:
    (record,) = records_of([event(NOON_MS + HOUR_MS, asn=1)], appended_at_ms=NOON_MS).values()
    assert record.event_columns[MINUTE].tolist() == [NOON_MS // MINUTE_MS]
