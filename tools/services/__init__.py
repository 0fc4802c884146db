"""Real servers and programs for tests, each found, installed, started and ended in the same way.

`SERVICES` is the table. To add a service: write its module with one `Service` in it (a server's also with a
class on top of `process.Process`), and put it here. `python -m tools.services --help` is for people.
"""

from tools.services.browser import BROWSER
from tools.services.compose import COMPOSE
from tools.services.curl import CURL
from tools.services.docker import DOCKER, Docker
from tools.services.ffmpeg import FFMPEG
from tools.services.glib import GLIB
from tools.services.kafka import KAFKA, KafkaBroker
from tools.services.kcat import KCAT
from tools.services.nats import NATS
from tools.services.openssl import OPENSSL
from tools.services.process import Process, StartFailed
from tools.services.protoc import PROTOC
from tools.services.rabbitmq import RABBITMQ, RabbitMqBroker
from tools.services.redis import REDIS, RedisServer
from tools.services.rtsp import RTSP, Mount, RtspServer
from tools.services.service import Service
from tools.services.yaml_cpp import YAML_CPP
from tools.services.zerorpc import ZERORPC

__all__ = [
    "SERVICES",
    "Docker",
    "KafkaBroker",
    "Mount",
    "Process",
    "RabbitMqBroker",
    "RedisServer",
    "RtspServer",
    "Service",
    "StartFailed",
]

SERVICES: dict[str, Service] = {
    service.name: service
    for service in (
        RTSP,
        FFMPEG,
        BROWSER,
        OPENSSL,
        NATS,
        KAFKA,
        KCAT,
        DOCKER,
        COMPOSE,
        CURL,
        PROTOC,
        ZERORPC,
        REDIS,
        RABBITMQ,
        GLIB,
        YAML_CPP,
    )
}
