"""The tables of the market's store: on SQLite a file of its own, so that an import never stands in a decision's way."""

from sqlalchemy import BigInteger, Column, Float, Integer, LargeBinary, MetaData, Table, Text, UniqueConstraint

from ml_service.domain.market.candles import COLUMNS

metadata = MetaData()

streams = Table(
    "streams",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("venue", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("interval", Text, nullable=False),
    Column("volume_unit", Text),
    Column("revision", Integer, nullable=False),
    UniqueConstraint("venue", "symbol", "interval"),
)

candles = Table(
    "candles",
    metadata,
    Column("stream_id", Integer, primary_key=True),
    Column("opened_at_ms", BigInteger, primary_key=True),
    *(Column(name, Float(53), nullable=position >= 5) for position, name in enumerate(COLUMNS)),
)

feature_rows = Table(
    "feature_rows",
    metadata,
    Column("stream_id", Integer, primary_key=True),
    Column("opened_at_ms", BigInteger, primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("set_id", Text, nullable=False),
    Column("schema_hash", Text, nullable=False),
    Column("values", LargeBinary, nullable=False),
    Column("regime", Text),
    Column("regime_confidence", Float(53)),
    Column("made_at_ms", BigInteger, nullable=False),
)

feature_schemas = Table(
    "feature_schemas",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("names", Text, nullable=False),
    Column("first_seen_ms", BigInteger, nullable=False),
)
