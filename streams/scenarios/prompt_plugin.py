"""Users of one editor plug-in, which wraps what they select into one of its five prompts, under a key of their own."""

from functools import lru_cache

from streams.events import Capability
from streams.scenarios.arrivals import Crowd, converse, crowd_arrivals
from streams.scenarios.conversations import Conversation, wrapping_author
from streams.scenarios.people import REMEMBERED, Person, ordinary_person, user_of_a_tool
from streams.scenarios.stage import Script, Stage

USERS = 800
REQUESTS_A_DAY = 8.0
UPDATED_SHARE = 0.6
PROMPTS: tuple[tuple[Capability, str, str], ...] = (
    (
        "coding",
        "Explain what the selected code does, name its inputs, outputs and side effects, and point out mistakes.",
        "Explain what the selected code does, name inputs, outputs and side effects, and point out likely mistakes.",
    ),
    (
        "coding",
        "Write unit tests for the selected code, cover the edge cases, and answer with the test file only.",
        "Write unit tests for the selected code, cover edge cases and errors, and answer with the test file only.",
    ),
    (
        "coding",
        "Review the selected change as a careful colleague, list problems by severity, and propose a fix for each.",
        "Review the selected change as a careful colleague, list problems by severity, and propose one fix for each.",
    ),
    (
        "other",
        "Summarise the selected passage for a busy reader in five bullet points, and keep every name and number.",
        "Summarise the selected passage for a busy reader in five bullet points, keeping every name and number.",
    ),
    (
        "other",
        "Rewrite the selected paragraph in plain language, keep its meaning and length, and explain nothing.",
        "Rewrite the selected paragraph in plain language, keep its meaning and tone, and explain nothing.",
    ),
)
WEIGHTS = (35, 20, 15, 20, 10)


def prompt_plugin(stage: Stage) -> Script:
    """Eight hundred unrelated users of one plug-in send its five prompts around what they select, and little else.

    Not in the brief: ours, because it is what a detector of shared templates gets wrong first. The prompts are long,
    the same for unrelated accounts, single turns, most of them about code, and six in ten users have the version with
    other words in it. Half of the accounts are younger than 60 days, because the plug-in asks for a key of one's own.
    Volumes, hours, payments and addresses are those of ordinary people.
    """
    random = stage.random("play")
    crowd = Crowd(stage.random("crowd"), stage.size(USERS), 1.0)

    @lru_cache(REMEMBERED)
    def user(index: int) -> tuple[Person, bool]:
        own = stage.random("user", index)
        person = ordinary_person(stage, index, crowd.places[index], crowd.volumes[index], "look_alike:prompt_plugin")
        return user_of_a_tool(stage, person, index, own), own.random() < UPDATED_SHARE

    def begin(index: int, _at_ms: int) -> Conversation:
        person, is_updated = user(index)
        capability, older, newer = random.choices(PROMPTS, WEIGHTS)[0]
        author = wrapping_author(newer if is_updated else older, stage.sources.innocent, capability)
        return Conversation(random, person, capability, 1, author)

    arrivals = crowd_arrivals(stage, crowd, REQUESTS_A_DAY * stage.days, stage.window)
    return converse(random, arrivals, begin, stage.end_ms)
