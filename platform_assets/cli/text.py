"""``weir text``: read texts, and train what reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from platform_assets.core.errors import WeirError

if TYPE_CHECKING:
    from ml.text.reader import Models

text = typer.Typer(
    help="Texts: language, sentiment, names, money, dates, products, categories, summaries.",
    no_args_is_help=True,
    epilog='Examples:  weir text read "Der Zug nach Wien war spät."  |  '
    "weir text train --data labelled",
)


def register(app: typer.Typer) -> None:
    """Add the commands to ``weir``."""
    app.add_typer(text, name="text")


@text.command()
def read(
    texts: Annotated[list[str], typer.Argument(help="One or more texts.")],
    product: Annotated[
        list[str] | None, typer.Option(help="A product's name to look for; may be repeated.")
    ] = None,
    sector: Annotated[
        str, typer.Option(help="A sector's name or YAML file; empty: WEIR_TEXT_SECTOR.")
    ] = "",
    vector: Annotated[bool, typer.Option(help="The text's vector, too: 512 numbers.")] = False,
) -> None:
    """What a text says, a line of JSON each: weir text read "I flew to Oslo."."""
    from ml.text.classify import Classifier
    from ml.text.encoder import encode
    from ml.text.reader import read as read_all
    from ml.text.sector import load_sector
    from ml.text.study import study
    from platform_assets.core.settings import get_settings

    models, why = _models(product or [])
    classifier = Classifier.of(load_sector(sector or get_settings().text_sector))
    readings = read_all(texts, models)
    studies = study(texts, readings, classifier)
    vectors = encode(texts).tolist() if vector else []
    for place, (reading, studied) in enumerate(zip(readings, studies, strict=True)):
        found = reading.to_json() | studied.to_json()
        found["missing"] += why
        if vector:
            found["vector"] = [round(value, 5) for value in vectors[place]]
        typer.echo(json.dumps(found, ensure_ascii=False))


@text.command()
def train(
    data: Annotated[Path, typer.Option(help="Folder of labelled texts.")],
    reason: Annotated[str, typer.Option(help="Why; kept with the version.")] = "by hand",
) -> None:
    """Train on a folder of labelled texts: weir text train --data labelled.

    What it holds decides what is trained: <language>/train.csv and valid.csv with columns text and
    label give sentiment, <language>_<source>.iob2 persons, organisations and places.
    """
    from ml.text.train import corpora, train_and_publish
    from platform_assets.core.settings import get_settings

    for model, folder in corpora(data).items():
        typer.echo(f"{model}: training on {folder}")
        trained, version, alias = train_and_publish(
            get_settings(), model, folder, {"weir/reason": reason}
        )
        typer.echo(f"{model}: version {version.number} is {alias}; on {trained.left_out}:")
        for name, value in sorted(trained.metrics.items()):
            typer.echo(f"  {name:<24}  {value:.4f}")


def _models(products: list[str]) -> tuple[Models, list[str]]:
    """What is trained, and why something cannot be asked for; rules need no registry."""
    from ml.text.products import Catalogue
    from ml.text.published import load
    from ml.text.reader import Models
    from platform_assets.core.settings import get_settings

    try:
        return load(get_settings(), products), []
    except WeirError as error:
        return Models(products=Catalogue(products)), [str(error)]
