"""`rollups`: the tallies that performance is told from, made anew or compared with their rows."""

import datetime
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from ml_service.settings import load_settings

if TYPE_CHECKING:
    from ml_service.cli.wiring import Tools
    from ml_service.domain.performance.tally import Cut
    from ml_service.usecases.history import Difference

rollups = typer.Typer(no_args_is_help=True, help="The roll-ups of this host, which performance is told from.")

User = Annotated[str | None, typer.Option(help="One user; everybody if left out.")]
SHOWN_MAX = 100


@rollups.command("rebuild")
def rebuild(user: User = None) -> None:
    """Roll up every day anew from the outcomes."""
    from ml_service.cli.wiring import open_rollups, open_store
    from ml_service.usecases import history

    settings = load_settings()
    users = days = 0
    with open_store(settings) as tools, open_rollups(settings) as kept:
        for user_id in users_of(tools, user):
            for_user = history.rebuild(user_id, store=tools.store, rollups=kept, progress=Progress(user_id))
            users, days = users + 1, days + for_user
    print(f"{days} days of {users} users rolled up")


@rollups.command("check")
def check(user: User = None) -> None:
    """Compare the roll-ups with the outcomes they were told from, and name every difference."""
    from ml_service.cli.wiring import open_rollups, open_store
    from ml_service.usecases import history

    settings = load_settings()
    days = stale = different = 0
    with open_store(settings) as tools, open_rollups(settings) as kept:
        for user_id in users_of(tools, user):
            checked = history.check(user_id, store=tools.store, rollups=kept)
            days, stale = days + checked.days, stale + checked.stale
            for one in checked.differences:
                different += 1
                if different <= SHOWN_MAX:
                    print(f"{user_id}  {told(one)}")
    if different > SHOWN_MAX:
        print(f"and {different - SHOWN_MAX} more")
    print(f"{days - stale} days compared, {stale} not rolled up yet, {different} differences")
    sys.exit(1 if different else 0)


class Progress:
    """A line for every tenth of a user's days."""

    def __init__(self, user_id: str) -> None:
        self._user_id = user_id
        self._tenth = 0

    def __call__(self, done: int, total: int) -> None:
        tenth = 10 * done // total
        if tenth > self._tenth:
            self._tenth = tenth
            print(f"{self._user_id}: {done} of {total} days", flush=True)


def users_of(tools: "Tools", user: str | None) -> Iterator[str]:
    if user is not None:
        yield user
        return
    with tools.store.read() as reading:
        names = list(reading.users_with_outcomes())
    yield from names


def told(difference: "Difference") -> str:
    day = datetime.date(1970, 1, 1) + datetime.timedelta(days=difference.day)
    group = f" {difference.group}" if difference.cut.by is not None else ""
    return f"{day}  {name_of(difference.cut)}{group}: kept {difference.kept}, the rows say {difference.found}"


def name_of(cut: "Cut") -> str:
    return f"{cut.symbol or 'all symbols'}{f' by {cut.by}' if cut.by is not None else ''}"
