"""One look for all, none for nobody, and what becomes of a look that fails."""

import asyncio
from collections.abc import Mapping

import pytest

from sightline.cockpit.news import News
from sightline.cockpit.watching import Watching
from sightline.errors import BufferFull, StoreError
from sightline.fleet.people.principal import Principal, Role
from sightline.fleet.people.slots import Slots

EVERY_S = 0.01
ADA = Principal(name="ada", role=Role.VIEWER, how="session")


class Looks:
    """Counts looks; fails as it is told."""

    def __init__(self) -> None:
        self.times = 0
        self.fails: Exception | None = None

    def __call__(self) -> Mapping[str, object]:
        self.times += 1
        if self.fails:
            raise self.fails
        return {"cameras": self.times}


def watching(looks: Looks, slots: Slots | None = None) -> Watching:
    return Watching(News(0), looks, Slots(99, "listen") if slots is None else slots, every_s=EVERY_S)


def test_however_many_listen_there_is_one_look_at_a_time() -> None:
    async def scene() -> None:
        looks = Looks()
        one = watching(looks)

        async def listener() -> None:
            with one.listening(ADA):
                for _ in range(5):
                    await one.next_look()

        await asyncio.gather(*(listener() for _ in range(50)))
        assert 5 <= looks.times <= 7

    asyncio.run(scene())


def test_nobody_listens_and_nobody_looks() -> None:
    async def scene() -> None:
        looks = Looks()
        one = watching(looks)
        with one.listening(ADA):
            await one.next_look()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        _, looking = await asyncio.wait(others, timeout=5)
        assert not looking, "whoever looks ends with the last who listens"
        seen = looks.times
        assert (seen > 0, one.listeners) == (True, 0)
        with one.listening(ADA):
            await one.next_look()
        assert looks.times > seen

    asyncio.run(scene())


def test_one_too_many_does_not_listen() -> None:
    async def scene() -> None:
        one = watching(Looks(), slots := Slots(9, "listen", each=2))
        with one.listening(ADA), one.listening(ADA):
            with pytest.raises(BufferFull, match="ada has 2 of the 9 that listen"), one.listening(ADA):
                pass
            assert (one.listeners, slots.refused) == (2, 1)

    asyncio.run(scene())


@pytest.mark.parametrize("error", [StoreError("the disk is gone"), RuntimeError("a fault of ours")])
def test_a_look_that_fails_is_no_news_and_the_next_is_taken(error: Exception) -> None:
    async def scene() -> None:
        looks = Looks()
        one = watching(looks)
        wells, news = [], []
        with one.listening(ADA):
            for fails in (None, error, None):
                looks.fails = fails
                await one.next_look()
                await one.next_look()  # the one before may have begun earlier
                wells.append(one.is_well)
                before = one.news.newest
                await one.next_look()
                news.append(one.news.newest > before)
        assert wells == news == [True, False, True]

    asyncio.run(scene())
