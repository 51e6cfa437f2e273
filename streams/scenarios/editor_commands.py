"""Users of an assistant in an editor, whose commands follow one preamble, so that all look like one instruction."""

from functools import lru_cache

from streams.scenarios.arrivals import Crowd, converse, crowd_arrivals
from streams.scenarios.conversations import Conversation, wrapping_author
from streams.scenarios.people import REMEMBERED, Person, ordinary_person, user_of_a_tool
from streams.scenarios.stage import Script, Stage

USERS = 800
REQUESTS_A_DAY = 8.0
TASTE = 0.5
"""The shape of how much somebody likes a command (a gamma distribution): below 1 most have a few that they use."""

PREAMBLE = (
    "You are a senior engineer inside the editor of a colleague. Keep the style of the project, change as little as "
    "asked, and answer with code only."
)
COMMANDS = (
    "Explain the selected function.",
    "Write unit tests for the selected function.",
    "Refactor the selected function.",
    "Document the selected function.",
    "Find bugs in the selected function.",
    "Optimise the selected function.",
    "Add types to the selected function.",
    "Simplify the selected function.",
    "Handle errors in the selected function.",
    "Review the selected function.",
    "Add logging to the selected function.",
    "Rename variables in the selected function.",
    "Split the selected function.",
    "Translate the selected function to TypeScript.",
    "Add examples to the selected function.",
    "Make the selected function asynchronous.",
    "Port the selected function to Rust.",
    "Benchmark the selected function.",
    "Shorten the selected function.",
    "Secure the selected function.",
    "Deprecate the selected function.",
    "Generalise the selected function.",
    "Cache the results of the selected function.",
    "Mock what the selected function calls.",
    "Name the selected function.",
    "Draw a diagram of the selected function.",
    "Trace the selected function.",
    "Parallelise the selected function.",
    "Memoise the selected function.",
    "Type-check the arguments of the selected function.",
    "Compare the selected function with its last version.",
    "Write a commit message for the selected function.",
    "Find the callers of the selected function.",
    "Translate the comments of the selected function.",
    "Estimate the complexity of the selected function.",
    "Convert the selected function to a class.",
)
"""The most used first."""


def editor_commands(stage: Stage) -> Script:
    """Eight hundred unrelated users of an assistant in an editor send its thirty-six commands around what they select.

    Not in the brief: ours, because it is what a detector of reworded instructions gets wrong first. Behind the
    preamble that they share the commands are wordings of one another, all about code, single turns, and everybody uses
    several of them: some commands more than others, and everybody has those that he likes. Half of the accounts are
    younger than 60 days. Volumes, hours, payments and addresses are those of ordinary people.
    """
    random = stage.random("play")
    crowd = Crowd(stage.random("crowd"), stage.size(USERS), 1.0)

    @lru_cache(REMEMBERED)
    def user(index: int) -> tuple[Person, list[float]]:
        own = stage.random("user", index)
        person = ordinary_person(stage, index, crowd.places[index], crowd.volumes[index], "look_alike:editor_commands")
        person = user_of_a_tool(stage, person, index, own)
        return person, [own.gammavariate(TASTE, 1.0) / (rank + 1) ** 0.5 for rank in range(len(COMMANDS))]

    def begin(index: int, _at_ms: int) -> Conversation:
        person, likes = user(index)
        prompt = f"{PREAMBLE} {random.choices(COMMANDS, likes)[0]}"
        author = wrapping_author(prompt, stage.sources.innocent, "coding")
        return Conversation(random, person, "coding", 1, author)

    arrivals = crowd_arrivals(stage, crowd, REQUESTS_A_DAY * stage.days, stage.window)
    return converse(random, arrivals, begin, stage.end_ms)
