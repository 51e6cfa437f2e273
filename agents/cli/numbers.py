"""A number that a person gives."""

from typing import Any

import click


class NumberRange(click.FloatRange):
    """A number within bounds. It is no `nan`, which click finds within all bounds."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401
        """The number. Raises BadParameter."""
        number = super().convert(value, param, ctx)
        if number != number:  # noqa: PLR0124  of all numbers only nan is not itself
            self.fail(f"{value} is not a number.", param, ctx)
        return number
