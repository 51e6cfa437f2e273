"""Campaigns: links that tie accounts, joined where they belong together (`streams.joining`), under one id.

Whom a link names is *seen* with a campaign. It is a *member* once something says that it did not just come upon it: a
shared payment instrument it came back to; two templates of the campaign; one again and again where the campaign does
not reword; or one, by an account that was opened after the campaign was found, or that pays with the instrument of a
member. So who copies one prompt is no member, and an attacker who copies the prompt of a crowd drags nobody in.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from functools import reduce
from operator import or_

from msgspec import Struct, field

from streams.accounts import Enforcement
from streams.decisions import LIMITING, Action, Reason
from streams.events import LATEST_MS
from streams.evidence import (
    ALL_LINKS,
    HALF_YEAR_MS,
    NEARLY_ALL,
    QUARTER,
    REWORDED,
    SEEN_FOR_MS,
    CampaignView,
    LinkEvidence,
    Seen,
    ShortTemplate,
    Told,
    bit_of,
    opened,
    sharers,
    surely,
    younger,
)
from streams.findings import Finding, Tied, link_name
from streams.members import RECENT_MS
from streams.rotation import rotation_of
from streams.windows import HOUR_MS

SHARING_SHARE = 0.3
FEWEST_PAYERS = 3
MEMBERS_KEPT = 8_192


class Pointer(Struct, array_like=True):
    """To which campaign an account, a link or a merged campaign belongs."""

    campaign_id: str | None = None


class Campaign(Struct, array_like=True):
    """One campaign: its links, its members (with the time each came), and what was decided about it.

    `seen` are all that its links named, `found_ms` is when it was limited first, `payments` are those of its members.
    `undecided` are the members that no decision named yet, `inherited` those that only one about a campaign taken in
    has named. `reviewed_ms` is when the verdict about it was given that counts, `decided` how it looked when it was
    decided about last (`streams.learning`), `taught_ms` and `member_taught_ms` are of the verdicts that last taught.
    `short` are templates of its members that are too short to tie anybody, `told` the payments that its decisions named
    and did not take back, `told_as` how. `gone` counts members that it forgot, `organised` are how organisations paid.
    """

    campaign_id: str = ""
    created_ms: int = 0
    newest_ms: int = 0
    merged_into: str | None = None
    links: dict[str, LinkEvidence] = field(default_factory=dict)
    members: dict[str, int] = field(default_factory=dict)
    undecided: list[str] = field(default_factory=list)
    enforcement: Enforcement = field(default_factory=Enforcement)
    alerted_members: int = 0
    alerted_action: str = ""
    inherited: list[str] = field(default_factory=list)
    seen: dict[str, Seen] = field(default_factory=dict)
    found_ms: int = LATEST_MS
    payments: set[str] = field(default_factory=set)
    swept_ms: int = 0
    reviewed_ms: int = 0
    decided: bytes = b""
    taught_ms: int = 0
    member_taught_ms: int = 0
    short: dict[str, ShortTemplate] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    gone: int = 0
    organised: set[str] = field(default_factory=set)
    told_as: dict[str, Told] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How many members it has, with those it had to forget."""
        return len(self.members) + self.gone

    @property
    def templates(self) -> dict[str, LinkEvidence]:
        """Its links that are templates."""
        return {name: link for name, link in self.links.items() if name.startswith("template:")}

    @property
    def limitable(self) -> Mapping[str, LinkEvidence | ShortTemplate]:
        """Its templates, those as well that are too short to tie anybody."""
        return {**self.templates, **self.short}

    @property
    def own(self) -> set[str]:
        """Its links but for those that mostly others use."""
        return {name for name, link in self.links.items() if not link.is_crowds}

    @property
    def is_found(self) -> bool:
        """Whether it was limited."""
        return self.found_ms < LATEST_MS

    @property
    def ties(self) -> bool:
        """Whether to share its members says something: it was limited, or payments alone tie it."""
        return self.is_found or not self.templates

    @property
    def rewordings(self) -> int:
        """Templates of which the campaign has another wording."""
        return sum(link.has_sibling for link in self.links.values())

    @property
    def repeatable(self) -> int:
        """The bitmap of templates that make a member of whoever repeats them: all if the campaign does not reword."""
        if self.rewordings < REWORDED:
            return ALL_LINKS
        return reduce(or_, (bit_of(name) for name, link in self.links.items() if link.is_repeated), 0)

    def belonging(self) -> dict[str, Seen]:
        """Those seen with the campaign who are members as things stand."""
        repeatable = self.repeatable
        return {name: it for name, it in self.seen.items() if self.belongs(it, repeatable)}

    def belongs(self, seen: Seen, repeatable: int) -> bool:
        """Whether an account is a member, and not somebody who came upon one template.

        To repeat one of the templates in the bitmap `repeatable` is enough.
        """
        if seen.came_back or seen.repeated & repeatable:
            return True
        return seen.templates != 0 and (seen.was_opened_since(self.found_ms) or seen.payment_hash in self.payments)

    def note_siblings(self, name: str, siblings: AbstractSet[str]) -> None:
        """Note that a template is a wording of what these `siblings` say, and so is what else is known to be one."""
        if not siblings:
            return
        alike = [self.links[it] for it in (name, *siblings)]
        labels = {link.instruction for link in alike} - {""}
        label = min(labels, default=name)
        if len(labels) > 1:
            alike += [link for link in self.links.values() if link.instruction in labels]
        for link in alike:
            link.has_sibling, link.instruction = True, label

    def add_members(self, names: Iterable[str], at_ms: int) -> None:
        """Add members that no decision names yet; those it has stay as they are."""
        fresh = [name for name in names if name not in self.members]
        self.members.update(dict.fromkeys(fresh, at_ms))
        self.undecided.extend(fresh)

    def has_forgotten(self, name: str, home: str | None) -> bool:
        """Whether an account is a member that it had to forget: its `home` is the campaign that it belongs to."""
        return self.gone > 0 and name not in self.members and home == self.campaign_id

    def remember(self, tied: Tied, at_ms: int, *, is_named: bool) -> None:
        """Take a member back that it had to forget; to be named, if only a campaign that it took in has named it."""
        self.members[tied.account_id] = at_ms
        self.seen.setdefault(tied.account_id, Seen(at_ms, used_ms=tied.since_ms)).was_member = True
        self.gone -= 1
        if not is_named:
            self.undecided.append(tied.account_id)

    def is_to_be_told(self, action: Action, size: int) -> bool:
        """Whether on-call must know: of another action than told last and of each doubling.

        An action becomes milder only once the one before has expired: it is limited anew then. A throttle is told of
        from `size` accounts on.
        """
        has_grown = action != self.alerted_action or self.size >= 2 * self.alerted_members
        return action in LIMITING and has_grown and (action != "throttle" or self.size >= size)

    def let_go(self, names: AbstractSet[str]) -> None:
        """Take out accounts that a reviewer called innocent: to its links they are strangers from now on."""
        for name in names & self.seen.keys():
            for link, evidence in self.links.items():
                if self.seen[name].templates & bit_of(link):
                    evidence.strangers.add(name)
        self._take_out(names)

    def untell(self, payments: AbstractSet[str]) -> None:
        """Forget that decisions told these payments, as they were taken back."""
        self.told -= payments
        self.told_as = {payment: it for payment, it in self.told_as.items() if payment not in payments}

    def erase(self, erased: Mapping[str, int]) -> bool:
        """Forget accounts, each for what it did until a time: neither members nor strangers, as if never seen.

        To be called before anything is added of what one of them did since. False if there was nothing to forget.
        """
        seen, names = self.seen, erased.keys()
        known = (seen.keys() & names) | (self.members.keys() & names)
        gone = {name for name in known if name not in seen or seen[name].used_ms <= erased[name]}
        if gone:
            self._take_out(gone)
        has_strangers = False
        for evidence in self.links.values():
            strangers = (evidence.strangers & names) - seen.keys()
            evidence.strangers -= strangers
            has_strangers |= bool(strangers)
        return bool(gone) or has_strangers

    def _take_out(self, names: AbstractSet[str]) -> None:
        if not names:
            return
        paid = {self.seen.pop(name).payment_hash for name in sorted(names & self.seen.keys())}
        self.payments -= paid - {it.payment_hash for it in self.seen.values() if it.came_back} - {None}
        for name in names & self.members.keys():
            del self.members[name]
        self.undecided = [name for name in self.undecided if name not in names]
        self.inherited = [name for name in self.inherited if name not in names]

    def view(self, members: Mapping[str, Seen]) -> CampaignView:
        """The campaign as signals see it, with those `members`."""
        templates = self.templates
        counted = self.seen
        if not self.is_found:
            counted = {name: it for name, it in self.seen.items() if not self._is_long_ago(it)}
        groups = opened(members.values()), opened(counted.values())
        return CampaignView(
            accounts=len(members),
            parties=len({it.org_id or name for name, it in members.items()}),
            payers=len({it.org_id or it.payment_hash or name for name, it in members.items()}),
            returning=len(members.keys() & counted.keys()) / max(1, len(counted)),
            templates=len(templates),
            rewordings=self.rewordings,
            sharing=surely(len(sharers(members)), len(members)),
            recent=younger(groups, RECENT_MS, self.newest_ms),
            half_year=younger(groups, HALF_YEAR_MS, self.newest_ms),
            capability_share=sum(it.capability != "other" for it in templates.values()) / max(1, len(templates)),
            rotation=rotation_of(templates, self.seen, self.found_ms),
        )

    def reasons(self, view: CampaignView) -> tuple[Reason, ...]:
        """Of each signal the strongest reason, the greatest observed figure, if a quarter of a kind of link has it.

        What is said of templates counts if most did not come upon them by chance, nor work together: a team that one or
        two instruments pay for shares its prompts. That members pay together counts if enough do: one office in a crowd
        does not make it a campaign. What else is said of those who do, as of their hours, counts if nearly all do.
        """
        best: dict[str, Reason] = {}
        times = Counter[tuple[str, str]]()
        kinds = Counter(name.partition(":")[0] for name in self.links)
        is_by_chance = view.came_by_chance or view.payers < FEWEST_PAYERS
        nearly_all = surely(round(NEARLY_ALL * view.accounts), view.accounts)
        for kind, reasons in ((name.partition(":")[0], it.reasons) for name, it in sorted(self.links.items())):
            for reason in reasons:
                share = SHARING_SHARE if reason.family == "identity" else nearly_all
                if is_by_chance if kind == "template" else view.sharing < share:
                    continue
                times[reason.signal, kind] += 1
                best[reason.signal] = max(best.get(reason.signal, reason), reason, key=lambda it: it.observed)
        said = {signal for (signal, kind), count in times.items() if count >= QUARTER * kinds[kind]}
        return tuple(reason for name, reason in best.items() if name in said)

    def knows(self, finding: Finding) -> bool:
        """Whether the finding says nothing new."""
        evidence = self.links.get(link_name(finding))
        if evidence is None or finding.as_of_ms > evidence.as_of_ms:
            return False
        return all(
            tied.account_id in self.seen and self.seen[tied.account_id].knows(finding, tied) for tied in finding.members
        )

    def forget(self) -> None:
        """Once an hour of event time: forget who came upon a template long ago and is no member.

        And of more members than `MEMBERS_KEPT` those named that came first. What was decided about them stands, and who
        is found again is a member again.
        """
        if self.newest_ms - self.swept_ms < HOUR_MS:
            return
        self.swept_ms = self.newest_ms
        self.seen = {name: it for name, it in self.seen.items() if name in self.members or not self._is_long_ago(it)}
        unnamed = {*self.undecided, *self.inherited}
        named = [name for name in self.members if name not in unnamed]
        above = len(named) - MEMBERS_KEPT
        if above <= 0:
            return
        first = set(sorted(named, key=self.members.__getitem__)[:above])
        gone = [self.seen[name] for name in first & self.seen.keys()]
        self.organised |= {it.payment_hash for it in gone if it.org_id is not None and it.payment_hash is not None}
        self._take_out(first)
        self.gone += len(first)

    def _is_long_ago(self, seen: Seen) -> bool:
        """Whether an account was first seen too long ago to say how many come back within a week."""
        return self.newest_ms - seen.since_ms > SEEN_FOR_MS
