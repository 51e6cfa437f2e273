"""Whether decisions can be signed and checked with the keys that are set."""

from agents.doctor.found import Found, ill, well
from agents.settings import SIGNING_VARIABLE, VERIFY_VARIABLE, Settings, SettingsError
from agents.signing import Signer, Verifier


def look_at_keys(settings: Settings) -> list[Found]:
    """What is to be said of the keys that decisions are signed with and checked with.

    To sign nothing is a choice, and so is to check nothing where nothing is signed; a key that cannot be used, or that
    this machine's own gateway would not take, is a mistake.
    """
    try:
        signer = None if settings.signing_key is None else Signer(settings.signing_key)
        verifier = Verifier(settings.verify_keys)
    except SettingsError as error:
        return [ill(str(error))]
    if signer is None:
        found = [well(f"Decisions leave unsigned: {SIGNING_VARIABLE} is not set.")]
    else:
        found = [well(f"Decisions are signed with the key {signer.key_id}.")]
    found.append(well(verifier.sentence))
    if signer is not None and verifier.key_ids and signer.key_id not in verifier.key_ids:
        found.append(ill(f"The key that signs is not among those in {VERIFY_VARIABLE}: no decision would be taken."))
    return found
