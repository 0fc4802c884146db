"""Groups: readers that share channels, each of which is one member's at a time.

Shares are even and sticky: what a member has it keeps unless that would be uneven. A channel that changes
hands goes on from the group's position there, so what was given out and not committed is given out again. A
group's positions stay as long as their channel; a group named "" is its one member's alone and ends with it.

For a channel with a group the hub retains what the group has not committed, within `RETAINED_BYTES`. The
buffer that a member asked for is not used: its messages wait in the channel, and it makes no writer wait.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from sightline.hub.broker.group_buffer import GroupBuffer
from sightline.hub.broker.names import checked_name
from sightline.hub.broker.refusal import Refusal
from sightline.hub.wire.control import Code
from sightline.sharing import shared

if TYPE_CHECKING:
    from sightline.hub.broker.channel import Channel
    from sightline.hub.broker.feed import Feed
    from sightline.hub.broker.subscription import Subscription
    from sightline.hub.settings import Limits

MOST_TEXT_BYTES: Final = 4096
"""Of the text beside a position."""

M = TypeVar("M", bound=Hashable)


class Attaching(Protocol):
    """What makes and ends feeds: `Readers`."""

    def may_read(self, subscription: Subscription, channel: Channel) -> bool: ...
    def attach(
        self, subscription: Subscription, channel: Channel, now_ns: int, shared: GroupBuffer
    ) -> Feed: ...
    def reassign(self, feed: Feed) -> None: ...


class Group:
    """One group.

    Attributes:
        members: in the order in which they came.
        feeds: who has which channel, by its name.
        positions: for each channel the offset that comes next, and the text beside it.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.members: dict[Subscription, None] = {}
        self.feeds: dict[str, Feed] = {}
        self.positions: dict[Channel, tuple[int, str]] = {}


class Groups:
    """All groups."""

    def __init__(self, limits: Limits, attaching: Attaching, channels: Mapping[str, Channel]) -> None:
        self.by_name: dict[str, Group] = {}
        self._all: dict[Group, None] = {}
        self._limits = limits
        self._attaching = attaching
        self._channels = channels

    def named(self, name: str) -> Group:
        """The group of that name, a new one where there is none; an own one for ""."""
        if not name:
            return Group("")
        group = self.by_name.get(name)
        if group is None:
            checked_name(name, self._limits.name_bytes, "group's name")
            if len(self.by_name) >= self._limits.clients:
                raise Refusal(Code.LIMIT, f"expected at most {self._limits.clients} groups")
            group = Group(name)
        return group

    def join(self, group: Group, member: Subscription, now_ns: int) -> None:
        self._all[group] = None
        if group.name:
            self.by_name[group.name] = group
        group.members[member] = None
        self._share(group, now_ns)

    def leave(self, group: Group, member: Subscription, now_ns: int) -> tuple[Channel, ...]:
        """A member is gone, and its feeds with it. Gives the channels that the group let go of for good."""
        del group.members[member]
        for name in [name for name, feed in group.feeds.items() if feed.subscription is member]:
            del group.feeds[name]
        if group.members:
            self._share(group, now_ns)
        elif not group.name or not group.positions:
            return self._end(group)
        return ()

    def changed(self, group: Group, now_ns: int) -> tuple[Channel, ...]:
        """A member wants other channels than before. Gives those that the group let go of for good."""
        self._share(group, now_ns)
        gone = [] if group.name else [each for each in group.positions if each.name not in group.feeds]
        return self._forget(group, gone)

    def channel_made(self, channel: Channel, now_ns: int) -> None:
        for group in self._all:
            self._give(group, channel, now_ns)

    def given_up(self, group: Group, channel: Channel, now_ns: int) -> None:
        """The member that had it does not want it after all."""
        del group.feeds[channel.name]
        self._give(group, channel, now_ns)

    def channel_ended(self, channel: Channel) -> None:
        for group in channel.groups:
            group.positions.pop(channel, None)
            group.feeds.pop(channel.name, None)
        channel.groups.clear()

    def commit(
        self, name: str, positions: Mapping[str, tuple[int, str]], holds: Callable[[Feed], bool]
    ) -> list[str]:
        """Settle from where the group goes on. Gives the channels that the asker holds: only these count."""
        group = self._found(name)
        stands = [name for name in positions if name in group.feeds and holds(group.feeds[name])]
        for channel_name in stands:
            offset, text = positions[channel_name]
            if len(text.encode()) > MOST_TEXT_BYTES:
                raise Refusal(Code.LIMIT, f"expected a text of at most {MOST_TEXT_BYTES} bytes")
            channel = group.feeds[channel_name].channel
            if offset > channel.next_offset:
                raise Refusal(
                    Code.WRONG, f"expected at most {channel.next_offset} in {channel_name!r}, got {offset}"
                )
        for channel_name in stands:
            channel = group.feeds[channel_name].channel
            group.positions[channel] = positions[channel_name]
            channel.groups[group] = positions[channel_name][0]
            channel.retain()
        return stands

    def committed(self, name: str, names: Iterable[str]) -> dict[str, tuple[int, str]]:
        positions = self._found(name).positions
        return {
            name: positions[channel]
            for name in names
            if (channel := self._channels.get(name)) is not None and channel in positions
        }

    def _found(self, name: str) -> Group:
        group = self.by_name.get(name)
        if group is None:
            raise Refusal(Code.MISSING, f"there is no group {name!r}")
        return group

    def _share(self, group: Group, now_ns: int) -> None:
        """Give each channel to the member that is to have it now."""
        wanting = {
            name: members
            for name, channel in self._channels.items()
            if (members := self._wanting(group, channel))
        }
        holders = {name: feed.subscription for name, feed in group.feeds.items()}
        shares = shared(wanting, holders)
        for name, feed in tuple(group.feeds.items()):
            if shares.get(name) is not feed.subscription and feed.channel.ended is None:
                del group.feeds[name]
                self._attaching.reassign(feed)
        for name, member in shares.items():
            if name not in group.feeds:
                self._attach(group, member, self._channels[name], now_ns)

    def _give(self, group: Group, channel: Channel, now_ns: int) -> None:
        """Give a new channel to the member that has the fewest."""
        members = self._wanting(group, channel)
        if members:
            self._attach(group, min(members, key=lambda member: len(member.feeds)), channel, now_ns)

    def _wanting(self, group: Group, channel: Channel) -> list[Subscription]:
        return [member for member in group.members if self._attaching.may_read(member, channel)]

    def _attach(self, group: Group, member: Subscription, channel: Channel, now_ns: int) -> None:
        if channel not in group.positions:
            group.positions[channel] = (_beginning(member, channel), "")
        offset, _ = group.positions[channel]
        channel.groups[group] = offset
        kept = channel.retain()
        assert kept is not None
        group.feeds[channel.name] = self._attaching.attach(member, channel, now_ns, GroupBuffer(kept, offset))

    def _end(self, group: Group) -> tuple[Channel, ...]:
        self.by_name.pop(group.name, None)
        del self._all[group]
        return self._forget(group, group.positions)

    def _forget(self, group: Group, channels: Iterable[Channel]) -> tuple[Channel, ...]:
        """What of these channels the group did not commit need not be kept for it."""
        gone = tuple(channels)
        for channel in gone:
            del group.positions[channel]
            channel.groups.pop(group, None)
            channel.retain()
        return gone


def _beginning(member: Subscription, channel: Channel) -> int:
    if isinstance(member.start, int):
        return min(member.start, channel.next_offset)
    return channel.first_offset if member.start == "history" else channel.next_offset
