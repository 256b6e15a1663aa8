"""Contributions to one decision: what each feature added to each member's figure, as a document and as lines."""

from collections.abc import Iterator, Mapping
from math import isnan
from typing import Any

from ml_service.cli.wiring import open_market, open_models
from ml_service.learning.contributions import contributions_of
from ml_service.learning.trainers import trainer
from ml_service.settings import Settings
from ml_service.usecases.explain import Asked, NativeMember, asked_of, native_members

METHOD = (
    "In log odds towards the signal's side, of each model's own figure before weights and calibration: what stood"
    " before any feature, and what each of them added. Trees by TreeSHAP, the linear model by coefficients times"
    " standardised values."
)
LINES_MAX = 8
"""The rest of the features stands in one line."""


def contributions(user_id: str, decision_id: str, settings: Settings) -> dict[str, Any]:
    with open_models(settings) as tools, open_market(settings) as market:
        asked = asked_of(user_id, decision_id, store=tools.store, market=market, key=tools.signing_key)
        members = native_members(asked, store=tools.store, shelf=tools.shelf, key=tools.signing_key)
    signal = asked.decision.signal
    return {
        "user_id": user_id,
        "decision_id": decision_id,
        "symbol": signal.symbol,
        "action": signal.action,
        "set_id": asked.models.set_id,
        "probability": asked.forecast.probability,
        "method": METHOD,
        "members": [member_document(member, asked) for member in members],
    }


def member_document(member: NativeMember, asked: Asked) -> dict[str, Any]:
    figure, values = member.figure, asked.window[-1].tolist()
    told = contributions_of(trainer(figure.model_type).opened(member.native), asked.window)
    sign = 1.0 if asked.decision.signal.action == "BUY" else -1.0
    document: dict[str, Any] = {
        "type": figure.model_type,
        "version": figure.version,
        "weight": figure.weight,
        "probability": figure.probability,
        "log_odds": sign * told.log_odds,
    }
    if told.added is None or told.before is None:
        return {**document, "before": None, "contributions": None}
    parts = [
        {"feature": name, "value": None if isnan(value) else value, "log_odds": sign * added + 0.0}
        for (name, added), value in zip(told.added.items(), values, strict=True)
    ]
    return {
        **document,
        "before": sign * told.before,
        "contributions": sorted(parts, key=lambda part: abs(part["log_odds"]), reverse=True),
    }


# ---- as lines


def lines(told: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"{told['action']} {told['symbol']}, decision {told['decision_id']}: chance {told['probability']:.3f} that it"
        f" pays, by set {told['set_id']}"
    )
    for member in told["members"]:
        figure = "no figure" if member["probability"] is None else f"chance {member['probability']:.3f}"
        yield (
            f"{member['type']} v{member['version']}, weight {member['weight']:.3f}: {figure},"
            f" log odds {member['log_odds']:+.3f}"
        )
        yield from part_lines(member)
    yield told["method"]


def part_lines(member: Mapping[str, Any]) -> Iterator[str]:
    if member["contributions"] is None:
        yield "    its library tells no contributions; GET …/explanation tells what it says without each feature"
        return
    yield f"    {'before any feature':24} {'':>12} {member['before']:+8.3f}"
    first, rest = member["contributions"][:LINES_MAX], member["contributions"][LINES_MAX:]
    for part in first:
        value = "missing" if part["value"] is None else f"{part['value']:.5g}"
        yield f"    {part['feature']:24} {value:>12} {part['log_odds']:+8.3f}"
    if rest:
        yield f"    {f'{len(rest)} others':24} {'':>12} {sum(part['log_odds'] for part in rest):+8.3f}"
