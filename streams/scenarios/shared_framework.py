"""Users of one agent framework, whose long system prompt is the same in every request of every one of them."""

from functools import lru_cache

from msgspec.structs import replace

from streams.events import Capability
from streams.scenarios.arrivals import Crowd, converse, crowd_arrivals
from streams.scenarios.conversations import Conversation, ordinary_author, turns_of
from streams.scenarios.people import REMEMBERED, Person, ordinary_person, with_key
from streams.scenarios.stage import Script, Stage

USERS = 1_500
CONVERSATIONS_A_DAY = 3.0
TASKS: tuple[Capability, ...] = ("coding", "tool_use", "data_analysis", "other")
TASK_WEIGHTS = (55, 30, 10, 5)
FRAMEWORK = ("agent-cli/2.4.0", "agent-cli/2.4.1", "agent-cli/2.3.0")
SYSTEM = """\
You are an agent that works in the user's terminal. Follow these rules in every step.
1. Restate the goal of the user in one sentence before the first action.
2. Make a plan of at most seven steps, and keep it up to date while you work.
3. Call one tool at a time and wait for its result. Never invent the result of a tool.
4. Read a file before you change it. Change as little as the goal allows.
5. When a command fails, read its message, say what you think it means, and try one other way.
6. Ask before you delete anything, send anything, or spend money.
7. Never print secrets, tokens or passwords, even when they are part of a file.
8. Prefer the project's own scripts, style and tests to your own.
9. Stop when the goal is met, and end with a summary of what changed and how it was checked.
Tools are described in JSON below. The working directory is the root of the project. Answers are shown in a
terminal of 100 columns, so use short paragraphs, and no tables wider than that.
If the user writes in another language, answer in that language, but keep code and commands as they are.
"""


def shared_framework(stage: Stage) -> Script:
    """Fifteen hundred unrelated users of one agent framework send its long system prompt with every request.

    After "an agent framework whose long system prompt is shared by thousands of unrelated users" in the brief; the
    number of users and their three conversations a day are our own. What they ask is their own, and so are their
    payments, addresses and hours; the framework's user agent and TLS fingerprint are the same for all.
    """
    random = stage.random("play")
    crowd = Crowd(stage.random("crowd"), stage.size(USERS), 0.9)

    @lru_cache(REMEMBERED)
    def user(index: int) -> Person:
        person = ordinary_person(stage, index, crowd.places[index], crowd.volumes[index], "look_alike:shared_framework")
        return replace(
            with_key(stage, person, index, "pro"),
            user_agents=FRAMEWORK[: 1 + index % len(FRAMEWORK)],
            tls_fingerprint="t13d1715h2_5b57614c22b0_93c746dc12af",
        )

    def begin(index: int, _at_ms: int) -> Conversation:
        capability = random.choices(TASKS, TASK_WEIGHTS)[0]
        return Conversation(
            random,
            user(index),
            capability,
            turns_of(random),
            ordinary_author(stage.sources.innocent, capability),
            SYSTEM,
        )

    arrivals = crowd_arrivals(stage, crowd, CONVERSATIONS_A_DAY * stage.days, stage.window)
    return converse(random, arrivals, begin, stage.end_ms)
