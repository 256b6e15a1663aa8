"""Health, liveness, readiness."""

from tests.web.desk import ADMIN, Desk


def test_alive_is_alive(desk: Desk) -> None:
    assert desk.data("GET", "/livez") == {"alive": True}


def test_ready_until_it_goes_down(desk: Desk) -> None:
    assert desk.data("GET", "/readyz") == {"ready": True, "draining": False}

    desk.process._draining.set(1)
    try:
        draining = desk.call("GET", "/readyz")
        alive = desk.call("GET", "/livez")
    finally:
        desk.process._draining.set(0)

    assert draining.status_code == 503
    assert (alive.status_code, alive.headers["Connection"]) == (200, "close")


def test_health_is_short_without_a_key(desk: Desk) -> None:
    told = desk.data("GET", "/health")

    assert set(told) == {"status", "mode", "version", "degraded"}
    assert (told["status"], told["mode"], told["degraded"]) == ("ok", "trusted-network", [])


def test_health_is_whole_for_the_operator(desk: Desk) -> None:
    told = desk.admin("GET", "/health")

    assert (told["database"], told["environment"], told["journal_rows"]) == ("sqlite", "testing", 0)
    assert (told["kill_switch"], told["snapshot"]["stale"], told["durability"]) == (False, False, [])


def test_health_answers_even_a_wrong_key_in_short_form(desk: Desk) -> None:
    told = desk.data("GET", "/health", headers={"X-API-Key": "mls_nobody_nothing"})

    assert set(told) == {"status", "mode", "version", "degraded"}


def test_head_and_options_are_answered(desk: Desk) -> None:
    head, options = desk.call("HEAD", "/livez"), desk.call("OPTIONS", "/api/v1/evaluate/ada")

    assert (head.status_code, head.data) == (200, b"")
    assert options.status_code == 200
    assert "POST" in options.headers["Allow"]


def test_the_admin_key_works_in_both_headers(desk: Desk) -> None:
    as_api_key = desk.call("GET", "/api/v1/admin/keys", headers={"X-API-Key": ADMIN["X-Admin-Key"]})

    assert as_api_key.status_code == 200
