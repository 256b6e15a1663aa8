"""What is known of a set's worth before it serves: what its training found, in sentences for whoever promotes it."""

from collections.abc import Iterator

from ml_service.domain.models.calibration import Calibration
from ml_service.domain.models.record import SetRecord
from ml_service.domain.models.set_document import provenance_of

REWEIGHED = "reweighed"
"""Where a set that was reweighed tells how."""
EVENS = 0.5


def evidence_of(record: SetRecord) -> tuple[str, ...]:
    """Never empty. `ModelRefused` where the document cannot be read."""
    return tuple(found_in(record))


def found_in(record: SetRecord) -> Iterator[str]:
    models, provenance = record.opened().models, provenance_of(record.signed)
    if (verdict := provenance.get("verdict")) is not None:
        yield str(verdict)
    elif (reweighed := provenance.get(REWEIGHED)) is not None:
        yield f"Reweighed from set {reweighed['from']}: the training of that one told what its models are worth."
    else:
        yield "No test has told what it is worth."
    yield from (f"Suspicious: {doubt}." for doubt in provenance.get("suspicions", ()))
    yield from constant_sides(models.rises, models.falls)


def constant_sides(rises: Calibration, falls: Calibration) -> Iterator[str]:
    """A slope of 0 says the same of every row."""
    for trade, line in (("purchase", rises), ("sale", falls)):
        if line.slope == 0.0:
            yield f"Later rows did not bear the models out: the chance that a {trade} pays is always {line(EVENS):.3f}."
