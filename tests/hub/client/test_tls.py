"""Clients over TLS, with what `sightline hub cert` makes: who comes in, and who hears why not."""

import asyncio
import socket
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from tools.services.waiting import wait_for

from sightline.hub import AsyncStreamClient, StreamClient, StreamServer
from sightline.hub.address import HubAddress
from sightline.hub.certificates import Authority, Certificate
from sightline.hub.settings import Limits

SOON_S = 10.0


class Papers(NamedTuple):
    """What two authorities signed; `late` is over."""

    ca: Path
    hub: Certificate
    gate: Certificate
    late: Certificate
    strange_ca: Path
    strange: Certificate


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    folder = tmp_path_factory.mktemp("certificates")
    then = Authority(folder, datetime.now(UTC) - timedelta(days=9))
    authority, stranger = Authority(folder), Authority(tmp_path_factory.mktemp("strange"))
    return Papers(
        authority.certificate.file,
        authority.hub(["127.0.0.1"]),
        authority.client("gate"),
        then.client("late", days=2),
        stranger.certificate.file,
        stranger.client("gate"),
    )


def guarded(papers: Papers, **settings: object) -> StreamServer:
    """A hub that lets in who shows a certificate of the authority."""
    return StreamServer(
        port=0,
        tls_certificate=str(papers.hub.file),
        tls_key=str(papers.hub.key),
        tls_client_ca=str(papers.ca),
        **settings,  # type: ignore[arg-type]
    )


@pytest.fixture(scope="module")
def server(papers: Papers) -> Iterator[StreamServer]:
    with guarded(papers, host="0.0.0.0") as server:
        yield server


def url(server: StreamServer, ca: Path, shown: Certificate | None = None, host: str = "127.0.0.1") -> str:
    ours = f"&tls_certificate={shown.file}&tls_key={shown.key}" if shown else ""
    return f"hub://{host}:{server.port}?tls_ca={ca}{ours}"


def client(name: str, at: str) -> StreamClient:
    return StreamClient(name, **HubAddress.of(at).client_settings())


def told(at: str) -> str:
    """What a client is told that does not come in."""
    refused = client("stranger", at)
    refused.start()
    try:
        wait_for(lambda: refused._core.link.last_error, SOON_S, "it to be refused")
        with pytest.raises(TimeoutError) as why:
            refused.wait_until_alive(0.001)
    finally:
        refused.stop_client()
    return str(why.value)


def test_large_values_go_over_tls_from_a_thread_to_a_loop(server: StreamServer, papers: Papers) -> None:
    at = url(server, papers.ca, papers.gate)
    value = bytes(range(256)) * 20_000

    async def read() -> bytes:
        async with AsyncStreamClient("r", **HubAddress.of(at).client_settings()) as reader:
            await reader.subscribe_read_channel("a", wait=True)
            got: bytes = await reader.get_data("a", SOON_S)
            return bytes(got)

    async def both(writer: StreamClient) -> bytes:
        got = asyncio.create_task(read())
        await writer.async_wait_for_active("a", SOON_S)
        assert await writer.async_put_data("a", value)
        return await got

    with client("w", at) as writer:
        writer.create_new_channel("a")
        assert asyncio.run(both(writer)) == value


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_who_shows_a_certificate_of_the_authority_comes_in(
    server: StreamServer, papers: Papers, host: str
) -> None:
    with client("gate", url(server, papers.ca, papers.gate, host)) as gate:
        assert gate.is_alive


def test_a_hub_is_believed_only_under_its_name_and_its_authority(
    server: StreamServer, papers: Papers
) -> None:
    other_name = told(url(server, papers.ca, papers.gate, host="127.0.0.2"))
    assert "its certificate is not to be believed" in other_name
    assert "not valid for '127.0.0.2'" in other_name
    assert "(not signed by tls_ca)" in told(url(server, papers.strange_ca, papers.gate))
    assert "its certificate is not to be believed" in told(f"hub://127.0.0.1:{server.port}?tls_ca=system")


def test_a_client_that_does_not_come_in_is_told_why_and_is_counted(
    server: StreamServer, papers: Papers
) -> None:
    assert "it asks for a certificate, and we show none" in told(url(server, papers.ca))
    assert "the certificate that we show is over" in told(url(server, papers.ca, papers.late))
    assert "signed by nobody whom the hub believes" in told(url(server, papers.ca, papers.strange))
    assert "not for a client" in told(url(server, papers.ca, papers.hub))
    with client("gate", url(server, papers.ca, papers.gate)) as gate:
        wait_for(lambda: gate.server_statistics().refused.get("tls", 0) >= 4, SOON_S, "them to be counted")


def test_a_client_s_certificate_makes_no_hub(papers: Papers) -> None:
    with StreamServer(port=0, tls_certificate=str(papers.gate.file), tls_key=str(papers.gate.key)) as false:
        assert "its certificate is not to be believed" in told(url(false, papers.ca))


def test_a_hub_whose_certificate_is_over_is_not_believed(papers: Papers, tmp_path: Path) -> None:
    over = Authority(tmp_path, datetime.now(UTC) - timedelta(days=9)).hub(days=2)
    with StreamServer(port=0, tls_certificate=str(over.file), tls_key=str(over.key)) as late:
        assert "certificate has expired" in told(url(late, tmp_path / "ca.pem"))


def test_tls_on_one_side_alone_is_told(papers: Papers) -> None:
    with StreamServer(port=0) as plain, guarded(papers, limits=Limits(handshake_s=0.3)) as safe:
        assert "does not speak TLS" in told(url(plain, papers.ca))
        assert "if it speaks TLS, give tls_ca" in told(safe.url)


def test_who_is_refused_and_stays_is_shown_out(papers: Papers, no_leaks: None) -> None:
    """The hub waits for a refused client to read why, and not for ever."""
    context = ssl.create_default_context(cafile=papers.ca)
    with guarded(papers, limits=Limits(handshake_s=0.5)) as server:
        raw = socket.create_connection(("127.0.0.1", server.port), SOON_S)
        begun_s = time.monotonic()
        shaken = context.wrap_socket(raw, server_hostname="127.0.0.1")
        with pytest.raises(ssl.SSLError, match="certificate required"):
            shaken.recv(1)
        with socket.socket(fileno=shaken.detach()) as bare:
            bare.settimeout(SOON_S)
            assert bare.recv(1) == b""
        assert time.monotonic() - begun_s < 5
