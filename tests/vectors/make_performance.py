"""Writes performance.json: what empyrical, quantstats and scipy answer about the same daily returns.

    python3.11 -m venv /tmp/oracle
    /tmp/oracle/bin/pip install empyrical-reloaded==0.7.1 quantstats==0.0.86 pandas==3.1.1 numpy==2.4.6 scipy==1.17.1
    /tmp/oracle/bin/python tests/vectors/make_performance.py

They bring some thirty packages, so they stay out of the locks, and their answers are kept instead.
"""

import json
import math
import warnings
from pathlib import Path
from typing import Any

import empyrical
import numpy as np
import pandas as pd
import quantstats.stats as quantstats
import scipy
from scipy import stats

YEAR_DAYS = 365
PACKAGES = ("empyrical-reloaded", "quantstats", "pandas", "numpy", "scipy")


def main() -> None:
    from importlib.metadata import version

    warnings.simplefilter("ignore")
    assert scipy.__version__ == version("scipy")
    vectors = {
        "made_with": {name: version(name) for name in PACKAGES},
        "periods_per_year": YEAR_DAYS,
        "series": [answers(name, values) for name, values in series().items()],
        "wilson": [wilson(wins, count) for wins, count in [(0, 5), (1, 1), (7, 10), (55, 100), (999, 1000)]],
        "student": [student(df) for df in (1, 2, 3, 4, 5, 8, 15, 29, 30, 31, 60, 120, 1000, 100_000)],
    }
    path = Path(__file__).with_name("performance.json")
    path.write_text(json.dumps(vectors, indent=1, allow_nan=False) + "\n")


def series() -> dict[str, list[float]]:
    """Fractions a day: made by hand first, then drawn."""
    draw = np.random.default_rng(20260131)
    sparse = draw.normal(0.002, 0.02, 200)
    sparse[draw.random(200) < 0.4] = 0.0
    drawn = {
        "normal": draw.normal(0.001, 0.01, 400),
        "losing": draw.normal(-0.002, 0.03, 250),
        "fat tails": 0.01 * draw.standard_t(3, 730),
        "skewed": draw.exponential(0.01, 300) - 0.009,
        "many days without a trade": sparse,
    }
    return {
        "up, down, up": [0.01, -0.02, 0.03],
        "fall at once, then recover": [-0.1, 0.05, 0.02, 0.06, -0.01],
        "two drawdowns, the first deeper": [0.1, -0.2, 0.3, -0.05, 0.01, 0.01],
        "never recovers": [0.05, -0.01, -0.02, 0.01, -0.03],
        "only gains": [0.01, 0.02, 0.005],
        "only losses": [-0.01, -0.02, -0.005],
        **{name: [round(float(value), 10) for value in values] for name, values in drawn.items()},
    }


def answers(name: str, values: list[float]) -> dict[str, Any]:
    returns = pd.Series(values, index=pd.date_range("2026-01-01", periods=len(values), freq="D"))
    middle = stats.t.interval(0.95, len(values) - 1, loc=np.mean(values), scale=stats.sem(values))
    of_empyrical = {
        "total_return": empyrical.cum_returns_final(returns),
        "annual_return": empyrical.annual_return(returns, annualization=YEAR_DAYS),
        "volatility": empyrical.annual_volatility(returns, annualization=YEAR_DAYS),
        "sharpe_ratio": empyrical.sharpe_ratio(returns, annualization=YEAR_DAYS),
        "sortino_ratio": empyrical.sortino_ratio(returns, annualization=YEAR_DAYS),
        "calmar_ratio": empyrical.calmar_ratio(returns, annualization=YEAR_DAYS),
        "max_drawdown": empyrical.max_drawdown(returns),
    }
    of_quantstats = {
        "total_return": quantstats.comp(returns),
        "annual_return": quantstats.cagr(returns, periods=YEAR_DAYS),
        "volatility": quantstats.volatility(returns, periods=YEAR_DAYS),
        "sharpe_ratio": quantstats.sharpe(returns, periods=YEAR_DAYS),
        "sortino_ratio": quantstats.sortino(returns, periods=YEAR_DAYS),
        "calmar_ratio": calmar(returns),
        "max_drawdown": quantstats.max_drawdown(returns),
        "sharpe_probability": quantstats.probabilistic_sharpe_ratio(returns),
        "profit_factor": quantstats.profit_factor(returns),
        "average_win": quantstats.avg_win(returns),
        "average_loss": quantstats.avg_loss(returns),
        "wins_max": quantstats.consecutive_wins(returns),
        "losses_max": quantstats.consecutive_losses(returns),
        **drawdown(returns),
    }
    of_scipy = {
        "mean_low": middle[0],
        "mean_high": middle[1],
    }
    return {
        "name": name,
        "returns": values,
        "empyrical": {key: known(value) for key, value in of_empyrical.items()},
        "quantstats": {key: known(value) for key, value in of_quantstats.items()},
        "scipy": {key: known(value) for key, value in of_scipy.items()},
    }


def calmar(returns: "pd.Series[float]") -> float:
    try:
        return float(quantstats.calmar(returns, periods=YEAR_DAYS))
    except ZeroDivisionError:  # without a drawdown
        return math.nan


def drawdown(returns: "pd.Series[float]") -> dict[str, float]:
    """Days under water of the deepest drawdown, and of the longest."""
    details = quantstats.drawdown_details(quantstats.to_drawdown_series(returns))
    if details.empty:
        return {"drawdown_days": 0, "drawdown_days_max": 0}
    deepest = details.loc[details["max drawdown"].idxmin()]
    return {"drawdown_days": deepest["days"], "drawdown_days_max": details["days"].max()}


def wilson(wins: int, count: int) -> dict[str, float]:
    interval = stats.binomtest(wins, count).proportion_ci(0.95, method="wilson")
    return {"wins": wins, "count": count, "low": float(interval.low), "high": float(interval.high)}


def student(df: int) -> dict[str, float]:
    return {"df": df, "quantile": float(stats.t.ppf(0.975, df))}


def known(value: Any) -> float | None:
    return float(value) if math.isfinite(value) else None


if __name__ == "__main__":
    main()
