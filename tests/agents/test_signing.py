"""Signatures: what the decider signed is taken, and nothing else, whatever was changed, moved, added or left out."""

import struct
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.keys import make_pair
from agents.signing import KEY_ID_HEADER, SIGNATURE_HEADER, Headers, Refused, Signer, Verified, Verifier, message
from tests.agents.signing_setup import decision, encoded, signer

KEY, VALUE = encoded(decision())
Kept = tuple[tuple[str, bytes | None], ...]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(scope="module")
def signs(folder: Path) -> Signer:
    return signer(folder / "a.key")


@pytest.fixture(scope="module")
def checks(signs: Signer, folder: Path) -> Verifier:
    assert signs.key_id
    return Verifier(folder)


@pytest.fixture(scope="module")
def headers(signs: Signer) -> Headers:
    return signs.headers("enforcement", KEY, VALUE)


def test_what_the_decider_signed_is_taken(signs: Signer, checks: Verifier, headers: Headers) -> None:
    assert checks.verify(KEY, VALUE, headers) == Verified(decision(), signs.key_id)
    assert [(name, len(content or b"")) for name, content in headers] == [(KEY_ID_HEADER, 16), (SIGNATURE_HEADER, 64)]


def test_the_signed_bytes_are_as_published() -> None:
    parts = (b"stillwatch decision 1", b"enforcement", b"k", b"value")
    assert message("enforcement", b"k", b"value") == b"".join(struct.pack(">I", len(it)) + it for it in parts)


@given(st.lists(st.tuples(st.text(max_size=3), st.none() | st.binary(max_size=3), st.binary(max_size=3)), max_size=2))
def test_no_two_records_are_signed_as_the_same_bytes(records: list[tuple[str, bytes | None, bytes]]) -> None:
    assert len({message(*record) for record in records}) == len(set(records))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, len(KEY + VALUE) * 8 - 1))
def test_one_changed_bit_of_key_or_value_is_refused(checks: Verifier, headers: Headers, at: int) -> None:
    changed = bytearray(KEY + VALUE)
    changed[at // 8] ^= 1 << at % 8
    key, value = bytes(changed[: len(KEY)]), bytes(changed[len(KEY) :])
    assert checks.verify(key, value, headers) == Refused("bad_signature")


@given(at=st.integers(0, 64 * 8 - 1))
def test_one_changed_bit_of_the_signature_is_refused(checks: Verifier, headers: Headers, at: int) -> None:
    (first, (name, signature)) = headers
    assert signature is not None
    changed = bytearray(signature)
    changed[at // 8] ^= 1 << at % 8
    assert checks.verify(KEY, VALUE, (first, (name, bytes(changed)))) == Refused("bad_signature")


@given(split=st.integers(0, len(KEY + VALUE)))
def test_bytes_moved_between_key_and_value_are_refused(checks: Verifier, headers: Headers, split: int) -> None:
    whole = KEY + VALUE
    if split != len(KEY):
        assert checks.verify(whole[:split], whole[split:], headers) == Refused("bad_signature")


def test_a_signature_counts_on_its_own_topic_only(signs: Signer, checks: Verifier) -> None:
    assert checks.verify(KEY, VALUE, signs.headers("alerts", KEY, VALUE)) == Refused("bad_signature")


def test_without_key_or_without_value_the_same_signature_is_refused(checks: Verifier, headers: Headers) -> None:
    assert checks.verify(None, VALUE, headers) == Refused("bad_signature")
    assert checks.verify(KEY, None, headers) == Refused("bad_signature")


def test_what_is_not_signed_is_refused(checks: Verifier, headers: Headers) -> None:
    first, second = headers
    for some in ((), (first,), (second,), (("stillwatch-other", b""),)):
        assert checks.verify(KEY, VALUE, some) == Refused("unsigned")


def test_a_signature_by_a_key_that_is_not_trusted_is_refused(checks: Verifier, tmp_path: Path) -> None:
    stranger = signer(tmp_path / "b.key")
    assert checks.verify(KEY, VALUE, stranger.headers("enforcement", KEY, VALUE)) == Refused("unknown_key")


def test_a_strangers_signature_under_a_trusted_name_is_refused(
    checks: Verifier, headers: Headers, tmp_path: Path
) -> None:
    trusted, _ = headers
    _, own = signer(tmp_path / "b.key").headers("enforcement", KEY, VALUE)
    assert checks.verify(KEY, VALUE, (trusted, own)) == Refused("bad_signature")


def test_headers_that_are_twice_there_or_no_headers_of_ours_are_garbage(checks: Verifier, headers: Headers) -> None:
    (name, key_id), (_, signature) = headers
    assert key_id is not None
    assert signature is not None
    for strange in (
        (*headers, *headers),
        ((name, key_id), (SIGNATURE_HEADER, signature[:63])),
        ((name, key_id), (SIGNATURE_HEADER, None)),
        ((name, None), (SIGNATURE_HEADER, signature)),
        ((name, b"\xff" * 16), (SIGNATURE_HEADER, signature)),
        ((name, key_id.upper() + b"0"), (SIGNATURE_HEADER, signature)),
    ):
        assert checks.verify(KEY, VALUE, strange) == Refused("garbage")


@given(
    key=st.none() | st.binary(max_size=20),
    value=st.none() | st.binary(max_size=50),
    found=st.lists(
        st.tuples(st.sampled_from([KEY_ID_HEADER, SIGNATURE_HEADER, "x"]), st.none() | st.binary(max_size=70)),
        max_size=4,
    ),
)
def test_whatever_comes_is_refused_and_never_raises(
    checks: Verifier, key: bytes | None, value: bytes | None, found: list[tuple[str, bytes | None]]
) -> None:
    assert isinstance(checks.verify(key, value, found), Refused)


@pytest.mark.parametrize("value", [b"", b"{}", b"\xff", b"[]"])
def test_what_is_signed_and_no_decision_is_garbage(signs: Signer, checks: Verifier, value: bytes) -> None:
    assert checks.verify(KEY, value, signs.headers("enforcement", KEY, value)) == Refused("garbage")


def test_a_decision_under_another_subjects_key_is_garbage(signs: Signer, checks: Verifier) -> None:
    assert checks.verify(b"acct-2", VALUE, signs.headers("enforcement", b"acct-2", VALUE)) == Refused("garbage")


def test_without_keys_every_decision_is_taken_and_nothing_else() -> None:
    trusting = Verifier(None)
    assert trusting.verify(KEY, VALUE, ()) == Verified(decision(), None)
    assert trusting.verify(KEY, b"{}", ()) == Refused("garbage")
    assert trusting.sentence == "STILLWATCH_VERIFY_KEYS is not set: whoever may write decisions to Kafka is obeyed."
    assert not trusting.refresh()


def test_during_a_rotation_both_keys_count_and_afterwards_the_new_one(tmp_path: Path) -> None:
    trusted = tmp_path / "trusted"
    trusted.mkdir()
    old, new = signer(tmp_path / "old.key"), signer(tmp_path / "new.key")
    by_old, by_new = (it.headers("enforcement", KEY, VALUE) for it in (old, new))
    (tmp_path / "old.key.pub").rename(trusted / "old.pub")
    checks = Verifier(trusted)
    assert checks.verify(KEY, VALUE, by_new) == Refused("unknown_key")
    (tmp_path / "new.key.pub").rename(trusted / "new.pem")
    assert checks.refresh()
    assert not checks.refresh()
    assert checks.key_ids == tuple(sorted((old.key_id, new.key_id)))
    assert [checks.verify(KEY, VALUE, it) for it in (by_old, by_new)] == [
        Verified(decision(), it.key_id) for it in (old, new)
    ]
    (trusted / "old.pub").unlink()
    assert checks.refresh()
    assert checks.verify(KEY, VALUE, by_old) == Refused("unknown_key")


def test_a_signer_takes_the_key_that_its_file_holds_now(tmp_path: Path) -> None:
    signs, other = signer(tmp_path / "a.key"), signer(tmp_path / "b.key")
    assert not signs.refresh()
    (tmp_path / "b.key").replace(tmp_path / "a.key")
    assert signs.refresh()
    assert signs.key_id == other.key_id
    assert signs.headers("alerts", None, b"x") == other.headers("alerts", None, b"x")


def test_half_a_file_leaves_the_keys_as_they_were_and_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    signs = signer(tmp_path / "a.key")
    checks = Verifier(tmp_path)
    found = signs.headers("enforcement", KEY, VALUE)
    (tmp_path / "a.key.pub").write_bytes(b"-----BEGIN PUBLIC")
    (tmp_path / "a.key").write_bytes(b"hunter2")
    assert [it.refresh() for it in (checks, signs, checks, signs)] == [False] * 4
    assert checks.verify(KEY, VALUE, found) == Verified(decision(), signs.key_id)
    assert [record.message.split(":")[0] for record in caplog.records] == ["Keys stay as they were"] * 2
    assert "hunter2" not in caplog.text


def test_value_and_headers_may_be_kept_elsewhere_and_checked_there(checks: Verifier, headers: Headers) -> None:
    kept = msgspec.msgpack.encode((KEY, VALUE, headers))
    key, value, again = msgspec.msgpack.decode(kept, type=tuple[bytes, bytes, Kept])
    assert isinstance(checks.verify(key, value, again), Verified)


def test_one_file_may_hold_several_keys(tmp_path: Path) -> None:
    both = [signer(tmp_path / name) for name in ("a.key", "b.key")]
    (tmp_path / "all.pem").write_bytes(
        b"# two\n" + b"".join((tmp_path / f"{name}.key.pub").read_bytes() for name in ("a", "b"))
    )
    assert Verifier(tmp_path / "all.pem").key_ids == tuple(sorted(it.key_id for it in both))


def test_the_id_is_the_first_half_of_the_hash_of_the_raw_key_as_any_tool_makes_it(tmp_path: Path) -> None:
    name = make_pair(tmp_path / "a.key")
    public = serialization.load_pem_public_key((tmp_path / "a.key.pub").read_bytes())
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert name == sha256(der[-32:]).hexdigest()[:16]
