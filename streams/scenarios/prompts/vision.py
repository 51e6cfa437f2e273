"""How people ask about pictures; the image itself is a part of the message, without bytes in a simulation."""

from streams.scenarios.prompts.grammar import Grammar, options, phrases
from streams.scenarios.prompts.words import BACKGROUND, OPENERS, SHARED

POOLS = SHARED | {
    "picture": options(
        "photo | screenshot | diagram | scan | receipt | floor plan | map | X-ray | poster | sketch | chart"
    ),
    "part": options("top left corner | second row | legend | background | title | margin | caption | lower half"),
    "aspect": options(
        "the text | the colours | the damage | the layout | the handwriting | the numbers | the plant | the sign"
    ),
}

VISION = Grammar(
    openers=OPENERS,
    tasks=phrases(
        POOLS,
        "What does this {picture} from {place} show?",
        "Read {aspect} in the {part} of this {picture}.",
        "Describe the image for someone who cannot see it; {aspect} matter most.",
        "How many {thing} can you count in the {picture}?",
        "Transcribe {aspect} of the {picture} into a table with {number} rows.",
        "Is {aspect} in this {picture} typical of {field}?",
        "Compare both images: what changed in the {part}?",
        "Turn this {picture} of our {thing} into a checklist.",
        "Which {thing} does {name} hold in the {picture}?",
        "Suggest a caption for the {picture}, {feeling} in tone.",
    ),
    details=phrases(
        POOLS,
        "The {part} is blurred.",
        "Ignore {aspect}.",
        "The {picture} was taken in {place} on {day}.",
        "It belongs to the {thing} of {name}.",
        "Give {number} points at most.",
        "The image is {number} pixels wide.",
    )
    + BACKGROUND[:8],
    follow_ups=phrases(
        POOLS,
        "And in the {part}?",
        "Here is the next {picture}.",
        "Can you read {aspect} now?",
        "Count the {thing} again.",
        "Write it as {number} bullet points.",
        "thanks, and the other one?",
        "Is that {name} beside the {thing}?",
        "What would somebody from {field} see in the {part}?",
        "Are the {thing} in the {picture} from {place}?",
        "Say more about {aspect} and the {thing}.",
        "Make the caption more {feeling}, {name} will read it.",
    ),
)
