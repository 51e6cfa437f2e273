"""Conversations: how one starts, grows turn by turn, and becomes request records.

Every record carries the whole conversation so far, as the APIs of language models do. Errors, refusals, tokens and
latency are our own figures: 2 % errors, 0.5 % refusals, four characters a token, lognormal answers.
"""

from collections.abc import Callable
from math import exp
from random import Random

from msgspec import Raw
from msgspec.structs import astuple

from streams.events import Capability, ContentPart, Message, RequestRecord
from streams.scenarios.people import NEW_MODEL, PLAN_DAILY_TOKENS, Person
from streams.scenarios.prompts import Prompts, follow_up, reply
from streams.scenarios.prompts.tool_use import TOOLS
from streams.scenarios.stage import Cover, Stage

ERROR_SHARE, REFUSAL_SHARE = 0.02, 0.005
ERRORS = (429, 429, 500, 503, 529)
GOES_ON, LONGEST_CONVERSATION = 0.7, 20
LENGTH_LIMIT = 4_000
CHARACTERS_A_TOKEN = 4
MEDIAN_OUTPUT_TOKENS: dict[Capability, int] = {
    "reasoning": 520,
    "coding": 640,
    "tool_use": 220,
    "data_analysis": 430,
    "vision": 260,
    "rubric_grading": 240,
    "policy_sensitive": 280,
    "other": 300,
}
IMAGE = ContentPart(type="image", content=Raw(b"null"))
IMAGE_TOKENS = 800

Author = Callable[[Random, int], str]
"""What the user writes: given a generator and the turn (0 is the first), the text."""


def ordinary_author(prompts: Prompts, capability: Capability) -> Author:
    """Somebody who asks for `capability`, first with one of `prompts`."""

    def write(random: Random, turn: int) -> str:
        return follow_up(random, capability) if turn else prompts.opening(random, capability)

    return write


def verbatim_author(text: str) -> Author:
    """Somebody who sends the same text every time."""

    def write(_random: Random, _turn: int) -> str:
        return text

    return write


def wrapping_author(prompt: str, prompts: Prompts, capability: Capability) -> Author:
    """Somebody whose tool puts its prompt before what they select, each time something else."""

    def write(random: Random, _turn: int) -> str:
        return f"{prompt}\n\n{prompts.opening(random, capability, beside=len(prompt))}"

    return write


class Conversation:
    """A conversation that goes on: the person, where they sit, what they want, and everything said so far."""

    __slots__ = (
        "address", "author", "capability", "characters", "connection", "conversation_id", "images", "messages",
        "output_tokens", "person", "tools", "truth", "turn", "turns", "user_agent",
    )  # fmt: skip

    def __init__(
        self,
        random: Random,
        person: Person,
        capability: Capability,
        turns: int,
        author: Author,
        system: str | None = None,
        output_tokens: tuple[int, ...] = (),
    ) -> None:
        """Open a conversation of `turns` requests from one of the person's devices and connections."""
        self.person = person
        self.truth = person.truth
        self.capability: Capability = capability
        self.turns = turns
        self.author = author
        self.turn = 0
        self.output_tokens = output_tokens
        self.conversation_id = f"{random.getrandbits(64):016x}"
        self.connection = person.connections[int(random.random() * len(person.connections))]
        self.address = self.connection.dial(random)
        self.user_agent = person.user_agents[int(random.random() * len(person.user_agents))]
        self.images = 1 if capability == "vision" else 0
        self.messages: list[Message] = [] if system is None else [Message("system", system)]
        self.characters = 0 if system is None else len(system)
        self.tools = _tools(random) if capability == "tool_use" else None

    def speak(self, random: Random, at_ms: int) -> RequestRecord:
        """The next request of the conversation, at `at_ms`; the answer joins the history."""
        text = self.author(random, self.turn)
        self.characters += len(text)
        with_image = self.images and self.turn == 0
        self.messages.append(Message("user", [ContentPart("text", text, Raw(b"null")), IMAGE] if with_image else text))
        record = self._record(random, at_ms)
        self.turn += 1
        if self.turn < self.turns:
            answer = reply(random)
            self.characters += len(answer)
            self.messages.append(Message("assistant", answer))
        return record

    def _record(self, random: Random, at_ms: int) -> RequestRecord:
        person, network = self.person, self.connection.network
        status, finish, output = _outcome(random, self.capability, self.output_tokens)
        thinking = output * 2 if self.capability == "reasoning" and output else 0
        return RequestRecord(
            event_id=f"{random.getrandbits(96):024x}",
            occurred_at_ms=at_ms,
            account_id=person.truth.account_id,
            operation="chat",
            request_model=NEW_MODEL if at_ms >= person.adopts_ms else person.model,
            org_id=person.org_id,
            api_key_id=person.api_key_id,
            account_created_at_ms=person.account_created_at_ms,
            plan=person.plan,
            plan_daily_tokens=PLAN_DAILY_TOKENS[person.plan],
            payment_hash=person.payment_hash,
            client_address=self.address,
            asn=network.asn,
            network_type=network.kind,
            country=network.country,
            user_agent=self.user_agent,
            tls_fingerprint=person.tls_fingerprint,
            access_path=person.access_path,
            conversation_id=self.conversation_id,
            messages=self.messages.copy(),
            tools=self.tools,
            max_tokens=4_096 if person.api_key_id else None,
            input_tokens=self.characters // CHARACTERS_A_TOKEN + IMAGE_TOKENS * self.images,
            output_tokens=output,
            reasoning_tokens=thinking,
            status_code=status,
            finish_reason=finish,
            latency_ms=300 + (output + thinking) * 12,
        )


def ordinary_conversation(stage: Stage, random: Random, person: Person, system: str | None = None) -> Conversation:
    """Whatever the person wants from the model this time; of a campaign's account it is cover."""
    capability = person.capability(random)
    write = ordinary_author(stage.sources.innocent, capability)
    conversation = Conversation(
        random, person, capability, turns_of(random), write, system, stage.sources.output_tokens
    )
    if person.truth.campaign_id is not None:
        conversation.truth = Cover(*astuple(person.truth))
    return conversation


def turns_of(random: Random) -> int:
    """How many requests a conversation has: 1 to 20, 3.3 on average."""
    turns = 1
    while turns < LONGEST_CONVERSATION and random.random() < GOES_ON:
        turns += 1
    return turns


def pause_ms(random: Random) -> int:
    """How long somebody reads and types before the next turn: a median of 70 seconds, at times much longer."""
    return 3_000 + int(67_000 * exp(random.gauss(0.0, 1.0)))


def _tools(random: Random) -> list[str]:
    first = int(random.random() * len(TOOLS))
    return [TOOLS[(first + 4 * step) % len(TOOLS)] for step in range(2 + int(random.random() * 5))]


def _outcome(random: Random, capability: Capability, output_tokens: tuple[int, ...]) -> tuple[int, str | None, int]:
    """Status code, finish reason and output tokens of one answer, which are one of `output_tokens` if there are any."""
    draw = random.random()
    if draw < ERROR_SHARE:
        return ERRORS[int(random.random() * len(ERRORS))], None, 0
    if draw < ERROR_SHARE + REFUSAL_SHARE:
        return 200, "refusal", 40
    if output_tokens:
        tokens = output_tokens[int(random.random() * len(output_tokens))]
    else:
        tokens = int(MEDIAN_OUTPUT_TOKENS[capability] * exp(random.gauss(0.0, 0.7)))
    return 200, "length" if tokens > LENGTH_LIMIT else "tool_use" if capability == "tool_use" else "stop", tokens
