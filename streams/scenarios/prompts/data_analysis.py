"""How people ask for analysis: tables, trends, queries, charts."""

from streams.scenarios.prompts.grammar import Grammar, options, phrases, words
from streams.scenarios.prompts.words import BACKGROUND, OPENERS, SHARED

POOLS = SHARED | {
    "measure": options(
        "the median | the monthly growth | the variance | the share | the moving average | the correlation | "
        "the 95th percentile | the churn rate | the weighted mean | the seasonal effect"
    ),
    "chart": options("bar chart | scatter plot | histogram | heat map | line chart | box plot | pivot table"),
    "column": words("region price week segment margin age channel score weight stock duration rating cohort"),
    "source": tuple(
        f"{stem}_{year}.csv" for stem in options("sales | export | survey | ledger | log") for year in range(2019, 2027)
    ),
    "method": options(
        "a t-test | a regression | clustering | a chi-squared test | SQL | a forecast | an ANOVA | pandas"
    ),
}

DATA_ANALYSIS = Grammar(
    openers=OPENERS,
    tasks=phrases(
        POOLS,
        "Analyse {source}: what is {measure} of {column} per {column}?",
        "Here are {number} rows of {thing} with the columns {column}, {column} and {column}. Summarise {measure}.",
        "Which {chart} shows {measure} of the {thing} by {column} best?",
        "Run {method} on the {column} column of {source} and interpret the result.",
        "Write a SQL query for {measure} of {thing} grouped by {column} since {number}.",
        "Find outliers in this table:\n| {column} | {column} |\n| {number} | {number} |\n| {number} | {number} |\n",
        "Compare {measure} of {thing} between {place} and {place} in the dataset {source}.",
        "Why does {measure} of {column} fall on {day} in {source}?",
        "Clean the data in {source}: {number} rows have no {column}.",
        "Build a {chart} of {column} against {column} for the {thing} of {field}.",
    ),
    details=phrases(
        POOLS,
        "The dataset has {number} rows and {number} columns.",
        "The column {column} is missing in {number} rows.",
        "Report {measure} with a confidence interval.",
        "Use {method}, {reason}.",
        "Show the result as a {chart}.",
        "Leave out {place}, its {column} is not reliable.",
        "A spreadsheet formula is enough.",
        "The trend should be visible per {column}.",
    )
    + BACKGROUND[:8],
    follow_ups=phrases(
        POOLS,
        "Now per {column}.",
        "Make it a {chart}.",
        "Is that significant with {number} rows?",
        "Leave out {place}.",
        "Use {method} instead.",
        "What about {measure}?",
        "Add {column} as a third column.",
        "and for last year?",
        "Does {measure} hold for the {thing} in {place} as well?",
        "{name} doubts {measure}, show how you got it per {column}.",
        "Split the {thing} by {column} before the {chart}.",
        "Could {column} explain the difference between {place} and {place}?",
        "Write it up for {name} in {field}, without {method}.",
        "The {column} of the {thing} looks wrong to me.",
    ),
)
