"""The outcomes that a file tells of, whichever kind of list it is."""

from collections.abc import Iterator, Sequence

from ml_service.adapters.market.fills import fills_trades
from ml_service.adapters.market.found import Found, Given
from ml_service.adapters.market.trades import Told, freqtrade_trades, table_trades


def read_outcomes(files: Sequence[Found], user_id: str, given: Given, shorts: bool = False) -> Iterator[Told]:
    """Of files of one kind. Fills are put together over all of them; `shorts` says that a sale may come first."""
    if files[0].format == "fills":
        yield from fills_trades(files, user_id, given, shorts)
        return
    for found in files:
        if found.format == "freqtrade trades":
            yield from freqtrade_trades(found, user_id)
        else:
            yield from table_trades(found, user_id, given)
