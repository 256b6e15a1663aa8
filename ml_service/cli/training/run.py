"""One training: candles from the store, a plan from what was asked, fits that are kept meanwhile."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from ml_service.adapters.inference.graph import open_graph
from ml_service.cli.streams import chosen, read
from ml_service.cli.training.kept import KeptFits
from ml_service.cli.training.progress import Progress
from ml_service.cli.wiring import open_market, open_store
from ml_service.domain.market.candles import Stream
from ml_service.domain.market.intervals import interval_ms
from ml_service.domain.market.regimes import REGIMES, regime_named
from ml_service.domain.market.settlement import Costs
from ml_service.domain.models.slots import EVERY
from ml_service.errors import InvalidInput, Untrainable
from ml_service.learning.dataset import Dataset
from ml_service.learning.from_candles import from_candles
from ml_service.learning.from_decisions import Traded, from_decisions, traded
from ml_service.learning.labels import Label
from ml_service.learning.plan import Plan, Source
from ml_service.learning.trained import Training
from ml_service.learning.trainers import MODULES, trainer
from ml_service.learning.trainers.spec import Trainer
from ml_service.learning.training import train
from ml_service.ports import Market
from ml_service.settings import Settings

DAY_MS = 86_400_000
MINUTE_MS = 60_000
ALL = "all"
JOURNAL = "trials.journal"
NEEDED = ("sklearn", "xgboost", "lightgbm", "torch", "onnx", "skl2onnx", "optuna")


@dataclass(frozen=True, slots=True)
class Request:
    symbol: str
    models: tuple[str, ...]
    venue: str | None = None
    interval: str | None = None
    horizon: int | None = None
    kind: Literal["direction", "triple_barrier"] = "direction"
    barrier: float = 1.0
    days: float = 365.0
    regime: str | None = None
    folds: int = 5
    embargo: int | None = None
    seed: int = 0
    device: str = "auto"
    threads: int = 1
    source: Source = "candles"
    trials: int = 0


ShowProgress = Callable[[Sequence[str], int, str], AbstractContextManager[Progress]]


def unseen(plan: Plan) -> None:
    pass


def run(
    request: Request, settings: Settings, show: ShowProgress = Progress, begin: Callable[[Plan], None] = unseen
) -> Training:
    """`begin` is told what is to be trained, before it is."""
    plan, dataset, doubts = prepared(request, settings)
    begin(plan)
    dataset = in_regime(dataset, plan.regime)
    trainers = {name: trainer(name) for name in plan.models}
    folder = settings.data_dir / "training"
    kept = KeptFits(folder)
    kept.drop_old()
    if request.trials:
        plan = searched_for(dataset, plan, trainers, request.trials, folder, show)
    with show(plan.models, plan.folds + 1, "fold") as progress:
        return train(
            dataset,
            plan,
            trainers,
            open_graph=open_graph,
            keep=kept,
            told=progress.told,
            doubts=doubts,
        )


def searched_for(
    dataset: Dataset, plan: Plan, trainers: Mapping[str, Trainer], trials: int, folder: Path, show: ShowProgress
) -> Plan:
    from ml_service.cli.training.studies import KeptStudies
    from ml_service.learning.search import searched
    from ml_service.learning.training import checked

    checked(dataset, plan)
    with show(plan.models, trials, "trial") as progress:
        return searched(dataset, plan, trainers, trials, KeptStudies(folder / JOURNAL), progress.told)


def prepared(request: Request, settings: Settings) -> tuple[Plan, Dataset, list[str]]:
    """With what is suspicious of the features themselves."""
    with open_market(settings) as market:
        info = chosen(market, request.symbol, request.venue, request.interval)
        assert info.last_ms is not None
        since_ms = info.last_ms - int(request.days * DAY_MS)
        candles, _ = read(market, info.stream, since_ms, None)
        trades = trades_of(info.stream, since_ms, market, settings) if request.source == "decisions" else []
    plan = plan_of(request, info.stream, settings)
    made = from_candles(candles, plan.interval_ms, plan.label, plan.costs, since_ms)
    doubts = [f"{name} says something else of a bar once later ones are there" for name in made.changed_later]
    if request.source == "decisions":
        return plan, from_decisions(candles, plan.interval_ms, trades), doubts
    return plan, made.dataset, doubts


def trades_of(stream: Stream, since_ms: int, market: Market, settings: Settings) -> list[Traded]:
    with open_store(settings) as tools, tools.store.read() as reading:
        return list(traded(stream, reading=reading, market=market, since_ms=since_ms))


def plan_of(request: Request, stream: Stream, settings: Settings) -> Plan:
    length_ms = interval_ms(stream.interval)
    horizon = request.horizon or max(1, round(settings.settlement.horizon_minutes * MINUTE_MS / length_ms))
    return Plan(
        stream=stream,
        models=request.models,
        label=Label(horizon, request.kind, request.barrier),
        costs=Costs(settings.settlement.fee_percent, settings.settlement.slippage_percent),
        source=request.source,
        regime=EVERY if request.regime is None else regime_named(request.regime),
        folds=request.folds,
        embargo_bars=request.embargo,
        seed=request.seed,
        device=request.device,
        threads=request.threads,
    )


def in_regime(dataset: Dataset, regime: str) -> Dataset:
    if regime == EVERY:
        return dataset
    return dataset.some(dataset.regime == REGIMES.index(regime_named(regime)))


def named_models(text: str) -> tuple[str, ...]:
    """In the order of the shelf, each once."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if names == [ALL]:
        return tuple(MODULES)
    unknown = [name for name in names if name not in MODULES]
    if unknown or not names:
        found = f'found "{unknown[0]}"' if unknown else "found none"
        raise InvalidInput.at("models", f"expected {ALL} or some of {', '.join(MODULES)}, {found}")
    return tuple(name for name in MODULES if name in names)


def require_layer() -> None:
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise Untrainable(
            f"what training needs is not installed ({', '.join(missing)}); install it with ./deploy.sh training"
        )
