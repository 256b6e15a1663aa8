"""What the snapshot asks: which store is this, and what moved since a generation? And how both begin."""

import uuid

from sqlalchemy import Connection, and_, select, update

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


class ChangesReading(Look):
    def changes_since(self, store_id: str, generation: int) -> Changes | None:
        current = self._connection.execute(select(t.generations.c.value)).scalar_one()
        mine = self.store_id()
        known = mine == store_id and generation <= current
        if known and generation == current:
            return None
        since = generation if known else -1
        heads, rows = t.threshold_heads, t.thresholds
        champions = [
            champion_from(row)
            for row in self._connection.execute(CHAMPIONS.where(t.champions.c.generation > since)).mappings()
        ]
        return Changes(
            store_id=mine,
            generation=current,
            thresholds=tuple(
                thresholds_from(row)
                for row in self._connection.execute(
                    select(rows)
                    .join(
                        heads,
                        and_(
                            heads.c.user_id == rows.c.user_id,
                            heads.c.symbol == rows.c.symbol,
                            heads.c.revision == rows.c.revision,
                        ),
                    )
                    .where(heads.c.generation > since)
                ).mappings()
            ),
            keys=tuple(
                key_from(row)
                for row in self._connection.execute(
                    select(t.api_keys).where(t.api_keys.c.generation > since)
                ).mappings()
            ),
            kills=tuple(
                kill_from(row)
                for row in self._connection.execute(
                    select(t.kill_switches).where(t.kill_switches.c.generation > since)
                ).mappings()
            ),
            feature_rows=tuple(
                head_from(row)
                for row in self._connection.execute(
                    select(t.feature_heads).where(t.feature_heads.c.generation > since)
                ).mappings()
            ),
            champions=tuple(one for one in champions if isinstance(one, SignedSet)),
            unreadable=tuple(one for one in champions if isinstance(one, Unreadable)),
            vacated=tuple(
                Place(row.symbol, row.regime)
                for row in self._connection.execute(
                    select(t.champions.c.symbol, t.champions.c.regime).where(
                        t.champions.c.generation > since, t.champions.c.set_id.is_(None)
                    )
                )
            ),
            full=not known,
        )

    def store_id(self) -> str:
        facts = t.store_facts
        query = select(facts.c.value).where(facts.c.name == "store_id")
        return str(self._connection.execute(query).scalar_one())


def found_store(connection: Connection) -> None:
    """The first rows of a new database: its identity and its generation counter."""
    connection.execute(insert_or_skip(connection, t.store_facts), [{"name": "store_id", "value": uuid.uuid4().hex}])
    connection.execute(insert_or_skip(connection, t.generations), [{"id": 1, "value": 0}])


def renew_store(connection: Connection) -> None:
    """What a step back took away is told to nobody; as another store, it is read anew by all who knew the former."""
    facts = t.store_facts
    connection.execute(update(facts).where(facts.c.name == "store_id").values(value=uuid.uuid4().hex))
