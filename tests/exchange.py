"""A local exchange for tests: it answers as Binance does, with the tricks of a real one switched on when asked."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

BARS_MAX = 1000
Row = list[Any]


@dataclass
class Tricks:
    """Each is for so many answers; what is used up is over."""

    limited: int = 0
    """429 with `Retry-After`."""
    banned: int = 0
    """418, which says nothing of a time."""
    retry_after: str | None = "1"
    dropped: int = 0
    """The connection ends in the middle of a body."""
    empty: int = 0
    """A page with nothing in it."""
    failing: int = 0
    """502, with a page of HTML."""
    after: int = 0
    """So many pages of candles come before the first of these."""


@dataclass
class LocalExchange:
    """Rows of twelve values; a bar is told as soon as it has opened, closed or not."""

    rows: list[Row]
    tricks: Tricks = field(default_factory=Tricks)
    asked: list[dict[str, str]] = field(default_factory=list)
    """The requests for candles, refused ones too."""
    url: str = ""

    def page(self, query: dict[str, str]) -> list[Row]:
        since, limit = int(query.get("startTime", 0)), min(int(query.get("limit", 500)), BARS_MAX)
        until = int(query.get("endTime", 1 << 62))
        return [row for row in self.rows if since <= row[0] <= until][:limit]

    def trick(self) -> str | None:
        if self.tricks.after > 0:
            self.tricks.after -= 1
            return None
        for name in ("limited", "banned", "dropped", "empty", "failing"):
            left = getattr(self.tricks, name)
            if left:
                setattr(self.tricks, name, left - 1)
                return name
        return None


@contextmanager
def exchange(rows: list[Row], **tricks: Any) -> Iterator[LocalExchange]:
    played = LocalExchange(rows, Tricks(**tricks))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(played))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    played.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield played
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def handler(played: LocalExchange) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            if parts.path == "/api/v3/exchangeInfo":
                return self.answer(200, {"symbols": [market("BTC", "USDT"), market("ETH", "BTC")]})
            if parts.path != "/api/v3/klines":
                return self.answer(404, {"code": -1, "msg": "no such path"})
            played.asked.append(query)
            if query.get("symbol") != "BTCUSDT":
                return self.answer(400, {"code": -1121, "msg": "Invalid symbol."})
            match played.trick():
                case "limited":
                    return self.answer(429, {"code": -1003, "msg": "Too many requests."}, played.tricks.retry_after)
                case "banned":
                    return self.answer(418, {"code": -1003, "msg": "Way too many requests."})
                case "failing":
                    return self.answer(502, "<html>bad gateway</html>")
                case "empty":
                    return self.answer(200, [])
                case "dropped":
                    return self.answer(200, played.page(query), cut=True)
            return self.answer(200, played.page(query))

        def answer(self, status: int, content: Any, retry_after: str | None = None, cut: bool = False) -> None:
            body = content.encode() if isinstance(content, str) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            if retry_after is not None:
                self.send_header("Retry-After", retry_after)
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if cut else body)
            self.close_connection = cut

        def log_message(self, format: str, *arguments: Any) -> None:
            """Not a word on the terminal of the tests."""

    return Handler


def market(base: str, quote: str) -> dict[str, Any]:
    return {
        "symbol": f"{base}{quote}",
        "status": "TRADING",
        "baseAsset": base,
        "baseAssetPrecision": 8,
        "quoteAsset": quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "orderTypes": ["LIMIT", "MARKET"],
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "permissions": ["SPOT"],
        "permissionSets": [["SPOT"]],
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000.00", "tickSize": "0.01"},
            {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000.0", "stepSize": "0.00001"},
        ],
    }
