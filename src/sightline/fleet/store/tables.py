"""The tables. Camera, Agent and DsInstance have the document's columns under the document's names, and then
what a fleet needs besides.

Sealed columns hold text or bytes of the vault alone: passwords, what was applied, and what may not be shown
of a camera's address and settings or of an instance's configuration (a worker's may hold tokens of brokers).

Change a table together with a migration: a test holds both against each other.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

from sqlalchemy import JSON, CheckConstraint, Float, ForeignKey, Index, LargeBinary, MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

_NAMES: Final = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
"""A constraint without a name cannot be changed by a migration."""


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=_NAMES)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        dict[str, Any]: JSON(none_as_null=True),
        list[str]: JSON(none_as_null=True),
        float: Float(),
    }


class Agent(Base):
    """A machine. `generation` is of what users say of it; `observed_generation` and `verified_generation`
    are of the configuration that it runs, and compare with its share's.
    """

    __tablename__ = "agent"
    __table_args__ = ({"sqlite_autoincrement": True},)  # an id of one that was deleted is nobody else's

    id: Mapped[int] = mapped_column(primary_key=True)
    agent_name: Mapped[str] = mapped_column(unique=True)
    ip_address: Mapped[str] = mapped_column(default="")
    hostname: Mapped[str]
    node_id: Mapped[str] = mapped_column(unique=True)
    connected: Mapped[bool] = mapped_column(default=False)

    capacity: Mapped[int | None]
    gpulist: Mapped[list[str]] = mapped_column(default=list)
    labels: Mapped[dict[str, Any]] = mapped_column(default=dict)
    runtimes: Mapped[list[str]] = mapped_column(default=list)
    description: Mapped[str] = mapped_column(default="")
    agent_version: Mapped[str] = mapped_column(default="")
    key: Mapped[str] = mapped_column(default="")
    spec: Mapped[dict[str, Any] | None]  # as the coordinator's machine has it; null: not let in yet
    set_labels: Mapped[dict[str, Any] | None]  # by users, over what the agent says
    set_capacity: Mapped[int | None]
    drained: Mapped[bool] = mapped_column(default=False)
    revoked: Mapped[bool] = mapped_column(default=False)
    generation: Mapped[int] = mapped_column(default=1)
    observed_generation: Mapped[int] = mapped_column(default=0)
    verified_generation: Mapped[int] = mapped_column(default=0)
    deployment: Mapped[str] = mapped_column(default="")
    last_seen: Mapped[int | None]  # UTC ms

    instances: Mapped[list[DsInstance]] = relationship(back_populates="agent", passive_deletes=True)
    cameras: Mapped[list[Camera]] = relationship(back_populates="agent", passive_deletes=True)


class DsInstance(Base):
    """An instance, of DeepStream or of Sightline's own workers (`kind`)."""

    __tablename__ = "dsInstance"
    __table_args__ = (
        CheckConstraint("kind IN ('deepstream', 'worker')", name="kind"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    agent_id: Mapped[int | None] = mapped_column(ForeignKey("agent.id", ondelete="SET NULL"), index=True)
    instance_name: Mapped[str] = mapped_column(unique=True)
    face_raw_meta_topic: Mapped[str | None]
    mot_raw_meta_topic: Mapped[str | None]
    visual_topic: Mapped[str | None]
    kafka_connection_str: Mapped[str | None]
    streammux_output_width: Mapped[int | None]
    streammux_output_height: Mapped[int | None]
    streammux_batch_size: Mapped[int | None]
    streammux_buffer_pool: Mapped[int | None]
    streammux_nvbuf_memory_type: Mapped[int | None]
    face_confidence_threshold: Mapped[float | None]
    mot_confidence_threshold: Mapped[float | None]
    status: Mapped[str] = mapped_column(default="")

    kind: Mapped[str] = mapped_column(default="deepstream")
    config: Mapped[dict[str, Any]] = mapped_column(default=dict)  # as it may be shown
    hidden: Mapped[str | None]  # sealed JSON of the whole configuration, where it differs from what is shown
    run: Mapped[dict[str, Any]] = mapped_column(default=dict)
    pool: Mapped[str] = mapped_column(default="", index=True)
    capacity: Mapped[int | None]
    gpus: Mapped[int] = mapped_column(default=0)
    labels: Mapped[dict[str, Any]] = mapped_column(default=dict)
    exclusive: Mapped[bool] = mapped_column(default=False)
    debug: Mapped[bool] = mapped_column(default=False)
    enabled: Mapped[bool] = mapped_column(default=True)
    origin: Mapped[str] = mapped_column(default="", index=True)
    generation: Mapped[int] = mapped_column(default=1)
    observed_generation: Mapped[int] = mapped_column(default=0)
    reason: Mapped[str] = mapped_column(default="")

    agent: Mapped[Agent | None] = relationship(back_populates="instances")
    cameras: Mapped[list[Camera]] = relationship(back_populates="dsInstance", passive_deletes=True)


class Camera(Base):
    """A camera. `agent_id` and `dsInstance_id` are where it was put by hand."""

    __tablename__ = "camera"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    agent_id: Mapped[int | None] = mapped_column(ForeignKey("agent.id", ondelete="SET NULL"), index=True)
    dsInstance_id: Mapped[int | None] = mapped_column(  # noqa: N815 - the document's
        ForeignKey("dsInstance.id", ondelete="SET NULL"), index=True
    )
    camera_id: Mapped[str] = mapped_column(unique=True)
    ip_address: Mapped[str] = mapped_column(default="")
    username: Mapped[str | None]
    password: Mapped[str | None]  # sealed
    encodeType: Mapped[str] = mapped_column(default="h264")  # noqa: N815 - the document's
    type: Mapped[str] = mapped_column(default="rtsp")
    width: Mapped[int | None]
    height: Mapped[int | None]

    address: Mapped[str]  # as it may be shown
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)  # as they may be shown
    hidden: Mapped[str | None]  # sealed JSON of address and settings, where they differ from what is shown
    labels: Mapped[dict[str, Any]] = mapped_column(default=dict)
    pool: Mapped[str] = mapped_column(default="", index=True)
    enabled: Mapped[bool] = mapped_column(default=True)
    origin: Mapped[str] = mapped_column(default="", index=True)
    generation: Mapped[int] = mapped_column(default=1)
    observed_generation: Mapped[int] = mapped_column(default=0)
    status: Mapped[str] = mapped_column(default="")

    agent: Mapped[Agent | None] = relationship(back_populates="cameras")
    dsInstance: Mapped[DsInstance | None] = relationship(back_populates="cameras")  # noqa: N815


class Revision(Base):
    """What was applied: a snapshot, sealed, of `Inventory` and `Sources`."""

    __tablename__ = "revision"
    __table_args__ = ({"sqlite_autoincrement": True},)

    revision: Mapped[int] = mapped_column(primary_key=True)
    applied_at: Mapped[int]  # UTC ms
    cameras: Mapped[int]
    instances: Mapped[int]
    snapshot: Mapped[bytes] = mapped_column(LargeBinary)


class Share(Base):
    """What a machine was last told to run: a `NodeShare`."""

    __tablename__ = "share"

    node_id: Mapped[str] = mapped_column(primary_key=True)
    generation: Mapped[int]
    share: Mapped[bytes] = mapped_column(LargeBinary)


class Term(Base):
    """The last term of a camera; kept when the camera is deleted, as one of its name may come again."""

    __tablename__ = "term"

    camera_id: Mapped[str] = mapped_column(primary_key=True)
    term: Mapped[int]


class Retired(Base):
    """The last generation of a row that was deleted: one of its name that comes again begins above it, or it
    would be taken for the one that runs.
    """

    __tablename__ = "retired"

    kind: Mapped[str] = mapped_column(primary_key=True)  # the row's table
    name: Mapped[str] = mapped_column(primary_key=True)
    generation: Mapped[int]


class Placed(Base):
    """Where the coordinator put what: a camera on an instance, an instance on a machine."""

    __tablename__ = "placement"
    __table_args__ = (
        CheckConstraint("kind IN ('camera', 'instance')", name="kind"),
        Index("ix_placement_target", "kind", "target"),
    )

    kind: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    target: Mapped[str]


class EnrolmentToken(Base):
    """What lets an agent in; of its secret the hash alone."""

    __tablename__ = "enrolment_token"

    token_id: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[str]
    description: Mapped[str] = mapped_column(default="")
    created_at: Mapped[int]  # UTC ns, as the next one
    expires_at: Mapped[int]
    uses_left: Mapped[int]
    used_by: Mapped[list[str]] = mapped_column(default=list)
    revoked: Mapped[bool] = mapped_column(default=False)


class Event(Base):
    """Something that a user would want to know; the newest are kept."""

    __tablename__ = "event"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[int]  # UTC ms
    what: Mapped[str]
    node_id: Mapped[str] = mapped_column(default="")
    instance: Mapped[str] = mapped_column(default="")
    camera_id: Mapped[str] = mapped_column(default="")


class Setting(Base):
    """A value of the coordinator's own, by name."""

    __tablename__ = "setting"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]


class User(Base):
    """Somebody who may ask. `password` is a hash of argon2; null: none was set, so there is no login."""

    __tablename__ = "user"
    __table_args__ = (
        CheckConstraint("role IN ('viewer', 'operator', 'admin')", name="role"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)  # as it is compared: case folded
    role: Mapped[str]
    password: Mapped[str | None]
    disabled: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[int]  # UTC ms, as the next one
    login_at: Mapped[int | None]
    generation: Mapped[int] = mapped_column(default=1)


class UserSession(Base):
    """A login with a browser; of its cookie the hash alone. All times are UTC ms."""

    __tablename__ = "user_session"

    digest: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[int]
    seen_at: Mapped[int]
    expires_at: Mapped[int]
    address: Mapped[str] = mapped_column(default="")
    browser: Mapped[str] = mapped_column(default="")


class UserToken(Base):
    """What a program of a user asks with; of its secret the hash alone. All times are UTC ms."""

    __tablename__ = "user_token"
    __table_args__ = (CheckConstraint("role IN ('viewer', 'operator', 'admin')", name="role"),)

    token_id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    digest: Mapped[str]
    role: Mapped[str]
    description: Mapped[str] = mapped_column(default="")
    created_at: Mapped[int]
    expires_at: Mapped[int]
    used_at: Mapped[int | None]
    revoked: Mapped[bool] = mapped_column(default=False)


class Audit(Base):
    """Something that was done, by whom; each has the hash of the one before in its own."""

    __tablename__ = "audit"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[int]  # UTC ms
    who: Mapped[str]
    role: Mapped[str]
    how: Mapped[str]
    address: Mapped[str] = mapped_column(default="")
    act: Mapped[str]
    desc: Mapped[str] = mapped_column(default="")
    request: Mapped[str] = mapped_column(index=True)  # the same in all that one request did
    undoable: Mapped[bool]  # whether all of it can be put back
    undoes: Mapped[int | None] = mapped_column(index=True)  # the id of what this took back
    hash: Mapped[str]


class AuditChange(Base):
    """What became of one thing: as it may be shown, and sealed as it was, so that it can be put back."""

    __tablename__ = "audit_change"
    __table_args__ = (Index("ix_audit_change_thing", "kind", "name"),)

    audit_id: Mapped[int] = mapped_column(ForeignKey("audit.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]  # camera, instance, agent, revision, user, user_token ...
    name: Mapped[str]
    generation: Mapped[int | None]  # of the row afterwards
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]
    sealed: Mapped[str | None]  # what was there before, whole
