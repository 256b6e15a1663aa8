"""The service's front door: `python app.py` runs all of it, a WSGI server imports `create_app`."""

from flask import Flask

from ml_service.settings import load_settings


def create_app() -> Flask:
    from ml_service.adapters.process import at_end, collect_rarely, die_with_parent, shut_door_when, wake_for_signals
    from ml_service.web.factory import create_app as over
    from ml_service.web.wiring import open_process

    die_with_parent()
    wake_for_signals()
    process = open_process(load_settings())
    app = over(process.parts)
    app.extensions["process"] = process
    at_end(process.close)
    shut_door_when(process.is_door_shut)
    collect_rarely()
    return app


if __name__ == "__main__":
    from ml_service.cli.main import main

    main(["run"])
