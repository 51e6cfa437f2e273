"""From campaigns to a STIX bundle: the same decisions give the same objects, and later ones newer versions of them."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from agents.exporting.cases import Case
from agents.exporting.fixed import EXTENSION, EXTRACTION, MARKINGS, STILLWATCH, producer
from agents.exporting.links import StoredLink
from agents.exporting.sharing import SharedKind, SharingKey
from agents.exporting.stix import (
    Bundle,
    Campaign,
    CourseOfAction,
    Indicator,
    Link,
    Object,
    ObservedData,
    Relationship,
    Report,
    Sighting,
    Tlp,
    link_id,
    our_id,
    pattern,
    timestamp,
)
from agents.exporting.wording import deed, done, sized
from streams.decisions import Decision

OBJECTIVE: Final = "To train a copy of the model on its answers."


class Terms(Struct, frozen=True):
    """How it is told: who says it, to whom it may go on, with which key it is salted, and whether with accounts."""

    producer: str
    tlp: Tlp
    key: SharingKey
    accounts: bool = False


class Shared(Struct, frozen=True):
    """One thing that a campaign is known by: from when to when it is, and what is said of it, as of `modified_ms`."""

    kind: SharedKind
    salted: str
    first_ms: int
    modified_ms: int
    until_ms: int
    score: float
    sentence: str


def bundle_of(cases: Sequence[Case], stored: Mapping[str, Sequence[StoredLink]], terms: Terms) -> Bundle:
    """All that is told of `cases`, with what Redis knows of each by its id. Those without any decision are left out."""
    teller = _Teller(terms)
    told = [case for case in cases if case.newest is not None]
    known = {case.campaign_id for case in told}
    objects: dict[str, Object] = {it.id: it for it in teller.fixed}
    for case in told:
        objects |= {it.id: it for it in teller.campaign(case, stored.get(case.campaign_id, ()), known)}
    every = tuple(objects.values())
    digest = hashlib.sha256(msgspec.json.encode(every)).hexdigest()
    return Bundle(our_id("bundle", digest), every)


class _Teller:
    """Makes the objects of campaigns, all by one producer and under one marking."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._producer = producer(terms.producer)
        marking = MARKINGS[terms.tlp]
        self._marks = (marking.id,)
        self.fixed: tuple[Object, ...] = (marking, STILLWATCH, EXTENSION, EXTRACTION, self._producer)

    def campaign(self, case: Case, stored: Iterable[StoredLink], known: set[str]) -> Iterator[Object]:
        """The objects of one campaign, the report last. `known` are the campaigns that are told of."""
        shared = list(self._shared(case, stored))
        campaign, course = self._campaign(case), self._course(case)
        links = [self._link(it.kind, it.salted) for it in shared]
        if self._terms.accounts:
            links += [self._link("account", self._terms.key.salted("account", it)) for it in case.members]
        made: list[Object] = [
            campaign,
            course,
            self._relation(campaign.created, "uses", campaign.id, EXTRACTION.id),
            self._relation(course.created, "mitigates", course.id, EXTRACTION.id),
            self._relation(course.created, "related-to", course.id, campaign.id),
            *links,
        ]
        for it in shared:
            indicator = self._indicator(case, it)
            made += [indicator, self._relation(indicator.created, "indicates", indicator.id, campaign.id)]
        newest_ms = max([case.modified_ms, *(it.modified_ms for it in shared)])
        if links:
            made += self._seen(case, newest_ms, campaign, links)
        for taken_in, at_ms in case.took_in.items():
            if taken_in in known:
                made.append(self._relation(timestamp(at_ms), "duplicate-of", self._id(taken_in), campaign.id))
        yield from made
        told = dict.fromkeys([*(it.id for it in self.fixed[1:]), *(it.id for it in made)])
        yield Report(
            id=our_id("report", self._producer.id, case.campaign_id),
            created_by_ref=self._producer.id,
            created=campaign.created,
            modified=timestamp(newest_ms),
            object_marking_refs=self._marks,
            name=campaign.name,
            description=campaign.description,
            published=timestamp(newest_ms),
            object_refs=tuple(told),
        )

    def _shared(self, case: Case, stored: Iterable[StoredLink]) -> Iterator[Shared]:
        """The links that are told: templates that were decided about, and what only Redis knows."""
        key = self._terms.key
        for name, template in case.templates.items():
            decision = template.newest
            yield Shared(
                kind="template",
                salted=key.salted("template", name.partition(":")[2]),
                first_ms=template.first_ms,
                modified_ms=decision.decided_at_ms,
                until_ms=max(_until_ms(decision), template.first_ms + 1),
                score=decision.score,
                sentence=" ".join(it.sentence for it in decision.reasons) or done(decision, None),
            )
        newest, judged = _newest(case), _judged(case)
        for it in stored:
            if it.name in case.templates:
                continue
            first_ms = _first(case).decided_at_ms
            yield Shared(
                kind=it.kind,
                salted=key.salted(it.kind, it.value),
                first_ms=first_ms,
                modified_ms=max(it.as_of_ms, newest.decided_at_ms),
                until_ms=max(_until_ms(newest), first_ms + 1),
                score=judged.score,
                sentence=" ".join(it.sentences) or f"A {it.kind} of the campaign.",
            )

    def _campaign(self, case: Case) -> Campaign:
        first, newest, judged = _first(case), _newest(case), _judged(case)
        state = "taken-in" if case.is_taken_in else newest.action
        labels = ("model-extraction", state, *(("shadow",) if newest.shadow else ()))
        return Campaign(
            id=self._id(case.campaign_id),
            created_by_ref=self._producer.id,
            created=timestamp(first.decided_at_ms),
            modified=timestamp(case.modified_ms),
            object_marking_refs=self._marks,
            labels=labels,
            confidence=round(judged.score * 100),
            name=f"Model extraction campaign {case.campaign_id}",
            description=" ".join(
                [sized(len(case.members), len(case.templates)), *(it.sentence for it in judged.reasons)]
            ),
            aliases=tuple(case.took_in) or msgspec.UNSET,
            first_seen=timestamp(first.decided_at_ms),
            last_seen=timestamp(newest.decided_at_ms),
            objective=OBJECTIVE,
        )

    def _course(self, case: Case) -> CourseOfAction:
        newest = _newest(case)
        return CourseOfAction(
            id=our_id("course-of-action", self._producer.id, case.campaign_id),
            created_by_ref=self._producer.id,
            created=timestamp(_first(case).decided_at_ms),
            modified=timestamp(newest.decided_at_ms),
            object_marking_refs=self._marks,
            name=f"{newest.action.capitalize()} campaign {case.campaign_id}",
            description=deed(newest, is_taken_in=case.is_taken_in),
        )

    def _indicator(self, case: Case, shared: Shared) -> Indicator:
        return Indicator(
            id=our_id("indicator", self._producer.id, case.campaign_id, shared.kind, shared.salted),
            created_by_ref=self._producer.id,
            created=timestamp(shared.first_ms),
            modified=timestamp(shared.modified_ms),
            object_marking_refs=self._marks,
            confidence=round(shared.score * 100),
            name=f"{shared.kind.capitalize()} of campaign {case.campaign_id}",
            description=shared.sentence,
            pattern=pattern(shared.kind, shared.salted),
            valid_from=timestamp(shared.first_ms),
            valid_until=timestamp(shared.until_ms),
        )

    def _seen(self, case: Case, newest_ms: int, campaign: Campaign, links: Sequence[Link]) -> tuple[Object, Object]:
        """What was seen, and that it was."""
        at, until = campaign.created, timestamp(newest_ms)
        data = ObservedData(
            id=our_id("observed-data", self._producer.id, case.campaign_id),
            created_by_ref=self._producer.id,
            created=at,
            modified=until,
            object_marking_refs=self._marks,
            first_observed=at,
            last_observed=until,
            object_refs=tuple(dict.fromkeys(it.id for it in links)),
        )
        sighting = Sighting(
            id=our_id("sighting", self._producer.id, case.campaign_id),
            created_by_ref=self._producer.id,
            created=at,
            modified=until,
            object_marking_refs=self._marks,
            first_seen=at,
            last_seen=until,
            sighting_of_ref=campaign.id,
            observed_data_refs=(data.id,),
            where_sighted_refs=(self._producer.id,),
        )
        return data, sighting

    def _link(self, kind: SharedKind, salted: str) -> Link:
        return Link(
            id=link_id(kind, salted),
            object_marking_refs=self._marks,
            link_kind=kind,
            salted_hash=salted,
            key_id=self._terms.key.key_id,
        )

    def _relation(self, created: str, kind: str, source: str, target: str) -> Relationship:
        return Relationship(
            id=our_id("relationship", self._producer.id, source, kind, target),
            created_by_ref=self._producer.id,
            created=created,
            modified=created,
            object_marking_refs=self._marks,
            relationship_type=kind,
            source_ref=source,
            target_ref=target,
        )

    def _id(self, campaign_id: str) -> str:
        return our_id("campaign", self._producer.id, campaign_id)


def _newest(case: Case) -> Decision:
    if case.newest is None:
        raise ValueError(case.campaign_id)
    return case.newest


def _first(case: Case) -> Decision:
    return case.first or _newest(case)


def _judged(case: Case) -> Decision:
    """The decision that says how sure it is, and why."""
    return case.judged or _newest(case)


def _until_ms(decision: Decision) -> int:
    return decision.decided_at_ms if decision.action == "release" else decision.expires_at_ms
