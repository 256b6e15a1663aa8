"""What the snapshot asks: which store is this, and what moved since a generation? And how both begin."""

import uuid

from sqlalchemy import BindParameter, Connection, and_, bindparam, select, update

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.champion_rows import CHAMPIONS, champion_from
from ml_service.adapters.store.feature_head_rows import head_from
from ml_service.adapters.store.key_rows import key_from
from ml_service.adapters.store.kill_rows import kill_from
from ml_service.adapters.store.threshold_rows import thresholds_from
from ml_service.adapters.store.transaction import Look
from ml_service.adapters.store.upserts import insert_or_skip
from ml_service.domain.models.champions import Unreadable
from ml_service.domain.models.set_document import SignedSet
from ml_service.domain.models.slots import Place
from ml_service.domain.view import Changes

H, C = t.threshold_heads.c, t.champions.c
SINCE: BindParameter[int] = bindparam("since")
# Built once: each look of each process asks the same, and to build a question costs more than to answer it.
GENERATION = select(t.generations.c.value)
STORE_ID = select(t.store_facts.c.value).where(t.store_facts.c.name == "store_id")
THRESHOLDS = (
    select(t.thresholds)
    .join(
        t.threshold_heads,
        and_(
            H.user_id == t.thresholds.c.user_id,
            H.symbol == t.thresholds.c.symbol,
            H.revision == t.thresholds.c.revision,
        ),
    )
    .where(H.generation > SINCE)
)
KEYS = select(t.api_keys).where(t.api_keys.c.generation > SINCE)
KILLS = select(t.kill_switches).where(t.kill_switches.c.generation > SINCE)
FEATURES = select(t.feature_heads).where(t.feature_heads.c.generation > SINCE)
SERVING = CHAMPIONS.where(C.generation > SINCE)
VACATED = select(C.symbol, C.regime).where(C.generation > SINCE, C.set_id.is_(None))


class ChangesReading(Look):
    def changes_since(self, store_id: str, generation: int) -> Changes | None:
        current = self._connection.execute(GENERATION).scalar_one()
        mine = self.store_id()
        known = mine == store_id and generation <= current
        if known and generation == current:
            return None
        since = {"since": generation if known else -1}
        champions = [champion_from(row) for row in self._connection.execute(SERVING, since).mappings()]
        return Changes(
            store_id=mine,
            generation=current,
            thresholds=tuple(map(thresholds_from, self._connection.execute(THRESHOLDS, since).mappings())),
            keys=tuple(map(key_from, self._connection.execute(KEYS, since).mappings())),
            kills=tuple(map(kill_from, self._connection.execute(KILLS, since).mappings())),
            feature_rows=tuple(map(head_from, self._connection.execute(FEATURES, since).mappings())),
            champions=tuple(one for one in champions if isinstance(one, SignedSet)),
            unreadable=tuple(one for one in champions if isinstance(one, Unreadable)),
            vacated=tuple(Place(row.symbol, row.regime) for row in self._connection.execute(VACATED, since)),
            full=not known,
        )

    def store_id(self) -> str:
        return str(self._connection.execute(STORE_ID).scalar_one())


def found_store(connection: Connection) -> None:
    """The first rows of a new database: its identity and its generation counter."""
    connection.execute(insert_or_skip(connection, t.store_facts), [{"name": "store_id", "value": uuid.uuid4().hex}])
    connection.execute(insert_or_skip(connection, t.generations), [{"id": 1, "value": 0}])


def renew_store(connection: Connection) -> None:
    """What a step back took away is told to nobody; as another store, it is read anew by all who knew the former."""
    facts = t.store_facts
    connection.execute(update(facts).where(facts.c.name == "store_id").values(value=uuid.uuid4().hex))
