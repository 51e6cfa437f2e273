"""`stillwatch schema`: write what is published about the contract, or check that it is what the code says."""

from pathlib import Path

import click

from agents.schema import documents


@click.command(short_help="Write or check the published schemas.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("deploy"),
    show_default=True,
    help="The folder that holds asyncapi.json and schema/.",
)
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if a file is not what the code says.")
def schema(out: Path, *, check: bool) -> None:
    """Write the JSON Schemas and the AsyncAPI document of what goes in and comes out."""
    if not check:
        _write(out)
        return
    drifted = _drifted(out)
    for path, what in drifted.items():
        click.echo(f"{path} {what}: run `stillwatch schema` and commit what it writes.", err=True)
    if drifted:
        raise click.exceptions.Exit(1)
    click.echo(f"{out}: the published schemas are what the code says.")


def _write(out: Path) -> None:
    for name, document in documents().items():
        path = out / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(document)
        except OSError as error:
            click.echo(f"{path}: cannot be written: {error.strerror}.", err=True)
            raise click.exceptions.Exit(2) from error
        click.echo(f"{path}: written")


def _drifted(out: Path) -> dict[Path, str]:
    """Return the files that are not what the code says, each with what is wrong with it."""
    wanted = {out / name: document for name, document in documents().items()}
    found = {path: path.read_bytes() for path in wanted if path.is_file()}
    wrong = {path: "is missing" for path in wanted if path not in found}
    wrong |= {path: "differs from the code" for path in found if found[path] != wanted[path]}
    wrong |= {path: "belongs to no struct" for path in (out / "schema").glob("*.json") if path not in wanted}
    return dict(sorted(wrong.items()))
