"""Secrets are planted in a fleet that runs, all sorts of things go wrong, and nobody else can find them."""

import json
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.bus.secure_kafka import PASSWORD, SecureKafka
from tests.conftest import WaitFor, place_of
from tests.fleet.agent.agent_process import AgentProcess
from tests.fleet.proof.machines import CoordinatorProcess
from tests.fleet.security.searching import Answers, Secrets, Watched, files, messages
from tools.services import Docker, Mount, RtspServer
from tools.services.light_images import WORKER, add_light_images, mounts

pytestmark = [
    pytest.mark.needs("kafka", "openssl", "rtsp"),
    pytest.mark.waits,
    pytest.mark.xdist_group("planted-secrets"),
    pytest.mark.timeout(400),
]

LIMIT_S = 120.0
RUN = {"ready_s": 60.0, "settle_s": 0.2}
PLANTED = {
    "password": "pl4nted-field-7c1e/ä@:x",
    "wrong password": "pl4nted-wrong-2b9d",
    "in a URL": "pl4nted-inurl-55aa",
    "in a query": "pl4nted-query-81dd",
    "of a sink": "pl4nted-webhook-9911",
    "of Kafka": PASSWORD,
    "of a user": "pl4nted-person-4f4f",
    "typed by mistake": "pl4nted-typed-0101",
    "refused": "pl4nted-refused-3c3c",
    "of a stranger": "pl4nted-stranger-8b8b",
}
CAMERAS = ("door", "wrong", "away", "query")


class Search:
    """For all of them; `search(where, text)`. `found`: what is where."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self.found: dict[str, set[str]] = {}

    def __call__(self, where: str, text: str | bytes) -> None:
        if there := self._secrets.within(text):
            self.found[where] = there


class Planted:
    """A fleet with all of them in it; with containers where there is a Docker, which has its own test."""

    def __init__(
        self, folder: Path, kafka: SecureKafka, door: str, opened: ExitStack, wait_for: WaitFor
    ) -> None:
        self.folder, self.kafka, self.door, self._wait_for = folder, kafka, door, wait_for
        self.bus = kafka.by_file()
        self.secrets = Secrets(PLANTED)
        self.coordinator = CoordinatorProcess(self.bus, folder / "coordinator", prefix="p.", timing={})
        self.coordinator.start()
        opened.callback(self.coordinator.end, signal.SIGKILL)
        root = self.coordinator.database.with_name("fleet.db.token").read_text().strip()
        self.answers = Answers(self.coordinator.url, self.secrets.add("root token", root))
        opened.callback(self.answers.http.close)
        self.docker = self._engine(opened)
        self.agent = self._agent(opened)
        pids = [self.coordinator.process.pid, self.agent.process.pid] if self.coordinator.process else []
        self.watched = opened.enter_context(Watched(*pids))

    def _engine(self, opened: ExitStack) -> Docker | None:
        if place_of("docker") is None:
            return None
        (self.folder / "docker").mkdir()
        docker = opened.enter_context(Docker(self.folder / "docker"))
        add_light_images(docker)
        return docker

    def _agent(self, opened: ExitStack) -> AgentProcess:
        token = self.answers.ask("POST", "/api/v1/enrolment-tokens", once=True, json={}).json()["token"]
        self.secrets.add("enrolment token", token.split(".")[2])
        (self.folder / "token").touch(0o600)
        (self.folder / "token").write_text(token)
        said: dict[str, Any] = {"RUNTIMES": ["process"]}
        if self.docker is not None:
            shares = [str(path) for path in mounts()]
            said = {"RUNTIMES": ["docker", "process"], "DOCKER": self.docker.address, "SHARES": shares}
        settings = "".join(f"{name} = {json.dumps(value)}\n" for name, value in said.items())
        options = ("--token-file", str(self.folder / "token"), "--prefix", "p.", "--name", "hall")
        agent = AgentProcess(self.bus, self.folder / "agent", None, *options, settings=settings)
        opened.callback(agent.end)
        return agent

    def log_in(self) -> None:
        """A user, its token, and a browser that is in; with mistakes before."""
        user = {"name": "ada", "role": "admin", "password": PLANTED["of a user"]}
        assert self.answers.ask("POST", "/api/v1/users", json=user).status_code == 201
        made = self.answers.ask("POST", "/api/v1/users/ada/tokens", once=True, json={}).json()
        self.secrets.add("token of a user", made["token"].partition(".")[2])
        form = {"name": "ada", "password": PLANTED["typed by mistake"], "next": "/"}
        assert self.answers.page("POST", "/login", data=form).status_code == 401
        form["password"] = PLANTED["of a user"]
        assert self.answers.page("POST", "/login", data=form).status_code == 303
        self.secrets.add("cookie", self.answers.http.cookies["sightline_session"])

    def fill(self) -> None:
        """Cameras, workers and a sink, all with a secret."""
        port = self.door.rpartition(":")[2].partition("/")[0]
        login = {"username": "viewer", "password": PLANTED["password"]}
        rows = {
            "door": {"address": self.door, **login},
            "wrong": {"address": self.door, **login, "password": PLANTED["wrong password"]},
            "away": {"address": f"rtsp://viewer:{PLANTED['in a URL']}@127.0.0.1:9/x"},
            "query": {"address": f"rtsp://127.0.0.1:{port}/none?token={PLANTED['in a query']}"},
        }
        webhook = {"kind": "webhook", "url": "http://127.0.0.1:9/hook", "outbox": "outbox", "every_s": 1}
        sinks = [{"kind": "bus", "url": self.bus}, {**webhook, "secret": PLANTED["of a sink"]}]
        look = {"model": {"kind": "motion"}, "size": "160x90", "sinks": sinks}
        config = {"workers": {"w": look}}
        one = {
            "instance_name": "eyes",
            "kind": "worker",
            "config": config,
            "run": {**RUN, "runtime": "process"},
        }
        self._made("instances", one)
        for name, row in rows.items():
            self._made("cameras", {"camera_id": name, "instance_name": "eyes", **row})
        if self.docker is not None:
            self._made(
                "instances",
                {**one, "instance_name": "boxed", "run": {**RUN, "runtime": "docker", "image": WORKER}},
            )
            self._made("cameras", {"camera_id": "boxed", "instance_name": "boxed", **rows["door"]})

    def _made(self, kind: str, row: dict[str, Any]) -> None:
        got = self.answers.ask("POST", f"/api/v1/{kind}", json=row)
        assert got.status_code == 201, got.text

    def go_wrong(self) -> None:
        """All sorts of things."""
        refused = PLANTED["refused"]
        ask = self.answers.ask
        assert ask("POST", "/api/v1/update-config", json={}).status_code == 202
        assert (
            ask("POST", "/api/v1/cameras", json={"camera_id": "x", "password": [refused]}).status_code == 422
        )
        assert (
            ask("PATCH", "/api/v1/cameras/door", json={"password": refused, "nonsense": refused}).status_code
            == 422
        )
        rows = f"camera_id,address,password\nx,ftp://u:{refused}@h/,{refused}\n"
        assert (
            ask(
                "POST", "/api/v1/import/cameras.csv", content=rows, headers={"content-type": "text/csv"}
            ).status_code
            >= 400
        )
        site = f"cameras: {{a: {{url: 'rtsp://u:{refused}@h/x', pasword: {refused}}}}}"
        assert (
            ask(
                "POST", "/api/v1/import/site", content=site, headers={"content-type": "application/yaml"}
            ).status_code
            >= 400
        )
        stranger = {"authorization": f"Bearer {PLANTED['of a stranger']}"}
        assert ask("GET", "/api/v1/status", headers=stranger).status_code == 401
        assert ask("GET", f"/api/v1/none?token={PLANTED['of a stranger']}").status_code == 404
        dear = {"address": self.door, "username": "viewer", "password": PLANTED["wrong password"]}
        for path, body in (
            *((f"/api/v1/cameras/{name}/test", None) for name in CAMERAS),
            ("/api/v1/camera-test", dear),
        ):
            got = ask("POST", path, json=body)
            assert got.status_code < 500, got.text
        assert ask("POST", "/api/v1/cameras/door/debug").status_code < 300
        assert ask("POST", "/api/v1/undo").status_code < 300
        assert ask("PATCH", "/api/v1/cameras/door", json={"password": PLANTED["wrong password"]}).is_success
        assert ask("POST", "/api/v1/undo").status_code < 300
        assert ask("POST", "/api/v1/update-config", json={}).status_code == 202
        assert ask("POST", "/api/v1/instances/eyes/restart").status_code == 202

    def wait(self) -> None:
        """What is right streams, and what is not is tried again and again."""

        def states() -> dict[str, str]:
            rows = self.answers.ask("GET", "/api/v1/cameras").json()["items"]
            return {row["camera_id"]: row["status"] for row in rows}

        good = {"door", "boxed"} & states().keys()
        self._wait_for(lambda: {states()[name] for name in good} == {"live"}, LIMIT_S, f"{good} to be live")
        self._wait_for(
            lambda: (
                {states()[name] for name in ("wrong", "away", "query")}
                <= {"backing_off", "failed", "connecting"}
            ),
            LIMIT_S,
            "the others to be tried again",
        )

    def look(self) -> None:
        """At all that can be asked for, as an admin."""
        answers = self.answers
        assert answers.every_route(self.names()) > 20
        assert {"/", "/cameras", "/audit", "/users", "/events"} <= answers.every_page()
        for name in ("eyes", *(["boxed"] if self.docker else [])):
            answers.ask("GET", f"/api/v1/instances/{name}/logs?lines=1000")
        answers.page("POST", "/logout", data={})

    def names(self) -> dict[str, list[str]]:
        """For every route."""
        entries = [
            str(row["id"]) for row in self.answers.ask("GET", "/api/v1/audit?limit=100").json()["items"]
        ]
        return {
            "user": ["ada"],
            "camera": list(CAMERAS),
            "agent": ["hall"],
            "instance": ["eyes", *(["boxed"] if self.docker else [])],
            "kind": ["camera", "instance", "cameras", "instances"],
            "name": ["door", "eyes", "wrong"],
            "entry": entries,
            "token_id": ["x"],
        }


@pytest.fixture(scope="module")
def planted(
    tmp_path_factory: pytest.TempPathFactory,
    found_at: Callable[[str], str],
    clips: Path,
    wait_for: WaitFor,
) -> Iterator[Planted]:
    """One in which all of it happened: it takes a minute, and is only searched by the tests."""
    tmp_path = tmp_path_factory.mktemp("planted")
    (tmp_path / "kafka").mkdir()
    (tmp_path / "cameras").mkdir()
    kafka = SecureKafka(tmp_path / "kafka", found_at("openssl"), client_auth="none")
    mount = Mount(clips / "one-by-one-person-detection.mp4", user="viewer", password=PLANTED["password"])
    with ExitStack() as opened:
        opened.enter_context(kafka.broker)
        cameras = opened.enter_context(RtspServer(tmp_path / "cameras", {"door": mount}))
        (tmp_path / "fleet").mkdir()
        planted = Planted(tmp_path / "fleet", kafka, cameras.url("door"), opened, wait_for)
        for happens in (planted.log_in, planted.fill, planted.go_wrong, planted.wait, planted.look):
            happens()
        yield planted


def test_nothing_that_was_planted_is_found(planted: Planted) -> None:
    search = Search(planted.secrets)
    search("what the coordinator said", planted.coordinator.said())
    search("what the agent said", planted.agent.said())
    for where, answer in planted.answers.kept.items():
        search(where, answer)
    read: dict[str, int] = {}
    for topic, message in messages(planted.bus):
        read[topic] = read.get(topic, 0) + 1
        search(f"a message of {topic}", message)
    assert {"p.AgentConfig", "p.AgentInfo", "p.AgentResponse", "results_door"} <= read.keys()
    for where, text in planted.watched.seen.items():
        search(where, text)
    assert len(planted.watched.seen) > 8
    _search_files(planted, search.found)
    assert search.found == {}


@pytest.mark.needs("docker")
def test_no_container_shows_what_was_planted(planted: Planted) -> None:
    assert planted.docker is not None
    search = Search(planted.secrets)
    assert "results_boxed" in {topic for topic, _ in messages(planted.bus)}, "its worker ran, with the camera"
    names = planted.docker.ask("ps", "--all", "--quiet").split()
    assert names
    search("docker inspect", planted.docker.ask("inspect", *names))
    for name in names:
        search("docker logs", planted.docker.ask("logs", name))
        for pid in re.findall(r"\d+", planted.docker.ask("inspect", "--format={{.State.Pid}}", name)):
            planted.watched.of(int(pid))
            for part in ("environ", "cmdline"):
                search(f"a container's {part}", planted.watched.seen[f"{pid}/{part}"])
    assert search.found == {}


MAY_HAVE = {
    "fleet.db.token": {"root token"},
    "site.yaml": {"password", "wrong password", "in a URL", "in a query", "of a sink"},
}
"""Files that have a secret in the clear, as the pages say, and which ones."""


def _search_files(planted: Planted, found: dict[str, set[str]]) -> None:
    folders = (planted.coordinator.database.parent, planted.folder / "agent" / "state")
    seen: dict[str, set[str]] = {}
    for path, mode, data in files(*folders):
        there = planted.secrets.within(data)
        seen[path.name] = seen.get(path.name, set()) | there
        if more := there - MAY_HAVE.get(path.name, set()):
            found[str(path)] = more
        if there and mode != 0o600:
            found[f"{path} is {mode:o}"] = there
    assert {"fleet.db", "current.json"} <= seen.keys()
    # What may be there is found there: the search sees what it is to see.
    assert {name: seen[name] for name in MAY_HAVE} == MAY_HAVE
