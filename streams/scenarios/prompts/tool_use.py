"""How agents are asked to act: search, book, file, send, with the tools they are offered."""

from streams.scenarios.prompts.grammar import Grammar, options, phrases
from streams.scenarios.prompts.words import BACKGROUND, OPENERS, SHARED

TOOLS = options(
    "search_web | read_file | write_file | run_shell | query_database | send_email | list_events | create_event "
    "| fetch_url | get_weather | open_ticket | translate | take_screenshot | lookup_customer | convert_currency"
)

POOLS = SHARED | {
    "tool": TOOLS,
    "act": options("find | update | cancel | book | archive | forward | compare | reconcile | tag | reschedule"),
    "store": options(
        "the calendar | the CRM | my inbox | the shared drive | the wiki | the ticket system | the database"
    ),
    "goal": options(
        "the cheapest option | a short report | one table | a list of open points | a draft reply | a plan"
    ),
}

TOOL_USE = Grammar(
    openers=OPENERS,
    tasks=phrases(
        POOLS,
        "Use {tool} to {act} the {thing} from {day} in {store}, then give me {goal}.",
        "{act} every one of the {number} {thing} for {name} in {store}.",
        "Look in {store} for {thing} about {place} and {act} them with {tool}.",
        "Call {tool} first, then {tool}, and {act} the {thing} that changed since {day}.",
        "Plan the steps and tools you need to {act} {number} {thing}, then do it.",
        "Check {store}: did {name} {act} the {thing}? If not, use {tool}.",
        "Every {day}, {act} the {thing} in {store} and send {goal} to {name}.",
        "With {tool} and {tool}, work out {goal} for the {thing} in {place}.",
        "Please {act} my {thing} in {place} and put {goal} into {store}.",
        "Search the web for {thing} in {field} near {place}, {act} the best {number} and write {goal}.",
    ),
    details=phrases(
        POOLS,
        "Do not call {tool} more than {number} times.",
        "Ask me before you {act} anything in {store}.",
        "If {tool} returns an error, try {tool}.",
        "The result of the tool call must be {goal}.",
        "Only the {thing} of {name} matter.",
        "Write what each function call returned.",
        "Stop as soon as you have {goal}.",
        "The agent has read access to {store} only.",
    )
    + BACKGROUND[:8],
    follow_ups=phrases(
        POOLS,
        "Now {act} the other {thing}.",
        "Use {tool} instead.",
        "Send it to {name} as well.",
        "What did {tool} return?",
        "Stop, that was the wrong {thing}.",
        "Go on with the next step.",
        "Put {goal} into {store}.",
        "yes, do it",
        "Before that, {act} the {thing} for {name}.",
        "The {thing} in {place} are missing, look in {store}.",
        "Why did you {act} the {thing} of {name}?",
        "Undo that and give me {goal} on the {thing} instead.",
        "Is there a faster way to {act} {thing} in {store}?",
        "Tell {name} in {place} that the {thing} are done.",
    ),
)
