"""Made-up key files: from a grammar that likes the edges, or real ones with a few bytes changed."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from random import Random

REAL = Path(__file__).resolve().parents[4] / "shared" / "deepstream-configs"

SPACES = ["", "", "", " ", "\t", "  ", " \t ", "\v", "\f", "\r", "\xa0"]
GROUPS = [
    "property",
    "source0",
    "sink 1",
    "class-attrs-all",
    " a ",
    "é",
    "",
    "a]b",
    "[a",
    "a\tb",
    "a\x7f",
    "x=y",
]
AFTER_GROUPS = [*[""] * 4, " ", "\t ", "\r", "x", "]", "#c", " #c", "\f", "\0", "\0]", "\0=", "\udc80 \udcbf"]
KEYS = [
    "enable",
    "uri",
    "gpu-id",
    "Encoding",
    "a b",
    "key",
    "é",
    "k.x",
    "0",
    "-",
    "a[b",
    "a]b",
    "#k",
    " ",
    "",
]
LANGUAGES = [*[""] * 5, "[C]", "[c]", "[de]", "[]", "[de_DE.UTF-8@euro]"]
ODD_LANGUAGES = [
    "[é]",
    "[a b]",
    "[ß\u0661]",
    "[",
    "[C",
    " [C]",
    "[é\udc80]",
    "[\udcc3]",
    "[\u2160\u00b2]",
    "[C]x",
]
INTEGERS = """1 0 3 -1 +7 ++1 007 -0 0x10 2147483647 2147483648 -2147483648 -2147483649 9223372036854775807
    9223372036854775808 -9223372036854775808 -9223372036854775809 18446744073709551615 18446744073709551616
    -18446744073709551615 -18446744073709551616 99999999999999999999999 -99999999999999999999999"""
NUMBERS = """1. .5 . -.5e-3 1e3 1e 1e+ 1e400 -1e400 1e-400 4.9e-324 2e-324 0x1p4 0x.8 0x 0x. 0x1p 0x1p-1080
    0x1p99999 0x1.fffffffffffff8p1023 0x1.00000000000008p0 -0x0p9 -0x1p9999 inf -INF infinity infinit nan
    nan(1_a) nan( -nan 0.1000000000000000055511151231257827"""
TEXTS = r"""true false True yes utf-8 UTF-8 latin1 é ß = a=b # [x] 3#c \s \n \t\r \\ \ \; \x \é a;b ; ;;
    0.1;0.2 1;2;3; 1;;2 a\;b;c \s1;2\s rtsp://u:p@h/1?a=b;c"""
WORDS = [
    "",
    *INTEGERS.split(),
    *NUMBERS.split(),
    *TEXTS.split(),
    "日本",
    "3 # c",
    "1; 2 ;3",
    "1; ;2",
    "file:///a b.mp4",
    "\x01",
    "\u0661",
]
RAW = [
    b"\0",
    b"\xff",
    b"\x80",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xc0\x80",
    b"\xe2\x82",
    b"\r",
    b"\v",
]
LINES = [
    b"",
    b"",
    b"# note",
    b"  # far",
    b"#",
    b";old",
    b"// no",
    b"word",
    b"\t",
    b"=",
    b"=1",
    b"\xef\xbb\xbf# mark",
]
CHANGES = [*RAW, *(bytes([byte]) for byte in b"[]=#;\\ \t\n\r\v\f1aC"), b"\r\n", b"[C]", b"\xef\xbb\xbf"]


def make_file(random: Random) -> bytes:
    real = _real_files()
    if real and random.random() < 0.15:
        return _changed(random, _excerpt(random, random.choice(real)), random.randint(0, 4))
    data = _made(random)
    return _changed(random, data, random.randint(1, 3)) if random.random() < 0.3 else data


def _made(random: Random) -> bytes:
    end = "\r\n" if random.random() < 0.2 else "\n"
    lines = [_group(random)] if random.random() < 0.97 else []
    lines += [_line(random) for _ in range(random.randint(0, 8))]
    text = end.encode().join(lines)
    return text + end.encode() if random.random() < 0.7 else text


def _line(random: Random) -> bytes:
    kind = random.random()
    if kind < 0.12:
        return _group(random)
    if kind < 0.2:
        # The last few of the lines are wrong: not too often, or no file would be read to its end.
        return random.choice(LINES if random.random() < 0.2 else LINES[:5])
    return _pair(random)


def _group(random: Random) -> bytes:
    odd = random.random() < 0.12
    name = random.choice(GROUPS if odd else GROUPS[:6])
    after = random.choice(AFTER_GROUPS if odd else AFTER_GROUPS[:6])
    return _raw(random, f"{_space(random)}[{name}]{after}")


def _pair(random: Random) -> bytes:
    odd = random.random() < 0.08
    key = random.choice(KEYS if odd else KEYS[:10])
    language = random.choice(ODD_LANGUAGES if odd else LANGUAGES)
    return _raw(random, f"{_space(random)}{key}{language}{_space(random)}={_space(random)}{_value(random)}")


def _value(random: Random) -> str:
    if random.random() < 0.1:
        return f"{random.uniform(-1, 1) * 10.0 ** random.randint(-320, 300)!r}"
    words = random.choices(WORDS, k=random.choice((1, 1, 1, 2, 3)))
    separator = random.choice((";", ";", "", " ", "; "))
    return separator.join(words) + random.choice(("", "", "", ";", *SPACES))


def _space(random: Random) -> str:
    return random.choice(SPACES[:7] if random.random() < 0.9 else SPACES)


def _raw(random: Random, text: str) -> bytes:
    data = text.encode(errors="surrogateescape")
    if random.random() < 0.03:
        at = random.randint(0, len(data))
        data = data[:at] + random.choice(RAW) + data[at:]
    return data


def _changed(random: Random, data: bytes, times: int) -> bytes:
    for _ in range(times):
        at = random.randint(0, len(data))
        until = at + random.choice((0, 0, 1, 1, 4))
        data = data[:at] + random.choice((b"", *CHANGES)) + data[until:]
    return data


def _excerpt(random: Random, data: bytes) -> bytes:
    """Some lines on end, or, one time in ten, all."""
    lines = data.splitlines(keepends=True)
    if random.random() < 0.1:
        return data
    start = random.choice([index for index, line in enumerate(lines) if line.startswith(b"[")] or [0])
    return b"".join(lines[start : start + random.randint(3, 15)])


@cache
def _real_files() -> list[bytes]:
    return [path.read_bytes() for path in sorted(REAL.rglob("*.*")) if path.suffix in {".txt", ".yml"}]
