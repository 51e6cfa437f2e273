"""The sharing key: what it salts, and whose file it may be."""

import hashlib
import hmac
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.environment import SettingsError
from agents.exporting.sharing import SHARING_VARIABLE, SharedKind, SharingKey, read_sharing_key

kinds: st.SearchStrategy[SharedKind] = st.sampled_from(["template", "payment", "account"])
keys = st.binary(min_size=16, max_size=200)


@given(keys, kinds, st.text())
def test_it_is_hmac_sha_256_of_kind_and_value(key: bytes, kind: SharedKind, value: str) -> None:
    expected = hmac.new(key, f"{kind}:{value}".encode(), hashlib.sha256).hexdigest()
    assert SharingKey(key).salted(kind, value) == expected


def test_it_is_what_anybody_can_compute() -> None:
    """`printf template:0badcafe | openssl dgst -sha256 -hmac 'sixteen bytes ok'` says the same."""
    key = SharingKey(b"sixteen bytes ok")
    assert key.salted("template", "0badcafe") == "68665553b6afbc8c48ae5728f87d8aafff5cb3f10fa9502e0a8bf9f0c4a2f8df"
    assert key.key_id == "691fd5adbb6ab502"


@given(keys, keys, kinds, kinds, st.text(), st.text())
def test_two_compare_only_under_one_key_and_kind_by_kind(
    key: bytes, other: bytes, kind: SharedKind, another: SharedKind, value: str, different: str
) -> None:
    one, two = SharingKey(key).salted(kind, value), SharingKey(other).salted(another, different)
    # HMAC pads a short key with zeros: keys that differ in trailing zeros alone are one.
    is_same = (key.rstrip(b"\0"), kind, value) == (other.rstrip(b"\0"), another, different)
    assert (one == two) == is_same


def written(folder: Path, content: bytes, mode: int = 0o600) -> dict[str, str]:
    file = folder / "sharing.key"
    file.write_bytes(content)
    file.chmod(mode)
    return {SHARING_VARIABLE: str(file)}


def test_the_file_s_white_space_does_not_count(tmp_path: Path) -> None:
    found = read_sharing_key(written(tmp_path, b"  sixteen bytes ok\r\n"))
    assert found is not None
    assert found.key_id == SharingKey(b"sixteen bytes ok").key_id


def test_without_the_variable_there_is_no_key() -> None:
    assert read_sharing_key({}) is None
    assert read_sharing_key({SHARING_VARIABLE: " "}) is None


@pytest.mark.parametrize("mode", [0o400, 0o440, 0o640])
def test_its_group_may_read_it(tmp_path: Path, mode: int) -> None:
    assert read_sharing_key(written(tmp_path, b"sixteen bytes ok", mode)) is not None


@pytest.mark.parametrize("mode", [0o604, 0o620, 0o644, 0o777])
def test_a_file_that_is_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(SettingsError, match=rf"open to others \(mode {mode:04o}\): chmod 600"):
        read_sharing_key(written(tmp_path, b"sixteen bytes ok", mode))


def test_a_key_that_is_short_or_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="of 15 bytes; it needs at least 16"):
        read_sharing_key(written(tmp_path, b"fifteen bytes o\n\n\n"))
    with pytest.raises(SettingsError, match=rf"\({SHARING_VARIABLE}\), cannot be read: No such file"):
        read_sharing_key({SHARING_VARIABLE: str(tmp_path / "nothing")})
    with pytest.raises(SettingsError, match="cannot be read: Is a directory"):
        read_sharing_key({SHARING_VARIABLE: str(tmp_path)})
