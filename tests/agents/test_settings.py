"""The environment as settings; whatever is wrong with it is one sentence that names the variable."""

from pathlib import Path

import pytest

from agents.settings import (
    KAFKA_VARIABLE,
    KEY_VARIABLE,
    REDIS_VARIABLE,
    REPLAY_KEY,
    Settings,
    SettingsError,
    bootstrap_servers,
    fingerprint_key,
    kept_key,
    names_a_key,
    read_settings,
    replay_key,
)

NEEDED = {KAFKA_VARIABLE: "one:9092,two:9092", REDIS_VARIABLE: "redis://there:6379/0"}


def test_two_addresses_are_all_that_is_needed() -> None:
    assert read_settings(NEEDED) == Settings("one:9092,two:9092", "redis://there:6379/0")


def test_everything_else_can_be_set() -> None:
    more = {
        "STILLWATCH_PREFIX": "eu",
        "STILLWATCH_GROUP": "eu-workers",
        "STILLWATCH_HEALTH_HOST": "0.0.0.0",  # noqa: S104  as a container needs it
        "STILLWATCH_HEALTH_PORT": "0",
        "STILLWATCH_SETTLE_SECONDS": "0.5",
        "STILLWATCH_BATCH_RECORDS": "37",
    }
    assert read_settings(NEEDED | more) == Settings(
        bootstrap_servers="one:9092,two:9092",
        redis_url="redis://there:6379/0",
        prefix="eu",
        group="eu-workers",
        health_host="0.0.0.0",  # noqa: S104
        health_port=0,
        settle_after_s=0.5,
        batch_records=37,
    )


@pytest.mark.parametrize("name", [KAFKA_VARIABLE, REDIS_VARIABLE])
@pytest.mark.parametrize("value", [None, "", "  "])
def test_an_address_that_is_not_set_is_one_sentence_with_the_way_out(name: str, value: str | None) -> None:
    environment = {key: it for key, it in (NEEDED | {name: value}).items() if it is not None}
    with pytest.raises(SettingsError, match=rf"^{name} is not set: `stillwatch dev up` starts a server"):
        read_settings(environment)


def test_ingest_needs_no_redis() -> None:
    assert bootstrap_servers({KAFKA_VARIABLE: " one:9092 "}) == "one:9092"


@pytest.mark.parametrize("name", ["STILLWATCH_HEALTH_PORT", "STILLWATCH_SETTLE_SECONDS", "STILLWATCH_BATCH_RECORDS"])
@pytest.mark.parametrize("value", ["", "soon", "-1", "nan", "inf", "1e9", "0x10"])
def test_a_number_that_is_none_is_one_sentence(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=rf"^{name} is '{value}'; it must be a number from "):
        read_settings(NEEDED | {name: value})


@pytest.mark.parametrize(("name", "value"), [("STILLWATCH_HEALTH_PORT", "65536"), ("STILLWATCH_BATCH_RECORDS", "0")])
def test_a_number_out_of_its_range_is_one_sentence(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=rf"^{name} is '{value}'; it must be a number from "):
        read_settings(NEEDED | {name: value})


def test_a_fingerprint_key_is_its_bytes() -> None:
    assert fingerprint_key({KEY_VARIABLE: "sixteen bytes ok"}) == b"sixteen bytes ok"


def test_a_fingerprint_key_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("sixteen bytes ok\n")
    named = {f"{KEY_VARIABLE}_FILE": str(file)}
    assert fingerprint_key(named) == replay_key(named) == b"sixteen bytes ok"
    assert names_a_key(named)
    with pytest.raises(SettingsError, match=rf"^{KEY_VARIABLE} and {KEY_VARIABLE}_FILE are both set"):
        fingerprint_key({**named, KEY_VARIABLE: "another of sixteen"})
    file.unlink()
    with pytest.raises(SettingsError, match=rf"^{KEY_VARIABLE}_FILE names {file}, which cannot be read: No such file"):
        fingerprint_key(named)


def test_without_a_fingerprint_key_a_replay_has_one_of_its_own() -> None:
    assert replay_key({}) == replay_key({KEY_VARIABLE: "", f"{KEY_VARIABLE}_FILE": ""}) == REPLAY_KEY
    assert not names_a_key({})


def test_a_fingerprint_key_that_is_not_set_is_one_sentence() -> None:
    with pytest.raises(SettingsError, match=rf"^{KEY_VARIABLE} is not set: it keys every hash"):
        fingerprint_key({})


def test_a_short_fingerprint_key_is_one_sentence_that_does_not_repeat_it() -> None:
    with pytest.raises(SettingsError, match=rf"^{KEY_VARIABLE} has 6 bytes; it needs at least 16") as caught:
        fingerprint_key({KEY_VARIABLE: "hunter"})
    assert "hunter" not in str(caught.value)


def test_a_kept_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    key = kept_key(tmp_path)
    assert kept_key(tmp_path) == key
    assert fingerprint_key({KEY_VARIABLE: key})
    assert [(path.name, path.stat().st_mode & 0o777) for path in tmp_path.iterdir()] == [("fingerprint.key", 0o600)]


def test_a_folder_that_cannot_keep_a_key_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"fingerprint\.key, which keeps the fingerprint key, cannot be used"):
        kept_key(tmp_path / "absent")
