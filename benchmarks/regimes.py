"""What the regimes are worth on real candles: how they share the time, how they flicker, what comes after them.

    python -m benchmarks.regimes [FOLDER]

FOLDER, or `klines_open` in the folder that ML_SERVICE_TEST_DATA names, holds parquet files with the columns ts
(milliseconds, the opening), open, high, low, close and volume. The limits and the confidence were set on the first
half of each of nineteen files; what is said of returns and of confidence is from the second halves. Files that
overlap in time are not independent of each other: this is one market's history, in several views.
"""

import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.measuring import table
from ml_service.domain.market.candles import Candles, candles_of, joined
from ml_service.domain.market.regime_batch import regimes_of
from ml_service.domain.market.regime_report import RegimeFigures, RegimeReport, regime_report
from ml_service.domain.market.regime_stream import regime_stream
from ml_service.domain.market.regimes import REGIMES, UNKNOWN, RegimePolicy, Regimes
from ml_service.domain.statistics.estimate import Estimate

COLUMNS = ("open", "high", "low", "close", "volume")
POLICY = RegimePolicy()
BEGINNINGS = 100
"""So many classifiers begin anew in each file …"""
FOLLOWED_BARS = 400
"""… and are compared with the one that saw everything for so many bars."""


def main(folder: Path) -> None:
    files = {path.stem: candles for path in sorted(folder.glob("*.parquet")) if (candles := read(path)) is not None}
    if not files:
        sys.exit(f"no candles in {folder}")
    reports = {name: regime_report(candles, regimes_of(candles)) for name, candles in files.items()}
    later = {name: second_half(candles) for name, candles in files.items()}
    print("\n## Speed\n", speed(max(files.values(), key=len)), sep="\n")
    print("\n## Shares and stays\n", shares(reports), sep="\n")
    print("\n## Flicker\n", flicker(files, reports), sep="\n")
    print("\n## Transitions, mean over the files\n", transitions(reports), sep="\n")
    print("\n## Returns meanwhile, second halves\n", meanwhile(later), sep="\n")
    print("\n## The next 12 bars, over those of other regimes, second halves\n", next_bars(later), sep="\n")
    print("\n## Confidence, second halves\n", confidence(later), sep="\n")
    print("\n## Beginning anew from stored candles\n", beginnings(files), sep="\n")


def read(path: Path) -> Candles | None:
    from pyarrow import parquet

    columns = parquet.read_table(path)
    if not {"ts", *COLUMNS} <= set(columns.column_names):
        return None
    return candles_of(columns["ts"].to_numpy(), *(columns[name].to_numpy() for name in COLUMNS))


def second_half(candles: Candles) -> RegimeReport:
    """Regimes are told from everything before, as they would have been at the time."""
    half = slice(len(candles) // 2, None)
    whole = regimes_of(candles)
    columns = ("opened_at_ms", "code", "confidence", "efficiency", "activity", "spread")
    return regime_report(candles[half], Regimes(*(getattr(whole, name)[half] for name in columns)))


def speed(candles: Candles) -> str:
    many = joined([candles] * (1_000_000 // len(candles) + 1))
    batch = min(seconds(lambda: regimes_of(many)) for _ in range(3))
    rows = list(candles[:50_000].rows())

    def streamed() -> None:
        step = regime_stream()
        for row in rows:
            step(row)

    stream = min(seconds(streamed) for _ in range(3))
    return table(
        ("form", "measured"),
        [
            ("batch", f"{len(many) / batch / 1e6:.1f} M bars/s"),
            ("streaming", f"{stream / len(rows) * 1e6:.1f} µs a bar"),
        ],
    )


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def shares(reports: dict[str, RegimeReport]) -> str:
    rows = [[name, str(found.bars), *(share(one) for one in found.figures)] for name, found in reports.items()]
    every = np.array([[one.share for one in found.figures] for found in reports.values()])
    ends = [f"{low:.1%} to {high:.1%}" for low, high in zip(every.min(axis=0), every.max(axis=0), strict=True)]
    head = ("file", "bars", *(f"{regime}: share, mean and median stay, short" for regime in REGIMES))
    return table(head, [*rows, ["least to most", "", *ends]])


def share(one: RegimeFigures) -> str:
    stays = one.stays
    if stays.bars_mean is None or stays.bars_median is None or stays.short is None:
        return "never"
    return f"{one.share:.1%}, {stays.bars_mean:.0f} and {stays.bars_median:.0f}, {stays.short:.1%}"


def flicker(files: dict[str, Candles], reports: dict[str, RegimeReport]) -> str:
    rows = []
    for name, found in reports.items():
        without = regime_report(files[name], regimes_of(files[name], replace(POLICY, margin=0.0)))
        rows.append([name, *flickers(found), *flickers(without)])
    return table(("file", "switches per 100 bars", "stays under 3 bars", "… without the margin", "…"), rows)


def flickers(found: RegimeReport) -> tuple[str, str]:
    return f"{found.switches_per_100:.1f}", "–" if found.stays.short is None else f"{found.stays.short:.1%}"


def transitions(reports: dict[str, RegimeReport]) -> str:
    mean = np.mean([found.transitions for found in reports.values()], axis=0)
    rows = [[regime, *(f"{one:.0%}" for one in row)] for regime, row in zip(REGIMES, mean, strict=True)]
    return table(("from, to", *REGIMES), rows)


def meanwhile(later: dict[str, RegimeReport]) -> str:
    rows = []
    for name, found in later.items():
        for one in found.figures:
            inside = one.inside
            shape = (inside.mean, inside.deviation, inside.skew, inside.kurtosis, inside.autocorrelation)
            scales = (1e4, 1e4, 1.0, 1.0, 1.0)
            rows.append([name, one.regime, *(ranged(a, scale) for a, scale in zip(shape, scales, strict=True))])
    return table(("file", "regime", "mean, bp", "deviation, bp", "skew", "excess kurtosis", "autocorrelation"), rows)


def next_bars(later: dict[str, RegimeReport]) -> str:
    """How much is to come, and whether a move goes on; 1 is what the other regimes have."""
    rows = [
        [
            name,
            *(ranged(ratio) for one in found.figures for ratio in (one.ahead.size_ratio, one.ahead.efficiency_ratio)),
        ]
        for name, found in later.items()
    ]
    ratios = [
        [ratio for one in found.figures for ratio in (one.ahead.size_ratio, one.ahead.efficiency_ratio)]
        for found in later.values()
    ]
    head = [f"{regime}: {what}" for regime in REGIMES for what in ("size", "efficiency")]
    return table(
        ("file", *head), [*rows, ["above 1, below 1", *(sides(column) for column in zip(*ratios, strict=True))]]
    )


def sides(ratios: Sequence[Estimate | None]) -> str:
    """In how many files the whole interval lies above or below 1."""
    told = [one for one in ratios if one is not None and one.low is not None and one.high is not None]
    above = sum(one.low > 1.0 for one in told if one.low is not None)
    below = sum(one.high < 1.0 for one in told if one.high is not None)
    return f"{above}, {below} of {len(told)}"


def ranged(estimate: Estimate | None, scale: float = 1.0) -> str:
    if estimate is None:
        return "–"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value * scale:.2f}"
    return f"{estimate.value * scale:.2f} ({estimate.low * scale:.2f} to {estimate.high * scale:.2f})"


def confidence(later: dict[str, RegimeReport]) -> str:
    spans = sorted({(kept.low, kept.high) for found in later.values() for kept in found.confidence})
    rows = []
    for low, high in spans:
        here = [kept for found in later.values() for kept in found.confidence if kept.low == low]
        bars = sum(kept.bars for kept in here)
        promised = sum(kept.promised * kept.bars for kept in here) / bars
        came_true = sum(kept.kept * kept.bars for kept in here) / bars
        worst = max(abs(kept.promised - kept.kept) for kept in here if kept.bars >= 200)
        rows.append([f"{low:g} to {high:g}", str(bars), f"{promised:.3f}", f"{came_true:.3f}", f"{worst:.3f}"])
    return table(("confidence", "bars", "promised", "came true", "furthest off in one file"), rows)


def beginnings(files: dict[str, Candles]) -> str:
    rows = []
    for name, candles in files.items():
        whole = regimes_of(candles).code
        length = POLICY.bars_to_rebuild + FOLLOWED_BARS
        compared = agreed = 0
        waited = []
        for begin in np.linspace(0, len(candles) - length, BEGINNINGS).astype(int).tolist():
            late = regimes_of(candles[begin : begin + length]).code
            waited.append(int(np.argmax(late != UNKNOWN)) - POLICY.warm_up)
            last = slice(POLICY.bars_to_rebuild - 1, None)
            agreed += int(np.count_nonzero(late[last] == whole[begin : begin + length][last]))
            compared += late[last].size
        wait = f"{np.median(waited):.0f}, {max(waited)}"
        rows.append([name, str(compared), f"{agreed / compared:.4%}", wait])
    return table(("file", "bars compared", "told the same", "bars until told after the warm-up: median, most"), rows)


if __name__ == "__main__":
    given = sys.argv[1:] or [os.path.join(os.environ.get("ML_SERVICE_TEST_DATA", ""), "klines_open")]
    main(Path(given[0]))
