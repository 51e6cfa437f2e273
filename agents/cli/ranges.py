"""Numbers of options that must be numbers: `nan` compares false with any bound, so click's ranges let it through."""

import math

import click


class FiniteRange(click.FloatRange):
    """As click's, but neither `nan` nor an infinity is in any range."""

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number; fails as click's do."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number
