"""How much hypothesis tries: `default` here and in CI, `--hypothesis-profile=nightly` when there is a night."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "default",
    deadline=None,  # a noisy machine is not a failure
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("nightly", settings.get_profile("default"), derandomize=False, max_examples=5_000)
settings.load_profile("default")
