"""What was tried as a signal and is none: how well each figure tells campaigns from innocents, in a world unwatched."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from itertools import chain
from math import log10
from typing import NamedTuple

import numpy as np
from msgspec.structs import replace

from streams.fingerprint import Fingerprinter
from streams.scenarios import play
from streams.scenarios.people import NEW_MODEL
from streams.windows import DAY_MS, HOUR_MS, MINUTE_MS
from tests.evaluation.worlds import KEY, SMALL

WORLD = replace(SMALL, ordinary=1.0)
WATCHED_MS = DAY_MS
"""So long an account is watched from its first request on, and a group from when it is one."""

FEWEST_GAPS, FEWEST_REQUESTS, FEWEST_REQUESTS_EACH, FEWEST_RANKED, FEWEST_OLD = 30, 20, 2, 4, 4
OLD_MS = 60 * DAY_MS
PAUSE_MS, LONGEST_PAUSE_MS, FEWEST_PAUSED = 20 * MINUTE_MS, 12 * HOUR_MS, 3
NEARLY_ALL = 0.99
OF_ONE_KIND = 0.8
CAMPAIGN = "campaign:"
"""How the labels of campaigns begin (`streams.scenarios.stage.Truth`)."""


class Request(NamedTuple):
    """What the candidates look at of a request. `text` stands for its last message."""

    at_ms: int
    account: str
    tls: str
    model: str
    created_ms: int
    text: int


class Seen(NamedTuple):
    """One account or group: whose it is (a label), and what a candidate says of it."""

    candidate: str
    label: str
    value: float


class Around(NamedTuple):
    """What groups are held against: how common each TLS fingerprint and the new model are, and when that came."""

    tls: Mapping[str, float]
    release_ms: int
    moved: float


def regular_gaps(requests: Sequence[Request]) -> float | None:
    """How alike an account's gaps below an hour are: less the standard deviation of their logarithms."""
    gaps = np.diff([it.at_ms for it in requests])
    gaps = gaps[(gaps > 0) & (gaps < HOUR_MS)]
    return None if len(gaps) < FEWEST_GAPS else -float(np.std(np.log(gaps)))


def evenness(requests: Sequence[Request], _around: Around) -> float | None:
    """How evenly a group's requests are spread over its accounts: less the log of their variance over their mean."""
    counts = np.array([*Counter(it.account for it in requests).values()])
    if len(requests) < FEWEST_REQUESTS or counts.mean() < FEWEST_REQUESTS_EACH:
        return None
    return -float(np.log((counts.var() + 0.01) / counts.mean()))


def in_turn(requests: Sequence[Request], _around: Around) -> float | None:
    """How long whoever sends next has waited, as a rank among the accounts so far: 1 is the longest; the mean."""
    last: dict[str, int] = {}
    ranks = []
    before = ""
    for number, it in enumerate(requests):
        if it.account in last and it.account != before and len(last) >= FEWEST_RANKED:
            since = last[it.account]
            ranks.append(sum(other > since for other in last.values()) / (len(last) - 1))
        last[it.account], before = number, it.account
    return float(np.mean(ranks)) if len(ranks) >= FEWEST_REQUESTS else None


def turns(requests: Sequence[Request], _around: Around) -> float:
    """The most evidence, in powers of ten, that whoever comes back after a pause is the one that waited longest.

    Against chance, by which it is any of the n that paused: log10(.9 n) if it is, log10(.1 n / (n - 1)) if not, added
    up and never below 0 (the CUSUM test of Page, "Continuous Inspection Schemes", 1954).
    """
    last: dict[str, int] = {}
    evidence, most = 0.0, 0.0
    for it in requests:
        paused = [since for since in last.values() if PAUSE_MS <= it.at_ms - since <= LONGEST_PAUSE_MS]
        since, n = last.get(it.account), len(paused)
        if since in paused and n >= FEWEST_PAUSED:
            evidence += log10(0.9 * n) if since == min(paused) else log10(0.1 * n / (n - 1))
            evidence = max(0.0, evidence)
            most = max(most, evidence)
        last[it.account] = it.at_ms
    return most


def one_client(requests: Sequence[Request], around: Around) -> float | None:
    """How far the TLS fingerprints of a group's accounts are from all accounts' (Kullback and Leibler, less bias)."""
    have = Counter({it.account: it.tls for it in requests}.values())
    total = have.total()
    far = sum(count / total * np.log(count / total / around.tls[tls]) for tls, count in have.items())
    return float(far) - (len(have) - 1) / (2 * total)


def moves_to_new_model(requests: Sequence[Request], around: Around) -> float | None:
    """How much more of its requests than of all go to the new model in the half day after that is there."""
    after = _moved(requests, around.release_ms)
    return float(np.mean(after)) - around.moved if len(after) >= FEWEST_REQUESTS else None


def _moved(requests: Iterable[Request], release_ms: int) -> list[bool]:
    """Of each request in the half day after the release whether it goes to the new model."""
    return [it.model == NEW_MODEL for it in requests if 0 <= it.at_ms - release_ms < DAY_MS // 2]


def born_together(requests: Sequence[Request], _around: Around) -> float | None:
    """The share of a group's accounts older than 60 days that were opened within one day of one another."""
    births = {it.account: it.created_ms for it in requests if it.at_ms - it.created_ms > OLD_MS}
    opened = np.sort(np.array([*births.values()], np.int64))
    if len(opened) < FEWEST_OLD:
        return None
    return float(max(np.searchsorted(opened, opened + DAY_MS) - np.arange(len(opened))) / len(opened))


def new_fillings(requests: Sequence[Request], _around: Around) -> float | None:
    """The share of a template's requests that fill its slots as none before did."""
    return len({it.text for it in requests}) / len(requests) if len(requests) >= FEWEST_REQUESTS else None


Candidate = Callable[[Sequence[Request], Around], float | None]
OF_TEMPLATES: tuple[Candidate, ...] = (
    evenness,
    in_turn,
    one_client,
    moves_to_new_model,
    born_together,
    new_fillings,
)
OF_PAYMENTS: tuple[Candidate, ...] = (turns, evenness, in_turn, one_client, moves_to_new_model, born_together)
FEWEST_ACCOUNTS = {"template": 8, "payment": 3}


def tried(pool: Executor, seeds: Iterable[int]) -> list[Seen]:
    """What each candidate says of the accounts and groups of these worlds."""
    return [one for found in pool.map(seen, seeds) for one in found]


def seen(seed: int) -> list[Seen]:
    """The same of one world."""
    stages, edge = WORLD.stages(seed), Fingerprinter(KEY)
    labels: dict[str, str] = {}
    accounts: dict[str, list[Request]] = defaultdict(list)
    groups: dict[str, dict[str, list[Request]]] = {"template": defaultdict(list), "payment": defaultdict(list)}
    for record, truth in play(stages):
        event = edge.event(record)
        labels[event.account_id] = truth.label
        request = Request(
            event.occurred_at_ms,
            event.account_id,
            event.tls_fingerprint or "",
            event.request_model,
            event.account_created_at_ms or 0,
            hash(str(record.messages[-1].content)) if record.messages else 0,
        )
        accounts[request.account].append(request)
        if event.template_hash is not None:
            groups["template"][event.template_hash].append(request)
        if event.payment_hash is not None and event.org_id is None:
            groups["payment"][event.payment_hash].append(request)
    return [*_of_accounts(accounts, labels), *of_groups(groups, labels, _around(accounts, stages[0].release_ms))]


def _around(accounts: Mapping[str, Sequence[Request]], release_ms: int) -> Around:
    clients = Counter(its[0].tls for its in accounts.values())
    after = _moved(chain.from_iterable(accounts.values()), release_ms)
    return Around({it: count / len(accounts) for it, count in clients.items()}, release_ms, float(np.mean(after)))


def _of_accounts(accounts: Mapping[str, Sequence[Request]], labels: Mapping[str, str]) -> Iterator[Seen]:
    for name, its in accounts.items():
        value = regular_gaps([it for it in its if it.at_ms - its[0].at_ms < WATCHED_MS])
        if value is not None:
            yield Seen("regular_gaps (account)", labels[name], value)


def of_groups(
    groups: Mapping[str, Mapping[str, Sequence[Request]]], labels: Mapping[str, str], around: Around
) -> Iterator[Seen]:
    """What each candidate says of the accounts that share a template, or a payment, each kind by its links."""
    for kind, candidates in (("template", OF_TEMPLATES), ("payment", OF_PAYMENTS)):
        for its in groups[kind].values():
            watched = _watched(its, FEWEST_ACCOUNTS[kind])
            label = _whose(Counter(labels[name] for name in {it.account for it in watched}))
            if label is None:
                continue
            for candidate in candidates:
                over = its if candidate is moves_to_new_model else watched
                if (value := candidate(over, around)) is not None:
                    yield Seen(f"{candidate.__name__} ({kind})", label, value)


def _watched(requests: Sequence[Request], fewest: int) -> list[Request]:
    """Those until a day after the group had so many accounts; none if it never has."""
    accounts = set[str]()
    for it in requests:
        accounts.add(it.account)
        if len(accounts) == fewest:
            return [one for one in requests if one.at_ms < it.at_ms + WATCHED_MS]
    return []


def _whose(labels: Counter[str]) -> str | None:
    """The label of nearly all accounts of a group, `several` if they are innocents of several kinds.

    None if there are none, or if a campaign's are mixed with innocents.
    """
    of_campaigns = sum(count for label, count in labels.items() if label.startswith(CAMPAIGN))
    if not labels or 0 < of_campaigns < OF_ONE_KIND * labels.total():
        return None
    label = min(labels, key=lambda it: (-labels[it], it))
    return label if of_campaigns or labels[label] >= OF_ONE_KIND * labels.total() else "several"


def told_apart(guilty: Sequence[float], innocent: Sequence[float]) -> float:
    """How likely a guilty one is above an innocent one (the area under the ROC curve; ties count half)."""
    ordered = np.sort(np.array(innocent))
    below = np.searchsorted(ordered, guilty, "left") + np.searchsorted(ordered, guilty, "right")
    return float(below.mean() / (2 * len(ordered)))


def written(found: Sequence[Seen], ran: str) -> str:
    """The page. `ran` says how, where and how long."""
    return "\n\n".join([INTRODUCTION, ran, "\n".join(_rows(found)), READING]) + "\n"


INTRODUCTION = f"""# What was tried as a signal

    make evaluate SCALE=candidates

Figures that one could judge by, in the **simulated** worlds of the [evaluation](evaluation.md) with 5,000 ordinary
accounts, where nobody is limited: of accounts with at least {FEWEST_GAPS} gaps, templates of at least
{FEWEST_ACCOUNTS["template"]} accounts, and payment instruments of at least {FEWEST_ACCOUNTS["payment"]} outside
organisations, over the day from then on. "Told apart" is how likely one of a campaign is above one of innocents (.5 is
chance), "above" is the share of the campaigns' that is above 99 % of the innocents'. Templates and payments that
campaigns share with innocents are left out. This page is written by the command."""

READING = """None of them is a signal. How campaigns behave here in these respects is our own guess, made before any
of this was measured, and so is how innocents do: what tells them apart here need not do so in the world, and what does
not was not shown to add anything. `turns` is the test that a scheduler fails which takes the account that waited
longest. Within a day it tells the cards of `thin` and most of the hydra's apart, but for that it needs some rounds
through all accounts on a card, by when these are found otherwise; and one card of innocents in a hundred is more than
is allowed."""


def _rows(found: Sequence[Seen]) -> Iterator[str]:
    yield "| candidate | campaigns' | innocents' | told apart | above, of all | above, of each campaign |"
    yield "|---|---|---|---|---|---|"
    by_candidate: dict[str, list[Seen]] = defaultdict(list)
    for one in found:
        by_candidate[one.candidate].append(one)
    for name, seen_so in by_candidate.items():
        guilty: dict[str, list[float]] = defaultdict(list)
        innocent: list[float] = []
        for it in seen_so:
            (guilty[it.label.removeprefix(CAMPAIGN)] if it.label.startswith(CAMPAIGN) else innocent).append(it.value)
        values = [value for its in guilty.values() for value in its]
        if not values or not innocent:
            yield f"| {name} | {len(values):,} | {len(innocent):,} | | | |"
            continue
        bound = float(np.quantile(innocent, NEARLY_ALL, method="higher"))
        above = {label: float(np.mean(np.array(its) > bound)) for label, its in guilty.items()}
        each = ", ".join(f"{label} {share:.0%}" for label, share in sorted(above.items()) if share)
        whole = float(np.mean(np.array(values) > bound))
        counts = f"{len(values):,} | {len(innocent):,}"
        yield f"| {name} | {counts} | {told_apart(values, innocent):.2f} | {whole:.0%} | {each} |"
