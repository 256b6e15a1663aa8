"""`python -m ml_service`: the commands."""

import datetime
import os
import re
import sys
from typing import Annotated, Any, NoReturn

import typer

from ml_service.errors import Misconfigured, ServiceError
from ml_service.settings import Settings, check, load_settings

cli = typer.Typer(no_args_is_help=True, add_completion=False, help="The adaptive sidecar for trading bots.")
keys = typer.Typer(no_args_is_help=True, help="Make, replace, revoke and list API keys.")
migrations = typer.Typer(help="Change the shape of the database; without a word after it: to the newest.")
cli.add_typer(keys, name="keys")
cli.add_typer(migrations, name="migrate")


def main(arguments: list[str] | None = None) -> NoReturn:
    try:
        cli(arguments, standalone_mode=True)
    except Misconfigured as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    except ServiceError as error:
        print(f"{error.code}: {error}", file=sys.stderr)
        sys.exit(1)
    sys.exit(0)


def keep_private() -> None:
    """What this process writes is for its own user alone: thresholds, outcomes and keys are nobody else's business."""
    os.umask(0o077)


@cli.command()
def run(
    worker: Annotated[bool, typer.Option(help="Run the worker beside the web server.")] = True,
) -> None:
    """Migrate the database, then run web and worker until Ctrl-C."""
    from ml_service.cli.start import prepare, refuse_taken_port
    from ml_service.cli.supervisor import supervise

    settings = load_settings()
    keep_private()
    refuse_taken_port(settings)
    prepare(settings)
    sys.exit(supervise(settings, worker))


@cli.command()
def web() -> None:
    """Run the web server alone."""
    from ml_service.cli.serve import serve
    from ml_service.cli.start import refuse_unsafe

    settings = load_settings()
    keep_private()
    # Here already: a worker of the server could only fail, again and again.
    refuse_unsafe(settings)
    serve(settings)


@cli.command()
def worker() -> None:
    """Run the worker alone."""
    from ml_service.worker.__main__ import run_worker

    keep_private()
    run_worker(load_settings())


@cli.command("check-config")
def check_config() -> None:
    """Check the settings: every mistake at once, and whether thresholds could ever move."""
    from ml_service.adapters.keys_file import read_keys

    settings = load_settings()
    seeded = read_keys(settings.security.api_keys_file)
    complaints = check(settings, len(seeded))
    if complaints:
        raise Misconfigured(complaints)
    for notice in settings.notices:
        print(f"note: {notice}")
    print(f"the settings are sound ({settings.environment}, hash {settings.hash})")


# ---- the database


@migrations.callback(invoke_without_command=True)
def migrate(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        migrate_up("head")


@migrations.command("up")
def migrate_up(to: Annotated[str, typer.Argument(help="A version, or head.")] = "head") -> None:
    """Bring the database to a version (the newest by default)."""
    from ml_service.adapters.store.schema import upgrade

    print(f"the database is at {upgrade(load_settings().database_url, to)}")


@migrations.command("down")
def migrate_down(
    to: Annotated[str, typer.Argument(help="The version to go back to, or base.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before data is lost.")] = False,
) -> None:
    """Take the database back to an earlier version; says what would be lost, and asks."""
    from ml_service.adapters.store.schema import downgrade, losses

    url = load_settings().database_url
    lost = losses(url, to)
    for loss in lost:
        print(f"this would lose: {loss}")
    if lost and not yes:
        typer.confirm("go on?", abort=True)
    print(f"the database is at {downgrade(url, to)}")


@migrations.command("status")
def migrate_status() -> None:
    """Say which version the database has, and which one this program expects."""
    from ml_service.adapters.store.database import Database
    from ml_service.adapters.store.schema import HEAD, version

    database = Database(load_settings().database_url)
    with database.read() as connection:
        found = version(connection) or "base"
    print(f"the database is at {found}, this program expects {HEAD}")
    sys.exit(0 if found == HEAD else 3)


# ---- keys


@keys.command("create")
def keys_create(
    scope: Annotated[str, typer.Option(help="user, service, cron or admin")],
    user: Annotated[list[str] | None, typer.Option(help="A user it may act for; repeat for several.")] = None,
    name: Annotated[str, typer.Option(help="A name to know it by.")] = "",
    days: Annotated[float | None, typer.Option(help="Valid for this many days; for ever if left out.")] = None,
) -> None:
    """Make a key. Its secret is shown this once."""
    from ml_service.cli.wiring import open_store
    from ml_service.domain.keys import KEY_SCOPES
    from ml_service.usecases.manage_keys import create_key

    if scope not in KEY_SCOPES:
        raise typer.BadParameter(f"expected one of {', '.join(KEY_SCOPES)}, found {scope}", param_hint="--scope")
    settings = load_settings()
    with open_store(settings) as tools:
        with tools.store.read() as reading:
            first = not reading.all_keys() and not settings.security.admin_key and not settings.security.api_keys_file
        key, token = create_key(
            scope,
            user or None,
            name=name,
            expires_at_ms=tools.now_ms() + int(days * 86_400_000) if days is not None else None,
            actor="command-line",
            entropy=tools.entropy,
            now_ms=tools.now_ms(),
            store=tools.store,
        )
    users = "every user" if key.users is None else ", ".join(key.users)
    print(f"key {key.id} (scope {key.scope}, for {users}) in {where_kept(settings)}; shown this once:")
    print(token)
    if first:
        print("this is the first key: from now on every caller needs one", file=sys.stderr)


def where_kept(settings: Settings) -> str:
    return f"SQLite in {settings.data_dir.resolve()}" if settings.is_embedded else "PostgreSQL"


@keys.command("rotate")
def keys_rotate(
    key_id: str,
    grace_hours: Annotated[float, typer.Option(help="How long the old key stays valid.")] = 24.0,
) -> None:
    """Replace a key; the old one stays valid for the grace time."""
    from ml_service.cli.wiring import open_store
    from ml_service.usecases.manage_keys import rotate_key

    with open_store(load_settings()) as tools:
        key, token = rotate_key(
            key_id,
            grace_hours=grace_hours,
            actor="command-line",
            entropy=tools.entropy,
            now_ms=tools.now_ms(),
            store=tools.store,
        )
    print(f"key {key.id} takes the place of {key_id}, which ends in {grace_hours:g} h; shown this once:")
    print(token)


@keys.command("revoke")
def keys_revoke(key_id: str) -> None:
    """Take a key back; it stops working within a second."""
    from ml_service.cli.wiring import open_store
    from ml_service.usecases.manage_keys import revoke_key

    with open_store(load_settings()) as tools:
        revoke_key(key_id, actor="command-line", now_ms=tools.now_ms(), store=tools.store)
    print(f"key {key_id} is revoked")


@keys.command("list")
def keys_list() -> None:
    """List all keys, without their secrets."""
    from ml_service.cli.wiring import open_store

    with open_store(load_settings()) as tools, tools.store.read() as reading:
        found = reading.all_keys()
        for key in found:
            users = "every user" if key.users is None else ",".join(key.users)
            live = "live" if key.is_live(tools.now_ms()) else "ended"
            print(f"{key.id}  {key.scope:8} {live:6} {users}  {key.name}")
    if not found:
        print("no keys in the database")


# ---- the kill switch


@cli.command("kill-switch")
def kill_switch(
    turn: Annotated[str, typer.Argument(help="on, off or status")] = "status",
    user: Annotated[str, typer.Option(help="One user; everybody if left out.")] = "*",
    reason: Annotated[str, typer.Option(help="Why; it is kept.")] = "",
) -> None:
    """Stop all new risk, or allow it again; works on this host also while the database is away."""
    from ml_service.adapters.kill_file import LocalKillFile
    from ml_service.cli.wiring import open_store
    from ml_service.domain.types import Kill
    from ml_service.usecases import kill_switch as switch

    if turn not in ("on", "off", "status"):
        raise typer.BadParameter(f"expected on, off or status, found {turn}", param_hint="turn")
    settings = load_settings()
    file = LocalKillFile(settings.data_dir)
    # Not migrated first: the switch has to work while the database is away.
    with open_store(settings, migrated=False) as tools:
        if turn != "status":
            kill = Kill(user, turn == "on", reason, "command-line", tools.now_ms())
            stored = switch.turn(kill, store=tools.store, kill_file=file)
            print(f"{turn} for {user}" + ("" if stored else " on this host; the database hears of it when it is back"))
        state = file.read()
    for name, local in sorted(state.kills.items()):
        print(
            f"{name}: {'on' if local.kill.on else 'off'} ({local.kill.actor}: {local.kill.reason or 'no reason given'})"
        )
    if state.unreadable:
        print("the kill file of this host cannot be read: it counts as on for everybody")


# ---- proofs


@cli.command()
def replay(
    since: Annotated[str, typer.Option(help="How far back: 90m, 24h, 7d, or a UTC time.")] = "24h",
    until: Annotated[str | None, typer.Option(help="Up to when; now if left out.")] = None,
) -> None:
    """Execute recorded decisions again and name every one that comes out differently."""
    from ml_service.cli.wiring import open_store
    from ml_service.usecases.replay import replay_between

    with open_store(load_settings()) as tools:
        since_ms = moment(since, tools.now_ms())
        until_ms = moment(until, tools.now_ms()) if until is not None else tools.now_ms() + 1
        total = different = 0
        for one in replay_between(since_ms, until_ms, store=tools.store):
            total += 1
            if not one.equal:
                different += 1
                print(f"{one.decision.user_id}  {one.decision.decision_id}")
                for difference in one.differences:
                    print(f"    {difference}")
    print(f"{total} decisions executed again, {different} came out differently")
    sys.exit(1 if different else 0)


@cli.command("verify-audit")
def verify_audit(
    head: Annotated[str | None, typer.Option(help="Sequence and hash of an entry you remember, as 12:ab34…")] = None,
) -> None:
    """Check the audit chain from its first entry to its remembered head."""
    from ml_service.adapters.store.audit_head import AuditHead
    from ml_service.cli.wiring import open_store
    from ml_service.domain.audit import flaws

    settings = load_settings()
    remembered = AuditHead(settings.data_dir).recall()
    if head is not None:
        sequence, _, digest = head.partition(":")
        if not sequence.isdigit() or not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise typer.BadParameter("expected a sequence and a hash, such as 12:ab34…", param_hint="--head")
        remembered = int(sequence), digest
    with open_store(settings) as tools, tools.store.read() as reading:
        count = 0

        def counted() -> Any:
            nonlocal count
            for entry in reading.audit_entries(0, None):
                count += 1
                yield entry

        found = list(flaws(counted(), remembered))
    for flaw in found:
        print(f"entry {flaw.sequence}: {flaw.what}")
    against = f"up to the remembered head {remembered[0]}" if remembered else "no head is remembered here"
    print(f"{count} entries checked ({against}), {len(found)} flaws")
    sys.exit(1 if found else 0)


@cli.command("safety-case")
def safety_case(
    long: Annotated[bool, typer.Option("--long", help="Include the long proofs.")] = False,
) -> None:
    """Run the safety tests; print each promise, its tests and how they came out."""
    from ml_service.cli.safety_case import report

    sys.exit(report(with_long=long))


def moment(text: str, now_ms: int) -> int:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text)
    if found:
        return now_ms - int(float(found[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[found[2]] * 1000)
    try:
        at = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"expected 90m, 24h, 7d or a UTC time, found {text}") from None
    return int((at if at.tzinfo else at.replace(tzinfo=datetime.UTC)).timestamp() * 1000)
