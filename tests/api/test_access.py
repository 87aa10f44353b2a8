"""Each route by role, from the route table itself: what is not open needs a credential, and the right one."""

from __future__ import annotations

import re

import pytest

from collector.api.application import decide_access, load_routes
from collector.api.identity import GRANTS
from collector.api.route import Route
from tests.api.served import Served, serving

ROUTES = load_routes()
CLOSED = [route for route in ROUTES if route.access != "open"]
ROLES = ("viewer", "auditor", "configuration_manager", "operator", "administrator", "source", "enrolment")


def path_of(route: Route) -> str:
    return re.sub(r"\{[a-z]+\}", "1", route.path)


@pytest.mark.parametrize("route", CLOSED, ids=lambda route: route.key)
def test_route_without_a_credential_is_401(served: Served, route: Route) -> None:
    answered = served.ask(route.method, path_of(route), token=None)
    assert answered.status == 401
    assert answered.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("route", CLOSED, ids=lambda route: route.key)
def test_route_with_an_unknown_token_is_401(served: Served, route: Route) -> None:
    assert served.ask(route.method, path_of(route), token="muster_api_unknown").status == 401


@pytest.mark.parametrize("route", CLOSED, ids=lambda route: route.key)
def test_route_is_403_for_every_role_that_lacks_it_and_for_no_other(served: Served, route: Route) -> None:
    refused = {role for role in ROLES if served.ask(route.method, path_of(route), b"{", token=role, Content_Type="text/x-none").status == 403}
    assert refused == {role for role in ROLES if route.access not in GRANTS[role]}


def test_only_these_routes_are_open() -> None:
    assert {route.key for route in ROUTES if route.access == "open"} == {
        "GET /healthz", "GET /readyz", "GET /v1/ca.pem", "POST /v1/session",
    }  # fmt: skip


def test_open_metrics_opens_these_two_routes_and_no_other() -> None:
    closed, opened = (decide_access(ROUTES, metrics_open=each) for each in (False, True))
    assert {key for key in closed if closed[key] != opened[key]} == {"GET /metrics", "GET /v1/prometheus/targets"}


def test_open_metrics_are_scraped_without_a_token(tmp_path) -> None:  # type: ignore[no-untyped-def]  # pytest's path
    with serving(tmp_path / "open", metrics_open=True) as served:
        assert served.ask("GET", "/metrics", token=None).status == 200
        assert served.ask("GET", "/v1/cis", token=None).status == 401


def test_every_route_is_unique() -> None:
    keys = [route.key for route in ROUTES]
    assert sorted(keys) == sorted(set(keys))


def test_unknown_path_and_wrong_method_are_problems(served: Served) -> None:
    missing, wrong = served.ask("GET", "/v1/nothing"), served.ask("DELETE", "/v1/cis")
    assert (missing.status, missing.code, missing.headers["Content-Type"]) == (404, "not-found", "application/problem+json")
    assert (wrong.status, wrong.code) == (405, "method-not-allowed")
    assert "GET" in wrong.headers["Allow"]


def test_answers_of_the_api_may_not_be_cached_framed_or_sniffed(served: Served) -> None:
    headers = served.ask("GET", "/v1/cis").headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


def test_other_scheme_than_bearer_is_401(served: Served) -> None:
    assert served.ask("GET", "/v1/cis", token=None, Authorization="Basic a2ltOng=").status == 401
