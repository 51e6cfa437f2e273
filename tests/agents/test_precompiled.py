"""A container that may write nowhere but /tmp takes the machine code of its image, and compiles nothing."""

import os
import subprocess
import sys
from pathlib import Path

from agents.precompiled import bring

PROGRAM = """
from shipped_module import doubled

print(doubled(21), sum(doubled.stats.cache_hits.values()))
"""
MODULE = "from streams.compiled import compiled\n\n@compiled\ndef doubled(number):\n    return 2 * number\n"


def run(folder: Path, own: Path, **more: str) -> str:
    """A call of a compiled function in a process of its own: what it answers, and how often it was found compiled."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(folder), str(Path(__file__).parents[2]))),
        "NUMBA_CACHE_DIR": str(own),
        "NUMBA_CPU_NAME": "generic",
        **more,
    }
    done = subprocess.run(  # noqa: S603  our own Python
        (sys.executable, "-c", PROGRAM),
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_what_the_image_compiled_is_not_compiled_again(tmp_path: Path) -> None:
    (tmp_path / "shipped_module.py").write_text(MODULE)
    shipped = tmp_path / "image"
    assert run(tmp_path, shipped) == "42 0"
    image = {"NUMBA_CACHE_LOCATOR_CLASSES": "agents.precompiled.Precompiled", "STILLWATCH_PRECOMPILED": str(shipped)}
    assert run(tmp_path, tmp_path / "container", **image) == "42 1"


def test_what_the_image_does_not_have_is_compiled_and_kept(tmp_path: Path) -> None:
    (tmp_path / "shipped_module.py").write_text(MODULE)
    image = {
        "NUMBA_CACHE_LOCATOR_CLASSES": "agents.precompiled.Precompiled",
        "STILLWATCH_PRECOMPILED": str(tmp_path / "nothing"),
    }
    assert [run(tmp_path, tmp_path / "container", **image) for _ in range(2)] == ["42 0", "42 1"]


def test_what_the_container_has_compiled_itself_stays(tmp_path: Path) -> None:
    shipped, own = tmp_path / "shipped", tmp_path / "own"
    shipped.mkdir()
    own.mkdir()
    (shipped / "a").write_bytes(b"image")
    (shipped / "b").write_bytes(b"image")
    (own / "a").write_bytes(b"container")
    bring(shipped, own)
    bring(shipped, own)
    assert {it.name: it.read_bytes() for it in own.iterdir()} == {"a": b"container", "b": b"image"}
