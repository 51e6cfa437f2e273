"""How people ask for reasoning: puzzles, proofs, estimates, plans under constraints."""

from streams.scenarios.prompts.grammar import Grammar, options, phrases, words
from streams.scenarios.prompts.words import BACKGROUND, OPENERS, SHARED

POOLS = SHARED | {
    "subject": options(
        "conditional probability | modular arithmetic | graph colouring | projectile motion | compound interest "
        "| Bayes' theorem | the pigeonhole principle | thermodynamics | game theory | induction | linear "
        "programming | kinship puzzles | stoichiometry | queueing | set theory | ladder logic | vector spaces | "
        "optics"
    ),
    "vehicle": options("train | cyclist | ferry | drone | lorry | runner | tram | canoe"),
    "object": options("marbles | cards | coins | keys | stamps | tiles | dice | socks | letters | apples"),
    "colour": words("red blue green white black amber violet silver"),
    "claim": options(
        "the sum is even | the two lines never meet | the sequence converges | no such number exists | the "
        "order does not matter | the larger group wins | the result is unique | the graph has a cycle"
    ),
    "style": options("step by step | with every step shown | from first principles | without calculus | in two ways"),
}

REASONING = Grammar(
    openers=OPENERS,
    tasks=phrases(
        POOLS,
        "A {vehicle} leaves {place} at {number} km/h, a {vehicle} {place} {number} minutes later. When do they meet?",
        "Of {number} {object}, {number} are {colour}. What is the probability that {number} draws are all {colour}?",
        "Prove {style} that {claim} if there are {number} {object}.",
        "{name}, {name} and {name} share {number} {object}; {name} gets twice as many as {name}. How many has each?",
        "Solve this problem in {subject} {style}: given {number} {object}, show that {claim}.",
        "Explain {style} why {claim} in {subject}.",
        "Which is larger, {number} to the power of {number} or {number} factorial? Reason {style}.",
        "Estimate how many {thing} {place} handles in a year and explain the reasoning {style}.",
        "If {claim}, what follows for {number} {object} in {subject}?",
        "Find the mistake in this argument about {subject}: there are {number} {object}, so {claim}.",
        "Work out {style} how {name} can order {number} {thing} so that {claim}.",
        "Derive {style} the formula used in {subject} for {number} {object}.",
    ),
    details=phrases(
        POOLS,
        "Think {style} before you answer.",
        "Suppose that {name} always tells the truth and {name} never does.",
        "There are also {number} {colour} {object} that do not count.",
        "Check the answer for {number} and {number} as well.",
        "Show where you use {subject}.",
        "It is not allowed to move more than {number} {object} at once.",
        "If {claim} is wrong, give a counterexample.",
        "Give the answer as a fraction and round it to {number} decimals.",
        "State every assumption you make about the {object}.",
        "The textbook says {number}, but I get {number}.",
    )
    + BACKGROUND[:8],
    follow_ups=phrases(
        POOLS,
        "Why is that?",
        "I get {number} instead of {number}.",
        "Can you prove that {claim}?",
        "Do it again for {number} {object}.",
        "Explain the second step {style}.",
        "What changes if the {object} are {colour}?",
        "Is there a shorter way with {subject}?",
        "And if {name} starts?",
        "ok, and in general?",
        "I do not see why {claim} follows from {subject}.",
        "Would {name} get the same answer with {subject}?",
        "Use {object} and {thing} as the example instead.",
        "My teacher in {place} says that {claim}.",
        "Draw the case where {name} has no {object}.",
        "What does {subject} have to do with the {thing}?",
    ),
)
