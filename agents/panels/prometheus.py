"""What a Prometheus answers to a question about the last hours: its HTTP API, version 1."""

import http.client
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from agents.addresses import split

TIMEOUT_S: Final = 30.0
MOST_BYTES: Final = 64 * 1024 * 1024


class PrometheusError(Exception):
    """A Prometheus does not answer, or refuses a question; one sentence."""


class Series(Struct, frozen=True):
    """One answer: its labels, and (seconds since the epoch, value) in order; a value may be no number."""

    labels: Mapping[str, str]
    points: Sequence[tuple[float, float]]


class _Row(Struct, frozen=True):
    metric: dict[str, str]
    values: list[tuple[float, str]]


class _Data(Struct, frozen=True):
    result: tuple[_Row, ...] = ()


class _Answer(Struct, frozen=True):
    status: str
    data: _Data = _Data()
    error: str = ""


_answer: Final = msgspec.json.Decoder(_Answer)


class Prometheus:
    """The Prometheus at `url`. Raises PrometheusError where that is no address of HTTP."""

    def __init__(self, url: str) -> None:
        if split(url) is None or "@" in url:  # a password would end in the page
            raise PrometheusError("A Prometheus has an address like http://127.0.0.1:9090, without user and password")
        self._url = url.rstrip("/")

    def ask(self, promql: str, *, start_s: float, end_s: float, step_s: float) -> Sequence[Series]:
        """What `promql` was every `step_s` seconds from `start_s` to `end_s`. Raises PrometheusError."""
        asked = urlencode({"query": promql, "start": start_s, "end": end_s, "step": step_s})
        answer = self._get(f"{self._url}/api/v1/query_range?{asked}")
        if answer.status != "success":
            raise PrometheusError(f"{self._url} refuses the question {promql}: {answer.error or answer.status}")
        try:
            return [Series(it.metric, [(at, float(value)) for at, value in it.values]) for it in answer.data.result]
        except ValueError as error:
            raise PrometheusError(f"What answers at {self._url} is no Prometheus") from error

    def _get(self, url: str) -> _Answer:
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT_S) as response:  # noqa: S310  the scheme is checked
                body = response.read(MOST_BYTES)
        except urllib.error.HTTPError as error:
            with error:
                body = error.read(MOST_BYTES)
            try:
                return _answer.decode(body)  # a refused question has a body that says why
            except (msgspec.MsgspecError, UnicodeDecodeError):
                raise PrometheusError(
                    f"{self._url} answers {error.code} {error.reason} where a Prometheus would answer questions"
                ) from error
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise PrometheusError(f"No Prometheus answers at {self._url}: {_words(reason)}") from error
        try:
            return _answer.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise PrometheusError(f"What answers at {self._url} is no Prometheus") from error


def _words(reason: object) -> str:
    """A reason as the system words it."""
    return (reason.strerror if isinstance(reason, OSError) else None) or str(reason) or type(reason).__name__
