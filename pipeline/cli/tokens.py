"""Letting programs in where people have to sign in: token."""

from typing import Annotated

import typer

from pipeline.cli.options import JsonFlag
from pipeline.cli.terminal import print_rows, say
from pipeline.settings import load_settings
from pipeline.storage.opening import open_storage

app = typer.Typer(
    help="Tokens by which programs may read the library over the API, where people sign in.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(help="What it is called, for people.", show_default=False)]


@app.command()
def create(name: Name) -> None:
    """Make a token and print it; it is kept nowhere, and not shown again."""
    from pipeline.library import tokens

    typer.echo(tokens.create(open_storage(load_settings()), name))
    say("Send it with each request: Authorization: Bearer TOKEN. It is not shown again.")


@app.command("list")
def list_(as_json: JsonFlag = False) -> None:
    """List the tokens by their names, and since when there are."""
    from pipeline.library import tokens

    found = tokens.listed(open_storage(load_settings()))
    rows = [{"name": token.name, "created_at": token.created_at} for token in found]
    print_rows(rows, as_json=as_json, empty="No tokens: `albumscope token create NAME` makes one")


@app.command()
def revoke(name: Name) -> None:
    """Let nobody in by a token any more."""
    from pipeline.library import tokens

    tokens.revoke(open_storage(load_settings()), name)
    say("Revoked.")
