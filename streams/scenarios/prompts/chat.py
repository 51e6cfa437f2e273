"""What most people ask most of the time: letters, recipes, trips, words, advice."""

from streams.scenarios.prompts.grammar import Grammar, options, phrases, words
from streams.scenarios.prompts.words import BACKGROUND, OPENERS, SHARED

POOLS = SHARED | {
    "piece": options(
        "an email | a birthday card | a product text | a speech | a poem | a job advert | a complaint | a toast"
    ),
    "person": options(
        "my landlord | a customer | my sister | the team | a neighbour | our supplier | a friend | the council"
    ),
    "dish": words("lentils aubergine salmon noodles dumplings pancakes chickpeas risotto plums rye pumpkin tofu"),
    "tongue": words("French Spanish Polish Japanese Turkish Swahili Hindi Portuguese Dutch Korean Italian Finnish"),
    "activity": options(
        "museums | hiking | street food | old bookshops | sailing | live music | flea markets | birdwatching"
    ),
    "worry": options(
        "sleep | an interview | a new flat | exam nerves | a noisy street | saving money | back pain | moving"
    ),
}

CHAT = Grammar(
    openers=OPENERS,
    tasks=phrases(
        POOLS,
        "Write {piece} to {person} about the {thing} in {place}.",
        "What can I cook with {dish}, {dish} and {number} minutes?",
        "Plan {number} days in {place} with {activity} and {activity}.",
        "How do you say the words for {thing} and {dish} in {tongue}?",
        "Give me advice on {worry} before {day}.",
        "Make this text {feeling}: we will send the {thing} to {name} on {day}.",
        "What is a good present for {name}, who likes {activity} and {field}?",
        "Summarise the history of {field} in {place} in {number} sentences.",
        "Suggest {number} names for a shop that sells {thing} in {place}.",
        "What is the difference between {thing} and {thing} in {field}?",
        "Help me with {worry}; I have {number} euros and time until {day}.",
        "Translate into {tongue}: the {thing} for {person} are ready on {day}.",
        "Tell me a story about {name} and the {thing} of {place}.",
    ),
    details=phrases(
        POOLS,
        "Make it {feeling}.",
        "Not longer than {number} words.",
        "{name} does not like {dish}.",
        "It should mention {activity}.",
        "I speak some {tongue}.",
        "Something {feeling} would suit {person}.",
        "Money is short, so {number} euros at most.",
        "We have been to {place} already.",
    )
    + BACKGROUND,
    follow_ups=phrases(
        POOLS,
        "Make it more {feeling}.",
        "And in {tongue}?",
        "Without {dish} please.",
        "Shorter, {number} words.",
        "What about {place}?",
        "Give me {number} more.",
        "Can you mention {name}?",
        "Thanks! One more: {piece} to {person}.",
        "thanks",
        "go on",
        "Actually it is for {person}, not for {name}.",
        "And if we go to {place} for {activity} first?",
        "Can I use {dish} instead of {dish}?",
        "Leave out the part about the {thing}.",
        "What would {person} say about {worry}?",
        "I like it, but {name} finds it too {feeling}.",
        "Which of those suits {activity} in {place} best?",
        "Add something {feeling} about {field} at the end.",
    ),
)
