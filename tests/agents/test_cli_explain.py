"""`stillwatch explain`: the page, the same as JSON, what Redis adds, and one sentence for a mistake."""

import asyncio
import gzip
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agents.cli import main
from agents.explaining.page import Report
from agents.routing import key_partition
from agents.store import NOTHING, Place
from agents.store.memory import MemoryStore
from streams.accounts import Enforcement, Head, with_head
from streams.campaigns import Campaign, Pointer
from streams.decisions import Limits, Reason, Wording
from streams.evidence import LinkEvidence, Seen
from streams.reviewing import REVIEWER
from tests.streams.account_bench import event, folded
from tests.streams.explaining.deciding import FOUR, decision, reason

AT = 1_791_201_600_000
HOUR = 3_600_000
PARTITIONS = 8
CAMPAIGNS = Place("campaigns", 0)
Outcome = tuple[int, str, str]

POLICY = """
version = "p"
[campaign]
prior = -4.0
minimum_accounts = 5
observe = { score = 0.30, families = 1, expires_hours = 24 }
throttle = { score = 0.60, families = 2, expires_hours = 6, requests = 30, tokens = 60000, window_minutes = 60 }
challenge = { score = 0.85, families = 3, expires_hours = 12 }
suspend = { score = 0.97, families = 3, expires_hours = 72 }
"""

PAGE = """\
Account a-1, as of 2026-10-05 13:00:00 UTC

IN FORCE NOW
Suspended: every request is refused.
  by campaign c-1, which it is counted a member of (decision 2)
  since 2026-10-05 12:00:00 UTC
  until 2026-10-08 12:00:00 UTC, unless it is decided again
Its throttle since 2026-10-05 10:00:00 UTC expired at 2026-10-05 12:30:00 UTC.

WHY: decision 2 about campaign c-1
suspend, decided at 2026-10-05 12:00:00 UTC by policy p. Score 98.9%: what the
evidence below adds up to, from 0 to 100%.

Evidence, by kind; of each kind only the strongest counts
  identity: who is behind it
   1. accounts_per_payment is 13 (suspicious from 5).
      13 against 5, 2.6 times; +3.5 points
  content: what is sent
   2. rewordings is 119 (suspicious from 8).
      119 against 8, 15 times; +3.0 points
   3. accounts_per_template is 15 (suspicious from 3).
      15 against 3, 5.0 times; 2.5 points, not added (2 counts)
  lifecycle: how old the accounts are
   4. recent_accounts is 0.95 (suspicious from 0.8).
      95% against 80%, 1.2 times; +2.0 points

The sum, in points (log-odds: a point more makes the odds 2.7 times as high)
    -4.0  to begin with, before any evidence
    +3.5  identity (1)
    +3.0  content (2)
    +2.0  lifecycle (4)
    +4.5  in all, which is a score of 98.9%

The steps        from score   kinds of evidence
  observe               30%                   1   reached
  throttle              60%                   2   reached
  challenge             85%                   3   reached
  suspend               97%                   3   reached
It would fall below suspend if it lost more than 1.0 points, or 1 of its 3 kinds
of evidence.

What would have had to be otherwise: any one line is enough
  for throttle or milder:
  - (1) accounts per payment below 5: throttle (73.1%)
  - (4) recent accounts below 80%: throttle (92.4%)
  for no action at all:
  - (1) accounts per payment below 5, (4) recent accounts below 80%: no action
    (26.9%)

A campaign with fewer than 5 accounts would have been throttled at most.
Who pays speaks only of members that share a payment. Of one that shares none
the other evidence speaks, and by itself means throttle.
That accounts are new speaks only of those not half a year old. Of an older one
the other evidence speaks, and by itself means throttle.
Of fewer than 16 that one instrument pays for, as a company's people, how old
they are, and what they ask for, counts only beside evidence of their wordings
or their hours: it goes with that above as well.
Even if the evidence softens, suspend stays until 2026-10-08 12:00:00 UTC. While
the evidence means any action at all, each new member that it would limit by
what speaks of that member alone, and after half of its time any news of the
campaign, brings the same decision again, as hard as it stands; if none comes,
it ends then.

What ties this very account to the campaign stands in Redis and not in
decisions: without --decisions this command tells it too.

HISTORY
decided (UTC)        action      score  decision  about
2026-10-05 10:00:00  throttle    70.0%         1  itself
2026-10-05 11:00:00  throttle    70.0%         1  c-1
2026-10-05 12:00:00  suspend     98.9%         2  c-1
"""

DECISIONS = (
    decision("throttle", "a-1", AT - 2 * HOUR, score=0.7, expires_at_ms=AT + HOUR // 2),
    decision("throttle", "c-1", AT - HOUR, score=0.7, members=("a-0", "a-1"), expires_at_ms=AT + 5 * HOUR),
    decision("suspend", "c-1", AT, 2, members=("a-2",), reasons=FOUR, score=0.989013, expires_at_ms=AT + 72 * HOUR),
    decision("observe", "a-9", AT + HOUR, score=0.4),
)


@pytest.fixture
def explain(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run the command under a policy of this test's own: (exit code, stdout, stderr)."""
    (tmp_path / "policy.toml").write_text(POLICY)

    def run(*arguments: str) -> Outcome:
        with pytest.raises(SystemExit) as ended:
            main(["explain", "--policy", str(tmp_path / "policy.toml"), *arguments])
        assert isinstance(ended.value.code, int)
        return ended.value.code, *capfd.readouterr()

    return run


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "decisions.jsonl"
    path.write_bytes(msgspec.json.Encoder().encode_lines(DECISIONS))
    return str(path)


def test_the_page_of_an_account_in_a_campaign(explain: Callable[..., Outcome], file: str) -> None:
    assert explain("a-1", "--decisions", file) == (0, PAGE, "")
    assert max(map(len, PAGE.splitlines())) <= 80


def test_the_reference_of_a_refusal_says_whom_it_is_about(explain: Callable[..., Outcome], file: str) -> None:
    (decided,) = {it.decision_id for it in DECISIONS if (it.subject_id, it.sequence) == ("c-1", 2)}
    assert explain("--reference", decided, "--decisions", file) == explain("c-1", "--decisions", file)
    assert explain("--reference", "0" * 32, "--decisions", file) == (1, "", f"No decision has the id {'0' * 32}.\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Say whom to explain: SUBJECT, or --reference ID, and not both."),
        (("a-1", "--reference", "d"), "Say whom to explain: SUBJECT, or --reference ID, and not both."),
        (("--reference", "d", "--decisions", "-"), "--reference reads the decisions twice: give a file in place of -."),
    ],
)
def test_who_says_neither_whom_nor_which_decision_is_told(
    explain: Callable[..., Outcome], arguments: tuple[str, ...], said: str
) -> None:
    code, out, error = explain(*arguments)
    assert (code, out) == (2, "")
    assert said in error


def test_standard_input_and_gzip_say_the_same(explain: Callable[..., Outcome], file: str, tmp_path: Path) -> None:
    packed = gzip.compress(Path(file).read_bytes())
    Path(file).write_bytes(packed)
    assert explain("a-1", "--decisions", file) == (0, PAGE, "")
    arguments = ["explain", "a-1", "--decisions", "-", "--policy", str(tmp_path / "policy.toml")]
    program = f"from agents.cli import main; main({arguments!r})"
    done = subprocess.run([sys.executable, "-c", program], input=packed, capture_output=True, check=False)  # noqa: S603
    assert (done.returncode, done.stdout.decode(), done.stderr) == (0, PAGE, b"")


def test_whom_rotated_wordings_do_not_speak_of_is_told_of_an_account_and_not_of_the_campaign(
    explain: Callable[..., Outcome], tmp_path: Path
) -> None:
    reasons = reason("rotated_wordings", "content", 3.6), reason("extracted_capabilities", "capability", 1.0)
    decided = decision("throttle", "c-1", AT, members=("a-1",), reasons=reasons, score=0.645656)
    (tmp_path / "rotated.jsonl").write_bytes(msgspec.json.encode(decided))
    sentence = "the other evidence speaks, and by itself means no action."
    for subject, is_told in (("a-1", True), ("c-1", False)):
        _, out, _ = explain(subject, "--decisions", str(tmp_path / "rotated.jsonl"))
        assert (sentence in " ".join(out.split())) is is_told


def test_the_json_holds_what_the_page_says(explain: Callable[..., Outcome], file: str) -> None:
    code, out, _ = explain("a-1", "--decisions", file, "--json")
    report = msgspec.json.decode(out, type=Report)
    assert code == 0
    assert report.explanation is not None
    assert (report.subject_id, report.source, report.at_ms) == ("a-1", "decisions", AT + HOUR)
    assert [(it.subject_id, it.state) for it in report.explanation.forces] == [("c-1", "enforced"), ("a-1", "expired")]
    (case,) = report.explanation.cases
    assert [(it.action, [way.without for way in it.ways]) for it in case.judgement.changes] == [
        ("throttle", [(0,), (3,)]),
        (None, [(0, 3)]),
    ]


def test_an_earlier_moment_is_told_as_it_stood(explain: Callable[..., Outcome], file: str) -> None:
    _, out, _ = explain("c-1", "--decisions", file, "--at", "2026-10-05T11:30:00")
    assert "Campaign c-1, as of 2026-10-05 11:30:00 UTC" in out
    assert "Decisions have named 2 accounts as its own." in out
    assert "suspend, decided" not in out
    assert explain("c-1", "--decisions", file, "--at", "2026-10-05T13:30:00+02:00")[1] == out
    assert explain("c-1", "--decisions", file, "--at", "2026-10-05T10:59:59Z") == (
        1,
        "",
        "Nothing is known or decided about c-1 up to 2026-10-05T10:59:59Z.\n",
    )


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (
            {"policy_version": "q"},
            "policy p, not by the one that decided; it gives it the same score.",
        ),
        ({"policy_version": "q", "score": 0.5}, "not by the one that decided; it gives it 98.9%."),
        ({"score": 0.5}, "The policy at hand has the same version and gives 98.9%: it changed."),
        ({"shadow": True}, "Decided in shadow mode, so nobody enforces it: suspended: every request is refused."),
        (
            {"reasons": FOUR[1:], "score": 0.731059},
            "This evidence alone would mean throttle; suspend stands",
        ),
        ({"action": "observe"}, "This evidence would mean suspend; it is only observed because the policy's cap"),
        (
            {"action": "throttle", "limits": Limits(30, 60_000, HOUR)},
            "Throttled: 30 requests and 60,000 tokens pass in",
        ),
        ({"expires_at_ms": AT + 1}, "WHY IT WAS: decision 2 about campaign c-1"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_what_is_particular_is_one_sentence(
    explain: Callable[..., Outcome], file: str, more: dict[str, object], words: str
) -> None:
    changed = msgspec.structs.replace(DECISIONS[2], **more)
    Path(file).write_bytes(msgspec.json.Encoder().encode_lines([DECISIONS[1], changed, DECISIONS[3]]))
    code, out, _ = explain("c-1", "--decisions", file)
    assert code == 0
    assert words in " ".join(out.split())


def test_a_template_is_told_as_one(explain: Callable[..., Outcome], file: str) -> None:
    limits = Limits(3, 600, HOUR)
    decided = decision(
        "throttle",
        "template:t",
        AT,
        subject_kind="network",
        campaign_id="c-1",
        limits=limits,
        reasons=FOUR[:2],
        wording=Wording("0a0b", 0.5),
    )
    Path(file).write_bytes(msgspec.json.encode(decided))
    _, out, _ = explain("template:t", "--decisions", file)
    assert out.startswith("template:t, as of 2026-10-05 12:00:00 UTC\n")
    assert "Throttled: 3 requests and 600 tokens of all who send it together pass in each 60\nminutes." in out
    assert "by campaign c-1, whose template it is (decision 1)" in out
    assert "says the same in other words: with at least 50% of" in out
    assert (
        "UTC, unless it is found that a crowd uses the template, or that its campaign, no longer limited itself, "
        "deserves no limit. After half of its time news of it, while its campaign is limited, brings"
    ) in " ".join(out.split())


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("nobody",), 1, "Nothing is known or decided about nobody."),
        (("a-1", "--at", "soon"), 2, "--at soon is no time"),
    ],
)
def test_what_cannot_be_told_is_one_sentence(
    explain: Callable[..., Outcome], file: str, arguments: tuple[str, ...], code: int, words: str
) -> None:
    ended, out, err = explain(*arguments, "--decisions", file)
    assert (ended, out, err.count("\n")) == (code, "", 1)
    assert words in err


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "o such file"),
        (b"{}\n", "line 1 is no decision"),
        (msgspec.json.encode(DECISIONS[2]).replace(b'"weight":3.5', b'"weight":-1e9'), "out of all range"),
    ],
    ids=["missing", "other rows", "weights"],
)
def test_a_file_that_is_none_is_one_sentence(
    explain: Callable[..., Outcome], file: str, content: bytes | None, words: str
) -> None:
    Path(file).unlink() if content is None else Path(file).write_bytes(content)
    code, out, err = explain("c-1", "--decisions", file)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert words in err


def test_an_account_of_the_allowlist_is_said_to_be_spared(
    explain: Callable[..., Outcome], file: str, tmp_path: Path
) -> None:
    allowing = tmp_path / "allowing.toml"
    allowing.write_text(POLICY + '[allowlist]\naccounts = ["a-1"]\n')
    words = "The allowlist of the policy at hand spares it"
    assert words in explain("a-1", "--decisions", file, "--policy", str(allowing))[1]
    assert words not in explain("a-2", "--decisions", file, "--policy", str(allowing))[1]


def test_campaigns_that_are_over_are_one_sentence_each(explain: Callable[..., Outcome], file: str) -> None:
    decisions = [
        decision("suspend", "c-1", AT, members=("a-1",)),
        decision("release", "c-1", AT + 1, 2, members=(), campaign_id="c-2"),
        decision("suspend", "c-2", AT + 1, members=("a-1",)),
        decision("release", "c-2", AT + 2, 2, members=(), campaign_id="c-3"),
        decision("suspend", "c-4", AT, members=("a-1",), expires_at_ms=AT + HOUR),
        decision("suspend", "a-1", AT - 2),
        decision("release", "a-1", AT - 1, 2, expires_at_ms=AT + HOUR),
    ]
    Path(file).write_bytes(msgspec.json.Encoder().encode_lines(decisions))
    assert section(explain("a-1", "--decisions", file, "--at", "2026-10-05T14:00:00")[1], "IN FORCE NOW") == [
        "Nothing.",
        "A reviewer released it until 2026-10-05 13:00:00 UTC; what named it before does",
        "not count again.",
        "Campaign c-4: suspend since 2026-10-05 12:00:00 UTC expired at 2026-10-05",
        "13:00:00 UTC.",
        "Named before by c-1, c-2, whose place others have taken.",
    ]
    _, out, _ = explain("c-2", "--decisions", file)
    assert "campaign c-3 takes it over and speaks next" in out
    assert "It took in c-1." in out
    assert section(explain("c-2", "--decisions", file, "--at", "2026-10-05T14:00:00")[1], "IN FORCE NOW")[0] == (
        "Part of campaign c-3 now, which decides for it: stillwatch explain c-3"
    )


def test_of_a_released_account_nothing_about_a_campaign_is_in_force(explain: Callable[..., Outcome], file: str) -> None:
    released = decision("release", "a-1", AT + 1, 2, expires_at_ms=AT + 2 * HOUR, model_version=REVIEWER)
    named_again = decision("suspend", "c-5", AT + 2, members=("a-1",), expires_at_ms=AT + HOUR)
    Path(file).write_bytes(msgspec.json.Encoder().encode_lines([*DECISIONS, released, named_again]))
    _, out, _ = explain("a-1", "--decisions", file, "--at", "2026-10-05T12:30:00")
    assert section(out, "IN FORCE NOW") == [
        "Nothing.",
        "A reviewer released it; until 2026-10-05 14:00:00 UTC nothing about a campaign",
        "or template applies to it.",
        "Campaign c-5: suspend until 2026-10-05 13:00:00 UTC, which does not apply to it.",
    ]
    assert "WHY IT WAS: decision 2 about campaign c-1" in out


def test_a_template_and_a_campaign_that_a_reviewer_released_say_so(explain: Callable[..., Outcome], file: str) -> None:
    about: dict[str, Any] = {"model_version": REVIEWER, "campaign_id": "c-1"}
    decisions = [
        decision("release", "c-1", AT, members=(), **about),
        decision("release", "template:t", AT, subject_kind="network", **about),
    ]
    Path(file).write_bytes(msgspec.json.Encoder().encode_lines(decisions))
    for subject in ("c-1", "template:t"):
        lines = section(explain(subject, "--decisions", file)[1], "IN FORCE NOW")
        assert lines[:2] == ["Nothing.", "A reviewer released it; nothing of it stands."]
        assert not [line for line in lines if "took in" in line]


def test_of_a_template_that_was_let_go_nobody_is_said_to_have_reviewed_it(
    explain: Callable[..., Outcome], file: str
) -> None:
    about: dict[str, Any] = {"subject_kind": "network", "campaign_id": "c-1"}
    decisions = [decision("throttle", "template:t", AT, **about), decision("release", "template:t", AT + 1, 2, **about)]
    Path(file).write_bytes(msgspec.json.Encoder().encode_lines(decisions))
    lines = section(explain("template:t", "--decisions", file)[1], "IN FORCE NOW")
    assert lines[:2] == [
        "Nothing.",
        "It was let go with its campaign or left to a crowd; nothing of it stands.",
    ]


def test_what_a_reviewer_confirmed_has_no_ladder(explain: Callable[..., Outcome], file: str) -> None:
    confirmed = decision(
        "suspend", "c-1", AT + 1, 3, members=(), score=1.0, model_version=REVIEWER, expires_at_ms=AT + 144 * HOUR
    )
    Path(file).write_bytes(msgspec.json.Encoder().encode_lines([*DECISIONS, confirmed]))
    _, out, _ = explain("c-1", "--decisions", file)
    why = out[out.index("WHY") : out.index("HISTORY")]
    assert " ".join(why.split()) == (
        "WHY: decision 3 about campaign c-1 suspend, decided at 2026-10-05 12:00:00 UTC. A reviewer confirmed it. "
        "Suspend stays until 2026-10-11 12:00:00 UTC, however the evidence softens; evidence for something harder "
        "counts at once. It ends then, unless the evidence has it decided again."
    )


@pytest.mark.parametrize("subject", ["c-1", "template:t"])
def test_a_throttle_for_want_of_members_is_told_as_that(
    explain: Callable[..., Outcome], file: str, subject: str
) -> None:
    said: dict[str, Any] = {"campaign_id": "c-1", "reasons": FOUR, "score": 0.989013}
    decisions = [
        decision("throttle", "c-1", AT, members=(), **said),
        decision("throttle", "template:t", AT, subject_kind="network", **said),
    ]
    Path(file).write_bytes(msgspec.json.Encoder().encode_lines(decisions))
    words = " ".join(explain(subject, "--decisions", file)[1].split())
    assert (
        "This evidence, of all accounts seen with the campaign, would mean suspend. Fewer than 5 were members for "
        "sure, so it is only throttled: its templates are, whoever sends them, and nobody is named who may have come "
        "upon one." in words
    )
    assert "each new member" not in words
    stays = "Even if the evidence softens, throttle stays" if subject == "c-1" else "Throttle stays"
    assert f"With evidence for less than a challenge nothing would have been decided. {stays}" in words
    assert "A campaign with fewer than" not in words


def test_evidence_that_the_policy_at_hand_does_not_mind_is_told_all_the_same(
    explain: Callable[..., Outcome], file: str
) -> None:
    decided = decision("observe", "c-1", AT, members=("a-1",), reasons=FOUR[3:], score=0.4, policy_version="q")
    Path(file).write_bytes(msgspec.json.encode(decided))
    _, out, _ = explain("c-1", "--decisions", file)
    assert "  observe               30%                   1   lacks 1.2 points\n" in out
    assert "  suspend               97%                   3   lacks 5.5 points and 2 kinds\n" in out
    assert "  Nothing: this evidence leads to no action.\n" in out


# What Redis adds.


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    """The store that the command reads, empty; the topic has `DECISIONS`."""
    held = MemoryStore()
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setattr("agents.explaining.live.RedisStore", lambda _url, prefix: held)  # noqa: ARG005  its signature
    monkeypatch.setattr("agents.explaining.live.partitions_of", lambda _servers, _names: PARTITIONS)
    monkeypatch.setattr("agents.explaining.live.decided", lambda _servers, _topic: iter(DECISIONS))
    return held


def put(store: MemoryStore, place: Place, states: Mapping[str, msgspec.Struct | bytes]) -> None:
    values = {key: it if isinstance(it, bytes) else msgspec.msgpack.encode(it) for key, it in states.items()}

    async def commit() -> None:
        owner = (await store.open(place)).owner
        await store.commit(place, owner=owner, expected=NOTHING, offset=1, values=values, outbox=b"")

    asyncio.run(commit())


def put_account(
    store: MemoryStore,
    account_id: str,
    sequence: int = 1,
    stands: Enforcement | None = None,
    **more: Any,  # noqa: ANN401
) -> None:
    """An account that sent three requests of template `t`, one an hour."""
    events = [event(AT + hour * HOUR, template_hash="t", **more) for hour in range(3)]
    stored = with_head(folded(events).stored()["a"], Head(stands or Enforcement("throttle", AT, sequence)))
    put(store, Place("observe", key_partition(account_id, PARTITIONS)), {f"account:{account_id}": stored})


def campaign(**more: Any) -> Campaign:  # noqa: ANN401
    """Five accounts that share two payments; `a-1` also used three templates, one again and again."""
    seen = {f"a-{number}": Seen(AT, paid=True, payment_hash=f"p{number % 2}") for number in range(5)}
    seen["a-1"] = Seen(AT, templates=0b111, repeated=0b1, payment_hash="p1")
    fields: dict[str, Any] = {
        "campaign_id": "c-1",
        "newest_ms": AT,
        "links": {"payment:p0": LinkEvidence(AT, FOUR[:1], members=5)},
        "members": dict.fromkeys(seen, AT),
        "seen": seen,
        "enforcement": Enforcement("suspend", AT, 2),
    }
    return Campaign(**fields | more)


def test_redis_says_why_an_account_is_counted_to_its_campaign(
    store: MemoryStore, explain: Callable[..., Outcome]
) -> None:
    put_account(store, "a-1")
    put(store, CAMPAIGNS, {"campaign:c-1": campaign(), "member:a-1": Pointer("c-1")})
    code, out, _ = explain("a-1", "--at", "2026-10-05T12:30:00")
    assert code == 0
    assert section(out, "WHY IT IS COUNTED TO c-1") == [
        "- It used at least 3 of the campaign's templates, 1 of them again and again.",
        "- Another member pays with the same instrument.",
        "- Judged now, what speaks of it alone would not be enough to limit it.",
    ]
    assert section(out, "JUDGED AGAIN, as of its newest event at 2026-10-05 14:00:00 UTC") == [
        "By its own requests alone, whatever campaign it is counted to: 0.2%, no action.",
    ]
    assert "without --decisions" not in out
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize("stands", ["suspend", "release"])
@pytest.mark.parametrize("reasons", [FOUR[:1], FOUR[1:]])
def test_whether_a_member_would_be_limited_by_itself_follows_from_the_evidence_and_not_from_what_stands(
    store: MemoryStore, explain: Callable[..., Outcome], stands: str, reasons: tuple[Reason, ...]
) -> None:
    put_account(store, "a-1")
    links = {f"template:{it}": LinkEvidence(AT, reasons, 5) for it in "tuv"}
    seen = {f"a-{number}": Seen(AT, templates=0b11) for number in range(5)}
    found = campaign(links=links, seen=seen, enforcement=Enforcement(stands, AT + HOUR, 3))
    put(store, CAMPAIGNS, {"campaign:c-1": found, "member:a-1": Pointer("c-1")})
    words = " ".join(explain("a-1")[1].split())
    assert ("what speaks of it alone would not be enough" in words) is (reasons == FOUR[:1])


BUSY: dict[str, Any] = {
    "plan": "pro",
    "plan_daily_tokens": 1_000,
    "input_tokens": 9_000,
    "account_created_at_ms": AT - HOUR,
}
MINDS_THAT = """
[account]
throttle = { score = 0.60, families = 1, expires_hours = 6, requests = 30, tokens = 60000, window_minutes = 60 }
[signals.new_account_at_maximum]
weight = 8.0
"""


@pytest.mark.parametrize("is_exempt", [False, True])
def test_nothing_follows_for_an_account_while_a_release_keeps_it_from_being_limited(
    store: MemoryStore, explain: Callable[..., Outcome], tmp_path: Path, is_exempt: bool
) -> None:
    newest_ms = AT + 2 * HOUR
    put_account(store, "a-1", stands=Enforcement("release", newest_ms + is_exempt, 2), **BUSY)
    (tmp_path / "minds.toml").write_text(POLICY + MINDS_THAT)
    words = " ".join(explain("a-1", "--policy", str(tmp_path / "minds.toml"))[1].split())
    follows = "throttle."
    if is_exempt:
        follows = "no action. A reviewer released it: until 2026-10-05 14:00:00 UTC nothing follows from any evidence."
    assert f"By its own requests alone, whatever campaign it is counted to: 88.1%, {follows} - " in words


def test_an_account_that_no_decision_names_is_told_as_redis_has_it(
    store: MemoryStore, explain: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    template = decision("suspend", "template:t", AT, subject_kind="network", campaign_id="c-1")
    put_account(store, "a-7", sequence=0)
    put(store, CAMPAIGNS, {"campaign:c-1": campaign(undecided=["a-1"]), "member:a-7": Pointer("c-1")})
    code, out, _ = explain("a-7")
    assert (code, "No decision is about it up to then: nothing is or was limited." in out) == (0, True)
    assert "JUDGED AGAIN" in out
    monkeypatch.setattr("agents.explaining.live.decided", lambda _servers, _topic: iter([template]))
    code, out, _ = explain("a-7", "--at", "2026-10-05T12:00:00Z")
    assert code == 0
    assert "1 of the templates it uses most" in out
    assert "  template:t: suspend until" in out


def test_a_member_that_waits_is_said_to_wait(store: MemoryStore, explain: Callable[..., Outcome]) -> None:
    put_account(store, "a-1")
    put(store, CAMPAIGNS, {"campaign:c-1": campaign(undecided=["a-1"]), "member:a-1": Pointer("c-1")})
    assert "- No decision has named it yet." in explain("a-1")[1]


def test_a_campaign_is_judged_again(store: MemoryStore, explain: Callable[..., Outcome]) -> None:
    put(store, CAMPAIGNS, {"campaign:c-1": campaign()})
    _, out, _ = explain("c-1", "--at", "2026-10-05T12:30:00")
    assert section(out, "JUDGED AGAIN, as of its newest event at 2026-10-05 12:00:00 UTC")[:2] == [
        "With the 5 members it has: 37.8%, observe.",
        "- accounts_per_payment is 13 (suspicious from 5).",
    ]


@pytest.mark.parametrize(
    ("reasons", "says", "follows"), [(FOUR, "98.9%", "throttle"), (FOUR[:3], "92.4%", "no action")]
)
def test_a_campaign_with_too_few_members_is_judged_by_all_who_were_seen(
    store: MemoryStore, explain: Callable[..., Outcome], reasons: tuple[Reason, ...], says: str, follows: str
) -> None:
    few = campaign(
        links={f"template:{it}": LinkEvidence(AT, reasons) for it in "tuvw"},
        seen={f"a-{number}": Seen(AT) for number in range(40)},
        members={},
        enforcement=Enforcement(),
    )
    put(store, CAMPAIGNS, {"campaign:c-1": few})
    words = " ".join(explain("c-1", "--at", "2026-10-05T12:30:00")[1].split())
    assert f"It has 0 members, too few to judge, so all 40 seen with it were judged: {says}, {follows}. - " in words


def test_nothing_follows_for_a_campaign_that_a_reviewer_released(
    store: MemoryStore, explain: Callable[..., Outcome]
) -> None:
    put(store, CAMPAIGNS, {"campaign:c-1": campaign(enforcement=Enforcement("release", AT + HOUR, 3))})
    _, out, _ = explain("c-1", "--at", "2026-10-05T12:30:00")
    words = " ".join(out.split())
    released = "A reviewer released it: until 2026-10-05 13:00:00 UTC nothing follows from any evidence."
    assert f"With the 5 members it has: 37.8%, no action. {released}" in words


def test_a_decision_that_the_topic_does_not_have_yet_is_announced(
    store: MemoryStore, explain: Callable[..., Outcome]
) -> None:
    put_account(store, "a-1", sequence=2)
    assert "A newer decision is made and on its way to the topic" in explain("a-1")[1]


def test_an_account_of_another_version_is_one_sentence(store: MemoryStore, explain: Callable[..., Outcome]) -> None:
    put(store, Place("observe", key_partition("a-1", PARTITIONS)), {"account:a-1": bytes(200)})
    code, out, err = explain("a-1")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "`--decisions FILE` explains without it" in err


@pytest.mark.usefixtures("store")
def test_records_that_are_no_decisions_are_counted(
    explain: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.explaining.live.decided", lambda _servers, _topic: iter([None, *DECISIONS, None]))
    code, out, err = explain("c-1", "--at", "2026-10-05T13:00:00")
    assert (code, err) == (0, "2 records on the topic are no decisions and were left out.\n")
    assert out.startswith("Campaign c-1, as of 2026-10-05 13:00:00 UTC\n")


def test_what_neither_has_is_unknown(store: MemoryStore, explain: Callable[..., Outcome]) -> None:  # noqa: ARG001
    assert explain("nobody") == (1, "", "Nothing is known or decided about nobody.\n")


def section(page: str, heading: str) -> list[str]:
    """The lines below a heading."""
    lines = page.splitlines()
    start = lines.index(heading) + 1
    return lines[start : lines.index("", start)]


def test_an_account_that_was_never_served_is_explained_by_how_it_pays(
    explain: Callable[..., Outcome], tmp_path: Path
) -> None:
    path = tmp_path / "paid.jsonl"
    named = decision("suspend", "c-1", AT, members=("a-2",), reasons=FOUR, payments=("card",), opened_from_ms=AT)
    path.write_bytes(msgspec.json.Encoder().encode_lines([named]))
    arguments = ("new", "--decisions", str(path), "--payment", "card")
    code, out, err = explain(*arguments, "--opened", "2026-10-05T12:00:00")
    assert (code, err) == (0, "")
    assert "Account new, as of" in out
    assert "campaign c-1: it was opened after that was found, and pays with an" in " ".join(out.split("\n  "))
    assert max(map(len, out.splitlines())) <= 80
    assert explain(*arguments, "--opened", "2026-10-05T11:59:59")[0] == 1
    code, out, err = explain(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "--payment and --opened go together" in err
    code, out, err = explain("c-0123456789abcdef", *arguments[1:], "--opened", "2026-10-05T12:00:00")
    assert (code, out, err.count("\n")) == (2, "", 1)
