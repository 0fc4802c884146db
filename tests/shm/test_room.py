"""Whether there is memory to take, as machines, control groups and containers tell it."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from sightline.errors import SharingError
from sightline.shm.room import MIB, SPARE_BYTES, need_memory

SIZE = 100 * MIB
ENOUGH = SIZE + SPARE_BYTES
PLENTY = 10 * ENOUGH
UNLIMITED = 9223372036854771712


def a_system(
    root: Path,
    *,
    available: int | None = PLENTY,
    cgroup: str = "0::/",
    files: Mapping[str, object] | None = None,
) -> Path:
    """A folder that tells what the root of a system would."""
    told: dict[str, object] = {f"sys/fs/cgroup/{name}": text for name, text in (files or {}).items()}
    told["proc/self/cgroup"] = cgroup
    if available is not None:
        told["proc/meminfo"] = f"MemTotal: 99 kB\nMemAvailable: {available // 1024} kB\nShmem: 1 kB\n"
    for name, text in told.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    return root


def is_room(root: Path) -> bool:
    try:
        need_memory(SIZE, root=root)
    except SharingError:
        return False
    return True


def test_this_machine_has_room_for_a_page_and_not_for_all_there_is() -> None:
    need_memory(4096)
    with pytest.raises(SharingError, match="the machine's memory"):
        need_memory(2**46)


def test_a_system_that_tells_nothing_is_not_in_the_way(tmp_path: Path) -> None:
    need_memory(2**46, root=tmp_path)


@pytest.mark.parametrize(("available", "room"), [(ENOUGH, True), (ENOUGH - 1024, False), (SIZE, False)])
def test_the_machine_keeps_some_to_spare(tmp_path: Path, available: int, room: bool) -> None:
    assert is_room(a_system(tmp_path, available=available)) is room


@pytest.mark.parametrize("limit", ["memory.max", "memory.high"])
@pytest.mark.parametrize("group", ["a/b", "a", ""], ids=["its own", "its parent", "the outermost"])
@pytest.mark.parametrize(("free", "room"), [(ENOUGH, True), (ENOUGH - 1, False)])
def test_each_group_up_to_the_outermost_has_a_say(
    tmp_path: Path, limit: str, group: str, free: int, room: bool
) -> None:
    files = {f"{group}/{limit}": 7 * MIB + free, f"{group}/memory.current": 7 * MIB}
    assert is_room(a_system(tmp_path, cgroup="0::/a/b", files=files)) is room


@pytest.mark.parametrize(("used", "room"), [(0, True), (1, False)])
def test_groups_of_the_first_kind_are_asked_too(tmp_path: Path, used: int, room: bool) -> None:
    files = {
        "memory/docker/a/memory.limit_in_bytes": ENOUGH,
        "memory/docker/a/memory.usage_in_bytes": used,
        "memory/memory.limit_in_bytes": UNLIMITED,
        "memory/memory.usage_in_bytes": PLENTY,
    }
    cgroup = "9:name=systemd:/\n4:cpu,memory:/docker/a\n3:cpuset:/\n0::/"
    assert is_room(a_system(tmp_path, cgroup=cgroup, files=files)) is room


@pytest.mark.parametrize(
    ("cgroup", "top", "limit", "used"),
    [
        ("0::/", "", "memory.max", "memory.current"),
        ("0::/../outside", "", "memory.max", "memory.current"),
        ("4:memory:/docker/outside", "memory/", "memory.limit_in_bytes", "memory.usage_in_bytes"),
    ],
)
def test_within_a_container_the_outermost_is_its_own(
    tmp_path: Path, cgroup: str, top: str, limit: str, used: str
) -> None:
    files = {f"{top}{limit}": SIZE, f"{top}{used}": 0}
    with pytest.raises(SharingError, match=f"got {SIZE} free: the control group {tmp_path}/sys/fs/cgroup"):
        need_memory(SIZE, root=a_system(tmp_path, cgroup=cgroup, files=files))


def test_files_that_the_kernel_only_remembers_are_not_in_the_way(tmp_path: Path) -> None:
    files = {
        "memory.max": PLENTY,
        "memory.current": PLENTY,
        "memory.stat": f"anon 5\ninactive_file {ENOUGH}\nactive_file 5",
    }
    assert is_room(a_system(tmp_path, cgroup="0::/", files=files))


def test_no_limit_is_none(tmp_path: Path) -> None:
    files = {"memory.max": "max", "memory.high": "max", "memory.current": PLENTY}
    assert is_room(a_system(tmp_path, cgroup="0::/", files=files))
