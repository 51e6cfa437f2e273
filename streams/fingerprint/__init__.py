"""The edge fingerprint: from a request record with text to a request event without.

A record never leaves the gateway. What leaves it is an event: who, when, how much, and of the text only

- `template_hash`: which template the last thing the user asked was made from (`masking`), as a keyed hash (`keys`).
  Two requests that differ in their numbers, quotations, files, addresses, code or in the text that an instruction
  is applied to have the same one. None where the template has fewer than three words;
- `sketch`: which words it had, in 32 characters that compare with `sketch.similarity` and survive rewording;
- `capability` and `capability_strength`: what was asked of the model (`capability`);
- counts of characters (of text in messages), messages, images and tools offered.

Addresses, networks (/24 and /48) and user agents leave as keyed hashes too. All hashes of one deployment share one
secret key of at least 16 bytes: without it nobody can look a prompt or an address up, with it equal things stay
equal. Changing the key makes everything look new, so it changes only when it has leaked.

What it cannot see: the slot of a template when it is plain words in the middle of a sentence ("write about tea"), a
template that puts its variable part first, or where an instruction of few words ends if a text of several lines begins
on its line ("Translate this: ..."). The sketch sees part of these. At most 4,608 characters of a text are read, so
that the time a request takes does not depend on who wrote it.
"""

from streams.fingerprint.edge import Asked, Fingerprinter

__all__ = ["Asked", "Fingerprinter"]
