"""Who served then: the nearest place that had a champion which had not expired."""

from ml_service.domain.models.slots import Place
from ml_service.usecases.who_served import who_served
from tests.models import Registry

EVERYWHERE, SYMBOL, NEAR = Place(), Place("BTCUSDT"), Place("BTCUSDT", "volatile")


def served(registry: Registry, symbol: str, regime: str | None, at_ms: int) -> str | None:
    found = who_served(symbol, regime, at_ms, store=registry.store)
    return found[1].set_id if found is not None else None


def test_the_nearest_champion_of_that_moment_served_unless_it_had_expired(registry: Registry) -> None:
    began_ms = registry.now_ms
    everywhere = registry.register("everywhere", place=EVERYWHERE)
    symbol = registry.register("symbol", place=SYMBOL)
    near = registry.register("near", place=NEAR, expires_at_ms=began_ms + 60_000)
    at = {record.set_id: registry.promote(record.set_id)[0].since_ms for record in (everywhere, symbol, near)}

    assert served(registry, "BTCUSDT", "volatile", at[everywhere.set_id] - 1) is None
    assert served(registry, "BTCUSDT", "volatile", at[everywhere.set_id]) == everywhere.set_id
    assert served(registry, "BTCUSDT", "volatile", at[symbol.set_id]) == symbol.set_id
    assert served(registry, "BTCUSDT", "volatile", at[near.set_id]) == near.set_id
    assert served(registry, "BTCUSDT", "sideways", at[near.set_id]) == symbol.set_id
    assert served(registry, "BTCUSDT", None, at[near.set_id]) == symbol.set_id
    assert served(registry, "ETHUSDT", "volatile", at[near.set_id]) == everywhere.set_id
    assert served(registry, "BTCUSDT", "volatile", began_ms + 60_000) == symbol.set_id


def test_what_took_a_champions_place_later_did_not_serve_before(registry: Registry) -> None:
    first, second = registry.register("first"), registry.register("second")
    promoted = registry.promote(first.set_id)[0]
    registry.promote(second.set_id)
    back = registry.roll_back()[0]

    moments = (promoted.since_ms, promoted.since_ms + 999, back.since_ms - 1, back.since_ms)
    assert [served(registry, "BTCUSDT", None, at_ms) for at_ms in moments] == [
        first.set_id,
        first.set_id,
        second.set_id,
        first.set_id,
    ]
