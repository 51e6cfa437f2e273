"""How people ask near the edges of a usage policy: moderation, safety, medicine, law. Nothing harmful is spelt out."""

from streams.scenarios.prompts.grammar import Grammar, options, phrases
from streams.scenarios.prompts.words import BACKGROUND, OPENERS, SHARED

POOLS = SHARED | {
    "topic": options(
        "a political protest | medication limits | a censored news story | hate speech | gambling adverts | "
        "self-harm | a lock that jams | tax avoidance | a disputed election | surveillance at work | a phishing "
        "mail | weapons law"
    ),
    "form": options(
        "a neutral summary | a safer wording | a refusal that stays polite | a warning | a moderation label"
    ),
    "audience": options(
        "a school class | moderators | a clinic | a newsroom | parents | a court | new staff | a forum"
    ),
}

POLICY_SENSITIVE = Grammar(
    openers=OPENERS,
    tasks=phrases(
        POOLS,
        "Rewrite this post about {topic} as {form} for {audience}.",
        "Does a comment on {topic} break the content policy of {audience}? Give {form}.",
        "How should {audience} in {place} talk about {topic}?",
        "Is it legal in {place} to publish {thing} on {topic}?",
        "Draft {form} on {topic} for {audience}.",
        "Classify {number} messages about {topic} as allowed or not allowed for {audience}.",
        "What should I tell {name}, who asks about {topic}?",
        "Explain to {audience} why {topic} is sensitive in {field}.",
    ),
    details=phrases(
        POOLS,
        "It must suit {audience}.",
        "Leave out details about {topic}.",
        "The policy of {place} is stricter.",
        "Give {form} first.",
        "{name} has been moderating for {number} weeks.",
        "Be {feeling} about it.",
    )
    + BACKGROUND[:8],
    follow_ups=phrases(
        POOLS,
        "Make it {feeling}.",
        "And for {audience}?",
        "Is {form} enough?",
        "What about {topic}?",
        "shorter please",
        "{name} in {place} wants {form} on {topic} instead.",
        "Would {audience} in {place} accept that?",
        "Say it so that {audience} in {field} understand it.",
        "Which part of it is about {topic}?",
        "Add a line on {thing} for {audience}.",
    ),
)
