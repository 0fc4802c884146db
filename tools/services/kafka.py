"""A Kafka broker of one node, which is its own controller (KRaft): started in seconds, small, easily killed.

Maven fetches the broker's jars into `.services/` at the top of the checkout (`kafka.xml` names them); nothing
of it is installed elsewhere. The broker speaks plain text on 127.0.0.1 unless told otherwise.
"""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tools.services.ports import free_port
from tools.services.process import Process, StartFailed, answers_at
from tools.services.server import Server
from tools.services.service import Command, Service, apt

VERSION = "4.3.0"
JARS = Path(__file__).resolve().parents[2] / ".services" / f"kafka-{VERSION}"
CLUSTER = "c2lnaHRsaW5lLXRlc3RzMQ"  # any 16 bytes in base64 (URL)
FORMAT_WITHIN_S = 60.0

# A quick start and a small heap count for more here than speed.
JAVA: Command = ("java", "-Xms128m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
JAVA += ("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{JARS}/*")

ALONE = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "CLIENTS",
    "num.partitions": "1",
    "num.network.threads": "2",
    "num.io.threads": "4",
    # One node holds all copies of everything, and few partitions do.
    "default.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # Groups of both protocols begin at once, and may miss a dead member as soon as they wish.
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "group.consumer.min.session.timeout.ms": "1000",
    "group.consumer.session.timeout.ms": "6000",
    "group.consumer.min.heartbeat.interval.ms": "100",
    "group.consumer.heartbeat.interval.ms": "500",
    # A deleted topic's files and what is older than its retention go within seconds.
    "log.initial.task.delay.ms": "1000",
    "log.retention.check.interval.ms": "1000",
    "file.delete.delay.ms": "1000",
    "log.cleaner.dedupe.buffer.size": "2097152",  # 128 MiB of heap otherwise
}

# What a new folder has, by name: the same for every broker of one version, and dear to be told by a JVM.
_FORMATTED: Final[dict[str, bytes]] = {}


class KafkaBroker(Server):
    """A broker on a port of its own, which it keeps, with its topics, when it is killed and started again.

    Usable as a context manager: started on entry, stopped on exit.
    """

    def __init__(
        self,
        folder: Path,
        port: int = 0,
        *,
        message_max_bytes: int = 10 * 1024 * 1024,
        session_timeout_ms: int = 2000,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """Writes its settings into `folder`, which must exist; topics are kept there too.

        Args:
            folder: a broker's own, kept between starts.
            port: where clients come; 0 for a free one.
            message_max_bytes: the largest batch that it takes, unless a topic says otherwise.
            session_timeout_ms: how long the controller waits for a broker that died; a start after a kill
                takes this long, and as long again.
            settings: more of the broker's own settings by their names; they go before ours.
        """
        self.port = port or free_port()
        self._data = folder / "topics"
        controller = free_port()
        self._settings = {
            **ALONE,
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "listeners": f"CLIENTS://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{controller}",
            "log.dirs": str(self._data),
            "message.max.bytes": str(message_max_bytes),
            "replica.fetch.max.bytes": str(message_max_bytes),
            "broker.session.timeout.ms": str(session_timeout_ms),
            "broker.heartbeat.interval.ms": str(session_timeout_ms // 4),
            **(settings or {}),
        }
        self._path = folder / "server.properties"
        self._path.write_text("".join(f"{name}={value}\n" for name, value in self._settings.items()))
        self._process = Process(
            "kafka",
            [*JAVA, "kafka.Kafka", str(self._path)],
            folder,
            ready=answers_at(self.port),
            ready_within_s=60.0,
        )

    @property
    def address(self) -> str:
        """Its host and port, as clients are told them."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        if not self._data.exists():
            self._prepare()
        super().start()

    def forget(self) -> None:
        """Between a kill and a start: as if it had never run, with its port."""
        shutil.rmtree(self._data)

    def _prepare(self) -> None:
        if not _FORMATTED:
            self._format()
            _FORMATTED.update({file.name: file.read_bytes() for file in self._data.iterdir()})
            return
        self._data.mkdir()
        for name, content in _FORMATTED.items():
            (self._data / name).write_bytes(content)

    def _format(self) -> None:
        command = [*JAVA, "kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", str(self._path)]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=FORMAT_WITHIN_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        if done.returncode != 0:
            raise StartFailed(f"the broker's folder could not be prepared\n{done.stdout}{done.stderr}")


def _look() -> str | None:
    return str(JARS) if shutil.which("java") and (JARS / f"kafka_2.13-{VERSION}.jar").exists() else None


def _install() -> tuple[Command, ...]:
    fetch: Command = ("mvn", "--batch-mode", "--quiet", "--file", str(Path(__file__).with_name("kafka.xml")))
    fetch += ("dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={JARS}")
    fetch += (f"-Dkafka.version={VERSION}",)
    # A Java that is there is left alone: installing it again would bring another version.
    there = shutil.which("java") and shutil.which("mvn")
    return (fetch,) if there else (apt("default-jre-headless", "maven"), fetch)


KAFKA = Service(name="kafka", purpose="a log of messages", look=_look, install=_install())
