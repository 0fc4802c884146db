"""The tables of a folder of pictures.

What must always agree is kept so by triggers: how much of each camera is there and how much of all in hand;
that a picture is in hand (`held`) while its lease `lasts`, and idle since then; and that nothing is known of
a claim once neither picture nor lease is left.
"""

from __future__ import annotations

from typing import Final

from sightline.framequeue.store import CameraUsage

APPLICATION_ID: Final = 0x534C4653  # "SLFS"
VERSION: Final = 1
COUNTS: Final = CameraUsage.__struct_fields__
"""By camera."""

# `held` and `lasts` are compared with a number: SQLite takes an index of some rows only where it sees that
# the rows are those.
SCHEMA: Final = """
CREATE TABLE store(
    limit_bytes INTEGER,
    bytes INTEGER NOT NULL DEFAULT 0,
    bytes_held INTEGER NOT NULL DEFAULT 0,
    token INTEGER NOT NULL DEFAULT 0,
    leases INTEGER NOT NULL DEFAULT 0,
    expired INTEGER NOT NULL DEFAULT 0,
    marks INTEGER NOT NULL DEFAULT 0,
    holders INTEGER NOT NULL DEFAULT 0,
    boot TEXT NOT NULL DEFAULT '');
INSERT INTO store DEFAULT VALUES;
CREATE TABLE cameras(
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    captured_ms INTEGER,
    COUNTS);
CREATE INDEX by_bytes ON cameras(bytes);
CREATE TABLE pictures(
    number INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    camera INTEGER NOT NULL,
    size INTEGER NOT NULL,
    file TEXT NOT NULL,
    crc INTEGER NOT NULL,
    put_ns INTEGER NOT NULL,
    until_ns INTEGER,
    idle_ns INTEGER NOT NULL,
    held INTEGER NOT NULL);
CREATE INDEX by_camera ON pictures(camera, number) WHERE held = 0;
CREATE INDEX by_life ON pictures(until_ns) WHERE until_ns IS NOT NULL AND held = 0;
CREATE INDEX by_idleness ON pictures(idle_ns) WHERE held = 0;
CREATE TABLE holds(
    key TEXT PRIMARY KEY,
    token INTEGER NOT NULL,
    worker TEXT NOT NULL,
    until_ns INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 1,
    reason TEXT NOT NULL DEFAULT '',
    lasts INTEGER NOT NULL DEFAULT 1) WITHOUT ROWID;
CREATE INDEX by_lease ON holds(until_ns) WHERE lasts = 1;
CREATE TABLE marks(
    key TEXT PRIMARY KEY,
    result BLOB NOT NULL,
    made_ns INTEGER NOT NULL,
    until_ns INTEGER NOT NULL);
CREATE INDEX by_end ON marks(until_ns);
CREATE TRIGGER comes AFTER INSERT ON pictures BEGIN
    UPDATE cameras SET frames = frames + 1, bytes = bytes + new.size WHERE id = new.camera;
    UPDATE store SET bytes = bytes + new.size, bytes_held = bytes_held + new.size * new.held;
END;
CREATE TRIGGER goes AFTER DELETE ON pictures BEGIN
    UPDATE cameras SET frames = frames - 1, bytes = bytes - old.size WHERE id = old.camera;
    UPDATE store SET bytes = bytes - old.size, bytes_held = bytes_held - old.size * old.held;
    DELETE FROM holds WHERE key = old.key AND lasts = 0;
END;
CREATE TRIGGER changes_hands AFTER UPDATE OF held ON pictures WHEN new.held <> old.held BEGIN
    UPDATE store SET bytes_held = bytes_held + new.size * (new.held - old.held);
END;
CREATE TRIGGER is_claimed AFTER INSERT ON holds BEGIN
    UPDATE pictures SET held = 1 WHERE key = new.key;
END;
CREATE TRIGGER ends AFTER UPDATE OF lasts ON holds WHEN new.lasts <> old.lasts BEGIN
    UPDATE pictures SET held = new.lasts, idle_ns = iif(new.lasts, idle_ns, new.until_ns)
        WHERE key = new.key;
    DELETE FROM holds WHERE key = new.key AND lasts = 0
        AND NOT EXISTS (SELECT 1 FROM pictures WHERE key = new.key);
END;
""".replace("COUNTS", ", ".join(f"{name} INTEGER NOT NULL DEFAULT 0" for name in COUNTS))
