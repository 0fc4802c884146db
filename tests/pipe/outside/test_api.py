"""A pipe over HTTP, asked by curl as people do."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from urllib.parse import quote

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.conftest import WaitFor
from tests.pipe.outside.served import METHODS, Answer, Serve, Served

from sightline.errors import ConfigError, MissingExtra
from sightline.log import hide_secret
from sightline.pipe.counts.stats import PipeState, PipeStats
from sightline.pipe.outside.api import MOST_BODY, APIWrapper
from sightline.pipe.pipe import Pipe

pytestmark = pytest.mark.needs("curl")
TOKEN = "only-for-this-test"
WAIT_S = 30.0
STRANGE = quote("höf/1 ?", safe="")


def states(served: Served) -> set[str]:
    return {one.state for one in served.pipe.stats().routines.values()}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("slash", ["", "/"])
def test_all_routines_start_and_pause(served: Served, method: str, slash: str, wait_for: WaitFor) -> None:
    for path, event, state in (("start", "start", "running"), ("pause", "stop", "stopped")):
        assert served.curl.execute(f"/{path}{slash}", method) == Answer(
            200, json.dumps({"event": event}).replace(" ", "")
        )
        wait_for(lambda: states(served) == {state}, WAIT_S, f"all to be {state}")  # noqa: B023 - at once


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("slash", ["", "/"])
def test_an_event_reaches_one_routine_or_all_that_answer_it(
    served: Served, method: str, slash: str, wait_for: WaitFor
) -> None:
    for path, who in (
        ("/routines/hello/events/hello/execute", ["hello"]),
        ("/routines/events/hello/execute", None),
    ):
        served.lines.lines.clear()
        to = f"{method} {path}"
        assert served.curl.execute(path + slash, method, {"to": to}).status == 200
        expected = {f"b.{name}: hello {to}" for name in who or ["hello", "höf/1 ?"]}
        wait_for(lambda: set(served.lines.lines) == expected, WAIT_S, "it to arrive")  # noqa: B023 - at once


def test_one_routine_starts_and_stops(served: Served, wait_for: WaitFor) -> None:
    def state() -> str:
        return served.pipe.stats().routines["höf/1 ?"].state

    for event, becomes in (("start", "running"), ("stop", "stopped")):
        assert served.curl.execute(f"/routines/{STRANGE}/events/{event}/execute").status == 200
        wait_for(lambda: state() == becomes, WAIT_S, f"it to be {becomes}")  # noqa: B023 - at once
    assert served.pipe.stats().routines["hello"].state != "running"


def test_parameters_come_as_json_whatever_curl_calls_them(served: Served, wait_for: WaitFor) -> None:
    path, body = "/routines/collect/events/number/execute", '{"extra_args": {"number": 7}}'
    served.curl("/start")
    for options in (
        ["--data", body],
        ["--json", body],
        ["--data", body, "--header", "content-type:"],
        ["--request", "GET", "--data", body],
        ["--data", body, "--header", "transfer-encoding: chunked"],
    ):
        answer = served.curl(path, *options)
        assert answer.status == 200, (options, answer)
    served.curl("/routines/collect/events/tell/execute")
    wait_for(lambda: "a.collect: numbers [7, 7, 7, 7, 7]" in served.lines.lines, WAIT_S, "the numbers")


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/routines/helo/events/hello/execute", 404, "unknown routine 'helo'; did you mean \"hello\"?"),
        ("/routines/hello/events/number/execute", 404, "unknown event of routine 'hello' 'number'"),
        ("/routines/events/sotp/execute", 404, "unknown event 'sotp'; did you mean \"stop\"?"),
        ("/routines/hello/events/%ff%00/execute", 404, "unknown event"),
        ("/" + "a" * 2000, 404, "Not Found"),
        ("/routines/events/" + "a" * 2000 + "/execute", 400, "at most 1000 characters"),
        ("/strat", 404, "Not Found"),
        ("/metrics", 405, "Method Not Allowed"),
    ],
)
def test_what_there_is_not_is_said(served: Served, path: str, status: int, says: str) -> None:
    answer = served.curl.execute(path)
    assert answer.status == status
    assert says in answer.json["error"]


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "[]",
        "7",
        "\xff",
        '{"extra": {}}',
        '{"extra_args": []}',
        '{"extra_args": null}',
        '{"extra_args": {"to": NaN}}',
        '{"extra_args": {"wait": true}}',
        '{"extra_args": {"specific_flow_routines": {"b": "hello"}}}',
        '{"extra_args": {"to": ' + "[" * 10_000 + "]" * 10_000 + "}}",
        '{"extra_args": {"to": ' + "9" * 10_000 + "}}",
    ],
    ids=lambda body: body[:40],
)
def test_a_body_that_is_no_set_of_parameters_is_refused(served: Served, body: str) -> None:
    served.lines.lines.clear()
    answer = served.curl("/routines/hello/events/hello/execute", "--data-binary", body)
    assert answer.status == 400, answer
    assert answer.json.keys() == {"error"}
    assert not served.lines.lines


def test_a_body_has_a_bound(served: Served) -> None:
    body = json.dumps({"extra_args": {"to": "a" * MOST_BODY}})
    for options in ([], ["--header", "transfer-encoding: chunked"]):
        answer = served.curl("/routines/hello/events/hello/execute", "--data-binary", body, *options)
        assert answer == Answer(413, f"expected at most {MOST_BODY} bytes with a request\n")


def test_its_structure_and_its_counts_are_told(served: Served) -> None:
    assert served.curl("/pipe/structure").json == served.pipe.get_pipe_structure()
    stats = msgspec.json.decode(served.curl("/pipe/stats").body, type=PipeStats)
    assert stats.state == PipeState.RUNNING
    assert stats.flows.keys() == {"a", "b"}
    names = {family.name for family in text_string_to_metric_families(served.curl("/metrics").body)}
    assert "sightline_pipe_routine_processed_messages" in names


def test_what_it_takes_is_told_to_programs_and_to_people(served: Served) -> None:
    openapi = served.curl("/openapi.json").json
    assert openapi["openapi"].startswith("3.")
    one = openapi["paths"]["/routines/{routine}/events/{event}/execute"]
    assert one.keys() == {"get", "post"}
    assert [parameter["name"] for parameter in one["post"]["parameters"]] == ["routine", "event"]
    assert "extra_args" in json.dumps(one["post"]["requestBody"])
    ids = [method["operationId"] for path in openapi["paths"].values() for method in path.values()]
    assert len(ids) == len(set(ids)) == 13
    for path in ("/", "/docs"):
        page = served.curl(path).body
        assert all(shown in page for shown in (*openapi["paths"], "höf/1 ?", "pass on", "GET, POST"))
        assert "http" not in page.lower().replace("http-equiv", "")  # nothing of anybody else's


@pytest.mark.parametrize("method", METHODS)
def test_kill_is_answered_and_then_pipe_and_server_end(serve: Serve, method: str) -> None:
    served = serve()
    served.curl("/start")
    assert served.curl.execute("/kill", method) == Answer(200, '{"event":"kill"}')
    served.pipe.join()
    assert served.api.wait(WAIT_S)
    assert not served.pipe.pids
    assert served.curl("/pipe/structure").status == 0


def test_a_kill_of_all_ends_the_server_and_that_of_one_routine_does_not(serve: Serve) -> None:
    served = serve()
    assert served.curl.execute("/routines/hello/events/kill/execute").status == 200
    assert not served.api.wait(0.5)
    assert served.curl.execute("/routines/events/kill/execute").status == 200
    assert served.api.wait(WAIT_S)


def test_what_is_over_takes_no_more_and_still_tells_its_counts(serve: Serve) -> None:
    served = serve()
    served.pipe.close()
    answer = served.curl("/start")
    assert (answer.status, "ended" in answer.json["error"]) == (409, True)
    assert served.curl("/pipe/stats").json["state"] == "over"
    assert served.curl("/kill").status == 200
    assert served.api.wait(WAIT_S)


def test_a_pipe_that_is_not_built_keeps_what_it_is_told(serve: Serve, wait_for: WaitFor) -> None:
    served = serve(build=False)
    assert served.curl("/pipe/stats").json["state"] == "building"
    assert served.curl("/start").status == 200
    served.pipe.build()
    wait_for(lambda: states(served) == {"running"}, WAIT_S, "all to be running")


def test_no_secret_is_in_any_answer(serve: Serve) -> None:
    hide_secret("hunter22")
    served = serve()
    for path, *options in (
        ["/routines/hunter22/events/start/execute"],
        ["/routines/events/hunter22/execute"],
        ["/routines/hello/events/hello/execute", "--data", '{"extra_args": "hunter22"}'],
        ["/routines/hello/events/hello/execute", "--data", '{"hunter22": 1}'],
        ["/hunter22"],
    ):
        answer = served.curl(path, *options)
        assert answer.status >= 400
        assert "hunter22" not in answer.body


def test_a_token_is_asked_for_everywhere(serve: Serve) -> None:
    served = serve(host="0.0.0.0", token=TOKEN)
    served.curl.url = served.api.url.replace("0.0.0.0", "127.0.0.1")
    assert TOKEN not in served.api.url
    for path in ("/", "/docs", "/openapi.json", "/metrics", "/pipe/structure", "/start", "/kill", "/nothing"):
        for options in ([], ["--header", "authorization: Bearer no"], ["--user", f"any:{TOKEN}"]):
            assert served.curl(path, *options).status == 401, path
    assert served.curl("/start", "--oauth2-bearer", TOKEN).status == 200
    assert served.curl(f"/kill?token={TOKEN}").status == 200
    assert served.api.wait(WAIT_S)


def test_it_is_known_by_what_its_host_turned_out_to_be(serve: Serve) -> None:
    served = serve(host="0", token=TOKEN)  # as the system reads it, every address
    served.curl.url = served.api.url.replace("0.0.0.0", "127.0.0.1")
    for host in ("camera.example", "10.0.0.5:80"):
        answer = served.curl("/pipe/structure", "--oauth2-bearer", TOKEN, "--header", f"host: {host}")
        assert answer.status == 200, host


def test_wider_than_this_machine_needs_a_token() -> None:
    with pytest.raises(
        ConfigError, match=r"APIWrapper on host '0.0.0.0' .*token=os.environ\[\"PIPE_TOKEN\"\]"
    ):
        APIWrapper("0.0.0.0", 0, Pipe())


def test_without_fastapi_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fastapi", None)
    with pytest.raises(MissingExtra, match=r"pip install 'sightline\[api\]'"):
        APIWrapper("127.0.0.1", 0, Pipe())


def test_a_port_that_is_taken_is_said(serve: Serve) -> None:
    served = serve()
    port = int(served.api.url.rpartition(":")[2])
    with pytest.raises(ConfigError, match=rf"'127.0.0.1' port {port}: .*in use.* \(0: any\)"):
        APIWrapper("127.0.0.1", port, served.pipe).run()
    with pytest.raises(ConfigError, match="did not run yet"):
        served.api.run()
    with pytest.raises(ConfigError, match=r"port '8080': expected a port from 0 to 65535"):
        APIWrapper("127.0.0.1", "8080", served.pipe).run()  # type: ignore[arg-type]  # from the environment


def test_it_runs_once_however_many_tell_it_to(no_leaks: None) -> None:
    with Pipe() as pipe, APIWrapper("127.0.0.1", 0, pipe) as api, ThreadPoolExecutor(4) as pool:
        together = Barrier(4)

        def run() -> str:
            together.wait(WAIT_S)
            try:
                api.run()
            except ConfigError as error:
                return str(error)
            return "it runs"

        told = [future.result() for future in [pool.submit(run) for _ in range(4)]]
        assert sorted(told) == ["expected an APIWrapper that did not run yet"] * 3 + ["it runs"]


def test_it_is_closed_alone_and_more_than_once(no_leaks: None) -> None:
    with Pipe() as pipe, APIWrapper("127.0.0.1", 0, pipe) as api:
        assert api.wait()
        api.run()
        assert not api.wait(0)
        api.close()
        api.close()
        assert api.wait(0)


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("host: evil.example", 400),
        ("origin: http://evil.example", 403),
        ("origin: null", 403),
        ("sec-fetch-site: cross-site", 403),
        ("sec-fetch-site: same-site", 403),
        ("sec-purpose: prefetch", 403),
        ("user-agent: Mozilla/5.0", 403),
    ],
)
@pytest.mark.parametrize("method", METHODS)
def test_a_page_of_anybody_elses_can_do_nothing(
    served: Served, header: str, status: int, method: str
) -> None:
    before = served.pipe.stats()
    for path in ("/kill", "/start", "/pipe/structure", "/routines/hello/events/kill/execute"):
        assert served.curl(path, "--request", method, "--header", header).status == status
    after = served.pipe.stats()
    assert {one.state for one in after.routines.values()} == {one.state for one in before.routines.values()}
