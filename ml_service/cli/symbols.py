"""Symbols as they are typed: the same forms that the web understands."""

import typer

from ml_service.web.wire import symbol_of


def symbol_from(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return symbol_of(text)
    except ValueError as error:
        raise typer.BadParameter(f"symbol: {error}") from None
