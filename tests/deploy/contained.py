"""A process as in a container, without an engine: a root of its own, which it may not write, and no rights.

The root is the folder of an image; of this machine it has /usr, /dev, a few files of /etc, and the Python that runs
this. Processes of one `network` have each other on its loopback and nobody else. It needs root, and a kernel that gives
out namespaces.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from msgspec import Struct

from agents.embedded.processes import wait_until

NOBODY = 65532
PROGRAMS = ("unshare", "nsenter", "mount", "chroot", "setpriv", "ip")
ENTER = """
set -eu
root="$1" mode="$2" user="$3" folder="$4" python="$5"
shift 5
mount --make-rprivate /
mount --bind "$root" "$root"
for name in bin sbin lib lib32 lib64; do
    if [ -L "/$name" ]; then ln -sfn "$(readlink "/$name")" "$root/$name"
    elif [ -d "/$name" ]; then mkdir -p "$root/$name"; mount --rbind "/$name" "$root/$name"; fi
done
mkdir -p "$root/usr" "$root/etc/ssl" "$root/dev" "$root/proc" "$root/tmp"
for name in usr dev etc/ssl; do mount --rbind "/$name" "$root/$name"; done
for name in hosts ld.so.cache nsswitch.conf passwd pip.conf resolv.conf; do
    [ ! -e "/etc/$name" ] || { : >>"$root/etc/$name"; mount --bind "/etc/$name" "$root/etc/$name"; }
done
[ "$python" = /usr ] || mount --bind "$python" "$root/usr/local"
mount -t proc proc "$root/proc"
[ "$mode" = built ] || mount -t tmpfs -o mode=1777,noexec,nosuid,nodev,size=256m tmpfs "$root/tmp"
while [ "$1" != -- ]; do
    mkdir -p "$(dirname "$root$2")"
    if [ -d "$1" ]; then mkdir -p "$root$2"; else : >>"$root$2"; fi
    mount --bind "$1" "$root$2"
    [ "$3" = rw ] || mount -o remount,bind,ro "$root$2"
    shift 3
done
shift
if [ "$mode" = built ]; then exec /usr/sbin/chroot "$root" env --chdir="$folder" "$@"; fi
mount -o remount,bind,ro "$root"
exec /usr/sbin/chroot "$root" setpriv --reuid "$user" --regid "$user" --clear-groups --no-new-privs \\
    --bounding-set=-all --inh-caps=-all env --chdir="$folder" "$@"
"""
NAMESPACES = ("unshare", "--mount", "--pid", "--fork", "--kill-child")
ALONE_S = 900


class Mounted(Struct, frozen=True):
    """A file or folder of this machine, and where the process has it."""

    source: Path
    target: str
    is_writable: bool = False


@cache
def why_not() -> str | None:
    """Why there are no containers here, in a sentence; None where there are."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        return f"there is no {missing[0]} on this machine"
    tried = (*NAMESPACES, "mount", "--make-rprivate", "/")
    if os.geteuid() != 0 or subprocess.run(tried, capture_output=True, check=False).returncode:  # noqa: S603
        return "only root, where the kernel lets it, can give a process a root of its own"
    return None


@contextmanager
def network() -> Iterator[tuple[str, ...]]:
    """What a command begins with so that it is in a network of its own, which has a loopback and nothing else.

    All that is begun so ends with the network, and that ends after `ALONE_S`, if it was not ended before.
    """
    up = f"ip link set lo up && exec sleep {ALONE_S}"
    holding = ["unshare", "--net", "--pid", "--fork", "--kill-child", "sh", "-c", up]
    with subprocess.Popen(holding) as holder:  # noqa: S603  words of this file
        try:
            assert wait_until(lambda: _children(holder.pid) != [], seconds=10)
            (first,) = _children(holder.pid)
            inside = ("nsenter", f"--net=/proc/{first}/ns/net", f"--pid=/proc/{first}/ns/pid")
            assert wait_until(lambda: b"UP" in _said((*inside, "ip", "link", "show", "lo")), seconds=10)
            yield inside
        finally:
            for it in _children(holder.pid):
                os.kill(it, signal.SIGKILL)


def _children(process: int) -> list[int]:
    """The processes that one has begun; none where it is gone."""
    try:
        return list(map(int, Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii").split()))
    except OSError:
        return []


def _said(command: Sequence[str]) -> bytes:
    return subprocess.run(command, capture_output=True, check=False).stdout  # noqa: S603


def command(
    root: Path, arguments: Sequence[str], *, folder: str, mounts: Sequence[Mounted] = (), is_build: bool = False
) -> list[str]:
    """What runs `arguments` in `root`: as nobody, who may write nothing but /tmp; in a build as root, who may all."""
    bound = [word for it in mounts for word in (str(it.source), it.target, "rw" if it.is_writable else "ro")]
    mode = "built" if is_build else "run"
    script = ["bash", "-c", ENTER, "enter", str(root), mode, str(NOBODY), folder, sys.base_prefix]
    return [*NAMESPACES, *script, *bound, "--", *arguments]


class Contained:
    """A process in a container, in a `network`: what `docker run` began, for `docker exec` and `docker stop`."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        """Start what `command` made; all that it says goes to `log`."""
        self.log = log
        self._environment = dict(environment)
        with log.open("wb") as file:
            self._process = subprocess.Popen(arguments, env=self._environment, stdout=file, stderr=file)  # noqa: S603

    def execute(self, arguments: Sequence[str], timeout_s: float = 30) -> subprocess.CompletedProcess[str]:
        """Run one more command beside it, as the same user."""
        entering = ("nsenter", "--target", str(self._inner()), "--mount", "--pid", "--net", "--root")
        user = ("setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups", "--no-new-privs")
        return subprocess.run(  # noqa: S603  words of these tests
            (*entering, *user, *arguments),
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def status(self) -> Mapping[str, str]:
        """What the kernel says of the process: its user, its rights."""
        lines = Path(f"/proc/{self._inner()}/status").read_text(encoding="ascii").splitlines()
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}

    def has_ended(self) -> bool:
        """Whether it runs no more."""
        return self._process.poll() is not None

    def stop(self, number: int, timeout_s: float) -> int:
        """Send the signal, and wait for the exit code. Raises TimeoutExpired."""
        os.kill(self._inner(), number)
        return self._process.wait(timeout_s)

    def _inner(self) -> int:
        """The process that is the first of its namespace, by its number outside: nsenter began unshare, and that it."""

        def found() -> list[int]:
            return [inner for unshare in _children(self._process.pid) for inner in _children(unshare)]

        wait_until(lambda: self.has_ended() or bool(found()), seconds=10)
        (inner,) = found()
        return inner
