"""`stillwatch release` and `confirm` where nothing can be produced: one sentence, exit code 2."""

from collections.abc import Callable

import pytest

from agents.cli import main, verdicts
from agents.topics import TopicNames
from streams.feedback import Verdict

Outcome = tuple[int, str, str]
CAMPAIGN = "c-0123456789abcdef"


@pytest.fixture
def stillwatch(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("STILLWATCH_REVIEWER", "kim")
    monkeypatch.delenv("STILLWATCH_PREFIX", raising=False)

    def run(*arguments: str) -> Outcome:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        out, err = capfd.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, out, err

    return run


@pytest.fixture
def produced(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Verdict]]:
    """What would be produced: the topic and the verdict."""
    taken: list[tuple[str, Verdict]] = []

    def produce(_servers: str, names: TopicNames, verdict: Verdict) -> None:
        taken.append((names.feedback, verdict))

    monkeypatch.setattr(verdicts, "produce", produce)
    return taken


@pytest.mark.parametrize(
    ("arguments", "kind", "word"),
    [
        (["release", "acct-1"], "account", "innocent"),
        (["release", CAMPAIGN], "campaign", "innocent"),
        (["release", CAMPAIGN, "--account"], "account", "innocent"),
        (["release", "c-1"], "account", "innocent"),
        (["release", "template:t1", "--account"], "account", "innocent"),
        (["release", "tenant:1"], "account", "innocent"),
        (["release", "template"], "account", "innocent"),
        (["confirm", "acct-1"], "account", "confirmed"),
        (["confirm", CAMPAIGN], "campaign", "confirmed"),
    ],
)
def test_it_says_what_follows_in_one_sentence(
    stillwatch: Callable[..., Outcome],
    produced: list[tuple[str, Verdict]],
    arguments: list[str],
    kind: str,
    word: str,
) -> None:
    code, out, err = stillwatch(*arguments)
    ((topic, verdict),) = produced
    assert (code, err, out.count("\n")) == (0, "", 1)
    assert out == f"{arguments[1]}: the worker is told; `stillwatch explain {arguments[1]}` shows what follows.\n"
    assert topic == "stillwatch.feedback"
    assert (verdict.subject_kind, verdict.subject_id, verdict.verdict) == (kind, arguments[1], word)
    assert (verdict.reviewer, verdict.note) == ("kim", None)


def test_note_reviewer_and_prefix_are_the_callers(
    stillwatch: Callable[..., Outcome], produced: list[tuple[str, Verdict]]
) -> None:
    code, out, _ = stillwatch("release", "a", "--note", "Invoices seen.", "--reviewer", "lee", "--prefix", "test-1")
    ((topic, verdict),) = produced
    assert (code, topic, verdict.reviewer, verdict.note) == (0, "test-1.feedback", "lee", "Invoices seen.")
    assert "Invoices" not in out


@pytest.mark.parametrize(
    "arguments",
    [["", "--note", "x"], ["x" * 129], ["a", "--note", "x" * 501], ["a", "--reviewer", "x" * 65], ["a\udcff"]],
)
def test_what_is_too_long_or_no_text_is_one_sentence(
    stillwatch: Callable[..., Outcome], produced: list[tuple[str, Verdict]], arguments: list[str]
) -> None:
    code, out, err = stillwatch("release", *arguments)
    assert (code, out, produced) == (2, "", [])
    assert (
        err == "Error: SUBJECT has 1 to 128 characters, --reviewer 1 to 64, --note at most 500, --payment 1 to 128.\n"
    )


@pytest.mark.parametrize("command", ["release", "confirm"])
@pytest.mark.parametrize("link", ["network:n1", "asn:64500", "payment:p1", "template:t1", "tls:f1", "template:"])
def test_a_link_is_no_subject(
    stillwatch: Callable[..., Outcome], produced: list[tuple[str, Verdict]], command: str, link: str
) -> None:
    code, out, err = stillwatch(command, link)
    assert (code, out, produced) == (2, "", [])
    assert err == f"Error: {link} is a link: name an account or a campaign, or say --account if it is an account.\n"


@pytest.mark.parametrize("command", ["release", "confirm"])
def test_a_broker_that_is_not_there_is_one_sentence(
    stillwatch: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr("agents.topics.ADMIN_TIMEOUT_MS", 200)
    code, out, err = stillwatch(command, "acct-1")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("Error: No Kafka answers at 127.0.0.1:1: ")


def test_without_a_reviewer_it_asks_for_one(
    stillwatch: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("STILLWATCH_REVIEWER", "USER"):
        monkeypatch.delenv(name, raising=False)
    code, _, err = stillwatch("release", "acct-1")
    assert (code, err.count("\n")) == (2, 1)
    assert "--reviewer" in err


def test_a_release_says_how_an_account_pays_that_was_never_served(
    stillwatch: Callable[..., Outcome], produced: list[tuple[str, Verdict]]
) -> None:
    code, _, err = stillwatch("release", "acct-1", "--payment", "card")
    ((_, verdict),) = produced
    assert (code, err, verdict.subject_id, verdict.payment_hash) == (0, "", "acct-1", "card")


@pytest.mark.parametrize(
    ("subject", "payment", "sentence"),
    [(CAMPAIGN, "card", "is a campaign, and --payment is how an account pays"), ("acct-1", "", "--payment 1 to 128")],
)
def test_what_cannot_be_meant_by_a_payment_is_said_in_one_sentence(
    stillwatch: Callable[..., Outcome], subject: str, payment: str, sentence: str
) -> None:
    code, out, err = stillwatch("release", subject, "--payment", payment)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert sentence in err
