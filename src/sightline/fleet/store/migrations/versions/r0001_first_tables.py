"""The tables of the document, and what a fleet needs besides."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "agent",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("agent_name", sa.String(), nullable=False),
        sa.Column("ip_address", sa.String(), nullable=False),
        sa.Column("hostname", sa.String(), nullable=False),
        sa.Column("node_id", sa.String(), nullable=False),
        sa.Column("connected", sa.Boolean(), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=True),
        sa.Column("gpulist", sa.JSON(), nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("runtimes", sa.JSON(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("agent_version", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=True),
        sa.Column("set_labels", sa.JSON(), nullable=True),
        sa.Column("set_capacity", sa.Integer(), nullable=True),
        sa.Column("drained", sa.Boolean(), nullable=False),
        sa.Column("revoked", sa.Boolean(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("observed_generation", sa.Integer(), nullable=False),
        sa.Column("verified_generation", sa.Integer(), nullable=False),
        sa.Column("deployment", sa.String(), nullable=False),
        sa.Column("last_seen", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agent")),
        sa.UniqueConstraint("agent_name", name=op.f("uq_agent_agent_name")),
        sa.UniqueConstraint("node_id", name=op.f("uq_agent_node_id")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "enrolment_token",
        sa.Column("token_id", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("created_at", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.Integer(), nullable=False),
        sa.Column("uses_left", sa.Integer(), nullable=False),
        sa.Column("used_by", sa.JSON(), nullable=False),
        sa.Column("revoked", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("token_id", name=op.f("pk_enrolment_token")),
    )
    op.create_table(
        "event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.Integer(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("node_id", sa.String(), nullable=False),
        sa.Column("instance", sa.String(), nullable=False),
        sa.Column("camera_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "placement",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.CheckConstraint("kind IN ('camera', 'instance')", name=op.f("ck_placement_kind")),
        sa.PrimaryKeyConstraint("kind", "name", name=op.f("pk_placement")),
    )
    with op.batch_alter_table("placement", schema=None) as batch_op:
        batch_op.create_index("ix_placement_target", ["kind", "target"], unique=False)

    op.create_table(
        "revision",
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("applied_at", sa.Integer(), nullable=False),
        sa.Column("cameras", sa.Integer(), nullable=False),
        sa.Column("instances", sa.Integer(), nullable=False),
        sa.Column("snapshot", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("revision", name=op.f("pk_revision")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "setting",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_setting")),
    )
    op.create_table(
        "share",
        sa.Column("node_id", sa.String(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("share", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("node_id", name=op.f("pk_share")),
    )
    op.create_table(
        "term",
        sa.Column("camera_id", sa.String(), nullable=False),
        sa.Column("term", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("camera_id", name=op.f("pk_term")),
    )
    op.create_table(
        "dsInstance",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("agent_id", sa.Integer(), nullable=True),
        sa.Column("instance_name", sa.String(), nullable=False),
        sa.Column("face_raw_meta_topic", sa.String(), nullable=True),
        sa.Column("mot_raw_meta_topic", sa.String(), nullable=True),
        sa.Column("visual_topic", sa.String(), nullable=True),
        sa.Column("kafka_connection_str", sa.String(), nullable=True),
        sa.Column("streammux_output_width", sa.Integer(), nullable=True),
        sa.Column("streammux_output_height", sa.Integer(), nullable=True),
        sa.Column("streammux_batch_size", sa.Integer(), nullable=True),
        sa.Column("streammux_buffer_pool", sa.Integer(), nullable=True),
        sa.Column("streammux_nvbuf_memory_type", sa.Integer(), nullable=True),
        sa.Column("face_confidence_threshold", sa.Float(), nullable=True),
        sa.Column("mot_confidence_threshold", sa.Float(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("config", sa.JSON(), nullable=False),
        sa.Column("hidden", sa.String(), nullable=True),
        sa.Column("run", sa.JSON(), nullable=False),
        sa.Column("pool", sa.String(), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=True),
        sa.Column("gpus", sa.Integer(), nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("exclusive", sa.Boolean(), nullable=False),
        sa.Column("debug", sa.Boolean(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("observed_generation", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.CheckConstraint("kind IN ('deepstream', 'worker')", name=op.f("ck_dsInstance_kind")),
        sa.ForeignKeyConstraint(
            ["agent_id"], ["agent.id"], name=op.f("fk_dsInstance_agent_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dsInstance")),
        sa.UniqueConstraint("instance_name", name=op.f("uq_dsInstance_instance_name")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("dsInstance", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_dsInstance_agent_id"), ["agent_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_dsInstance_origin"), ["origin"], unique=False)
        batch_op.create_index(batch_op.f("ix_dsInstance_pool"), ["pool"], unique=False)

    op.create_table(
        "camera",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("agent_id", sa.Integer(), nullable=True),
        sa.Column("dsInstance_id", sa.Integer(), nullable=True),
        sa.Column("camera_id", sa.String(), nullable=False),
        sa.Column("ip_address", sa.String(), nullable=False),
        sa.Column("username", sa.String(), nullable=True),
        sa.Column("password", sa.String(), nullable=True),
        sa.Column("encodeType", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("hidden", sa.String(), nullable=True),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("pool", sa.String(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("observed_generation", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["agent_id"], ["agent.id"], name=op.f("fk_camera_agent_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["dsInstance_id"], ["dsInstance.id"], name=op.f("fk_camera_dsInstance_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_camera")),
        sa.UniqueConstraint("camera_id", name=op.f("uq_camera_camera_id")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("camera", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_camera_agent_id"), ["agent_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_camera_dsInstance_id"), ["dsInstance_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_camera_origin"), ["origin"], unique=False)
        batch_op.create_index(batch_op.f("ix_camera_pool"), ["pool"], unique=False)
