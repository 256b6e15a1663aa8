"""Sets of models, and which of them serves where: now, and at every moment of the past."""

from typing import Any

from sqlalchemy import ColumnElement, and_, func, insert, select, tuple_, update

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.codec import Row
from ml_service.adapters.store.paging import cursor_parts, page_of, whole
from ml_service.adapters.store.transaction import Look, Transaction
from ml_service.adapters.store.upserts import insert_or_skip
from ml_service.domain.models.champions import Reign, Unreadable
from ml_service.domain.models.record import SetRecord
from ml_service.domain.models.set_document import SignedSet
from ml_service.domain.models.signing import Signed
from ml_service.domain.models.slots import Place
from ml_service.errors import ModelRefused
from ml_service.ports import Page


class ChampionsReading(Look):
    def model_set(self, set_id: str) -> SetRecord | None:
        return self._first(select(t.model_sets).where(t.model_sets.c.set_id == set_id), set_from)

    def model_sets(self, place: Place | None, cursor: str | None, limit: int) -> Page[SetRecord]:
        c = t.model_sets.c
        query = select(t.model_sets)
        if place is not None:
            query = query.where(c.symbol == place.symbol, c.regime == place.regime)
        if cursor is not None:
            at_ms, set_id = cursor_parts(cursor, 2)
            query = query.where(tuple_(c.created_at_ms, c.set_id) < (whole(at_ms), set_id))
        query = query.order_by(c.created_at_ms.desc(), c.set_id.desc())
        return page_of(self._connection, query, limit, set_from, lambda row: (row["created_at_ms"], row["set_id"]))

    def newest_candidate(self, place: Place, model_type: str) -> SetRecord | None:
        """The newest set of a place in which a model of that type waits as a shadow, and no other is retired."""
        sets, members, models = t.model_sets, t.model_set_members, t.model_registry
        named = (
            select(members.c.set_id)
            .join(models, models.c.model_id == members.c.model_id)
            .where(*at_place(models, place))
        )
        waits = named.where(models.c.model_type == model_type, models.c.status == "SHADOW")
        cannot = named.where(models.c.status.not_in(("SHADOW", "ACTIVE")))
        return self._first(
            select(sets)
            .where(*at_place(sets, place), sets.c.set_id.in_(waits), sets.c.set_id.not_in(cannot))
            .order_by(sets.c.version.desc())
            .limit(1),
            set_from,
        )

    def sets_to_archive(self, model_id: str) -> list[SetRecord]:
        """Those that name it and have their graph still."""
        members = t.model_set_members
        query = (
            select(t.model_sets)
            .join(members, members.c.set_id == t.model_sets.c.set_id)
            .where(members.c.model_id == model_id, t.model_sets.c.archived_at_ms.is_(None))
        )
        return [set_from(row) for row in self._connection.execute(query).mappings()]

    def files_named(self) -> set[str]:
        """The SHA-256 of every file that a model or a set still needs."""
        models, sets = t.model_registry.c, t.model_sets.c
        found: set[str] = set()
        for column, archived in (
            (models.native_sha256, models.archived_at_ms),
            (models.onnx_sha256, models.archived_at_ms),
            (sets.graph_sha256, sets.archived_at_ms),
        ):
            query = select(column).where(column.is_not(None), archived.is_(None))
            found.update(self._connection.execute(query).scalars())
        return found

    def sets_of_model(self, model_id: str) -> list[str]:
        """Every set that names it, the oldest first."""
        members, sets = t.model_set_members.c, t.model_sets.c
        query = (
            select(sets.set_id)
            .join(t.model_set_members, members.set_id == sets.set_id)
            .where(members.model_id == model_id)
            .order_by(sets.created_at_ms, sets.set_id)
        )
        return list(self._connection.execute(query).scalars())

    def reigns(self) -> list[Reign]:
        """Those that last, one for every place that has a champion."""
        query = select(t.champion_history).join(t.champions, IS_HEAD).where(t.champions.c.set_id.is_not(None))
        history = t.champion_history.c
        return [
            reign_from(row)
            for row in self._connection.execute(query.order_by(history.symbol, history.regime)).mappings()
        ]

    def reign(self, place: Place, revision: int | None = None) -> Reign | None:
        """The one that lasts, or that of a revision."""
        query = select(t.champion_history).where(*at_place(t.champion_history, place))
        if revision is None:
            query = query.join(t.champions, IS_HEAD)
        else:
            query = query.where(t.champion_history.c.revision == revision)
        return self._first(query, reign_from)

    def reign_at(self, place: Place, at_ms: int) -> Reign | None:
        c = t.champion_history.c
        return self._first(
            select(t.champion_history)
            .where(*at_place(t.champion_history, place), c.since_ms <= at_ms)
            .order_by(c.revision.desc())
            .limit(1),
            reign_from,
        )

    def reigns_before(self, reign: Reign) -> list[Reign]:
        """Those that rollbacks from it would go back to, one after the other."""
        c = t.champion_history.c
        query = (
            select(t.champion_history)
            .where(*at_place(t.champion_history, reign.place), c.revision < reign.revision)
            .order_by(c.revision.desc())
        )
        former, found = reign.former, []
        for earlier in map(reign_from, self._connection.execute(query).mappings()):
            if earlier.revision == former:
                found.append(earlier)
                former = earlier.former
        return found

    def reigns_of_set(self, set_id: str) -> list[tuple[Reign, int | None]]:
        """When it served, oldest first; each with when the next one took over, None where it lasts."""
        c = t.champion_history.c
        query = select(t.champion_history).where(c.set_id == set_id).order_by(c.since_ms, c.revision)
        found = [reign_from(row) for row in self._connection.execute(query).mappings()]
        following = [self.reign(reign.place, reign.revision + 1) for reign in found]
        return [(reign, next_.since_ms if next_ else None) for reign, next_ in zip(found, following, strict=True)]

    def champion_history(self, place: Place | None, cursor: str | None, limit: int) -> Page[Reign]:
        """Newest first."""
        c = t.champion_history.c
        query = select(t.champion_history)
        if place is not None:
            query = query.where(*at_place(t.champion_history, place))
        key = tuple_(c.since_ms, c.symbol, c.regime, c.revision)
        if cursor is not None:
            at_ms, symbol, regime, revision = cursor_parts(cursor, 4)
            query = query.where(key < (whole(at_ms), symbol, regime, whole(revision)))
        query = query.order_by(c.since_ms.desc(), c.symbol.desc(), c.regime.desc(), c.revision.desc())
        return page_of(
            self._connection,
            query,
            limit,
            reign_from,
            lambda row: (row["since_ms"], row["symbol"], row["regime"], row["revision"]),
        )


class ChampionsWriting(ChampionsReading, Transaction):
    def next_set_version(self, place: Place) -> int:
        query = select(func.coalesce(func.max(t.model_sets.c.version), 0) + 1)
        return self._count(query.where(*at_place(t.model_sets, place)))

    def save_set(self, record: SetRecord) -> None:
        self._connection.execute(insert(t.model_sets).values(**set_row(record)))
        members = record.opened().models.members
        self._connection.execute(
            insert(t.model_set_members),
            [
                {"set_id": record.set_id, "position": position, "model_id": member.model_id}
                for position, member in enumerate(members)
            ],
        )

    def update_set(self, record: SetRecord) -> None:
        c = t.model_sets.c
        self._connection.execute(update(t.model_sets).where(c.set_id == record.set_id).values(**set_row(record)))

    def save_reign(self, reign: Reign) -> bool:
        """Write the revision if it is the next one; False where another was faster."""
        head = {"revision": reign.revision, "set_id": reign.set_id, "generation": self._generation()}
        if reign.revision == 1:
            first = insert_or_skip(self._connection, t.champions)
            done = self._connection.execute(first, {**reign.place._asdict(), **head})
        else:
            done = self._connection.execute(
                update(t.champions)
                .where(*at_place(t.champions, reign.place), t.champions.c.revision == reign.revision - 1)
                .values(**head)
            )
        if done.rowcount != 1:
            return False
        self._connection.execute(insert(t.champion_history).values(**reign_row(reign)))
        return True


CHAMPIONS = (
    select(
        t.champions.c.symbol.label("at_symbol"),
        t.champions.c.regime.label("at_regime"),
        t.champions.c.set_id.label("wanted"),
        t.model_sets,
    )
    .join_from(t.champions, t.model_sets, t.champions.c.set_id == t.model_sets.c.set_id, isouter=True)
    .where(t.champions.c.set_id.is_not(None))
)
"""Every place that somebody serves, and the set of that name, where there is one."""

IS_HEAD = and_(
    t.champions.c.symbol == t.champion_history.c.symbol,
    t.champions.c.regime == t.champion_history.c.regime,
    t.champions.c.revision == t.champion_history.c.revision,
)


def at_place(table: Any, place: Place) -> tuple[ColumnElement[bool], ...]:
    return (table.c.symbol == place.symbol, table.c.regime == place.regime)


def set_row(record: SetRecord) -> dict[str, Any]:
    return {
        "set_id": record.set_id,
        **record.place._asdict(),
        "version": record.version,
        "schema_hash": record.schema_hash,
        "graph_sha256": record.graph_sha256,
        "created_at_ms": record.created_at_ms,
        "expires_at_ms": record.expires_at_ms,
        "archived_at_ms": record.archived_at_ms,
        "signature": record.signed.signature,
        "document": record.signed.text,
    }


def set_from(row: Row) -> SetRecord:
    return SetRecord(
        set_id=row["set_id"],
        place=Place(row["symbol"], row["regime"]),
        version=row["version"],
        schema_hash=row["schema_hash"],
        graph_sha256=row["graph_sha256"],
        created_at_ms=row["created_at_ms"],
        expires_at_ms=row["expires_at_ms"],
        archived_at_ms=row["archived_at_ms"],
        signed=Signed(row["document"], row["signature"]),
    )


def champion_from(row: Row) -> SignedSet | Unreadable:
    """Of a row of CHAMPIONS; its signature is for whoever opens its file to verify."""
    place = Place(row["at_symbol"], row["at_regime"])
    try:
        if row["set_id"] is None:
            raise ModelRefused(f"expected set {row['wanted']} in the registry, found none")
        opened = set_from(row).opened()
        if opened.models.place != place:
            raise ModelRefused(f"expected a set of {'/'.join(place)}, found one of {'/'.join(opened.models.place)}")
    except ModelRefused as error:
        return Unreadable(place, row["wanted"], str(error))
    return opened


def reign_row(reign: Reign) -> dict[str, Any]:
    return {
        **reign.place._asdict(),
        "revision": reign.revision,
        "set_id": reign.set_id,
        "step": reign.step,
        "former": reign.former,
        "since_ms": reign.since_ms,
        "actor": reign.actor,
        "reason": reign.reason,
    }


def reign_from(row: Row) -> Reign:
    return Reign(
        place=Place(row["symbol"], row["regime"]),
        revision=row["revision"],
        set_id=row["set_id"],
        step=row["step"],
        former=row["former"],
        since_ms=row["since_ms"],
        actor=row["actor"],
        reason=row["reason"],
    )
