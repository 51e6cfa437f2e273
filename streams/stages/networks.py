"""networks: uses of links into windows per shared link, and findings about links that tie accounts together.

A link is judged when a later minute begins, of its own event time or of any link that can tie, as of the minute that
closed, and only if there is a member to name or its volume has doubled since: never because a batch ended. A template
too short to tie anybody is told of too, each time half as many again use it: a campaign may have all of them.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct, field

from streams.anomaly import TEACH_EVERY_HOURS, Model, ModelState
from streams.compiled import Ints
from streams.distinct import Distinct
from streams.findings import LEADS, Crowd, Finding, Findings, Users, cut, ties
from streams.holders import Holders, Noted
from streams.kernel import LINK_VERSION, WEEK_HOURS
from streams.links import LINK_KINDS, LinkKind, Source
from streams.networks import (
    NetworkState,
    NetworkView,
    has_news,
    is_crowd_to_be_told,
    is_open,
    is_stale,
    is_to_be_told,
    report_news,
    report_users,
    view_of,
)
from streams.policy import Policy
from streams.signals import NETWORK_SIGNALS, reasons_of
from streams.signals.accounts_per_template import is_short
from streams.stages.networks_features import FEATURES, features_of
from streams.stages.networks_shard import NetworksShard
from streams.stages.shape import Outgoing, Output, StageName
from streams.states import States
from streams.used import FoldedLinks, Moment, PlacedLinks, Uses, uses_after
from streams.windows import HOUR_MS, MINUTE_MS

MODEL = "model"
SHARD = "shard"
EVERYBODY = "everybody"
HOLDERS = "holders"
LONGEST_JOURNAL = 8 * 1024 * 1024
"""Bytes of journal behind the table of holders at which the table is stored anew."""
EVERYBODY_CAPACITY = 1024
FEWEST_ACCOUNTS_TO_TEACH = 3


def link_key(kind: LinkKind, value: str) -> str:
    """The key of a link's state."""
    return f"link:{kind}:{value}"


def link_of(key: str) -> tuple[LinkKind, str]:
    """The link whose state has this key."""
    _, kind, value = key.split(":", 2)
    return next(known for known in LINK_KINDS if known == kind), value


class NetworksStage:
    """Windows per link; signals and the anomaly model when a minute closes."""

    name: StageName = "networks"

    def __init__(self, policy: Policy) -> None:
        """Judge by the signals of `policy`."""
        self._policy = policy
        self._decoders: dict[str, msgspec.msgpack.Decoder[Any]] = {
            "link": msgspec.msgpack.Decoder(NetworkState),
            MODEL: msgspec.msgpack.Decoder(ModelState),
            SHARD: msgspec.msgpack.Decoder(NetworksShard),
            EVERYBODY: msgspec.msgpack.Decoder(Distinct),
        }
        self._encode = msgspec.msgpack.Encoder().encode

    @property
    def nothing(self) -> Sequence[PlacedLinks]:
        """No records."""
        return ()

    def needs(self, items: Sequence[PlacedLinks], states: States) -> set[str]:
        """The model, the shard and the holders, then the shared links of the batch.

        When a minute begins or nothing came, the links left open too.
        """
        keys = {MODEL, SHARD, EVERYBODY, HOLDERS}
        if any(key not in states for key in keys):
            return keys
        shard, prepared = states.read(SHARD, NetworksShard), _prepared(items, states)
        if not prepared.keys:
            keys.update(prepared.shared)
            if not items or prepared.uses.newest_minute > shard.minute:
                keys |= shard.open_links
            prepared.keys = keys
        return prepared.keys

    def decode(self, key: str, stored: bytes | None) -> object:
        """A link, the model with its trees grown, the holders, or the shard.

        Raises ValueError for a link that another version of Stillwatch stored.
        """
        if key == MODEL:
            known = ModelState() if stored is None else self._decoders[MODEL].decode(stored)
            return Model(known, FEATURES, self._policy.signals["network_anomaly"].threshold)
        if key == HOLDERS:
            return Holders(stored or b"")
        if stored is None:
            fresh = {SHARD: NetworksShard, EVERYBODY: Distinct}.get(key, NetworkState)
            return fresh()
        state = self._decoders[key.partition(":")[0]].decode(stored)
        if isinstance(state, NetworkState) and state.numbers[:1] not in {b"", bytes((LINK_VERSION,))}:
            raise ValueError(f"a link is stored in version {state.numbers[0]}, not {LINK_VERSION}")
        return state

    def encode(self, _key: str, state: object) -> bytes:
        """MessagePack of the state; of a model the lessons it was grown from, of the holders their table."""
        if isinstance(state, Holders):
            return state.stored()
        return self._encode(state.state if isinstance(state, Model) else state)

    def fold(self, source: Source, items: Sequence[PlacedLinks], states: States) -> Output:
        """Add every use that was not seen before; without items, close what was left open."""
        prepared, shard = _prepared(items, states), states.change(SHARD, NetworksShard)
        links = {key: states.change(key, NetworkState) for key in prepared.shared}
        folded = FoldedLinks(prepared.uses, prepared.noted, prepared.places, links, shard.open_links)
        step = _Step(folded, shard, states)
        output = step.output
        output.tally["duplicate"] += sum(not shard.note(item.links) for item in items)
        output.tally["late"] += folded.late
        shard.subjects += folded.founded
        if items:
            shard.offset, shard.parts = items[-1].offset, 0
            self._judge(prepared.uses, step)
            self._keep_journal(prepared.noted.journal, shard, states)
        else:
            shard.parts += 1
            self._close_all(step)
        for number, users in enumerate(cut(step.users)):
            found, crowds = ([], []) if number else (step.findings, step.crowds)
            if found or users or crowds:
                shard.parts += number > 0
                place = source.partition, source.log, shard.offset, shard.parts, shard.appended_at_ms
                record = Findings(*place, found, users=users, crowds=crowds)
                output.records.append(Outgoing("findings", record, shard.appended_at_ms, partition=0))
        return output

    def _judge(self, uses: Uses, step: "_Step") -> None:
        """Hour by hour, so that what is judged in an hour rests on that hour and on those before it."""
        everybody, shard = step.states.read(EVERYBODY, Distinct), step.shard
        moments = {hour: list(of_hour) for hour, of_hour in groupby(step.folded.moments, lambda moment: moment.hour)}
        for hour, accounts in uses.accounts_by_hour():
            if hour > shard.hour:
                shard.hour = hour
                shard.known_accounts = everybody.count(hour, window_hours=WEEK_HOURS)
                self._close_all(step)
            below = np.unique(accounts[accounts < everybody.ceiling_at(hour, window_hours=WEEK_HOURS)]).tolist()
            if everybody.add_hashes(below, hour, window_hours=WEEK_HOURS, capacity=EVERYBODY_CAPACITY):
                step.states.changed.add(EVERYBODY)
            for moment in moments.get(hour, ()):
                self._take(moment, step)

    def _take(self, moment: Moment, step: "_Step") -> None:
        """Close what is open if a new minute begins, the link if one of its own does; and take that minute."""
        state = step.states.read(moment.key, NetworkState)
        if moment.minute > step.shard.minute:
            step.shard.minute = moment.minute
            self._close_all(step)
        elif moment.minute * MINUTE_MS > state.newest_ms:
            self._close(moment.key, step)
        step.shard.forget_erased(state, moment.minute)
        step.folded.take(moment)
        if is_open(state):
            step.shard.open_links.add(moment.key)

    def _keep_journal(self, journal: bytes, shard: NetworksShard, states: States) -> None:
        """Append what changed to the stored table of holders; once that has grown long, store the table anew."""
        shard.journal_bytes += len(journal)
        if shard.journal_bytes > LONGEST_JOURNAL:
            shard.journal_bytes = 0
            states.changed.add(HOLDERS)
        elif journal:
            states.appended[HOLDERS] = journal

    def _close_all(self, step: "_Step") -> None:
        """Close the links that no later minute of their own closed: another begins, or nothing came for a while."""
        for key in sorted(step.shard.open_links):
            self._close(key, step)

    def _close(self, key: str, step: "_Step") -> None:
        """Judge the link as of its newest minute, if a member became ripe, its volume doubled or a finding is old.

        A finding that names nobody new says that what was found still goes on, so that a decision can be renewed.
        """
        shard = step.shard
        if key not in shard.open_links:
            return
        shard.open_links.discard(key)
        state = step.states.change(key, NetworkState)
        shard.forget_erased(state, shard.minute)
        news = has_news(state) or is_stale(state)
        state.touched.clear()
        if not news and state.requests < state.judge_at:
            return
        state.judge_at = 2 * state.requests
        kind, value = link_of(key)
        view = view_of(state, step.folded.counted(key, state), kind, shard.known_accounts, shard.settled_hour)
        as_of_ms = view.as_of_ms
        if kind == "payment" and is_crowd_to_be_told(state, view.accounts):
            state.told, state.told_hour = view.accounts, state.hour
            step.crowds.append(Crowd(value, as_of_ms, view.accounts))
        state.p_value = self._anomaly(view, state, step)
        if not news:
            return
        reasons = reasons_of(view._replace(p_value=state.p_value), NETWORK_SIGNALS, self._policy.signals)
        if ties(kind, reasons):
            ordered = tuple(sorted(reasons, key=lambda reason: reason.signal))
            members = report_news(state)
            step.findings.append(Finding(kind, value, as_of_ms, ordered, members, state.sketch, view.capability))
            return
        if is_stale(state):
            state.found_hour = state.hour  # it no longer ties: look again in an hour
        if self._policy.signals[LEADS["template"]].enabled and is_short(view) and is_to_be_told(state):
            step.users.append(report_users(value, as_of_ms, state))

    def _anomaly(self, view: NetworkView, state: NetworkState, step: "_Step") -> float | None:
        """The p-value of the link's window, and the window's lesson if the gate lets it teach."""
        if view.accounts < FEWEST_ACCOUNTS_TO_TEACH:
            return None
        hour = view.as_of_ms // HOUR_MS
        p_value, gate = step.states.read(MODEL, Model).look(
            view.kind,
            features_of(view),
            step.shard.drift,
            as_of_ms=view.as_of_ms,
            taught_recently=hour - state.taught_hour < TEACH_EVERY_HOURS,
            limited=any(member.reported for member in state.members.values()),
        )
        step.output.tally[gate] += 1
        if gate == "learned":
            step.states.changed.add(MODEL)
            state.taught_hour = hour
        return p_value


class _Step(Struct):
    """What a step works on, and what comes of it."""

    folded: FoldedLinks
    shard: NetworksShard
    states: States
    findings: list[Finding] = field(default_factory=list)
    users: list[Users] = field(default_factory=list)
    crowds: list[Crowd] = field(default_factory=list)
    output: Output = field(default_factory=Output)


class _Prepared(Struct):
    """The uses of a batch that were not taken before, noted in the table of holders, and what they need.

    `places` are those of the shared links in `uses.links`, `shared` their keys.
    """

    uses: Uses
    noted: Noted
    places: Ints
    shared: list[str]
    keys: set[str] = field(default_factory=set)


def _prepared(items: Sequence[PlacedLinks], states: States) -> _Prepared:
    """What a step works with; worked out once, because the table of holders can be told of a use only once."""
    if not isinstance(states.prepared, _Prepared):
        uses = uses_after(items, states.read(SHARD, NetworksShard).sources)
        noted = states.read(HOLDERS, Holders).note(*uses.held())
        places = uses.shared(noted.status)
        shared = [link_key(link.kind, link.value) for link in [uses.links[place] for place in places.tolist()]]
        states.prepared = _Prepared(uses, noted, places, shared)
    return states.prepared
