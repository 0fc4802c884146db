"""What holds for every route, read from the API's own description: token, problems, examples, no secret."""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from pydantic import BaseModel
from tests.fleet.api.rig import bus_url, camera, coordinator, worker

from sightline.fleet.api.app import PageParts, make_app
from sightline.fleet.api.examples import EXAMPLES
from sightline.fleet.store import rows
from sightline.fleet.store.events import EventOut
from sightline.fleet.store.tokens import TokenOut
from sightline.fleet.store.user_tokens import UserTokenOut
from sightline.fleet.store.users import UserOut

PLANTED = "planted-geheim-77c1"
PROBLEM = "application/problem+json"
OPEN = {"/healthz"}
WORDS = {"kind": "camera"}
HIDDEN_ROUTES = {("GET", "/api/v1/openapi.json")}
ENDLESS = "/api/v1/cameras/{camera}/live"
NEEDS_AN_AGENT = "/api/v1/instances/{instance}/logs"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Address, token and description of a coordinator with a camera, an instance, and an agent to come."""
    with coordinator(tmp_path_factory.mktemp("fleet"), bus_url()) as (server, client):
        secret = {"bus": f"hub://:{PLANTED}@10.0.0.1:4820"}
        client.post("/api/v1/instances", worker("one", config={**worker("one")["config"], **secret}))
        client.post("/api/v1/agents", {"agent_name": "hall"})
        client.post("/api/v1/users", {"name": "hall", "password": f"{PLANTED}-user"})
        client.post(
            "/api/v1/cameras", camera("gate", instance_name="one", username="viewer", password=PLANTED)
        )
        client.post("/api/v1/update-config")
        yield server.url, server.token, client.get("/api/v1/openapi.json")


@pytest.fixture
def http(served: tuple[str, str, dict[str, Any]]) -> Iterator[httpx.Client]:
    url, token, _ = served
    headers = {"authorization": f"Bearer {token}"}
    with httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=30) as client:
        yield client


def operations(described: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def filled(path: str, value: str = "nobody") -> str:
    words = {} if path.endswith(".csv") else WORDS
    return re.sub(r"\{(\w+)\}", lambda found: words.get(found[1], value), path)


def check_problem(answer: httpx.Response, *statuses: int) -> None:
    assert answer.status_code in statuses, (answer.request.method, answer.request.url, answer.text)
    assert answer.headers["content-type"] == PROBLEM
    told = answer.json()
    assert told["status"] == answer.status_code
    assert told["type"].startswith("urn:sightline:fleet:")
    assert told["title"]
    assert PLANTED not in answer.text


def test_no_route_answers_without_the_token(served: tuple[str, str, dict[str, Any]]) -> None:
    url, _, described = served
    with httpx.Client(base_url=url, trust_env=False) as stranger:
        for method, path, operation in operations(described):
            answer = stranger.request(method, filled(path), json={} if "requestBody" in operation else None)
            if path in OPEN:
                assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
            else:
                check_problem(answer, 401)
                assert operation["security"]
        for path in ("/", "/docs", "/redoc", "/openapi.json", "/api/v1/openapi.json", "/nothing"):
            check_problem(stranger.get(path), 401)
        check_problem(stranger.get("/api/v1/status", headers={"authorization": "Bearer wrong-token"}), 401)


def test_no_route_is_left_out_of_the_description(tmp_path: Path) -> None:
    with coordinator(tmp_path, bus_url()) as (server, client):
        there = {*routes_below(make_app(PageParts(server.service, server.entrance)).routes)}
        described = {(method, path) for method, path, _ in operations(client.get("/api/v1/openapi.json"))}
    assert there == described | HIDDEN_ROUTES


def routes_below(routes: Iterable[Any]) -> Iterator[tuple[str, str]]:
    """As the application has them, within routers that it took in too."""
    for route in routes:
        router = getattr(route, "original_router", None)
        if router is not None:
            yield from routes_below(router.routes)
        else:
            yield from ((method, route.path) for method in route.methods - {"HEAD"})


def test_every_body_that_is_wrong_is_a_problem_and_echoes_nothing(
    http: httpx.Client, served: tuple[str, str, dict[str, Any]]
) -> None:
    wrong: tuple[Any, ...] = (
        [PLANTED],
        PLANTED,
        7,
        {"nobody_knows": PLANTED},
        {"password": {"a": PLANTED}, "config": PLANTED, "labels": PLANTED, "run": [PLANTED]},
        {"address": 7, "value": {"camera_url": [PLANTED]}, "desc": [PLANTED], "description": {"a": PLANTED}},
        {"address": f"rtsp://viewer:{PLANTED}@host/", "camera_id": "new", "width": -1},
        {"config": {"workers": {"look": {"password": PLANTED}}}, "instance_name": "new", "kind": "worker"},
    )
    count = 0
    for method, path, operation in operations(served[2]):
        if "requestBody" not in operation:
            continue
        media = operation["requestBody"]["content"]
        if "application/json" not in media:
            continue
        for body in wrong:
            answer = http.request(method, filled(path), json=body)
            count += 1
            if answer.status_code < 400:  # a key that a lenient body passes over
                assert path in {"/api/v1/update-config", "/api/v1/refresh"}
                assert PLANTED not in answer.text
            else:
                check_problem(answer, 404, 422)
        check_problem(
            http.request(
                method,
                filled(path),
                content=b"{" + PLANTED.encode(),
                headers={"content-type": "application/json"},
            ),
            400,
        )
    assert count > 50


def test_what_there_is_not_is_a_problem(http: httpx.Client, served: tuple[str, str, dict[str, Any]]) -> None:
    for method, path, operation in operations(served[2]):
        if "{" in path and "{kind}.csv" not in path:
            body = _example(operation)
            check_problem(http.request(method, filled(path), json=body), 404)
    check_problem(http.get("/api/v1/nothing"), 404)
    check_problem(http.delete("/api/v1/status"), 405)
    check_problem(http.get("/docs"), 404)


def test_every_query_that_is_wrong_is_a_problem(
    http: httpx.Client, served: tuple[str, str, dict[str, Any]]
) -> None:
    for method, path, operation in operations(served[2]):
        numbers = [one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"]
        for name in {"limit", "offset", "lines", "after"} & set(numbers):
            for value in ("x", "-1", "1e9", PLANTED):
                check_problem(http.request(method, filled(path), params={name: value}), 422)
        if "limit" in numbers:
            check_problem(http.get(path, params={"no_such_filter": PLANTED}), 422)


def test_a_body_that_is_too_large_is_a_problem(http: httpx.Client) -> None:
    check_problem(http.post("/api/v1/cameras", content=b" " * (17 << 20)), 413)


def test_a_request_for_another_host_is_a_problem(http: httpx.Client) -> None:
    check_problem(http.get("/api/v1/status", headers={"host": "evil.example"}), 400)


def test_no_answer_shows_a_secret(http: httpx.Client, served: tuple[str, str, dict[str, Any]]) -> None:
    paths = {path for method, path, _ in operations(served[2]) if method == "GET"}
    looked = set()
    for path in paths:
        for name in ("gate", "one", "hall", "cameras", "instances", "agents", "1"):
            answer = first_of(http, filled(path, name)) if path == ENDLESS else http.get(filled(path, name))
            assert PLANTED not in answer.text + str(answer.headers), path
            looked |= {path} if answer.status_code == 200 else set()
    assert paths - looked == {NEEDS_AN_AGENT}


def first_of(http: httpx.Client, path: str) -> httpx.Response:
    """What comes first of an answer that goes on."""
    with http.stream("GET", path) as answer:
        first = next(answer.iter_bytes())
        return httpx.Response(answer.status_code, headers=answer.headers, content=first)


def test_what_is_written_is_answered_and_logged_without_its_secret(
    http: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    login = {"username": "viewer", "password": PLANTED}
    stream = {"camera_id": "added", "camera_url": f"rtsp://viewer:{PLANTED}@h/x", "change": "add"}
    site = (
        f"cameras: {{s: {{url: 'rtsp://viewer:{PLANTED}@h/s'}}}}\n"
        "workers: {w: {model: {kind: motion}}}\n"
    )
    table = f"camera_id,address,username,password\r\nt,rtsp://h/t,viewer,{PLANTED}\r\n"
    answers = [
        http.post("/api/v1/cameras", json=camera("made", **login)),
        http.put("/api/v1/cameras/made", json=camera("made", username="other", password=PLANTED)),
        http.patch("/api/v1/cameras/made", json={"password": f"{PLANTED}2"}),
        http.post("/api/v1/stream/add", json={"value": stream}),
        http.post("/api/v1/import", json={"origin": "o", "cameras": [camera("came", **login)]}),
        http.post("/api/v1/import/site", content=site.encode()),
        http.post("/api/v1/import/cameras.csv", content=table.encode()),
        http.post("/api/v1/update-config", json={"desc": f"rtsp://viewer:{PLANTED}@h/x"}),
        http.get("/api/v1/export/site", params={"instance": "w"}),
        http.get("/api/v1/events"),
    ]
    assert [answer.text for answer in answers if answer.is_error] == []
    assert all(PLANTED not in answer.text + str(answer.headers) for answer in answers)
    assert PLANTED not in caplog.text


def test_every_operation_has_a_name_of_its_own_and_words(served: tuple[str, str, dict[str, Any]]) -> None:
    found = [operation for _, _, operation in operations(served[2])]
    names = [one["operationId"] for one in found]
    assert len(set(names)) == len(names)
    assert all(name.isidentifier() and name.islower() for name in names)
    assert all(one["description"] and one["tags"] for one in found)


def test_every_error_that_is_described_is_a_problem(served: tuple[str, str, dict[str, Any]]) -> None:
    described = served[2]
    assert not {"HTTPValidationError", "ValidationError"} & described["components"]["schemas"].keys()
    for _, _, operation in operations(described):
        failures = {status: one for status, one in operation["responses"].items() if int(status) >= 400}
        assert failures
        for one in failures.values():
            assert one["content"][PROBLEM]["schema"] == {"$ref": "#/components/schemas/Problem"}
        needs = "requestBody" in operation or operation.get("parameters")
        assert not needs or "422" in failures


def test_every_body_has_an_example_that_fits(served: tuple[str, str, dict[str, Any]]) -> None:
    described = served[2]
    for method, path, operation in operations(described):
        bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
        for body in bodies:
            for content in body.get("content", {}).values():
                schema = {**content["schema"], "components": described["components"]}
                jsonschema.validate(content["example"], schema)
        assert "204" in operation["responses"] or any("content" in one for one in bodies), (method, path)


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_pass_as_they_stand(name: str) -> None:
    models: dict[str, type[BaseModel]] = {
        "EventOut": EventOut,
        "TokenOut": TokenOut,
        "UserOut": UserOut,
        "UserTokenOut": UserTokenOut,
    }
    model = models.get(name) or getattr(rows, name)
    made = model.model_validate(json.loads(json.dumps(EXAMPLES[name])))
    assert made.model_fields_set == EXAMPLES[name].keys() or name.endswith("In")


def _example(operation: dict[str, Any]) -> Any:
    content = operation.get("requestBody", {}).get("content", {})
    return content["application/json"]["example"] if "application/json" in content else None
