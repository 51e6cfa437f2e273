"""How people ask for code: write it, mend it, explain it, test it."""

from streams.scenarios.prompts.grammar import Grammar, options, phrases, words
from streams.scenarios.prompts.words import BACKGROUND, OPENERS, SHARED

POOLS = SHARED | {
    "language": words("Python TypeScript Go Rust Java Kotlin Swift Ruby PHP Scala Elixir C# Haskell Lua Julia R"),
    "library": words("pandas React Django Flask Spring FastAPI Tokio Express Rails numpy pytest Vue Terraform Redis"),
    "verb": words(
        "merges sorts validates parses groups deduplicates exports paginates caches retries encrypts compresses "
        "renders schedules imports flattens ranks archives normalises streams"
    ),
    "unit": options(
        "function | class | script | module | endpoint | decorator | generator | command line tool | query"
    ),
    "file": tuple(
        f"{stem}.{end}"
        for stem in options("loader | billing | parser | worker | views | schema | client | cache | report | router")
        for end in options("py | ts | go | rs | java | rb")
    ),
    "error": options(
        "TypeError: 'NoneType' object is not iterable | IndexError: list index out of range | null pointer "
        "exception | cannot borrow as mutable | undefined is not a function | KeyError: 'total' | connection "
        "reset by peer | deadlock detected | stack overflow | segmentation fault | import cycle not allowed | "
        "timeout exceeded"
    ),
    "variable": words("rows total items cursor buffer index payload state batch offset result pending queue node"),
    "quality": options("readable | fast | thread safe | free of side effects | well tested | small | documented"),
}

CODING = Grammar(
    openers=OPENERS,
    tasks=phrases(
        POOLS,
        "Write a {language} {unit} that {verb} {thing} by {variable}.",
        "My {language} {unit} in {file} fails with `{error}` when it {verb} {thing}. What is wrong?",
        "Refactor this {language} {unit} so that it {verb} the {thing} and stays {quality}:\n"
        "```\n{variable} = load({number})\nfor {variable} in {variable}:\n    process({variable}, {number})\n```\n",
        "Add unit tests in {language} for the {unit} that {verb} {thing}.",
        "How do I use {library} from {language} so that it {verb} {number} {thing}?",
        "Explain what this code in {file} does: `{variable}[{number}] = {variable} + {number}`.",
        "Implement a {unit} in {language} which {verb} {thing}, without {library}.",
        "Port {file} from {language} to {language}; it {verb} {thing}.",
        "Why is my {language} {unit} slow when it {verb} {number} {thing} with {library}?",
        "Review the {unit} in {file}: it {verb} {thing} and should be {quality}.",
        "I get `{error}` from {library} in {file} line {number}. How do I fix the bug?",
        "Design a database schema and the {language} code that {verb} {thing}.",
    ),
    details=phrases(
        POOLS,
        "The code must be {quality}, {reason}.",
        "The input has {number} {thing}, some of them empty.",
        "Use {library} if it makes the {unit} simpler.",
        "The variable `{variable}` may be null.",
        "Return a list of {variable} and raise an error for bad {thing}.",
        "Keep the function signature of `{variable}_{verb}` as it is.",
        "It should compile on {language} version {number}.",
        "The stack trace ends in {file} with {error}.",
        "Complexity should stay below O(n log n) for {number} {thing}.",
        "Show the diff only, not the whole of {file}.",
    )
    + BACKGROUND[:8],
    follow_ups=phrases(
        POOLS,
        "Now it says `{error}`.",
        "Can you make it {quality}?",
        "Add a test for {number} {thing}.",
        "Rename `{variable}` to `{variable}` please.",
        "What if {variable} is empty?",
        "Do the same in {language}.",
        "Show only {file}.",
        "It works, thanks, but now I need a {unit} that {verb} {thing} too.",
        "Does the {unit} still work when {name} {verb} {thing} at the same time?",
        "The {thing} come out in the wrong order.",
        "Please use {library} for the {thing} part.",
        "Our {language} linter complains about {variable} in the {unit}.",
        "How would you split the {unit} so that {name} can reuse it?",
        "Explain the {unit} line by line, I am new to {language}.",
        "Why did you use {library} here?",
        "continue",
    ),
)
