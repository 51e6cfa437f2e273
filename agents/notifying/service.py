"""The notifier: follows decisions about campaigns, and keeps every Alertmanager told of what stands.

It keeps nothing of its own: the log is all there is to know, and each round tells an Alertmanager all of it that still
matters. So what a round that failed should have told the next one tells, a notifier that was killed reads the log
again, and an Alertmanager that was away or has lost everything knows all after one round. Nothing is told before the
log was read to its end: what was released since would be told as if it stood.
"""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Sequence
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector

from agents.clock import now_ms
from agents.ending import cancelled, must_not_end, told_to_stop
from agents.enforcement.admission import Admission
from agents.enforcement.following import KafkaFollower
from agents.enforcement.metrics import Source
from agents.enforcement.reading import Log, LogReader
from agents.health import HealthServer
from agents.notifying.alertmanager import Alertmanager
from agents.notifying.metrics import NotifierMetrics
from agents.notifying.rendering import Places, posted
from agents.progress import Progress, Watchdog
from agents.signing import Headers, Verifier
from streams.decisions import Action
from streams.notifying import Alert, CampaignBook
from streams.windows import HOUR_MS

logger = logging.getLogger(__name__)

RESEND_S: Final = 30.0
"""How often an Alertmanager is told everything, news or not: one that was started anew knows nothing."""

GATHER_S: Final = 0.2
"""How long more news is waited for once there is some: a campaign that grows is decided about many times a second."""

FIRST_WAIT_S: Final = 0.5
"""How long it waits after a round that failed; twice as long after each further one, up to `RESEND_S`."""

TICK_S: Final = 5.0
MOST_WAITING: Final = 1_000
"""Of so many decisions it is measured how long their alert took."""

READING = "The decisions are not all read yet."


class Known:
    """What the log says, and who waits for news of it."""

    def __init__(self, book: CampaignBook, verifier: Verifier, metrics: NotifierMetrics) -> None:
        self.is_ready = False
        self.news: Final[list[News]] = []
        self._book = book
        self._admission = Admission(verifier, metrics.count_record)
        self._metrics = metrics

    def take(
        self, key: bytes | None, value: bytes | None, headers: Headers, appended_at_ms: int, source: Source
    ) -> None:
        """Take one record of the log."""
        decision = self._admission.admit(key, value, headers, source)
        if decision is None or not self._book.take(decision):
            return
        if self.is_ready:
            for news in self.news:
                news.tell(appended_at_ms or decision.decided_at_ms)

    def heard(self) -> None:
        """Note that the log answered."""
        self._metrics.heard.set(now_ms() / 1000)

    def ready(self) -> None:
        """The log was read to where it ended at first."""
        self.is_ready = True
        self._metrics.ready.set(1)
        for news in self.news:
            news.tell(None)

    def alerts(self) -> tuple[Alert, ...]:
        """The alerts there are now."""
        return self._book.alerts(now_ms())

    def forget(self) -> None:
        """Drop what is over for long."""
        self._book.forget(now_ms())


class News:
    """Whether one Alertmanager has to be told something, and when what it has to be told was appended to the log."""

    def __init__(self) -> None:
        self._is_there = asyncio.Event()
        self._appended_ms: deque[int] = deque(maxlen=MOST_WAITING)

    def tell(self, appended_ms: int | None) -> None:
        """There is news."""
        if appended_ms is not None:
            self._appended_ms.append(appended_ms)
        self._is_there.set()

    async def wait(self, seconds: float) -> None:
        """Until there is news, but no longer than so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                await self._is_there.wait()
        except TimeoutError:
            return

    def take(self) -> list[int]:
        """When the news was appended that the next round tells; what comes meanwhile is for the one after it."""
        self._is_there.clear()
        appended_ms, self._appended_ms = self._appended_ms, deque(maxlen=MOST_WAITING)
        return list(appended_ms)

    def give_back(self, appended_ms: Sequence[int]) -> None:
        """The round failed: its news is still to be told."""
        self._appended_ms.extendleft(reversed(appended_ms))


class Notifier:
    """One notifier. One is enough; of two both tell the same, and Alertmanager takes it for one."""

    def __init__(
        self,
        book: CampaignBook,
        log: Log,
        verifier: Verifier,
        alertmanagers: Sequence[Alertmanager],
        places: Places,
        registry: CollectorRegistry,
    ) -> None:
        self._log = log
        self._verifier = verifier
        self._alertmanagers = alertmanagers
        self._places = places
        self._registry = registry
        self._metrics = NotifierMetrics(registry, [it.name for it in alertmanagers])
        ProcessCollector(registry=registry)
        self._known = Known(book, verifier, self._metrics)
        self._progress = Progress()
        self._untold: dict[str, str] = {it.name: f"{it.name} was told nothing yet." for it in alertmanagers}

    async def run(self, *, host: str, port: int) -> None:
        """Tell until SIGTERM or SIGINT; metrics and health are at `host`:`port`. Raises OSError."""
        stop = told_to_stop()
        self._progress.assigned(())
        self._progress.not_ready(READING)
        watchdog = Watchdog(self._progress)
        with HealthServer(self._progress, self._registry, host=host, port=port) as health:
            logger.info("Metrics and health on http://%s:%d", host, health.port)
            logger.info("%s", self._verifier.sentence)
            watchdog.start()
            follower = KafkaFollower(LogReader(self._log, self._known.heard), self._known, self._known)
            works = [follower.run(), self._tick(follower), *(self._keep_told(it) for it in self._alertmanagers)]
            tasks = [asyncio.create_task(work) for work in works]
            for task in tasks:
                task.add_done_callback(must_not_end)
            await stop.wait()
            await cancelled(tasks)
            for alertmanager in self._alertmanagers:
                await alertmanager.close()
            watchdog.stop()

    async def _keep_told(self, alertmanager: Alertmanager) -> None:
        """Tell one Alertmanager all there is whenever there is news, and every `RESEND_S`; where it fails, again."""
        news, failures = News(), 0
        self._known.news.append(news)
        while True:
            await news.wait(RESEND_S)
            if not self._known.is_ready:
                continue
            await asyncio.sleep(GATHER_S)
            appended_ms = news.take()
            answer = await alertmanager.post(posted(self._known.alerts(), self._places))
            self._metrics.count_delivery(alertmanager.name, answer.delivery, now_ms(), appended_ms)
            self._note(alertmanager.name, answer.sentence)
            if answer.delivery == "taken":
                failures = 0
                continue
            news.give_back(appended_ms)
            await asyncio.sleep(wait_s(failures, random.random()))  # noqa: S311  a wait is no secret
            failures += 1
            news.tell(None)

    def _note(self, name: str, sentence: str) -> None:
        """Log what an Alertmanager has to say once; be ready while one of them at least is told."""
        before = self._untold.get(name, "")
        if sentence and sentence != before:
            logger.warning("%s does not take alerts: %s", name, sentence)
        elif before and not sentence:
            logger.info("%s takes alerts.", name)
        if sentence:
            self._untold[name] = sentence
        else:
            self._untold.pop(name, None)
        if len(self._untold) < len(self._alertmanagers):
            self._progress.ready()
        else:
            self._progress.not_ready(f"No Alertmanager takes alerts: {' '.join(self._untold.values())}")

    async def _tick(self, follower: KafkaFollower) -> None:
        """Now and then: the loop turns, the metrics say what is in force, and new keys are looked for."""
        forgot_ms = now_ms()
        while True:
            self._progress.heartbeat()
            if self._known.is_ready:
                self._metrics.show(active(self._known.alerts()))
            if now_ms() - forgot_ms >= HOUR_MS:
                forgot_ms = now_ms()
                self._known.forget()
            if self._verifier.refresh():
                follower.begin_anew()
            await asyncio.sleep(TICK_S if self._known.is_ready else 0.1)


def wait_s(failures: int, chance: float) -> float:
    """How long to wait after a failed round that `failures` others went before: between half of it and all of it."""
    longest = min(RESEND_S, FIRST_WAIT_S * 2.0 ** min(failures, 16))
    return longest * (1 + chance) / 2


def active(alerts: Sequence[Alert]) -> dict[Action, tuple[int, int]]:
    """How many campaigns are limited, and how many accounts they have, by action; in shadow nobody is."""
    found: dict[Action, tuple[int, int]] = {}
    for alert in alerts:
        if alert.over is None and not alert.identity.shadow:
            campaigns, accounts = found.get(alert.identity.action, (0, 0))
            found[alert.identity.action] = campaigns + 1, accounts + alert.members
    return found
