"""The composition is what Compose reads, and what it starts may do as little as it can."""

import hashlib
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from agents.keys import key_id, read_private, read_public
from agents.topics import LARGEST_BATCH_BYTES
from tests.deploy import dockerfile
from tests.deploy.composed import FILE, composition, is_ours, services
from tests.test_repository import ROOT

DEPLOY = ROOT / "deploy"
TOOLS = Path(sys.executable).parent
YAML = (FILE, DEPLOY / "compose" / "prometheus.yml")
YAML_RULES = (
    "{extends: default, rules: {line-length: {max: 120}, braces: {max-spaces-inside: 1}, document-start: disable}}"
)
ONCE = {"topics", "ingest", "oncall", "reviewer"}
"""What ends by itself."""


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  words of this file
        command, env=os.environ | environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_schema_of_compose_has_nothing_against_it() -> None:
    done = run(TOOLS / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", FILE)
    assert done.returncode == 0, done.stdout


def test_the_reader_of_compose_itself_takes_it() -> None:
    program = shutil.which("compose-go")
    if program is None:
        pytest.skip("there is no compose-go on this machine: .ci/run builds it where there is Go")
    done = run(program, FILE)
    assert done.returncode == 0, done.stderr
    read = yaml.safe_load(done.stdout)["services"]
    assert set(read) == set(services())


@pytest.mark.parametrize("file", YAML, ids=lambda it: it.name)
def test_yamllint_has_nothing_against_it(file: Path) -> None:
    done = run(TOOLS / "yamllint", "--strict", "--config-data", YAML_RULES, file)
    assert done.returncode == 0, done.stdout


def test_hadolint_has_nothing_against_the_dockerfile() -> None:
    if not (TOOLS / "hadolint").exists():
        pytest.skip("hadolint is there for Linux on x86_64 alone")
    done = run(TOOLS / "hadolint", "--no-color", DEPLOY / "Dockerfile")
    assert done.returncode == 0, done.stdout


def test_the_builder_is_given_what_the_dockerfile_copies_and_nothing_else() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert lines[1] == "*"
    allowed = {it.removeprefix("!") for it in lines if it.startswith("!")}
    copied = dockerfile.copied_from_context((DEPLOY / "Dockerfile").read_text())
    assert allowed == set(copied)
    assert [it for it in copied if not (ROOT / it).exists()] == []


def test_nothing_is_built_on_a_base_that_has_no_digest() -> None:
    stages = [it.rest for it in dockerfile.instructions((DEPLOY / "Dockerfile").read_text()) if it.word == "FROM"]
    assert {it.partition(" AS ")[0] for it in stages} == {"python:3.11-slim-bookworm@${PYTHON_DIGEST}"}


def test_the_script_that_makes_secrets_is_one_that_a_shell_takes() -> None:
    assert run("sh", "-n", DEPLOY / "compose" / "prepare.sh").returncode == 0


@pytest.mark.parametrize("name", services())
def test_a_service_may_do_as_little_as_it_can(name: str) -> None:
    service = services()[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    assert service.get("user", "appuser") not in {"", "0", "0:0", "root"}  # Kafka's image has a user of its own
    assert "inside" in service["networks"]
    assert all(it.startswith("127.0.0.1:") for it in service.get("ports", ()))
    assert ("outside" in service["networks"]) == bool(service.get("ports"))


@pytest.mark.parametrize("name", services())
def test_a_service_is_probed_unless_it_ends_by_itself(name: str) -> None:
    probe = services()[name]["healthcheck"]
    assert probe == {"disable": True} if name in ONCE else probe["test"][0] == "CMD"


def test_who_waits_for_another_waits_until_that_is_well() -> None:
    for service in services().values():
        for other, how in service.get("depends_on", {}).items():
            expected = "service_completed_successfully" if other in ONCE else "service_healthy"
            assert how == {"condition": expected}


def test_the_worker_is_told_which_keys_are_good_beside_its_own() -> None:
    """With its own key alone the models that an older key has signed would begin anew."""
    worker = services()["worker"]
    assert worker["environment"]["STILLWATCH_VERIFY_KEYS"] == "/run/secrets/signing.pub"
    assert "signing.pub" in worker["secrets"]


def test_kafka_can_load_the_libraries_that_it_unpacks() -> None:
    """Docker mounts a tmpfs noexec unless told otherwise, and no batch in zstd or snappy could be read."""
    (options,) = [it.partition(":")[2].split(",") for it in services()["kafka"]["tmpfs"]]
    assert "exec" in options


def test_only_the_worker_has_the_key_that_signs_and_no_secret_is_in_an_environment() -> None:
    having = {name: set(it.get("secrets", ())) for name, it in services().items()}
    assert [name for name, it in having.items() if "signing.key" in it] == ["worker"]
    assert [name for name, it in having.items() if "fingerprint.key" in it] == ["ingest"]
    assert set().union(*having.values()) == set(composition()["secrets"])
    words = re.compile(r"KEY|PASSWORD|TOKEN|SECRET")
    for service in services().values():
        for name, value in service.get("environment", {}).items():
            assert not words.search(name) or value.startswith("/run/secrets/"), name


def test_every_image_is_of_a_version_and_ours_is_one_image() -> None:
    images = {it["image"] for it in services().values()}
    assert all(re.fullmatch(r"[a-z/]+:v?\d+\.\d+[\w.-]*", it) for it in images)
    assert len({it["image"] for it in services().values() if is_ours(it)}) == 1


def test_what_is_mounted_is_there() -> None:
    whole = composition()
    binds = [it.split(":")[0] for service in services().values() for it in service.get("volumes", ())]
    files = [it["file"] for it in whole["configs"].values()] + [it for it in binds if it.startswith(".")]
    assert [it for it in files if not (DEPLOY / it).exists()] == []
    assert {it for it in binds if not it.startswith(".")} == set(whole["volumes"])


def test_kafka_is_of_the_version_and_has_the_sizes_that_the_tests_have() -> None:
    (version,) = re.findall(
        r"(?m)^org\.apache\.kafka:kafka_2\.13:([\d.]+) ", (ROOT / "agents/embedded/kafka.lock").read_text()
    )
    assert services()["kafka"]["image"] == f"apache/kafka:{version}"
    properties = (DEPLOY / "compose" / "kafka.properties").read_text()
    assert f"\nreplica.fetch.max.bytes={LARGEST_BATCH_BYTES}\n" in properties
    assert "\nauto.create.topics.enable=false\n" in properties


def test_prometheus_has_the_jobs_that_rules_and_dashboards_go_by() -> None:
    here, there = (
        yaml.safe_load((DEPLOY / name).read_text()) for name in ("compose/prometheus.yml", "prometheus/prometheus.yml")
    )
    assert [it["job_name"] for it in here["scrape_configs"]] == [it["job_name"] for it in there["scrape_configs"]]
    assert here["global"] == there["global"]


def test_prometheus_takes_its_configuration() -> None:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("there is no promtool on this machine")
    done = run(program, "check", "config", "--syntax-only", DEPLOY / "compose" / "prometheus.yml")
    assert done.returncode == 0, done.stderr


def test_secrets_are_made_once_and_the_signing_key_is_for_nobody_else(tmp_path: Path) -> None:
    deploy = prepared(tmp_path)
    secrets = deploy / "compose" / "secrets"
    assert {it.name for it in secrets.iterdir()} == set(composition()["secrets"])
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    private = read_private(secrets / "signing.key")
    assert set(read_public(secrets / "signing.pub")) == {key_id(private.public_key())}
    owner = 65532 if os.geteuid() == 0 else os.geteuid()
    assert (secrets / "signing.key").stat().st_uid == owner
    assert f"STILLWATCH_UID={owner}\n" in (deploy / ".env").read_text()
    assert len((secrets / "fingerprint.key").read_text()) > 32
    before = {it.name: it.read_bytes() for it in secrets.iterdir()}
    assert run("sh", deploy / "compose" / "prepare.sh").returncode == 0
    assert {it.name: it.read_bytes() for it in secrets.iterdir()} == before


@pytest.mark.parametrize("fails", range(1, 6))
def test_a_script_that_was_stopped_makes_the_rest_when_it_is_run_again(tmp_path: Path, fails: int) -> None:
    """It is stopped at each secret, by an openssl that fails there."""
    deploy = laid_out(tmp_path)
    program = tmp_path / "bin" / "openssl"
    program.parent.mkdir()
    real, told = shutil.which("openssl"), tmp_path / "told"
    program.write_text(
        f"""#!/bin/sh
[ "$1" != rand ] || {{ echo >>{told}; [ "$(wc -l <{told})" -ne {fails} ] || exit 1; }}
exec {real} "$@"
"""
    )
    program.chmod(0o755)
    script = deploy / "compose" / "prepare.sh"
    assert run("sh", script, PATH=f"{program.parent}:{os.environ['PATH']}").returncode == 1
    assert run("sh", script).returncode == 0
    secrets = deploy / "compose" / "secrets"
    assert {it.name for it in secrets.iterdir()} == set(composition()["secrets"])
    assert all(it.stat().st_size for it in secrets.iterdir())
    users = (secrets / "redis-users.acl").read_text()
    for name in ("worker", "enforcer", "oncall"):
        password = (secrets / f"redis-{name}").read_text().strip()
        assert hashlib.sha256(password.encode()).hexdigest() in users


def test_redis_knows_passwords_by_their_hash_alone(tmp_path: Path) -> None:
    secrets = prepared(tmp_path) / "compose" / "secrets"
    users = (secrets / "redis-users.acl").read_text()
    words = {(secrets / f"redis-{name}").read_text().strip() for name in ("worker", "enforcer", "oncall")}
    assert len(words) == 3
    assert not any(it in users for it in words)
    assert "CHANGE-ME" not in users
    assert users.startswith("user default off\n")


def prepared(folder: Path) -> Path:
    """A copy of what the script needs, with the secrets that it made."""
    deploy = laid_out(folder)
    done = run("sh", deploy / "compose" / "prepare.sh")
    assert done.returncode == 0, done.stderr
    return deploy


def laid_out(folder: Path) -> Path:
    """A copy of what the script needs."""
    deploy = folder / "deploy"
    (deploy / "compose").mkdir(parents=True)
    shutil.copy(DEPLOY / "redis-acls.txt", deploy)
    shutil.copy(DEPLOY / "compose" / "prepare.sh", deploy / "compose")
    return deploy
