"""`stillwatch notify`: a user's mistake is one sentence."""

import pytest

from agents.cli import main


@pytest.mark.parametrize(
    ("arguments", "environment", "sentence"),
    [
        ([], {}, "Missing option '--alertmanager'"),
        (["--alertmanager", "there"], {}, "takes an address like http://127.0.0.1:9093, not 'there'"),
        (["--alertmanager", "http://there", "--http", "x"], {}, "--http takes an address like 127.0.0.1:9472, not 'x'"),
        (["--alertmanager", "http://[::1"], {}, "takes an address like http://127.0.0.1:9093, not 'http://[::1'"),
        (["--alertmanager", "http://there:abc"], {}, "takes an address like http://127.0.0.1:9093"),
        (["--alertmanager", "http://there:99999"], {}, "takes an address like http://127.0.0.1:9093"),
        (
            ["--alertmanager", "http://there:9093", "--alertmanager", "https://there:9093/"],
            {},
            "--alertmanager names there:9093 with http and with https: leave one of them out.",
        ),
        (
            ["--alertmanager", "http://there", "--dashboards", "grafana.example"],
            {},
            "--dashboards takes an address like https://there.example, not 'grafana.example'.",
        ),
        (["--alertmanager", "http://there", "--runbooks", "//there"], {}, "--runbooks takes an address like https:"),
        (["--alertmanager", "http://there", "--policy", "missing.toml"], {}, "missing.toml"),
        (["--alertmanager", "http://there"], {"KAFKA_BOOTSTRAP_SERVERS": ""}, "KAFKA_BOOTSTRAP_SERVERS is not set"),
        (["--alertmanager", "http://there"], {"STILLWATCH_VERIFY_KEYS": "missing"}, "missing"),
        (["--alertmanager", "http://there", "--http", "192.0.2.1:9472"], {}, "cannot listen on 192.0.2.1:9472"),
    ],
)
def test_a_users_mistake_is_one_sentence(
    arguments: list[str],
    environment: dict[str, str],
    sentence: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in ({"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"} | environment).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        main(["notify", *arguments])
    assert ended.value.code == 2
    *_, last = capsys.readouterr().err.splitlines()
    assert sentence in last
