"""Clients over TLS: whom they believe, and values larger than any of its records."""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.capture.tls import HERE, Authority

from sightline.hub import AsyncStreamClient, StreamClient, StreamServer

SOON_S = 10.0


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory, found_at: Callable[[str], str]) -> Authority:
    authority = Authority(tmp_path_factory.mktemp("tls"), found_at("openssl"))
    authority.certificate(HERE)
    return authority


@pytest.fixture
def server(authority: Authority) -> StreamServer:
    folder = Path(authority.file).parent
    (certificate,) = folder.glob("IP-*-2.pem")
    (key,) = folder.glob("IP-*.key")
    return StreamServer(port=0, token="secret", tls_certificate=str(certificate), tls_key=str(key))


def test_large_values_go_over_tls_from_a_thread_to_a_loop(server: StreamServer, authority: Authority) -> None:
    tls = ssl.create_default_context(cafile=str(authority.file))
    value = bytes(range(256)) * 20_000

    async def read() -> bytes:
        async with AsyncStreamClient("r", port=server.port, token="secret", tls=tls) as reader:
            await reader.subscribe_read_channel("a", wait=True)
            got: bytes = await reader.get_data("a", SOON_S)
            return bytes(got)

    async def both(writer: StreamClient) -> bytes:
        got = asyncio.create_task(read())
        await writer.async_wait_for_active("a", SOON_S)
        assert await writer.async_put_data("a", value)
        return await got

    with server, StreamClient("w", port=server.port, token="secret", tls=tls) as writer:
        writer.create_new_channel("a")
        assert asyncio.run(both(writer)) == value


def test_a_hub_whose_certificate_is_not_to_be_believed_is_told(server: StreamServer) -> None:
    async def go() -> None:
        client = AsyncStreamClient(port=server.port, token="secret", tls=ssl.create_default_context())
        with pytest.raises(TimeoutError, match="certificate verify failed"):
            await client.connect(1.0)
        await client.close()

    with server:
        asyncio.run(go())
