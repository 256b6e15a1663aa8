"""Symbols as they are typed: the same forms that the web understands."""

import typer


def symbol_from(text: str | None) -> str | None:
    if text is None:
        return None
    # Beside what a web process needs, which no other process should wait for at its start.
    from ml_service.web.wire import symbol_of

    try:
        return symbol_of(text)
    except ValueError as error:
        raise typer.BadParameter(f"symbol: {error}") from None
