"""Explain one decision: what each feature did to the forecast, by asking the models again without it."""

from dataclasses import dataclass, field

import numpy as np

from ml_service.domain.gate import SIDES
from ml_service.domain.market.row_windows import Window
from ml_service.domain.models.calibration import log_odds
from ml_service.domain.models.model_document import verify_model
from ml_service.domain.models.sets import ModelSet
from ml_service.domain.models.signing import SigningKey
from ml_service.domain.models.telling_again import from_figures
from ml_service.domain.models.verification import signed_models
from ml_service.domain.types import Decision, Forecast, MemberFigure, ModelStatus
from ml_service.errors import ModelRefused, NotFound
from ml_service.features.schema import SCHEMA
from ml_service.ports import Market, Shelf, ShelvedGraphs, Store


@dataclass(frozen=True, slots=True)
class Effect:
    """Of a feature: the forecast as it was, less the one that the models make when they are not told it."""

    feature: str
    value: float | None
    probability: float | None
    """None where they make no forecast without it."""
    log_odds: float | None
    members: tuple[float | None, ...]
    """On the log odds of each member, towards the signal's side; None where it says nothing."""


@dataclass(frozen=True, slots=True)
class Explanation:
    decision: Decision
    forecast: Forecast
    """As the models make it now."""
    effects: tuple[Effect, ...]
    """The greatest first."""


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What it takes to ask the models of a decision once more."""

    decision: Decision
    forecast: Forecast
    """As it was recorded."""
    models: ModelSet
    window: Window


@dataclass(frozen=True, slots=True)
class NativeMember:
    """One that spoke, with the file it was trained into."""

    figure: MemberFigure
    native: bytes = field(repr=False)


def explain(
    user_id: str, decision_id: str, *, store: Store, market: Market, graphs: ShelvedGraphs, key: SigningKey
) -> Explanation:
    asked = asked_of(user_id, decision_id, store=store, market=market, key=key)
    decision, recorded, models, window = asked.decision, asked.forecast, asked.models, asked.window
    figures = graphs.figures(models, [window, *(without(window, place) for place in range(window.shape[1]))])
    trade = decision.signal.action
    assert trade in SIDES
    whole, *others = [from_figures(models, recorded, trade, one) for one in figures]
    if not isinstance(whole, Forecast):
        raise NotFound(f"the models make no forecast of that row any more: {whole}")
    effects = [
        effect_of(name, float(value), whole, other)
        for name, value, other in zip(SCHEMA.names, window[-1], others, strict=True)
    ]
    return Explanation(decision, whole, tuple(sorted(effects, key=size, reverse=True)))


def asked_of(user_id: str, decision_id: str, *, store: Store, market: Market, key: SigningKey) -> Asked:
    """`NotFound` with what is missing; `ModelRefused` where the set is not what was signed."""
    with store.read() as reading:
        decision = reading.decision(user_id, decision_id)
        if decision is None:
            raise NotFound(f"no decision {decision_id!r} of this user")
        if decision.forecast is None:
            raise NotFound(f"no forecast in decision {decision_id!r}: {decision.model_status}")
        record = reading.model_set(decision.forecast.model_id)
    if record is None or record.archived_at_ms is not None:
        raise NotFound(f"the models of set {decision.forecast.model_id} are no longer kept")
    models = signed_models(record, key)
    return Asked(decision, decision.forecast, models, window_of(decision, models, market))


def native_members(asked: Asked, *, store: Store, shelf: Shelf, key: SigningKey) -> tuple[NativeMember, ...]:
    """In the order of the set. Each manifest is verified before its file is read, and the shelf checks the file."""
    with store.read() as reading:
        records = reading.models_of_set(asked.models.set_id)
    named = [(member.model_id, member.model_type, member.version) for member in asked.models.members]
    found = [(record.model_id, record.slot.model_type, record.version) for record in records]
    if named != found:
        raise ModelRefused(f"set {asked.models.set_id}: expected the members {named}, found {found}")
    members = []
    for figure, record in zip(asked.forecast.members, records, strict=True):
        verify_model(record, key)
        if record.native is None or record.archived_at_ms is not None:
            raise NotFound(f"the files of model {record.model_id} are no longer kept")
        members.append(NativeMember(figure, shelf.read(record.native.sha256)))
    return tuple(members)


def window_of(decision: Decision, models: ModelSet, market: Market) -> Window:
    used = decision.features
    row = market.feature_row(used.stream, used.opened_at_ms, used.set_id) if used is not None else None
    if row is None or row.schema_hash != SCHEMA.hash:
        raise NotFound(f"the feature row of decision {decision.decision_id!r} is no longer kept")
    return market.window(row, models.rows_back)


def without(window: Window, place: int) -> Window:
    """Missing in every row that the models look at."""
    less = window.copy()
    less[:, place] = np.nan
    return less


def effect_of(name: str, value: float, whole: Forecast, other: Forecast | ModelStatus) -> Effect:
    told = value if np.isfinite(value) else None
    if not isinstance(other, Forecast):
        return Effect(name, told, None, None, (None,) * len(whole.members))
    return Effect(
        feature=name,
        value=told,
        probability=whole.probability - other.probability,
        log_odds=log_odds(whole.probability) - log_odds(other.probability),
        members=tuple(
            log_odds(one.probability) - log_odds(less.probability)
            if one.probability is not None and less.probability is not None
            else None
            for one, less in zip(whole.members, other.members, strict=True)
        ),
    )


def size(effect: Effect) -> float:
    return abs(effect.log_odds) if effect.log_odds is not None else 0.0
