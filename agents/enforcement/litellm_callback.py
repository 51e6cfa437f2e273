"""The hook as the environment says. LiteLLM is told `callbacks: agents.enforcement.litellm_callback.stillwatch`.

The variables are those of `client.configured`, and

- STILLWATCH_FINGERPRINT_KEY: the key of the edge fingerprint; with it requests are recognised by what they say, too;
  or STILLWATCH_FINGERPRINT_KEY_FILE, which names the file that has it;
- STILLWATCH_APPEAL_URL: where whoever is refused can appeal.
"""

import os

from agents.enforcement.client import configured
from agents.enforcement.litellm_hook import StillwatchHook
from agents.environment import secret
from streams.fingerprint import Fingerprinter

_client = configured(os.environ)
_key = secret(os.environ, "STILLWATCH_FINGERPRINT_KEY")

stillwatch = StillwatchHook(
    _client,
    fingerprinter=Fingerprinter(_key.encode()) if _key else None,
    appeal_url=os.environ.get("STILLWATCH_APPEAL_URL") or None,
    fail=_client.fail,
    faults=_client.faults,
)
"""What LiteLLM's configuration names."""
