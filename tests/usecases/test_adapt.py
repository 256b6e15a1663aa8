"""Adapting: nothing twice, nothing without a reason, and always a way back."""

import itertools
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import update

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.database import Database
from ml_service.adapters.store.learner_codec import learned_bytes
from ml_service.adapters.store.recorder import DirectRecorder
from ml_service.adapters.store.schema import upgrade
from ml_service.adapters.store.sql import SqlStore, SqlWriting
from ml_service.domain.adaptation.anchored import Memory
from ml_service.domain.outcomes import DAY_MS, Outcome
from ml_service.domain.types import Thresholds
from ml_service.errors import Conflict, NotFound
from ml_service.usecases.adapt import Adapted, Rules, adapt, adapt_all
from ml_service.usecases.freeze import freeze
from ml_service.usecases.set_thresholds import Reset, Restore, Set, Wanted, set_thresholds
from ml_service.usecases.undo import Undone, undo
from tests.builders import HASH, policy, values
from tests.usecases.trading import HOUR_MS, RULES, decisions_and_outcomes, evening, trade

BTC = "BTCUSDT"


def adapted(
    store: SqlStore,
    day: int,
    symbol: str = BTC,
    dry_run: bool = False,
    user_id: str = "ada",
    at_ms: int | None = None,
    rules: Rules = RULES,
) -> Adapted:
    return adapt(
        user_id,
        symbol,
        rules=rules,
        actor="tester",
        now_ms=evening(day) if at_ms is None else at_ms,
        store=store,
        entropy=entropy,
        dry_run=dry_run,
    )


NUMBERS = itertools.count()


def entropy(length: int) -> bytes:
    return next(NUMBERS).to_bytes(length, "little")


def learn(database: Database, store: SqlStore, days: range) -> list[Adapted]:
    """Trade and adapt day by day."""
    told = []
    for day in days:
        trade(database, range(day, day + 1))
        told.append(adapted(store, day))
    return told


def revisions(store: SqlStore, symbol: str = BTC) -> list[Thresholds]:
    with store.read() as reading:
        return list(reading.thresholds_history("ada", symbol, None, 1000).items)


def took_back(store: SqlStore, adaptation_id: str, day: int = 60) -> Undone:
    return undo(
        "ada",
        adaptation_id,
        reason="not convinced",
        actor="tester",
        policy=policy(),
        settings_hash=HASH,
        cooldown_ms=48 * HOUR_MS,
        now_ms=evening(day),
        store=store,
    )


def put(store: SqlStore, wanted: Wanted, day: int = 60, symbol: str = BTC) -> Thresholds:
    return set_thresholds(
        "ada",
        symbol,
        wanted,
        reason="",
        actor="tester",
        policy=policy(),
        settings_hash=HASH,
        now_ms=evening(day),
        store=store,
    )


@dataclass(frozen=True)
class Past:
    database: Path
    told: list[Adapted]


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Past:
    """Fifty days of trading and adapting, lived through once."""
    path = tmp_path_factory.mktemp("past") / "past.db"
    url = f"sqlite:///{path}"
    upgrade(url)
    database = Database(url)
    told = learn(database, SqlStore(database), range(50))
    database.close()
    return Past(path, told)


@pytest.fixture
def learned(past: Past, tmp_path: Path) -> Iterator[tuple[Database, SqlStore, list[Adapted]]]:
    """A store of its own with that past."""
    path = tmp_path / "learned.db"
    shutil.copy(past.database, path)
    database = Database(f"sqlite:///{path}")
    yield database, SqlStore(database), past.told
    database.close()


Learned = tuple[Database, SqlStore, list[Adapted]]


def moved(told: list[Adapted]) -> list[Adapted]:
    return [one for one in told if one.adaptation is not None]


def test_a_limit_rises_over_what_loses(past: Past) -> None:
    learned = past.told

    assert learned[0].explanation.verdict == "insufficient"
    assert learned[-1].thresholds.values["confidence_threshold"] > 0.68


def test_every_move_is_a_revision_with_an_adaptation_and_a_sentence(learned: Learned) -> None:
    _, store, told = learned
    moves = moved(told)

    history = revisions(store)

    assert [one.revision for one in reversed(history)] == [one.thresholds.revision for one in moves]
    assert all(one.explanation.moved and all(move.sentence for move in one.explanation.moved) for one in moves)
    assert {one.source for one in history} <= {"adapt", "rollback"}


def test_no_step_is_larger_than_a_tenth_of_the_span(learned: Learned) -> None:
    _, store, _told = learned
    history = [values(), *(one.values for one in reversed(revisions(store)))]

    for before, after in itertools.pairwise(history):
        for name, limits in policy().items():
            assert limits.low <= after[name] <= limits.high
            assert abs(after[name] - before[name]) <= 0.1 * (limits.high - limits.low) + 1e-12


def test_sixty_calls_on_one_piece_of_evidence_are_one(embedded: Database, store: SqlStore) -> None:
    trade(embedded, range(30))
    first = adapted(store, 30)
    with store.read() as reading:
        before = reading.learner("ada", BTC)

    again = [adapted(store, day) for day in (30, 31, 32) for _ in range(20)]

    with store.read() as reading:
        assert reading.learner("ada", BTC).learned is not None
        assert reading.learner("ada", BTC).adapted_at_ms >= before.adapted_at_ms
    assert {one.thresholds.revision for one in again} == {first.thresholds.revision}
    assert {one.explanation.verdict for one in again} == {"held"}


def test_eight_at_once_are_one(embedded: Database, store: SqlStore) -> None:
    trade(embedded, range(40))
    told: list[Adapted] = []
    barrier = threading.Barrier(8)

    def call() -> None:
        barrier.wait()
        told.append(adapted(store, 40))

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(told) == 8
    assert len(moved(told)) <= 1
    assert len(revisions(store)) == len(moved(told))


def test_a_dry_run_tells_the_same_and_writes_nothing(embedded: Database, store: SqlStore) -> None:
    trade(embedded, range(40))

    dry = adapted(store, 40, dry_run=True)
    before = revisions(store)
    real = adapted(store, 40)

    assert before == []
    assert dry.adaptation is None
    assert dry.explanation == real.explanation


def test_the_second_look_of_a_day_waits_for_tomorrow(embedded: Database, store: SqlStore) -> None:
    trade(embedded, range(30))
    adapted(store, 29)
    decisions, outcomes = decisions_and_outcomes(range(30, 31))
    recorder = DirectRecorder(embedded)
    recorder.record(decisions, 0.0)
    recorder.keep([replace(one, closed_at_ms=evening(29)) for one in outcomes], evening(29))

    held = adapted(store, 29)
    tomorrow = adapted(store, 30)

    assert held.explanation.reason == "today's evidence is settled; 24 new outcomes will be settled tomorrow"
    assert tomorrow.explanation.new_outcomes == 24


def test_undo_puts_the_former_values_and_the_former_knowledge_back(learned: Learned) -> None:
    _embedded, store, past_told = learned
    told = moved(past_told)
    last, before = told[-1], told[-2]
    with store.read() as reading:
        known = reading.former_state("ada", BTC, before.thresholds.revision)

    undone = took_back(store, last.adaptation.id if last.adaptation else "")

    assert undone.thresholds.values == before.thresholds.values
    assert undone.thresholds.revision == last.thresholds.revision + 1
    with store.read() as reading:
        learner = reading.learner("ada", BTC)
    assert known is not None
    assert learner.learned is not None
    assert learned_bytes(learner.learned) == learned_bytes(known)


def test_undo_after_undo_walks_back_step_by_step(learned: Learned) -> None:
    _embedded, store, past_told = learned
    told = moved(past_told)

    for number in (1, 2, 3):
        last = told[-number].adaptation
        assert last is not None
        assert took_back(store, last.id).thresholds.values == told[-number - 1].thresholds.values


def test_undoing_twice_does_no_harm(learned: Learned) -> None:
    _embedded, store, past_told = learned
    last = moved(past_told)[-1].adaptation
    assert last is not None

    first, again = took_back(store, last.id), took_back(store, last.id)

    assert not first.already
    assert again.already
    assert again.thresholds == first.thresholds
    assert len(revisions(store)) == first.thresholds.revision


def test_only_the_latest_adaptation_can_be_undone(learned: Learned) -> None:
    _embedded, store, past_told = learned
    earlier = moved(past_told)[-3].adaptation
    assert earlier is not None

    with pytest.raises(Conflict, match="only the latest"):
        took_back(store, earlier.id)
    with pytest.raises(NotFound):
        took_back(store, "nothing")


def test_what_was_set_by_hand_since_is_not_undone(learned: Learned) -> None:
    _embedded, store, past_told = learned
    last = moved(past_told)[-1].adaptation
    assert last is not None
    put(store, Set({"rsi_threshold": 61.0}))

    with pytest.raises(Conflict, match="restore"):
        took_back(store, last.id)


def test_after_an_undo_learning_pauses_and_goes_on(learned: Learned) -> None:
    embedded, store, past_told = learned
    last = moved(past_told)[-1].adaptation
    assert last is not None
    took_back(store, last.id, day=50)
    trade(embedded, range(51, 54))

    pausing = adapted(store, 51)
    trade(embedded, range(54, 70))
    later = adapted(store, 70)

    assert pausing.explanation.verdict == "held"
    assert "cooling down" in pausing.explanation.reason
    assert later.explanation.verdict == "moved"


def corrected(database: Database, days: range) -> int:
    """Every outcome of those days turns out to have been a loss; how many there are."""
    _, outcomes = decisions_and_outcomes(days)
    right = [replace(one, trade_id=f"{one.trade_id}+", corrects=one.trade_id, pnl=-10.0) for one in outcomes]
    receipts = DirectRecorder(database).keep(right, evening(days[-1] + 40))
    assert {receipt.status for receipt in receipts} == {"created"}
    return len(right)


def known(store: SqlStore) -> int:
    with store.read() as reading:
        learned = reading.learner("ada", BTC).learned
    assert learned is not None
    assert isinstance(learned.memory, Memory)
    return learned.memory.known


def test_a_correction_takes_back_nothing_that_a_reset_has_made_forgotten(learned: Learned) -> None:
    embedded, store, _past_told = learned
    put(store, Reset())

    count = corrected(embedded, range(10, 15))
    adapted(store, 61)

    assert known(store) == count


def test_a_correction_takes_back_what_is_still_known_after_an_undo_and_no_more(learned: Learned) -> None:
    embedded, store, past_told = learned
    last = moved(past_told)[-1].adaptation
    assert last is not None
    undone_day = last.at_ms // DAY_MS - evening(0) // DAY_MS
    took_back(store, last.id)
    before = known(store)

    corrected(embedded, range(undone_day - 2, undone_day))
    adapted(store, 61)
    still = known(store)
    count = corrected(embedded, range(undone_day, undone_day + 1))
    adapted(store, 62)

    assert still == before
    assert known(store) == before + count


def test_setting_by_hand_lays_the_library_around_the_new_vector(learned: Learned) -> None:
    _embedded, store, _past_told = learned

    put(store, Set({"confidence_threshold": 0.8}))

    with store.read() as reading:
        assert reading.learner("ada", BTC).learned is None
        assert reading.anchor("ada", BTC) == revisions(store)[0].values


def test_what_is_set_by_hand_while_a_learner_begins_is_what_it_begins_from(embedded: Database, store: SqlStore) -> None:
    trade(embedded, range(3))
    by_hand: list[Thresholds] = []

    class Interrupted(SqlStore):
        @contextmanager
        def begin(self) -> Iterator[SqlWriting]:
            if not by_hand:
                by_hand.append(put(store, Set({"confidence_threshold": 0.8}), day=40))
            with super().begin() as tx:
                yield tx

    told = adapted(Interrupted(embedded), 40)

    assert told.adaptation is None
    with store.read() as reading:
        learner = reading.learner("ada", BTC)
    assert learner.learned is not None
    assert {one.name: one.default for one in learner.learned.anchors} == by_hand[0].values


def test_whoever_changes_one_scope_at_once_waits_in_no_circle(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(postgres_url)
    store = SqlStore(database)
    trade(database, range(40))
    adapted(store, 40)
    meeting = threading.Barrier(2)

    def met(write: Callable[..., bool]) -> Callable[..., bool]:
        """The first write of either waits for that of the other, as long as the other may come to it."""

        def written(*given: object) -> bool:
            done = write(*given)
            with suppress(threading.BrokenBarrierError):
                meeting.wait(0.5)
            return done

        return written

    monkeypatch.setattr(SqlWriting, "save_learner", met(SqlWriting.save_learner))
    monkeypatch.setattr(SqlWriting, "save_thresholds", met(SqlWriting.save_thresholds))
    with ThreadPoolExecutor(2) as pool:
        by_hand = pool.submit(put, store, Set({"rsi_threshold": 60.0}))
        frozen = pool.submit(freeze, "ada", BTC, True, reason="", actor="tester", now_ms=evening(60), store=store)
        # A circle is broken by the database, and would show here as trouble with it.
        assert by_hand.result().values["rsi_threshold"] == 60.0
        assert frozen.result()[0].frozen is not None
    database.close()


def test_taking_one_adaptation_back_at_once_takes_it_back_once(postgres_url: str) -> None:
    database = Database(postgres_url)
    store = SqlStore(database)
    trade(database, range(40))
    last = adapted(store, 40).adaptation
    assert last is not None

    with ThreadPoolExecutor(8) as pool:
        undone = [one.result() for one in [pool.submit(took_back, store, last.id) for _ in range(8)]]
    history = revisions(store)
    database.close()

    assert [one.already for one in undone].count(False) == 1
    assert {one.thresholds.revision for one in undone} == {2}
    assert [one.source for one in history] == ["undo", "adapt"]


def test_a_former_revision_comes_back(learned: Learned) -> None:
    _embedded, store, past_told = learned
    told = moved(past_told)

    restored = put(store, Restore(told[0].thresholds.revision))
    reset = put(store, Reset())

    assert restored.values == told[0].thresholds.values
    assert restored.source == "restore"
    assert reset.values == values()
    with pytest.raises(NotFound):
        put(store, Restore(999))


def test_what_is_frozen_holds_and_its_outcomes_wait(embedded: Database, store: SqlStore) -> None:
    freeze("ada", BTC, True, reason="maintenance", actor="tester", now_ms=evening(0), store=store)
    trade(embedded, range(40))

    held = adapted(store, 40)
    freeze("ada", BTC, False, reason="", actor="tester", now_ms=evening(0), store=store)
    after = adapted(store, 40)

    assert held.explanation.reason == "frozen by hand: maintenance"
    assert after.explanation.new_outcomes == 40 * 24


def test_absurd_outcomes_freeze_and_move_nothing(embedded: Database, store: SqlStore) -> None:
    trade(embedded, range(40))
    poison = [
        Outcome("ada", f"poison-{number}", BTC, pnl=-1e7, risk=10.0, closed_at_ms=evening(40) - number)
        for number in range(12)
    ]
    DirectRecorder(embedded).keep(poison, evening(40))

    held = adapted(store, 40)

    assert held.explanation.verdict == "held"
    assert "12 of the last 100 outcomes are in quarantine" in held.explanation.reason
    assert revisions(store) == []


def test_an_outcome_without_a_decision_teaches_nothing(embedded: Database, store: SqlStore) -> None:
    _, outcomes = decisions_and_outcomes(range(40))
    DirectRecorder(embedded).keep(outcomes, evening(40))

    assert adapted(store, 40).explanation.reason == "nothing new since the last adaptation"


def test_symbols_and_users_learn_apart(embedded: Database, store: SqlStore) -> None:
    trade(embedded, range(40))
    trade(embedded, range(40), symbol="ETHUSDT")
    trade(embedded, range(40), user_id="bob")

    adapted(store, 40)

    assert revisions(store, "ETHUSDT") == []
    with store.read() as reading:
        assert reading.thresholds_newest("bob", BTC) is None
        assert len(reading.waiting("bob", BTC)) == len(reading.waiting("ada", "ETHUSDT")) == 40 * 24
        assert reading.waiting("ada", BTC) == []


def test_a_clock_that_was_set_back_freezes_nothing(embedded: Database, store: SqlStore) -> None:
    trade(embedded, range(40))
    adapted(store, 40, at_ms=evening(40) + 400 * DAY_MS)
    decisions, outcomes = decisions_and_outcomes(range(41, 50))
    recorder = DirectRecorder(embedded)
    recorder.record(decisions, 0.0)
    recorder.keep(outcomes, evening(50))

    told = [adapted(store, day) for day in (50, 51)]

    assert told[-1].explanation.verdict in ("moved", "held")
    assert "nothing new" in told[-1].explanation.reason or told[-1].explanation.new_outcomes > 0
    with store.read() as reading:
        assert reading.waiting("ada", BTC) == []


def test_evidence_from_a_clock_that_was_ahead_makes_every_scope_wait_one_day_at_most(learned: Learned) -> None:
    embedded, store, _ = learned
    trade(embedded, range(450, 451))
    adapted(store, 450)

    told = learn(embedded, store, range(51, 56))

    assert [one.explanation.new_outcomes for one in told] == [24, 48, 24, 24, 24]
    assert "will be settled tomorrow" in told[0].explanation.reason
    assert all("settled" not in one.explanation.reason for one in told[1:])


def test_an_undo_while_the_clock_was_ahead_makes_nobody_wait_for_longer_than_the_cooldown(learned: Learned) -> None:
    embedded, store, past_told = learned
    last = moved(past_told)[-1].adaptation
    assert last is not None
    took_back(store, last.id, day=450)

    told = learn(embedded, store, range(51, 70))

    assert "cooling down for another 48 hours" in told[0].explanation.reason
    assert all("cooling" not in one.explanation.reason for one in told[3:])


def test_all_that_is_due_is_adapted_once_a_day(embedded: Database, store: SqlStore) -> None:
    for user_id in ("ada", "bob"):
        for symbol in (BTC, "ETHUSDT"):
            trade(embedded, range(40), user_id=user_id, symbol=symbol)

    def run(at_ms: int) -> dict[str, object]:
        pieces = list(adapt_all(rules=RULES, actor="cron", now_ms=lambda: at_ms, store=store, entropy=entropy))
        assert pieces[-1].result is not None
        return dict(pieces[-1].result)

    first = run(evening(40))
    trade(embedded, range(41, 42), user_id="ada")
    soon = run(evening(40) + 2 * HOUR_MS)
    tomorrow = run(evening(41))

    assert first["scopes"] == 6
    assert first["not_due"] == 0
    assert (soon["scopes"], soon["not_due"]) == (2, 2)
    assert (tomorrow["scopes"], tomorrow["not_due"]) == (2, 0)


def test_a_learner_that_cannot_be_read_keeps_nobody_else_from_learning(embedded: Database, store: SqlStore) -> None:
    for user_id in ("ada", "bob"):
        for symbol in (BTC, "ETHUSDT"):
            trade(embedded, range(40), user_id=user_id, symbol=symbol)
    adapted(store, 40)
    trade(embedded, range(41, 42))
    with embedded.write() as connection:
        connection.execute(update(t.learners).values(state=b"no learner"))

    *_, last = adapt_all(rules=RULES, actor="cron", now_ms=lambda: evening(42), store=store, entropy=entropy)

    assert last.result is not None
    assert [(one["user_id"], one["symbol"]) for one in last.result["failed"]] == [("ada", BTC)]
    assert sum(last.result["verdicts"].values()) == last.result["scopes"] - 1 == 5


def test_the_composite_algorithm_moves_holds_and_is_undone_like_the_other(embedded: Database, store: SqlStore) -> None:
    rules = replace(RULES, adaptation=replace(RULES.adaptation, algorithm="composite"))
    told = []
    for day in range(25):
        trade(embedded, range(day, day + 1))
        told.append(adapted(store, day, rules=rules))
    again = adapted(store, 25, rules=rules)

    last = moved(told)[-1]
    assert last.adaptation is not None
    assert last.explanation.algorithm == "composite"
    assert again.explanation.reason == "nothing new since the last adaptation"
    assert took_back(store, last.adaptation.id).thresholds.revision == last.thresholds.revision + 1


def test_another_algorithm_begins_anew_from_where_the_thresholds_stand(learned: Learned) -> None:
    database, store, told = learned
    rules = replace(RULES, adaptation=replace(RULES.adaptation, algorithm="composite"))
    trade(database, range(50, 60))

    after = adapted(store, 60, rules=rules)

    assert after.explanation.algorithm == "composite"
    for move in after.explanation.moved:
        assert move.before == told[-1].thresholds.values[move.parameter]
