"""The hook as the environment says. LiteLLM is told `callbacks: agents.enforcement.litellm_callback.stillwatch`.

The variables are those of `client.configured`, and

- STILLWATCH_FINGERPRINT_KEY: the key of the edge fingerprint; with it requests are recognised by what they say, too;
  or STILLWATCH_FINGERPRINT_KEY_FILE, which names the file that has it;
- STILLWATCH_APPEAL_URL: where whoever is refused can appeal;
- STILLWATCH_KEY_METADATA: `trusted` where no customer can set the metadata of a key: payment and age are read there.
"""

import os

from agents.enforcement.client import configured
from agents.enforcement.litellm_hook import StillwatchHook, owner, payer
from agents.environment import SettingsError, secret
from streams.fingerprint import Fingerprinter

_client = configured(os.environ)
_key = secret(os.environ, "STILLWATCH_FINGERPRINT_KEY")
_metadata = os.environ.get("STILLWATCH_KEY_METADATA", "")
if _metadata not in {"", "trusted"}:
    raise SettingsError(f"STILLWATCH_KEY_METADATA is {_metadata!r}; it must be trusted, or not set.")

stillwatch = StillwatchHook(
    _client,
    account_of=payer if _metadata else owner,
    fingerprinter=Fingerprinter(_key.encode()) if _key else None,
    appeal_url=os.environ.get("STILLWATCH_APPEAL_URL") or None,
    fail=_client.fail,
    faults=_client.faults,
)
"""What LiteLLM's configuration names."""
