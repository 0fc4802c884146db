"""Viewers of a camera and of the page's news, as a process of its own: they read what comes, frame by frame.

`python -m benches.fleets.viewers URL TOKEN CAMERA COUNT FILE` writes what came into FILE, every second.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Final

import httpx
import msgspec

from sightline.fleet.viewing.framing import Kind, Parser

_WRITE_S: Final = 1.0


class Came(msgspec.Struct):
    """What came so far, of all viewers together.

    Attributes:
        live: viewers who have had a picture. segments, boxes, media_bytes: of all of them.
        pages: who hear the page's news. news: what they heard.
        ended: whose stream ended.
    """

    live: int = 0
    segments: int = 0
    boxes: int = 0
    media_bytes: int = 0
    pages: int = 0
    news: int = 0
    ended: int = 0


async def _watch(client: httpx.AsyncClient, camera: str, came: Came) -> None:
    parser, begun = Parser(), False
    async with client.stream("GET", f"/api/v1/cameras/{camera}/live") as answer:
        answer.raise_for_status()
        async for data in answer.aiter_raw():
            came.media_bytes += len(data)
            for kind, _ in parser.add(data):
                came.segments += kind is Kind.MEDIA
                came.boxes += kind is Kind.BOXES
                if kind is Kind.MEDIA and not begun:
                    begun = True
                    came.live += 1
    came.ended += 1


async def _hear(client: httpx.AsyncClient, came: Came) -> None:
    async with client.stream("GET", "/stream") as answer:
        answer.raise_for_status()
        came.pages += 1
        async for data in answer.aiter_raw():
            came.news += data.count(b"\n\n")
    came.ended += 1


async def _tell(came: Came, file: Path) -> None:
    while True:
        beside = file.with_suffix(".new")
        beside.write_bytes(msgspec.json.encode(came))
        beside.rename(file)
        await asyncio.sleep(_WRITE_S)


async def main(url: str, token: str, camera: str, count: int, file: Path) -> None:
    came = Came()
    async with (
        httpx.AsyncClient(
            base_url=url,
            headers={"authorization": f"Bearer {token}"},
            limits=httpx.Limits(max_connections=None),
            timeout=httpx.Timeout(30.0),
            trust_env=False,
        ) as client,
        asyncio.TaskGroup() as together,
    ):
        together.create_task(_tell(came, file))
        for _ in range(count):
            together.create_task(_watch(client, camera, came))
            together.create_task(_hear(client, came))


if __name__ == "__main__":
    URL, TOKEN, CAMERA, COUNT, FILE = sys.argv[1:]
    asyncio.run(main(URL, TOKEN, CAMERA, int(COUNT), Path(FILE)))
