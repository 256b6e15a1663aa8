"""`python -m ml_service`: the table of contents. A new command is one file in `commands/` and one line below."""

import errno
import sys
from typing import NoReturn

import typer

from ml_service.cli.commands import (
    adapt,
    check_config,
    data,
    export,
    features,
    keys,
    kill_switch,
    migrate,
    models,
    processes,
    replay,
    report,
    rollups,
    safety_case,
    train,
    verify_audit,
)
from ml_service.errors import Misconfigured, NotKept, ServiceError

TAKES_NOTHING = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)
"""A disk that is full, or a folder that is somebody else's: whoever runs a command can mend that."""

cli = typer.Typer(no_args_is_help=True, add_completion=False, help="The adaptive sidecar for trading bots.")
cli.command("run")(processes.run)
cli.command("web")(processes.web)
cli.command("worker")(processes.worker)
cli.command("check-config")(check_config.check_config)
cli.command("adapt")(adapt.adapt)
cli.command("kill-switch")(kill_switch.kill_switch)
cli.command("replay")(replay.replay)
cli.command("export")(export.export)
cli.command("report")(report.report)
cli.command("train")(train.train)
cli.command("verify-audit")(verify_audit.verify_audit)
cli.command("safety-case")(safety_case.safety_case)
cli.add_typer(data.data, name="data")
cli.add_typer(features.features, name="features")
cli.add_typer(keys.keys, name="keys")
cli.add_typer(migrate.migrations, name="migrate")
cli.add_typer(models.models, name="models")
cli.add_typer(rollups.rollups, name="rollups")


def main(arguments: list[str] | None = None) -> NoReturn:
    try:
        cli(arguments, standalone_mode=True)
    except Misconfigured as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    except ServiceError as error:
        print(f"{error.code}: {error}", file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        if error.errno not in TAKES_NOTHING:
            raise
        print(f"{NotKept.code}: {error.filename or 'a file'} could not be used: {error.strerror}", file=sys.stderr)
        sys.exit(1)
    sys.exit(0)
