"""Key files: made for their owner only, never overwritten, and refused in a sentence that gives nothing away."""

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agents.cli import main
from agents.doctor.keys import look_at_keys
from agents.keys import kept_pair, key_id, make_pair, read_private, read_public
from agents.settings import Settings, SettingsError, read_settings

Outcome = tuple[int, str, str]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run `stillwatch keys ...`: (exit code, stdout, stderr)."""

    def run(*arguments: str) -> Outcome:
        with pytest.raises(SystemExit) as ended:
            main(["keys", *arguments])
        out, err = capfd.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, out, err

    return run


def modes(folder: Path) -> list[tuple[str, int]]:
    return sorted((path.name, path.stat().st_mode & 0o777) for path in folder.iterdir())


def test_a_pair_is_made_for_its_owner_only_and_its_halves_belong_together(tmp_path: Path) -> None:
    name = make_pair(tmp_path / "a.key")
    assert modes(tmp_path)[0] == ("a.key", 0o600)
    assert [it for it, _ in modes(tmp_path)] == ["a.key", "a.key.pub"]
    assert key_id(read_private(tmp_path / "a.key").public_key()) == name
    assert list(read_public(tmp_path / "a.key.pub")) == list(read_public(tmp_path)) == [name]


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    name = make_pair(tmp_path / "a.key")
    with pytest.raises(SettingsError, match=r"a\.key is there already: a key is never overwritten\.$"):
        make_pair(tmp_path / "a.key")
    assert list(read_public(tmp_path)) == [name]


def test_servers_keep_their_pair(tmp_path: Path) -> None:
    private, public = kept_pair(tmp_path)
    name = key_id(read_private(private).public_key())
    assert kept_pair(tmp_path) == (private, public)
    assert list(read_public(public)) == [name]


def test_a_start_that_was_killed_half_way_and_one_that_was_slower_leave_a_pair_that_belongs_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private, public = kept_pair(tmp_path)
    kept = public.read_bytes()
    public.unlink()
    kept_pair(tmp_path)
    assert public.read_bytes() == kept
    absent_at_first = iter([False, False])
    monkeypatch.setattr(Path, "exists", lambda _path: next(absent_at_first, True))
    assert kept_pair(tmp_path) == (private, public)
    assert public.read_bytes() == kept
    assert sorted(path.name for path in tmp_path.iterdir()) == ["signing.key", "signing.key.pub"]


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o660, 0o602, 0o601])
def test_a_signing_key_that_is_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    make_pair(tmp_path / "a.key")
    (tmp_path / "a.key").chmod(mode)
    with pytest.raises(SettingsError, match=rf"a\.key holds the signing key and is open to others \(mode 0{mode:o}\)"):
        read_private(tmp_path / "a.key")


@pytest.mark.parametrize("mode", [0o400, 0o440, 0o600, 0o640])
def test_its_group_may_read_it_as_a_mounted_secret_is(tmp_path: Path, mode: int) -> None:
    name = make_pair(tmp_path / "a.key")
    (tmp_path / "a.key").chmod(mode)
    assert key_id(read_private(tmp_path / "a.key").public_key()) == name


def pem(key: object, password: bytes | None = None) -> bytes:
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize(
    "content",
    [b"", b"hunter2", pem(generate_private_key(SECP256R1())), pem(Ed25519PrivateKey.generate(), b"hunter2")],
    ids=["empty", "no key", "another kind", "with a password"],
)
def test_what_is_no_signing_key_is_one_sentence_that_does_not_repeat_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.key"
    path.touch(mode=0o600)
    path.write_bytes(content)
    with pytest.raises(SettingsError, match="holds no Ed25519 private key") as caught:
        read_private(path)
    assert "hunter2" not in str(caught.value)


def test_what_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"absent, which holds the signing key, cannot be read: No such file"):
        read_private(tmp_path / "absent")
    with pytest.raises(SettingsError, match=r"absent, where the keys are .* cannot be read: No such file"):
        read_public(tmp_path / "absent")
    with pytest.raises(SettingsError, match=r"cannot be written to .*absent/a.key: No such file"):
        make_pair(tmp_path / "absent" / "a.key")


def test_a_folder_without_keys_or_with_a_file_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"holds no \.pem or \.pub file with a public key"):
        read_public(tmp_path)
    make_pair(tmp_path / "a.key")
    (tmp_path / "b.pem").write_bytes(b"nothing")
    with pytest.raises(SettingsError, match=r"b\.pem holds no public key"):
        read_public(tmp_path)
    other = generate_private_key(SECP256R1()).public_key()
    (tmp_path / "b.pem").write_bytes(
        other.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    with pytest.raises(SettingsError, match=r"b\.pem holds a public key that is not Ed25519"):
        read_public(tmp_path)


def test_a_private_key_is_never_taken_for_one_to_check_with(tmp_path: Path) -> None:
    make_pair(tmp_path / "a.pem")
    with pytest.raises(SettingsError, match=r"a\.pem holds no public key"):
        read_public(tmp_path)


def test_the_command_makes_a_pair_and_tells_ids(run: Callable[..., Outcome], tmp_path: Path) -> None:
    path = str(tmp_path / "a.key")
    code, out, err = run("new", path)
    assert (code, err) == (0, f"# STILLWATCH_SIGNING_KEY={path} signs, STILLWATCH_VERIFY_KEYS={path}.pub checks.\n")
    for shown in (path, f"{path}.pub", str(tmp_path)):
        assert run("show", shown) == (0, out, "")
    assert run("new", path) == (2, "", f"Error: {path} is there already: a key is never overwritten.\n")
    assert run("show", f"{path}.absent") == (
        2,
        "",
        f"Error: {path}.absent cannot be read: No such file or directory.\n",
    )


def looked(signing: Path | None, verifying: Path | None) -> list[tuple[bool, str]]:
    settings = Settings("one:9092", "redis://there/0", signing_key=signing, verify_keys=verifying)
    return [(one.well, one.sentence) for one in look_at_keys(settings)]


def test_the_doctor_says_which_keys_there_are(tmp_path: Path) -> None:
    assert looked(None, None) == [
        (True, "Decisions leave unsigned: STILLWATCH_SIGNING_KEY is not set."),
        (True, "STILLWATCH_VERIFY_KEYS is not set: whoever may write decisions to Kafka is obeyed."),
    ]
    path = tmp_path / "a.key"
    name = make_pair(path)
    well = [
        (True, f"Decisions are signed with the key {name}."),
        (True, f"Decisions are checked against the key(s) {name}."),
    ]
    assert looked(path, tmp_path) == well
    (tmp_path / "other").mkdir()
    other = make_pair(tmp_path / "other" / "b.key")
    assert looked(path, tmp_path / "other") == [
        well[0],
        (True, f"Decisions are checked against the key(s) {other}."),
        (False, "The key that signs is not among those in STILLWATCH_VERIFY_KEYS: no decision would be taken."),
    ]
    path.chmod(0o644)
    assert [well for well, _ in looked(path, tmp_path)] == [False]


def test_the_settings_name_the_files() -> None:
    needed = {"KAFKA_BOOTSTRAP_SERVERS": "one:9092", "REDIS_URL": "redis://there/0"}
    found = read_settings(needed | {"STILLWATCH_SIGNING_KEY": "/k/a.key", "STILLWATCH_VERIFY_KEYS": "/k"})
    assert (found.signing_key, found.verify_keys) == (Path("/k/a.key"), Path("/k"))
    assert read_settings(needed | {"STILLWATCH_SIGNING_KEY": " "}).signing_key is None
