"""What a pod is told in its environment is what the program reads, and the files that it names are mounted there."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from agents import kafka_access, redis_access
from agents.enforcement.envoy import read_options
from agents.keys import make_pair, read_public
from agents.notifying.alertmanager import Alertmanager
from agents.settings import (
    KEY_VARIABLE,
    SIGNING_VARIABLE,
    VERIFY_VARIABLE,
    bootstrap_servers,
    fingerprint_key,
    read_settings,
)
from agents.signing import Signer, Verifier
from tests.certificates import Authority
from tests.helm.rendering import (
    EXAMPLES,
    Object,
    container_of,
    every_pod,
    example,
    named,
    needs_helm,
    objects,
    part_of,
    pods,
)

ROOT_OF_SECRETS = "/etc/stillwatch"

OF_EVERY_POD = pytest.mark.parametrize(("name", "pod"), every_pod())


class Noted(Mapping[str, str]):
    """An environment that notes what is asked for."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return self._variables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)


def environment(pod: Object, mounted: Path, secrets: Mapping[tuple[str, str], str] | None = None) -> dict[str, str]:
    """A container's variables, with its files below `mounted`; `secrets` are those that come as a variable."""
    found = {}
    for it in container_of(pod).get("env", ()):
        reference = it.get("valueFrom", {}).get("secretKeyRef")
        if reference is not None:
            found[it["name"]] = (secrets or {}).get(
                (reference["name"], reference["key"]), "redis://from-a-secret:6379/0"
            )
        else:
            found[it["name"]] = it["value"].replace(ROOT_OF_SECRETS, str(mounted))
    return found


def mount(pod: Object, folder: Path, files: Mapping[str, bytes]) -> None:
    """Put each file of the pod's Secrets where it is mounted; `files` by Secret and key, `secret/key`."""
    for volume in pod["spec"]["volumes"]:
        if "secret" not in volume:
            continue
        (at,) = [it["mountPath"] for it in container_of(pod)["volumeMounts"] if it["name"] == volume["name"]]
        for item in volume["secret"].get("items", ()):
            path = folder / Path(at).relative_to(ROOT_OF_SECRETS) / item["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(files[f"{volume['secret']['secretName']}/{item['key']}"])
            path.chmod(volume["secret"]["defaultMode"])


@OF_EVERY_POD
def test_every_variable_is_one_that_the_program_reads(
    name: str, pod: Object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ssl.create_default_context", lambda **_: _Context())
    variables = environment(pod, tmp_path)
    for path in (it for it in variables.values() if it.startswith(str(tmp_path))):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(b"sixteen bytes or more")
    noted = Noted(variables)
    if "KAFKA_BOOTSTRAP_SERVERS" in variables:
        bootstrap_servers(noted)
    if "REDIS_URL" in variables:
        redis_access.client_arguments(noted["REDIS_URL"].replace("redis://", "rediss://"), noted)
    if {"KAFKA_BOOTSTRAP_SERVERS", "REDIS_URL"} <= set(variables):
        read_settings(noted)
    read_options(noted, "127.0.0.1:9471")
    Alertmanager("https://alertmanager", noted)
    if f"{KEY_VARIABLE}_FILE" in variables:
        assert fingerprint_key(noted) == b"sixteen bytes or more"
    others = {VERIFY_VARIABLE, "STILLWATCH_PREFIX", "TZ"}
    assert set(variables) - noted.asked - others == set(), name
    names = [it["name"] for it in container_of(pod).get("env", ())]
    assert len(set(names)) == len(names)


class _Context:
    """Stands for a TLS context: the files are tried below."""

    check_hostname = True

    def load_cert_chain(self, *_: object, **__: object) -> None:
        """Take any."""


@needs_helm
def test_a_worker_with_a_password_and_a_signing_key_finds_both_in_files(tmp_path: Path) -> None:
    pod = named(example("production"), "Deployment", "-worker")["spec"]["template"]
    authority = Authority(tmp_path)
    make_pair(tmp_path / "decider.key")
    files = {
        "stillwatch-worker/password": b"kafka's word\n",
        "events-cluster-ca-cert/ca.crt": authority.ca.read_bytes(),
        "redis-worker/password": b"redis's word",
        "redis-ca/ca.crt": authority.ca.read_bytes(),
        "stillwatch-signing/signing.key": (tmp_path / "decider.key").read_bytes(),
    }
    mount(pod, tmp_path / "etc", files)
    variables = environment(pod, tmp_path / "etc")
    settings = read_settings(variables)
    kafka = kafka_access.client_arguments(variables)
    assert settings.bootstrap_servers == "events-kafka-bootstrap.detect.svc:9093"
    assert {key: value for key, value in kafka.items() if key != "ssl_context"} == {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "stillwatch-worker",
        "sasl_plain_password": "kafka's word",
    }
    assert kafka["ssl_context"].get_ca_certs()
    assert settings.redis_url == "rediss://worker@redis.example:6380/0"
    redis = redis_access.client_arguments(settings.redis_url, variables)
    assert (redis["password"], redis["ssl_check_hostname"]) == ("redis's word", True)
    assert (settings.health_host, settings.health_port, settings.group) == ("0.0.0.0", 9464, "stillwatch")  # noqa: S104
    assert settings.signing_key is not None
    assert Signer(settings.signing_key).key_id  # its mode, 0440, is one that the program takes
    assert settings.verify_keys is not None  # or a new key would throw away the models that the old one has signed
    name = projected(settings.verify_keys, "decider.pub", tmp_path)
    assert set(read_public(settings.verify_keys)) == {name}


@needs_helm
def test_a_worker_with_a_certificate_finds_it_and_takes_the_address_of_redis_from_a_secret(tmp_path: Path) -> None:
    pod = named(example("hpa"), "Deployment", "-worker")["spec"]["template"]
    authority = Authority(tmp_path)
    certificate, key = authority.issue("worker")
    make_pair(tmp_path / "decider.key")
    files = {
        "kafka-worker/user.crt": certificate.read_bytes(),
        "kafka-worker/user.key": key.read_bytes(),
        "kafka-ca/ca.crt": authority.ca.read_bytes(),
        "stillwatch-signing/signing.key": (tmp_path / "decider.key").read_bytes(),
    }
    mount(pod, tmp_path / "etc", files)
    variables = environment(pod, tmp_path / "etc", {("redis", "worker-url"): "rediss://worker:word@redis:6380/3"})
    assert set(kafka_access.client_arguments(variables)) == {"security_protocol", "ssl_context"}
    assert read_settings(variables).redis_url == "rediss://worker:word@redis:6380/3"


@needs_helm
def test_an_enforcer_finds_public_keys_and_the_certificate_for_envoy(tmp_path: Path) -> None:
    pod = named(example("production"), "Deployment", "-enforcer")["spec"]["template"]
    authority = Authority(tmp_path)
    certificate, key = authority.issue("enforcer")
    files = {
        "stillwatch-envoy/tls.crt": certificate.read_bytes(),
        "stillwatch-envoy/tls.key": key.read_bytes(),
        "stillwatch-envoy/ca.crt": authority.ca.read_bytes(),
        **dict.fromkeys(("stillwatch-enforcer/password", "redis-enforcer/password"), b"word"),
        **dict.fromkeys(("events-cluster-ca-cert/ca.crt", "redis-ca/ca.crt"), authority.ca.read_bytes()),
    }
    mount(pod, tmp_path / "etc", files)
    variables = environment(pod, tmp_path / "etc")
    options = read_options(variables, "0.0.0.0:9471")
    assert options.account_header == "x-account"
    assert options.tls is not None
    assert options.tls.certificate.read_bytes() == certificate.read_bytes()
    assert options.tls.client_authorities is not None
    keys = Path(variables[VERIFY_VARIABLE])
    name = projected(keys, "decider.pub", tmp_path)
    assert Verifier(keys).key_ids == (name,)


def projected(folder: Path, name: str, at: Path) -> str:
    """A public key as a mounted ConfigMap has it, behind two links; its id."""
    made = make_pair(at / "for-configmap.key")
    inside = folder / "..2026_11_28"
    inside.mkdir(parents=True)
    (inside / name).write_bytes((at / "for-configmap.key.pub").read_bytes())
    (folder / "..data").symlink_to(inside.name)
    (folder / name).symlink_to(f"..data/{name}")
    return made


@needs_helm
@pytest.mark.parametrize("part", ["enforcer", "notifier", "test"])
def test_only_workers_have_the_signing_key(part: str) -> None:
    for one in ("production", "hpa"):
        for it in (pod for _, pod in pods(example(one)) if part_of(pod) == part):
            volumes = [volume["name"] for volume in it["spec"]["volumes"]]
            assert "signing-key" not in volumes
            assert SIGNING_VARIABLE not in environment(it, Path("/nowhere"))


@needs_helm
def test_each_part_is_a_user_of_its_own_but_a_notifier_that_is_nobody_is_the_enforcer() -> None:
    found = ((name, environment(pod, Path("/nowhere"))) for name, pod in pods(example("production")))
    assert {name: it["KAFKA_SASL_USERNAME"] for name, it in found if it} == {
        "Deployment stillwatch-worker": "stillwatch-worker",
        "Deployment stillwatch-enforcer": "stillwatch-enforcer",
        "Deployment stillwatch-notifier": "stillwatch-enforcer",
        "Deployment stillwatch-normaliser": "stillwatch-normaliser",
        "Pod stillwatch-test-doctor": "stillwatch-oncall",
        "Pod stillwatch-test-as-worker": "stillwatch-worker",
        "Pod stillwatch-test-as-enforcer": "stillwatch-enforcer",
    }


@needs_helm
def test_an_enforcer_that_follows_the_mirror_alone_is_told_nothing_of_kafka() -> None:
    found = objects("--values", str(EXAMPLES["minimal"]), "--set", "enforcer.followKafka=false")
    pod = named(found, "Deployment", "-enforcer")["spec"]["template"]
    assert environment(pod, Path("/nowhere")) == {
        "STILLWATCH_PREFIX": "stillwatch",
        "REDIS_URL": "redis://redis.example:6379/0",
    }


@needs_helm
@pytest.mark.parametrize("follows_kafka", ["true", "false"])
def test_enforcers_alone_follow_another_prefix_while_partitions_grow(follows_kafka: str) -> None:
    chosen = f"enforcer.prefix=more,enforcer.followKafka={follows_kafka}"
    found = objects("--values", str(EXAMPLES["minimal"]), "--set", chosen)
    prefixes = {
        name: environment(pod, Path("/nowhere")).get("STILLWATCH_PREFIX")
        for name, pod in pods(found)
        if "-test" not in name
    }
    assert prefixes == {
        "Deployment trial-stillwatch-enforcer": "more",
        "Deployment trial-stillwatch-worker": "stillwatch",
        "Job trial-stillwatch-topics": "stillwatch",
    }
