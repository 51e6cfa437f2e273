"""What a gateway lets through, by the rules that stand in `streams.decisions.Decision`."""

from typing import Literal

from msgspec import Struct

from streams.decisions import LADDER, Decision, Limits
from streams.wordings import Wordings

Answer = Literal["pass", "throttle", "challenge", "suspend"]
"""What becomes of a request: it passes, or it is refused because of that action."""

HEIR_MS = 60_000
"""How long a campaign that another took in still counts (rule 7)."""


class Enforcing:
    """All decisions so far, as a gateway holds them, and what each throttled account has used of its window."""

    def __init__(self) -> None:
        """Nobody is limited."""
        self._standing: dict[str, Standing] = {}
        self._campaigns: dict[str, dict[str, int]] = {}
        self._released: dict[str, int] = {}
        self._used: dict[str, _Used] = {}
        self._wordings = Wordings()

    def take(self, decision: Decision) -> None:
        """Put a decision into force. Repeats, older ones and shadows change nothing, but that members are kept."""
        for member in decision.members:
            named = self._campaigns.setdefault(member, {})
            named[decision.subject_id] = max(decision.decided_at_ms, named.get(decision.subject_id, 0))
        before = self._standing.get(decision.subject_id)
        if before is not None and before.sequence >= decision.sequence:
            return
        standing = Standing(decision.subject_id, decision.sequence, decision.sequence, "pass", decision.expires_at_ms)
        if decision.action == "release" and decision.subject_kind == "account":
            standing.is_exempt = True
            self._released[decision.subject_id] = decision.decided_at_ms
        if names_an_heir(decision) and before:
            standing.action, standing.limits, standing.decided = before.action, before.limits, before.decided
            standing.until_ms = min(before.until_ms, decision.decided_at_ms + HEIR_MS)
        elif not decision.shadow and decision.action in {"throttle", "challenge", "suspend"}:
            standing.action, standing.limits = decision.action, decision.limits
        self._standing[decision.subject_id] = standing
        self._wordings.put(decision.subject_id, None if standing.action == "pass" else decision.wording)

    def standing(self, account_id: str, at_ms: int) -> tuple[Answer, Limits | None]:
        """The hardest action that is in force for the account, or `pass`; and the limits of a throttle."""
        hardest: Standing | None = None
        if self._is_exempt(account_id, at_ms):
            return "pass", None
        released_ms = self._released.get(account_id, -1)
        named = self._campaigns.get(account_id, {})
        for subject in (account_id, *(it for it, named_ms in named.items() if named_ms > released_ms)):
            standing = self.of(subject, at_ms)
            if standing is None:
                continue
            if hardest is None or LADDER.index(standing.action) > LADDER.index(hardest.action):
                hardest = standing
        return ("pass", None) if hardest is None else (hardest.action, hardest.limits)

    def of(self, subject_id: str, at_ms: int) -> "Standing | None":
        """What is in force about one subject by itself; None if nothing is that a gateway enforces."""
        standing = self._standing.get(subject_id)
        return None if standing is None or at_ms >= standing.until_ms or standing.action == "pass" else standing

    def limited(self, account_id: str, at_ms: int) -> bool:
        """Whether an action other than `pass` is in force for the account."""
        return self.standing(account_id, at_ms)[0] != "pass"

    def over(self, template_hash: str | None, sketch: str | None, at_ms: int) -> str | None:
        """The limited template that a request has or says in other words: the one it is limited hardest with, or None.

        Of those that are limited alike the request's own comes first, then the most similar.
        """
        names = [] if template_hash is None else [f"template:{template_hash}"]
        if sketch is not None:
            names += self._wordings.like(sketch)
        limited = [name for name in names if self.link(name, at_ms) != "pass"]
        return max(limited, key=lambda name: LADDER.index(self._standing[name].action), default=None)

    def link(self, name: str | None, at_ms: int, account_id: str | None = None) -> Answer:
        """The action that is in force for a link, whoever uses it, or `pass`; so too for an account it does not hit."""
        if account_id is not None and self._is_exempt(account_id, at_ms):
            return "pass"
        standing = None if name is None else self.of(name, at_ms)
        return "pass" if standing is None else standing.action

    def admits(self, account_id: str, at_ms: int, tokens: int, link: str | None = None) -> bool:
        """Whether a request over `link` passes. One of a throttled subject does while its window has room.

        Nobody who is challenged passes: what a campaign runs are programs.
        """
        if not self._has_room(account_id, *self.standing(account_id, at_ms), at_ms, tokens):
            return False
        if link is None or self.link(link, at_ms, account_id) == "pass":
            return True
        return self._has_room(link, self._standing[link].action, self._standing[link].limits, at_ms, tokens)

    def _is_exempt(self, account_id: str, at_ms: int) -> bool:
        """Whether a release of the account keeps every decision from it (rule 9)."""
        standing = self._standing.get(account_id)
        return standing is not None and standing.is_exempt and at_ms < standing.until_ms

    def _has_room(self, subject: str, action: Answer, limits: Limits | None, at_ms: int, tokens: int) -> bool:
        """Whether a subject under this action has room for a request; what it then has used."""
        if action != "throttle" or limits is None:
            return action == "pass"
        window = at_ms // limits.window_ms
        used = self._used.get(subject)
        if used is None or used.window != window:
            used = self._used[subject] = _Used(window)
        if used.requests >= limits.requests or used.tokens + tokens > limits.tokens:
            return False
        used.requests += 1
        used.tokens += tokens
        return True


class Standing(Struct):
    """The decision about a subject that counts, by its `sequence`.

    `decided` is the sequence of the decision that `action` is from: an older one while a heir has not spoken (rule 7).
    """

    subject_id: str
    sequence: int
    decided: int
    action: Answer
    until_ms: int
    limits: Limits | None = None
    is_exempt: bool = False


class _Used(Struct):
    """What an account has used of the window it is in."""

    window: int
    requests: int = 0
    tokens: int = 0


def names_an_heir(decision: Decision) -> bool:
    """Whether a campaign is released because another took it in."""
    is_campaign = decision.action == "release" and decision.subject_kind == "campaign"
    return is_campaign and decision.campaign_id not in {None, decision.subject_id}
