"""The report on a training as one HTML file: was anything learned, what is it worth, and can it be made again."""

from collections.abc import Iterator
from html import escape
from math import isfinite

from ml_service.cli.report.charts import Curve, Point, chart
from ml_service.cli.report.page import minute, shell, signed, table
from ml_service.cli.report.training_charts import STYLE, bars, plot
from ml_service.cli.training.told import costs, is_nothing, lasting
from ml_service.domain.models.metrics import Confusion
from ml_service.domain.models.slots import EVERY
from ml_service.domain.statistics.estimate import Estimate
from ml_service.learning.equity import Equity, ahead_a_day
from ml_service.learning.evaluation import SideWorth, Worth
from ml_service.learning.trained import Training

PAYS = {"BUY": "a purchase pays", "SELL": "a sale pays"}
POINTS_MAX = 500


def page(training: Training) -> str:
    regime = "" if training.plan.regime == EVERY else f", {training.plan.regime} bars alone"
    title = f"Training: {training.plan.stream}{regime}"
    parts = (
        f"<h1>{escape(title)}</h1>",
        *summary(training),
        *worths(training),
        *equity(training),
        *reliable(training),
        *importance(training),
        *thresholds(training),
        *folds(training),
        *mixture(training),
        *provenance(training),
    )
    return shell(title, "".join(parts), STYLE)


def summary(training: Training) -> Iterator[str]:
    yield f'<p class="verdict">{escape(training.evaluation.verdict.replace("-", "−"))}</p>'
    plan, tested = training.plan, training.evaluation.folds
    yield (
        f'<p class="soft">{training.examples:,} examples in {training.rows:,} labelled rows,'
        f" {minute(training.from_ms)} to {minute(training.until_ms)} UTC. A trade lasts at most"
        f" {lasting(plan.horizon_minutes)} and costs {costs(plan.costs)}. Every figure below is of the"
        f" {sum(fold.rows for fold in tested):,} rows from {minute(tested[0].from_ms)} on, in {len(tested)} folds, each"
        " of which came after all that was learned from; intervals are 95 %, from blocks of neighbouring rows, since"
        " their labels overlap.</p>"
    )
    if training.suspicions:
        yield "<h2>Suspicious</h2><ul>"
        yield from (f"<li>{escape(said)}</li>" for said in training.suspicions)
        yield "</ul><p>What knows the future makes fine figures, and loses money: look into it before all else.</p>"
    if training.left_out:
        yield table("Left out of the set", ("model", "why"), list(training.left_out.items()))


def worths(training: Training) -> Iterator[str]:
    found = training.evaluation
    yield "<h2>What it is worth</h2>"
    yield table(
        "Rising against falling, of the rows that moved by more than the costs",
        HEAD,
        [worth_row(name, worth) for name, worth in (*found.members.items(), ("together", found.together))],
    )
    yield table(
        "The set's calibrated chances, of all rows",
        HEAD,
        [worth_row(PAYS[side.side], side.worth) for side in found.sides],
    )
    yield table(
        "Where a chance of at least 0.5 counts as yes",
        ("", "#F1", "#precision", "#recall"),
        [
            likely_row(name, worth)
            for name, worth in (
                *found.members.items(),
                ("together", found.together),
                *((PAYS[side.side], side.worth) for side in found.sides),
            )
        ],
    )
    yield table(
        "How far chances can be trusted",
        (
            "chance that",
            "#calibration error",
            "#luck alone, up to",
            "#Brier score",
            "#of the base rate",
            "#answers right",
            "#of one kind",
        ),
        [trust_row(side) for side in found.sides],
    )
    yield (
        '<p class="soft">Gain: by how much the log loss of a row is below that of always saying the rate known before.'
        " Calibration error: how far told and come are apart on average; beside it, what 19 of 20 perfectly calibrated"
        " speakers would stay below on so many rows. Answers: which outcomes a conformal rule leaves"
        " open that may be wrong in one case of ten; of one kind, where it names one outcome alone.</p>"
    )


HEAD = ("", "#rows", "#base rate", "#log loss", "#gain, nats a row", "#AUC")


def worth_row(name: str, worth: Worth) -> tuple[str, ...]:
    return (
        name,
        f"{worth.rows:,}",
        f"{100 * worth.base_rate:.1f} %",
        f"{worth.log_loss:.4f}",
        told(worth.gain, "+.4f"),
        told(worth.auc, ".3f"),
    )


def likely_row(name: str, worth: Worth) -> tuple[str, ...]:
    return name, *(told(one, ".3f") for one in (worth.f1, worth.precision, worth.recall))


def trust_row(side: SideWorth) -> tuple[str, ...]:
    return (
        PAYS[side.side],
        f"{side.calibration_error:.3f}",
        f"{side.calibration_error_by_luck:.3f}",
        f"{side.brier:.4f}",
        f"{side.base_brier:.4f}",
        f"{100 * side.answers.covered:.1f} %",
        f"{100 * side.answers.decided:.1f} %",
    )


def told(estimate: Estimate, form: str) -> str:
    if not isfinite(estimate.value):
        return "not known"
    value = f"{estimate.value:{form}}"
    if estimate.low is None or estimate.high is None:
        return value.replace("-", "−")
    return f"{value} ({estimate.low:{form}} to {estimate.high:{form}})".replace("-", "−")


def equity(training: Training) -> Iterator[str]:
    found = training.evaluation
    yield "<h2>Walk-forward equity after costs</h2>"
    begin = min(fold.from_ms for fold in found.folds)
    end = max(fold.until_ms for fold in found.folds)
    yield chart(
        "Sum of returns, one position at a time",
        "percent of the stake, after costs",
        [equity_curve(one, begin, end) for one in found.equities],
        stepped=True,
    )
    models = found.equities[0]
    yield table(
        "By rule, in percent of the stake",
        ("", "#trades", "#in all", "#a trade", "#the models are ahead by, a day", "what it does"),
        [
            (one.rule, f"{one.trades:,}", signed(one.total), maybe(one.a_trade), ahead(models, one), one.says)
            for one in found.equities
        ],
    )
    yield (
        '<p class="soft">Days are the independent pieces of these intervals. Where the models are not ahead of the base'
        " rate, what they earned is the market&rsquo;s doing. Sales are told as if anything could be sold short;"
        " funding, borrowing and the own weight in the market are not counted.</p>"
    )


def equity_curve(one: Equity, begin: int, end: int) -> Curve:
    step = max(1, len(one.points) // POINTS_MAX)
    points = [*one.points[::step], *one.points[-1:]]
    # The last trade may end after the last tested bar.
    last = max(end, points[-1][0]) if points else end
    return Curve(one.rule, [Point(begin, 0.0), *(Point(at, total) for at, total in points), Point(last, one.total)])


def ahead(models: Equity, other: Equity) -> str:
    if other is models or (found := ahead_a_day(models, other)) is None:
        return ""
    return "the same" if is_nothing(found) else maybe(found)


def maybe(estimate: Estimate | None) -> str:
    return told(estimate, "+.3f") if estimate is not None else ""


def reliable(training: Training) -> Iterator[str]:
    yield "<h2>Reliability</h2>"
    yield plot(
        "What was told, and what came",
        "share that paid",
        "chance told",
        [
            (f"that {PAYS[side.side]}", [(one.told, one.came) for one in side.reliability])
            for side in training.evaluation.sides
        ],
        level=True,
    )
    yield '<p class="soft">A tenth of the rows in each point; on the dashed line, told and came are the same.</p>'


def importance(training: Training) -> Iterator[str]:
    yield "<h2>Importance</h2>"
    for model in training.set.models:
        shares = model.manifest["importance"]
        name = model.slot.model_type
        if any(shares.values()):
            yield bars(f"Features of {name}", "share of all", {one: share for one, share in shares.items() if share})
        else:
            yield f"<p>{escape(name)} cannot tell what its features weigh.</p>"


def thresholds(training: Training) -> Iterator[str]:
    yield "<h2>Confusion over thresholds</h2>"
    for side in training.evaluation.sides:
        pairs = [(one.threshold, one.precision, one.recall) for one in side.thresholds]
        known = [pair for pair in pairs if all(isfinite(value) for value in pair)]
        if len(known) > 1:
            yield plot(
                f"Taken from a chance on that {PAYS[side.side]}",
                "share",
                "threshold",
                [("precision", [(at, one) for at, one, _ in known]), ("recall", [(at, one) for at, _, one in known])],
            )
        yield table(
            f"Chance that {PAYS[side.side]}",
            (
                "#from",
                "#taken, paid",
                "#taken, did not",
                "#left, did not",
                "#left, paid",
                "#precision",
                "#recall",
                "#F1",
            ),
            [confusion_row(one) for one in side.thresholds],
        )


def confusion_row(one: Confusion) -> tuple[str, ...]:
    counts = (one.true_positive, one.false_positive, one.true_negative, one.false_negative)
    shares = (one.precision, one.recall, one.f1)
    return (
        f"{one.threshold:.3f}",
        *(f"{count:,.0f}" for count in counts),
        *(f"{share:.3f}" if isfinite(share) else "" for share in shares),
    )


def folds(training: Training) -> Iterator[str]:
    found = training.evaluation.folds
    yield "<h2>Folds over time</h2>"
    if len(found) > 1:
        yield chart(
            "Gain against the base rate",
            "nats a row",
            [Curve("both sides", [Point(one.until_ms, one.gain, f"{one.gain:+.4f}") for one in found])],
        )
    yield table(
        "Each tested by what came before it",
        ("#fold", "from", "to", "#rows", "#gain, nats a row", "#AUC", "#calibration error"),
        [
            (
                str(number + 1),
                minute(one.from_ms),
                minute(one.until_ms),
                f"{one.rows:,}",
                rounded_gain(one.gain),
                f"{one.auc:.3f}" if isfinite(one.auc) else "not known",
                f"{one.calibration_error:.3f}" if isfinite(one.calibration_error) else "not known",
            )
            for number, one in enumerate(found)
        ],
    )


def rounded_gain(gain: float) -> str:
    """Nothing has no sign."""
    said = f"{gain:+.4f}".replace("-", "−")
    return "0.0000" if said[1:] == "0.0000" else said


def mixture(training: Training) -> Iterator[str]:
    found = training.set
    names = [model.slot.model_type for model in found.models]
    sources = found.provenance["weighing"]
    yield "<h2>How the members speak together</h2>"
    yield table(
        "Weights",
        ("regime", *(f"#{name}" for name in names), "from", "#steps", "#rows"),
        [
            (
                "every other" if regime == EVERY else regime,
                *(f"{weight:.3f}" for weight in weights),
                str(sources[regime]["source"]).replace("_", " "),
                str(sources[regime]["steps"]),
                f"{sources[regime]['rows']:,}",
            )
            for regime, weights in found.weights.items()
        ],
    )
    yield table(
        "Calibration, in log odds: intercept + slope × the members' figure",
        ("chance that", "#intercept", "#slope"),
        [
            (PAYS[side], f"{line.intercept:+.3f}".replace("-", "−"), f"{line.slope:.3f}")
            for side, line in (("BUY", found.rises), ("SELL", found.falls))
        ],
    )
    if 0.0 in (found.rises.slope, found.falls.slope):
        yield "<p>A slope of 0: the later rows did not bear the members out, so the chance is the base rate.</p>"


def provenance(training: Training) -> Iterator[str]:
    facts = training.set.provenance
    plan = facts["plan"]
    yield "<h2>How to make it again</h2>"
    rows = [
        ("data", training.data_hash),
        ("features", f"schema version {facts['schema']['version']}, hash {facts['schema']['hash']}"),
        ("label", f"{plan['label']['kind'].replace('_', ' ')} over {plan['label']['horizon_bars']} bars"),
        (
            "costs",
            f"fee {plan['costs']['fee_percent']:g} %, slippage {plan['costs']['slippage_percent']:g} %, each way",
        ),
        ("folds, embargo, seed", f"{plan['folds']}, {plan['embargo_bars']} bars, {plan['seed']}"),
        ("trials of a search", str(plan["search_trials"])),
        *((name.replace("_", " "), stretch(facts[name])) for name in ("trained_on", "stopped_by", "calibrated_on")),
        ("made with", ", ".join(f"{name} {version}" for name, version in facts["versions"].items())),
    ]
    yield table("", ("", "what"), rows)
    yield table(
        "Files that serve",
        ("model", "SHA-256", "#bytes", "#apart from its library, at most"),
        [
            (
                model.slot.model_type,
                model.manifest["files"]["onnx"]["sha256"],
                f"{model.manifest['files']['onnx']['size']:,}",
                f"{max(model.manifest['parity'].values()):.1e}".replace("-", "−"),
            )
            for model in training.set.models
        ],
    )


def stretch(window: dict[str, int]) -> str:
    if not window["rows"]:
        return "no rows"
    return f"{window['rows']:,} rows, {minute(window['from_ms'])} to {minute(window['until_ms'])}"
