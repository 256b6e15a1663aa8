"""The outcomes that a file tells of, whichever kind of list it is."""

from collections.abc import Iterator

from ml_service.adapters.market.fills import fills_trades
from ml_service.adapters.market.found import Found, Given
from ml_service.adapters.market.trades import Told, freqtrade_trades, table_trades


def read_outcomes(found: Found, user_id: str, given: Given) -> Iterator[Told]:
    if found.format == "freqtrade trades":
        return freqtrade_trades(found, user_id)
    if found.format == "fills":
        return fills_trades(found, user_id, given)
    return table_trades(found, user_id, given)
