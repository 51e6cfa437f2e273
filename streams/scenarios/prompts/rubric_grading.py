"""How people ask for a verdict on a text: scores, rubrics, the better of two answers."""

from streams.scenarios.chance import repeatable
from streams.scenarios.prompts.grammar import Grammar, options, phrases, pick
from streams.scenarios.prompts.words import BACKGROUND, OPENERS, REPLIES, SHARED

# The same few hundred sentences to judge in every run.
_UNIFORM = repeatable("texts to judge").random

POOLS = SHARED | {
    "criterion": options(
        "accuracy | clarity | structure | tone | completeness | evidence | grammar | helpfulness | depth"
    ),
    "work": options("essay | answer | summary | translation | cover letter | lab report | reply | story | proposal"),
    "scale": options("1 to 5 | 1 to 10 | A to F | 0 to 100 | pass or fail | poor to excellent"),
    "text": tuple(pick(_UNIFORM, REPLIES) for _ in range(400)),
}

RUBRIC_GRADING = Grammar(
    openers=OPENERS,
    tasks=phrases(
        POOLS,
        'Grade this {work} by {name} from {scale} for {criterion} and {criterion}: "{text} {text}"',
        'Which answer is better for {criterion}? A: "{text}" B: "{text}"',
        "Make a rubric with {number} points for a {work} about {thing}: {criterion}, {criterion}, {criterion}.",
        'Score the following {work} on {criterion} ({scale}) and justify the score: "{text}"',
        "How would a teacher in {place} mark a {work} on {field} for {criterion}?",
        'Evaluate whether the response meets the criteria {criterion} and {criterion}: "{text} {text}"',
        'Be the judge of this {work} about {thing}, rate it {scale}: "{text}"',
        'Give feedback on the {criterion} of my {work} about {field}: "{text} {text}"',
    ),
    details=phrases(
        POOLS,
        "Weigh {criterion} twice.",
        "Deduct {number} points for missing {criterion}.",
        "A score of {number} needs good {criterion}.",
        "Explain the rating in one sentence for each criterion.",
        "The {work} was written in {number} minutes.",
        "Do not rewrite it, only grade it.",
        "The rubric comes from the school in {place}.",
    )
    + BACKGROUND[:8],
    follow_ups=phrases(
        POOLS,
        "Why only that for {criterion}?",
        'And this one: "{text}"',
        "Now rate it {scale}.",
        "What would lift the {criterion}?",
        "Grade the {work} of {name} as well.",
        "be stricter please",
        "Would a reader from {field} agree about the {criterion}?",
        "{name} thinks the {work} deserves more for {criterion}.",
        "Compare it with the {work} from {place} for {criterion}.",
        "Put the weak {criterion} first and the {thing} last.",
        "Write that feedback in a {feeling} tone for {name}.",
    ),
)
