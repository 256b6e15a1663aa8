"""Fills of orders: what was bought and sold piece by piece, put together into trades from flat to flat."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ml_service.adapters.market.found import Found, Given
from ml_service.adapters.market.tables import plain
from ml_service.adapters.market.trades import Told, at_ms, csv_rows, finite, identity, number, side_of, symbol_of
from ml_service.domain.outcomes import Outcome

DUST = 0.01
"""A position is flat when this part of its largest size is left: lots and fees in the coin leave crumbs."""
NOTHING = 1e-9
"""What is left of it through rounding alone."""

USUAL: Mapping[str, tuple[str, ...]] = {
    "time": ("time", "timestamp", "timestampms", "datetime", "date", "executedat", "dateutc", "filledat"),
    "symbol": ("symbol", "pair", "market", "instrument"),
    "side": ("side", "direction", "type"),
    "price": ("price", "executionprice", "avgprice", "fillprice"),
    "quantity": ("quantity", "qty", "amount", "size", "filled", "executed", "executedqty"),
    "fee": ("fee", "fees", "commission"),
    "fee_currency": ("feecurrency", "feecoin", "feeasset", "commissionasset"),
    "id": ("fillid", "tradeid", "id", "execid", "executionid"),
}
NEEDED = ("time", "symbol", "side", "price", "quantity")


@dataclass(frozen=True, slots=True)
class Fill:
    at_ms: int
    symbol: str
    signed: float
    """Bought above zero, sold below."""
    price: float
    fee: float
    """In the quote currency."""
    fee_in_base: float
    id: str
    unknown_fee: str | None
    """The currency of a fee that cannot be put into the quote currency."""
    where: str
    """The file that tells of it."""


@dataclass(slots=True)
class Position:
    """Grows and shrinks until it is flat."""

    opened_at_ms: int
    direction: float
    where: str
    size: float = 0.0
    largest: float = 0.0
    entered: float = 0.0
    """Quantity that went in …"""
    paid: float = 0.0
    """… and at what it was worth; both without direction."""
    left: float = 0.0
    received: float = 0.0
    fees: float = 0.0
    ids: list[str] = field(default_factory=list)
    unknown_fee: str | None = None
    flat_at_ms: int | None = None
    """When no more than dust was left for the first time."""

    def take(self, fill: Fill, part: float) -> None:
        quantity = abs(fill.signed) * part
        if (fill.signed > 0) == (self.direction > 0):
            self.entered += quantity
            self.paid += quantity * fill.price
            self.size += quantity - fill.fee_in_base * part
        else:
            self.left += quantity
            self.received += quantity * fill.price
            self.size -= quantity
        self.largest = max(self.largest, self.size)
        self.fees += fill.fee * part
        self.unknown_fee = self.unknown_fee or fill.unknown_fee
        if self.flat_at_ms is None:
            # Dust that is sold in a later file must not make another trade of the one that is known already.
            self.ids.append(fill.id)
            self.flat_at_ms = fill.at_ms if self.left > 0 and self.size <= DUST * self.largest else None

    @property
    def is_empty(self) -> bool:
        return self.flat_at_ms is not None and self.size <= NOTHING * self.largest

    def is_over_with(self, fill: Fill, quantity: float) -> bool:
        """Where only dust is left, whatever is no crumb of it belongs to what comes next."""
        closes = (fill.signed > 0) != (self.direction > 0)
        return self.flat_at_ms is not None and not (closes and quantity <= DUST * self.largest)


def column_map(header: tuple[str, ...], given: Given) -> dict[str, str]:
    there = {plain(name): name for name in header}
    found = {ours: next((there[one] for one in names if one in there), None) for ours, names in USUAL.items()}
    return {ours: theirs for ours, theirs in found.items() if theirs is not None} | dict(given.columns)


def are_fills(header: tuple[str, ...], given: Given) -> bool:
    return set(NEEDED) <= set(column_map(header, given))


def fills_trades(files: Sequence[Found], user_id: str, given: Given, shorts: bool = False) -> Iterator[Told]:
    """Of all files together, for what is bought in one month may be sold in the next. Complaints in the order of the
    files, then trades in the order in which each symbol's were closed."""
    by_symbol: dict[str, list[Fill]] = {}
    ids: set[str] = set()
    for found in files:
        own: list[Fill] = []
        yield from fills_in(found, given, own)
        for fill in own:
            # Exports overlap; within one file, two fills may be alike.
            if fill.id not in ids:
                by_symbol.setdefault(fill.symbol, []).append(fill)
        ids.update(fill.id for fill in own)
    for symbol, fills in by_symbol.items():
        yield from trades_of(symbol, sorted(fills, key=lambda fill: fill.at_ms), user_id, shorts)


def fills_in(found: Found, given: Given, fills: list[Fill]) -> Iterator[Told]:
    """Adds those of one file, and complains of what are none."""
    names = column_map(found.header, given)
    seen: Counter[tuple[str, ...]] = Counter()
    for line, row in csv_rows(found):
        # Two fills may be alike in everything; that it is the second one tells it from the first.
        content = tuple(row.values())
        seen[content] += 1
        fields = {ours: row.get(theirs) for ours, theirs in names.items()}
        try:
            own_id = fields.get("id") or str(seen[content])
            fills.append(fill_of(fields, given.timezone, own_id, str(found.path)))
        except ValueError as error:
            yield Told(f"{found.path}, line {line}", None, str(error))


def fill_of(row: Mapping[str, Any], timezone: str | None, own_id: str, where: str) -> Fill:
    symbol, side = symbol_of(row["symbol"]), side_of(row["side"])
    price, quantity = finite("price", row["price"]), finite("quantity", row["quantity"])
    at = at_ms(row["time"], timezone)
    if at is None or side is None or price <= 0 or quantity <= 0:
        raise ValueError("expected a time, a side, and a price and a quantity above 0")
    fee = abs(number(row, "fee") or 0.0)
    coin = str(row.get("fee_currency") or "").upper()
    base = bool(coin) and symbol.startswith(coin)
    known = not fee or not coin or base or symbol.endswith(coin)
    content = (row["symbol"], at, side, price, quantity, own_id)
    return Fill(
        at_ms=at,
        symbol=symbol,
        signed=quantity if side == "BUY" else -quantity,
        price=price,
        fee=fee * price if base else fee,
        fee_in_base=fee if base and side == "BUY" else 0.0,
        id=identity(*content),
        unknown_fee=None if known else coin,
        where=where,
    )


def trades_of(symbol: str, fills: list[Fill], user_id: str, shorts: bool) -> Iterator[Told]:
    if fills and fills[0].signed < 0 and not shorts:
        yield Told(
            fills[0].where,
            None,
            f"{symbol}: its first fill, at {fills[0].at_ms}, is a sale, so none of its {len(fills)} fills is"
            " taken; add the file with the purchase before it, or --shorts if what was not bought can be sold",
        )
        return
    position: Position | None = None
    for fill in fills:
        left = 1.0
        while left > 0:
            quantity = abs(fill.signed) * left
            if position is not None and position.is_over_with(fill, quantity):
                yield trade_of(position, symbol, user_id)
                position = None
            if position is None and fill.signed < 0 and not shorts:
                yield Told(fill.where, None, f"{symbol}: {quantity:g} sold at {fill.at_ms} were not bought (--shorts?)")
                break
            if position is None:
                position = Position(fill.at_ms, 1.0 if fill.signed > 0 else -1.0, fill.where)
            closes = (fill.signed > 0) != (position.direction > 0)
            # A fill that goes through zero closes one trade and opens the next.
            over = closes and position.flat_at_ms is None and quantity > position.size * (1 + DUST)
            part = position.size / abs(fill.signed) if over else left
            position.take(fill, part)
            left = left - part if over else 0.0
            if position.is_empty:
                yield trade_of(position, symbol, user_id)
                position = None
    if position is None:
        return
    if position.flat_at_ms is not None:
        yield trade_of(position, symbol, user_id)
    else:
        yield Told(position.where, None, f"{symbol}: {position.size:g} still open, opened at {position.opened_at_ms}")


def trade_of(position: Position, symbol: str, user_id: str) -> Told:
    if position.unknown_fee is not None:
        coin = position.unknown_fee
        return Told(
            position.where,
            None,
            f"{symbol}: a fee in {coin} cannot be put into the quote currency; the trade is left out",
        )
    entry, end = position.paid / position.entered, position.received / position.left
    quantity = min(position.entered, position.left)
    pnl = position.direction * (end - entry) * quantity - position.fees
    outcome = Outcome(
        user_id=user_id,
        trade_id=f"fills:{identity(*position.ids)}",
        symbol=symbol,
        side="BUY" if position.direction > 0 else "SELL",
        pnl=pnl,
        pnl_percent=100.0 * pnl / (entry * quantity),
        fees=position.fees,
        entry_price=entry,
        exit_price=end,
        quantity=quantity,
        opened_at_ms=position.opened_at_ms,
        closed_at_ms=position.flat_at_ms,
        source="import",
    )
    return Told(position.where, outcome)
