"""A RabbitMQ broker in a folder of its own, with its management plugin and a port mapper (epmd) of its own.

It serves 127.0.0.1 only. To start it takes some seconds: tests share one
(`rabbitmq_shared.py`), unless they kill it. What is deliberately not here: clusters.
"""

import os
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path

from tools.services.certificates import Certificates
from tools.services.ports import free_port
from tools.services.process import Process, answers_at
from tools.services.rabbitmq_address import RabbitMqAddress
from tools.services.server import Server
from tools.services.service import Service, apt, on_path

# The script itself: what Debian has on the PATH changes to another user.
SCRIPT = "/usr/lib/rabbitmq/bin/rabbitmq-server"


class RabbitMqBroker(Server):
    """A broker on ports of its own, which it keeps, with its queues, when it is killed and started again.

    Usable as a context manager: started on entry, stopped on exit.
    """

    _stop_within_s = 30.0

    def __init__(
        self,
        folder: Path,
        port: int = 0,
        *,
        management_port: int = 0,
        certificates: Certificates | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """Writes its settings into `folder`, which must exist; queues are kept there too.

        Args:
            folder: a broker's own, kept between starts.
            port: where clients come; 0 for a free one.
            management_port: where its page and its HTTP API are; 0 for a free one.
            certificates: it speaks TLS alone to clients, with these.
            settings: more of its own settings (rabbitmq.conf) by their names; they go before ours.
        """
        self._folder = folder
        authority = str(certificates.authority) if certificates else ""
        self.address = RabbitMqAddress(
            port or free_port(), management_port or free_port(), authority=authority
        )
        names, between = free_port(), free_port()
        configured = {**_configured(self.address, certificates), **(settings or {})}
        files = {
            "rabbitmq.conf": "".join(f"{name} = {value}\n" for name, value in configured.items()),
            "enabled_plugins": "[rabbitmq_management].\n",
        }
        for name, text in files.items():
            (folder / name).write_text(text)
        self._names = Process(
            "epmd",
            [on_path("epmd")() or "epmd", "-address", "127.0.0.1", "-port", str(names)],
            folder,
            ready=answers_at(names),
        )
        self._process = Process(
            "rabbitmq",
            [RABBITMQ.find() or RABBITMQ.name],
            folder,
            ready=self._answers,
            ready_within_s=90.0,
            environment=_environment(folder, names, between),
        )

    def start(self) -> None:
        self._names.start()
        try:
            super().start()
        except BaseException:
            self._names.kill()
            raise

    def stop(self) -> None:
        super().stop()
        self._names.kill()

    def kill(self) -> None:
        super().kill()
        self._names.kill()

    def keeps(self, queue: str) -> bool:
        """Whether this quorum queue, of the virtual host "/", will be there after a kill.

        To be waited for once it was declared.

        Ra writes down within a second, and after it has answered, that there is a queue; where the broker
        dies before, the queue is declared, and all that is asked of it ends in a timeout.
        """
        name = b"%2F_" + queue.encode()
        atom = bytes([len(name)]) + name  # as Erlang writes it; one name may be the beginning of another
        return any(atom in file.read_bytes() for file in self._folder.glob("queues/*/quorum/*/names.dets"))

    def _answers(self) -> bool:
        """Clients are let in last: after that, all is there."""
        try:
            self.address.ask("GET", "/api/overview")
        except (OSError, HTTPException):
            return False
        return answers_at(self.address.port)()


def _configured(address: RabbitMqAddress, certificates: Certificates | None) -> dict[str, str]:
    scheme = "ssl" if certificates else "tcp"
    if certificates is None:
        tls = {}
    else:
        tls = {
            "listeners.tcp": "none",
            "ssl_options.cacertfile": str(certificates.authority),
            "ssl_options.certfile": str(certificates.certificate),
            "ssl_options.keyfile": str(certificates.key),
        }
    return {
        **tls,
        f"listeners.{scheme}.default": f"127.0.0.1:{address.port}",
        "management.tcp.ip": "127.0.0.1",
        "management.tcp.port": str(address.management_port),
        "default_user": address.user,
        "default_pass": address.password,
        "log.console": "true",
        "log.console.level": "warning",
        "log.file": "false",
    }


def _environment(folder: Path, names: int, between: int) -> dict[str, str]:
    """`names` is the port of its epmd, `between` the one where its own tools come."""
    # Two schedulers that do not spin while they wait, and no room for more descriptors than tests can need:
    # where a process may have a million, the VM would set aside hundreds of megabytes for them.
    erlang = "+S 2:2 +sbwt none +Q 4096 -start_epmd false -kernel inet_dist_use_interface {127,0,0,1}"
    return {
        "HOME": str(folder),  # where the secret that its tools show is kept
        "RABBITMQ_NODENAME": "tests@localhost",
        "RABBITMQ_BASE": str(folder),
        "RABBITMQ_MNESIA_BASE": str(folder / "queues"),
        "RABBITMQ_LOG_BASE": str(folder),
        "RABBITMQ_PID_FILE": str(folder / "rabbitmq.pid"),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_ADVANCED_CONFIG_FILE": os.devnull,
        "RABBITMQ_CONF_ENV_FILE": os.devnull,
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RABBITMQ_DIST_PORT": str(between),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": erlang,
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_PORT": str(names),
        # The script becomes the broker, which then has the pid that we end; else it would start it and wait.
        "RUNNING_UNDER_SYSTEMD": "true",
    }


def _look() -> str | None:
    return on_path(SCRIPT)() if on_path("epmd")() else None


RABBITMQ = Service(
    name="rabbitmq",
    purpose="queues of keys",
    look=_look,
    install=(apt("rabbitmq-server"),),
    variable="SIGHTLINE_RABBITMQ_SERVER",
)
