"""Student's t, compared with scipy."""

import pytest

from ml_service.domain.statistics.student import student_quantile
from tests.domain.performance.vectors import VECTORS


@pytest.mark.parametrize("known", VECTORS["student"], ids=lambda known: str(known["df"]))
def test_the_quantile_is_the_one_scipy_gives(known: dict[str, float]) -> None:
    assert student_quantile(int(known["df"])) == pytest.approx(known["quantile"], rel=2e-8)
