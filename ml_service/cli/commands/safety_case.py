"""`safety-case`: every promise, and whether it is kept."""

import sys
from typing import Annotated

import typer


def safety_case(
    long: Annotated[bool, typer.Option("--long", help="Include the long proofs.")] = False,
) -> None:
    """Run the safety tests; print each promise, its tests and how they came out."""
    from ml_service.cli.safety_case import report

    sys.exit(report(with_long=long))
