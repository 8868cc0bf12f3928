"""`ner push`."""

from typing import Annotated

import typer

from ner.cli.options import ModelArgument, split_columns
from ner.cli.printing import print_line


def push(
    model: ModelArgument,
    repository: Annotated[
        str,
        typer.Argument(
            metavar="REPOSITORY",
            help="Name on the Hugging Face hub, such as org/name. It is created if it is not "
            "there.",
        ),
    ],
    revision: Annotated[
        str | None, typer.Option(help="Branch to upload to. By default, it is main.")
    ] = None,
    private: Annotated[
        bool, typer.Option("--private", help="Make a new repository private.")
    ] = False,
    license_: Annotated[
        str | None,
        typer.Option("--license", help="Licence of the model for its card, such as mit."),
    ] = None,
    language: Annotated[
        str | None,
        typer.Option(
            help="Languages of the texts for the card, as ISO 639 codes. By default, the language "
            "of the model."
        ),
    ] = None,
    tags: Annotated[
        str | None, typer.Option(help="Further tags for the card, such as news,german.")
    ] = None,
    message: Annotated[
        str | None, typer.Option(help="Message of the upload, which says what is new.")
    ] = None,
) -> None:
    """Upload a model to the Hugging Face hub, with its scores in the card."""
    from ner.hub import CardFacts, push_model

    facts = CardFacts(license_, split_columns(language) or (), split_columns(tags) or ())
    address = push_model(
        model, repository, revision=revision, private=private, facts=facts, message=message
    )
    print_line(address)
