"""What a set is worth: nothing where it says the base rate, whatever is left of that by smoothing or by rounding."""

from dataclasses import replace

from ml_service.domain.statistics.estimate import Estimate
from ml_service.learning.evaluation import Evaluation, evaluated
from ml_service.learning.members import KeepNothing
from ml_service.learning.training import fit_all, spans_of, unheard
from ml_service.learning.walk import Stretch, Walk, side_rule, walk
from tests.learning.planted import LineTrainer, dataset, plan


def walked() -> Walk:
    known, of = dataset(1_500), plan(folds=3)
    spans = spans_of(known, of)
    fits, _ = fit_all(known, known.hash, spans, of, {"line": LineTrainer()}, KeepNothing(), unheard)
    return walk(known, spans, fits, 1)


def unheeded(stretch: Stretch, before: Stretch) -> Stretch:
    """As if rows before had shown its figures to be the wrong way round: they get no say."""
    rises = side_rule(1.0 - before.combined, before.rows.bought, "purchase")
    falls = side_rule(before.combined, before.rows.sold, "sale")
    return replace(stretch, mixture=replace(stretch.mixture, rises=rises, falls=falls))


def found(walk: Walk) -> Evaluation:
    return evaluated(walk, ("line",), 0)


def test_a_set_that_says_the_base_rate_gains_nothing_on_it() -> None:
    whole = walked()
    first, *others = whole.stretches
    constant = replace(whole, stretches=tuple(unheeded(one, first) for one in others))

    told = found(constant)

    assert {one.mixture.rises.line.slope for one in constant.stretches} == {0.0}
    assert told.gain.value is not None
    assert abs(told.gain.value) < 1e-12
    assert all(abs(side.worth.gain.value or 0.0) < 1e-12 for side in told.sides)
    assert told.verdict.startswith("No evidence of skill")


def test_what_rounding_comes_to_is_no_skill() -> None:
    told = found(walked())
    by_rounding = Estimate(2e-16, 1e-16, 3e-16)

    assert told.has_skill
    assert told.members["line"].has_skill
    assert not replace(told, gain=by_rounding).has_skill
    assert not replace(told.members["line"], gain=by_rounding).has_skill
