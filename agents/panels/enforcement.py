"""Enforcement: are decisions in force at the gateways, in time, and what do they do to requests."""

from typing import Final

from agents.panels.shape import Dashboard, Panel, Query, Step

ENFORCEMENT: Final = Dashboard(
    uid="stillwatch-enforcement",
    title="Stillwatch: enforcement",
    says="Are decisions in force at the gateways, in time, and what do they do to requests?",
    panels=(
        Panel(
            title="Enforcers ready",
            says="How many enforcers know all decisions; one that does not answers as [enforcement] fail says.",
            queries=(Query("sum(stillwatch_enforcer_ready)", "ready"),),
            is_figure=True,
            base="bad",
            steps=(Step(1, "good"),),
            then="/readyz of the enforcer, and its log, say whether Kafka or Redis is away.",
            runbook="StillwatchEnforcerNotReady",
        ),
        Panel(
            title="Since decisions were heard",
            says="How long ago the log of decisions, and its mirror, last answered the enforcer that is worst off.",
            queries=(Query("max by (source) (time() - stillwatch_enforcer_heard_timestamp_seconds)", "{{source}}"),),
            unit="seconds",
            is_figure=True,
            base="good",
            steps=(Step(30, "warn"), Step(300, "bad")),
            then="What is in force holds until it expires; nothing new comes until Kafka or the mirror answers.",
            runbook="StillwatchEnforcerDeaf",
        ),
        Panel(
            title="Held by the breaker",
            says="How many accounts and templates are decided about and kept from being limited for now.",
            queries=(Query("max by (kind) (stillwatch_held_by_breaker)", "{{kind}}"),),
            is_figure=True,
            base="good",
            steps=(Step(1, "bad"),),
            then="A flood of decisions: explain some. Raise [enforcement] accounts_per_hour, or release them.",
            runbook="StillwatchBreakerHolding",
        ),
        Panel(
            title="Records that are not ours in an hour",
            says="How many decisions were unsigned, by an unknown key, or wrongly signed, and so are not in force.",
            queries=(
                Query(
                    "sum(increase(stillwatch_decision_records_total"
                    '{outcome!~"fresh|expired|replayed|older|early|overlong"}[1h]))',
                    "refused",
                ),
            ),
            is_figure=True,
            base="good",
            steps=(Step(1, "bad"),),
            then="A new key: put its public half among STILLWATCH_VERIFY_KEYS. Else somebody else writes there.",
            runbook="StillwatchDecisionsRefused",
        ),
        Panel(
            title="A check, p99",
            says="How long the slowest of a hundred questions of a gateway took.",
            queries=(
                Query(
                    "histogram_quantile(0.99, sum by (le) (rate(stillwatch_check_seconds_bucket[15m])))",
                    "p99",
                ),
            ),
            unit="seconds",
            is_figure=True,
            base="good",
            steps=(Step(0.005, "warn"), Step(0.02, "bad")),
            then="Only a throttle asks Redis; where that is late, the enforcer counts by itself: see below.",
        ),
        Panel(
            title="Append to in force, p99",
            says="How long it takes from a decision's append to the log until an enforcer acts on it.",
            queries=(
                Query(
                    "histogram_quantile(0.99, sum by (le) (rate(stillwatch_decision_in_force_seconds_bucket[1h])))",
                    "p99",
                ),
            ),
            unit="seconds",
            is_figure=True,
            base="good",
            steps=(Step(0.25, "warn"), Step(1, "bad")),
            then="Kafka is slow, or the enforcer's core is busy: see the cores in use on the pipeline's dashboard.",
            runbook="StillwatchInForceLatencyBurn",
        ),
        Panel(
            title="Answers to gateways",
            says="What becomes of the requests that gateways ask about, and by what kind of decision.",
            queries=(
                Query("sum by (answer, by) (rate(stillwatch_checks_total[$__rate_interval]))", "{{answer}} by {{by}}"),
            ),
            unit="per_second",
            then="`stillwatch explain ACCOUNT` says what is in force about an account, and until when.",
        ),
        Panel(
            title="Requests that are not let through",
            says="How many requests a second are slowed down, challenged or suspended.",
            queries=(
                Query(
                    'sum by (answer) (rate(stillwatch_checks_total{answer!="pass"}[$__rate_interval]))', "{{answer}}"
                ),
            ),
            unit="per_second",
            then="A sudden rise without a new campaign: a large customer is hit; ask `stillwatch explain` about it.",
        ),
        Panel(
            title="Decided, and come to an enforcer, in an hour",
            says="Whether what is decided arrives: each enforcer takes as many fresh decisions as are decided.",
            queries=(
                Query("sum(increase(stillwatch_decisions_total[1h]))", "decided"),
                Query(
                    "min(sum by (instance) (increase(stillwatch_decision_records_total"
                    '{outcome="fresh",source="log"}[1h])))',
                    "taken by the enforcer that took fewest",
                ),
            ),
            then="If they part: signatures that are refused, decisions about long ago, or an enforcer that is deaf.",
            runbook="StillwatchDecisionsNotTaken",
        ),
        Panel(
            title="Seconds of a check",
            says="How long a gateway waits for an answer.",
            queries=(
                Query(
                    "histogram_quantile(0.5, sum by (le) (rate(stillwatch_check_seconds_bucket[$__rate_interval])))",
                    "p50",
                ),
                Query(
                    "histogram_quantile(0.99, sum by (le) (rate(stillwatch_check_seconds_bucket[$__rate_interval])))",
                    "p99",
                ),
            ),
            unit="seconds",
            steps=(Step(0.005, "warn"),),
            then="Only a throttle asks Redis; where that is late, the enforcer counts by itself.",
        ),
        Panel(
            title="What shadow would refuse",
            says="How many requests a second pass that a decision in shadow would stop.",
            queries=(Query("sum by (answer) (rate(stillwatch_would_refuse_total[$__rate_interval]))", "{{answer}}"),),
            unit="per_second",
            then="This is what lifting shadow would do to customers: explain some of the subjects first.",
        ),
        Panel(
            title="Records of decisions in an hour",
            says="What became of the records that enforcers read, from the log and from its mirror.",
            queries=(
                Query(
                    "sum by (outcome, source) (increase(stillwatch_decision_records_total[1h]))",
                    "{{outcome}} from the {{source}}",
                ),
            ),
            then="Those replayed, older or expired are harmless; early: the worker's clock is a day ahead.",
        ),
        Panel(
            title="Requests within a throttle",
            says="Who answered for throttled subjects: Redis, what it had leased, or one process alone.",
            queries=(
                Query(
                    "sum by (answer, source) (rate(stillwatch_limit_answers_total[$__rate_interval]))",
                    "{{answer}} by {{source}}",
                ),
                Query("sum(rate(stillwatch_limit_near_total[$__rate_interval]))", "nearly used up"),
            ),
            unit="per_second",
            then="By local: Redis is away, and each enforcer counts by itself, so more passes than the limit says.",
        ),
        Panel(
            title="Redis too late for a throttle",
            says="How often Redis answered after the deadline or not at all.",
            queries=(
                Query("sum by (outcome) (rate(stillwatch_limit_unanswered_total[$__rate_interval]))", "{{outcome}}"),
            ),
            unit="per_second",
            then="Redis, or the way to it, is slow: see the seconds of Redis on the pipeline's dashboard.",
        ),
        Panel(
            title="Answers to Envoy",
            says="What Envoy was answered, by service; nothing where no enforcer has --grpc.",
            queries=(
                Query(
                    "sum by (service, answer) (rate(stillwatch_envoy_answers_total[$__rate_interval])) or vector(0)",
                    "{{service}} {{answer}}",
                ),
                Query("sum(rate(stillwatch_envoy_late_checks_total[$__rate_interval])) or vector(0)", "cut short"),
            ),
            unit="per_second",
            then="Cut short: Envoy's own deadline is shorter than the enforcer's; see deploy/gateways/README.md.",
        ),
    ),
)
