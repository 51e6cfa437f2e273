"""An evaluation as one HTML page that needs nothing beside it."""

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from agents.evaluation.summary import class_name, is_unlabelled, minutes
from streams.evaluation import Evaluation
from streams.evaluation.bars import MILLION


def page(found: Evaluation, images: Mapping[str, bytes], shortfalls: Sequence[str], subject: str) -> str:
    """The page about `subject`, with the images in it."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    filters: Mapping[str, Callable[..., str]] = {
        "percent": lambda share: f"{share:.1%}",
        "count": lambda number: f"{number:,}",
        "million": lambda share: f"{share * MILLION:,.0f}",
        "minutes": minutes,
        "class_name": class_name,
    }
    environment.filters |= filters
    return environment.get_template("page.html.j2").render(
        found=found,
        is_unlabelled=is_unlabelled(found),
        images={name: b64encode(image).decode() for name, image in images.items()},
        shortfalls=shortfalls,
        subject=subject,
    )
