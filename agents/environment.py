"""How one variable of the environment is read; a mistake is one sentence that names it and never repeats a secret."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

Environment = Mapping[str, str]

LARGEST_NUMBER: Final = 65_535
YES: Final = frozenset({"true", "yes", "1"})
NO: Final = frozenset({"false", "no", "0"})


class SettingsError(Exception):
    """A setting is missing or unusable; one sentence with the way out."""


def words(environment: Environment, name: str) -> str | None:
    """What a variable says; None if it is not set, or empty."""
    return environment.get(name, "").strip() or None


def required(environment: Environment, name: str) -> str:
    """What a variable says. Raises SettingsError without it."""
    value = words(environment, name)
    if value is None:
        raise SettingsError(
            f"{name} is not set: `stillwatch dev up` starts a server of your own and prints the line to set it."
        )
    return value


def number(environment: Environment, name: str, default: float, *, least: int = 0) -> float:
    """A number from `least` on. Raises SettingsError for another."""
    text = environment.get(name)
    if text is None:
        return default
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not least <= found <= LARGEST_NUMBER:
        raise SettingsError(f"{name} is {text!r}; it must be a number from {least} to {LARGEST_NUMBER}.")
    return found


def path(environment: Environment, name: str) -> Path | None:
    """A file or folder, whether it is there or not."""
    value = words(environment, name)
    return None if value is None else Path(value)


def is_true(environment: Environment, name: str) -> bool:
    """Yes, also where nothing is said, or no. Raises SettingsError for anything else."""
    value = words(environment, name)
    if value is None:
        return True
    if value.lower() not in YES | NO:
        raise SettingsError(f"{name} is {value!r}; it must be true or false.")
    return value.lower() in YES


def secret(environment: Environment, name: str) -> str | None:
    """What `name` says, or the file that `name`_FILE names, without the end of its line. Raises SettingsError."""
    file = path(environment, f"{name}_FILE")
    if file is None:
        return environment.get(name) or None
    if environment.get(name):
        raise SettingsError(f"{name} and {name}_FILE are both set: leave one out.")
    try:
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{name}_FILE names {file}, which cannot be read: {getattr(error, 'strerror', 'it is no text')}."
        ) from None
