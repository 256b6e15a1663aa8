"""The page: honest about what is not known, and safe whatever names and reasons say."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from ml_service.cli.report.page import page, verdict
from ml_service.domain.learner import Adaptation, Learner
from ml_service.domain.outcomes import DAY_MS, StoredOutcome
from ml_service.domain.performance.performance import performance_of_trades
from ml_service.domain.report.arms import Arm, Compared
from ml_service.domain.report.report import Report
from ml_service.domain.report.steps import Line, Step
from ml_service.domain.statistics.estimate import Estimate
from tests.builders import NOW_MS, outcome

EVIL = "<script>alert('1')</script>\"&<!--"
MOVED = {"parameter": EVIL, "before": 0.5, "after": 0.6, "sentence": EVIL}


def arms(ahead: Estimate | None) -> Compared:
    decided = Arm("decided", 3, 0, 2.0, (1.0, 2.0), None)
    return Compared(
        20_000, decided, replace(decided, name="frozen", ahead=ahead), replace(decided, name="always"), None, 0
    )


def report(**fields: Any) -> Report:
    given: dict[str, Any] = {
        "user_id": "ada",
        "symbol": None,
        "since_ms": NOW_MS - 30 * DAY_MS,
        "until_ms": NOW_MS,
        "lines": {"rsi_threshold": (Line("*", (Step(NOW_MS - DAY_MS, 70.0, ""), Step(NOW_MS, 70.0, ""))),)},
        "scopes_left_out": 0,
        "adaptations": (),
        "compared": None,
        "signals_known": 0,
        "signals_unknown": 0,
        "performance": performance_of_trades([]),
        "score": None,
        "quarantined": (),
        "quarantined_count": 0,
        "learners": (),
        **fields,
    }
    return Report(**given)


FULL = report(
    user_id=EVIL,
    symbol=EVIL,
    lines={EVIL: (Line(EVIL, (Step(0, 1.0, ""), Step(DAY_MS, 2.0, EVIL), Step(2 * DAY_MS, 2.0, ""))),)},
    scopes_left_out=3,
    adaptations=(Adaptation("ada", EVIL, EVIL, NOW_MS, "moved", 1, 2, {"moved": [MOVED]}, 3),),
    compared=arms(Estimate(0.0, -1.0, 1.0)),
    quarantined=(StoredOutcome(outcome(EVIL, symbol=EVIL), NOW_MS, "none", None, EVIL),),
    quarantined_count=9,
    learners=(Learner("ada", EVIL, 1, None, NOW_MS, NOW_MS + DAY_MS, EVIL, {"verdict": EVIL, "reason": EVIL}),),
)


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        assert not {name for name, _ in attributes if name.startswith("on") or name in ("src", "href")}
        if tag not in ("meta",):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)


@pytest.mark.parametrize("given", [report(), FULL], ids=["empty", "full"])
def test_it_is_whole_and_needs_nothing_from_anywhere(given: Report) -> None:
    html = page(given)

    tags = Tags()
    tags.feed(html)
    assert tags.open == []
    assert tags.names.isdisjoint({"script", "img", "link", "iframe", "object", "form", "a"})
    assert re.findall(r"(?:https?:|url\(|@import)", html) == []
    assert "default-src 'none'" in html
    assert "prefers-color-scheme: dark" in html


def test_it_says_what_is_left_out_and_what_is_not_known() -> None:
    html = page(FULL)

    assert "3 further symbols" in html
    assert "and 8 more" in html
    assert "revision 3" in html
    assert "not known" in html
    assert "counts 0.05 R less" in html
    assert "Nothing was moved by learning" in page(report())


@pytest.mark.parametrize(
    ("ahead", "said"),
    [
        (None, "No evidence of benefit"),
        (Estimate(5.0), "No evidence of benefit"),
        (Estimate(5.0, -1.0, 11.0), "No evidence of benefit"),
        (Estimate(0.0, 0.0, 0.0), "No evidence of benefit"),
        (Estimate(5.0, 1.0, 9.0), "Evidence of benefit"),
        (Estimate(-5.0, -9.0, -1.0), "Evidence of harm"),
    ],
)
def test_it_claims_no_more_than_the_interval_says(ahead: Estimate | None, said: str) -> None:
    assert verdict(arms(ahead)).startswith(said)
    assert said in page(report(compared=arms(ahead)))


def test_without_a_known_result_there_is_no_evidence() -> None:
    assert "No evidence of benefit: no signal of the window has a known result." in page(report())
