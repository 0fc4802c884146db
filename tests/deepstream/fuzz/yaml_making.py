"""Made-up YAML files: from a grammar that likes the edges, from heaps of signs, or real ones, changed."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from random import Random

REAL = Path(__file__).resolve().parents[4] / "shared" / "deepstream-configs"
DEPTH = 4

ODD_KEYS = """"q:k" 'it''s' ? : << ~ null *a &b !t 1.5 [k] {k} - é a\tb k# key\\x "\\u00e9" "" '' |"""
NUMBERS = """0 1 -1 +1 007 08 0x1F 0X1f 0x -0x8 1e3 1. .5 -.5E-3 1e400 1e 1_0 .inf -.INF +.inf .nan 4294967295
    4294967296 2147483647 2147483648 -2147483648 18446744073709551615 9223372036854775808 1e-320
    3.4e38 1e39 1e-39 -nan inf 0x1p-3"""
TEXTS = """true True yes off TRUE tRue n Y ~ null NULL Null nULL rtsp://u:p@h/1?a=b file:///a;b 12;3
    1;2; ;; a:b a: :a - -- --- ... ? ?a #x x# x#y a#b | > |- >+ |2 >1- & * &a *a &a1 ! !! !t !!str !<u>
    !<u !e!x !! @ ` % %TAG , [ ] { } [] {} [a,b] {a: 1} [a: 1] ["a":1] {a,b: c} [a, [b]] 'x' 'it''s' "q"
    "a\\n" "\\x41" "\\u263A" "\\ud800" "\\q" "\\" ' " é ß \\ ☃ <<"""
KEYS = ["property", "source0", "enable", "uri", "gpu-id", "a", "b", "", *ODD_KEYS.split()]
WORDS = [*NUMBERS.split(), *TEXTS.split(), "\xa0"]
ESCAPES = ["\\0", "\\a", "\\t", "\\ ", '\\"', "\\/", "\\N", "\\_", "\\L", "\\U0001F600", "\\xZ", "\\\n", "\\"]
SIGNS = [
    *":-?,[]{}#&*!|>'\"%@`~\\ \t\n",
    "\n  ",
    "\n ",
    ": ",
    "- ",
    "? ",
    " #",
    "\r\n",
    "a",
    "b1",
    "---\n",
    "...\n",
    "\n\n",
]
RAW = [
    b"\0",
    b"\x04",
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\r",
    b"\x85",
    b"\xef\xbb\xbf",
    b"\x7f",
    b"\v",
    b"\0n",
]
CHANGES = [
    *RAW,
    *(bytes([byte]) for byte in b":-?,[]{}#&*!|>'\"%@ \t\n1a"),
    b"\r\n",
    b": ",
    b"- ",
    b"  ",
    b"\n\n",
]
ENCODINGS = ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "utf-16", "utf-32", "utf-8-sig"]


def make_file(random: Random) -> bytes:
    data = _text(random)
    if random.random() < 0.3:
        data = _changed(random, data, random.randint(1, 3))
    return _encoded(random, data) if random.random() < 0.04 else data


def _text(random: Random) -> bytes:
    kind, real = random.random(), _real_files()
    if real and kind < 0.12:
        return _excerpt(random, random.choice(real))
    if kind < 0.3:
        return "".join(random.choices([*SIGNS, *SIGNS, *WORDS], k=random.randint(1, 14))).encode()
    text = _document(random)
    return (text.replace("\n", "\r\n") if random.random() < 0.1 else text).encode()


def _document(random: Random) -> str:
    before = random.choice(
        ["", "", "", "", "---\n", "--- ", "%YAML 1.2\n---\n", "%TAG ! x:\n---\n", "# c\n", "\n", "\t\n"]
    )
    after = random.choice(["", "", "", "", "\n", "...\n", "---\nb: 1\n", "# end", "\n...\n%X\n", " ", "b"])
    return before + _block(random, 0, DEPTH) + after


def _block(random: Random, indent: int, depth: int) -> str:
    """A mapping, a list or a scalar, beginning where a line is or would be."""
    kind = random.random()
    if depth == 0 or kind < 0.08:
        return _scalar(random, indent) + "\n"
    lines = [_pair, _item][kind < 0.3]
    return "".join(lines(random, indent, depth) for _ in range(random.choice((1, 1, 2, 3))))


def _pair(random: Random, indent: int, depth: int) -> str:
    if random.random() < 0.04:
        key, value = (_inner(random, indent, depth) for _ in range(2))
        return f"{_margin(random, indent)}? {key}{_margin(random, indent)}: {value}"
    key = random.choice(KEYS if random.random() < 0.15 else KEYS[:7])
    colon = random.choice([": ", ": ", ": ", ": ", ":", " : ", ":\t", ":  "])
    before = _note(random, indent) + _margin(random, indent) + _property(random)
    return before + key + colon + _inner(random, indent, depth)


def _item(random: Random, indent: int, depth: int) -> str:
    sign = random.choice(["- ", "- ", "- ", "-  ", "-\t", "-"])
    return _margin(random, indent) + sign + _inner(random, indent, depth)


def _inner(random: Random, indent: int, depth: int) -> str:
    if depth > 1 and random.random() < 0.3:
        deeper = indent + random.choice((0, 1, 2, 2, 2, 4))
        return f"{_property(random)}{random.choice(('', '', ' # c'))}\n{_block(random, deeper, depth - 1)}"
    return (
        _property(random)
        + _scalar(random, indent)
        + random.choice(["", "", "", " ", " # c", "#c", "\t# c"])
        + "\n"
    )


def _scalar(random: Random, indent: int) -> str:
    kind = random.random()
    if kind < 0.6:
        return " ".join(random.choices(WORDS, k=random.choice((1, 1, 1, 1, 2, 3))))
    if kind < 0.7:
        return _block_scalar(random, indent)
    if kind < 0.85:
        return _quoted(random, indent)
    return (
        _flow(random, 3)
        if kind < 0.95
        else _lines(random, indent, ["a", "b: c", "- d", "#e", "f #g", "'", "---"])
    )


def _block_scalar(random: Random, indent: int) -> str:
    sign = random.choice("|>") + random.choice(
        ["", "", "", "-", "+", "1", "2", "2-", "+1", "0", "x", " # c", "\t"]
    )
    return (
        sign
        + "\n"
        + _lines(random, indent, ["a", "", "", "  b", "\tc", "- d", "e: f", " ", "#g", "...", "h "])
    )


def _quoted(random: Random, indent: int) -> str:
    quote = random.choice("'\"")
    text = "".join(
        random.choices([*"ab :#,{}[]", "''", "\n", "\n\n", " \n ", *ESCAPES], k=random.randint(0, 6))
    )
    return (
        quote
        + text.replace("\n", "\n" + " " * random.choice((indent, indent + 1, 0)))
        + quote * (random.random() < 0.95)
    )


def _lines(random: Random, indent: int, choices: list[str]) -> str:
    margins = [" " * (indent + more) for more in (1, 1, 2, 3)] + [" " * indent, "", "\t"]
    return "\n".join(random.choice(margins) + random.choice(choices) for _ in range(random.randint(1, 4)))


def _flow(random: Random, depth: int) -> str:
    kind = random.random()
    if depth == 0 or kind < 0.4:
        return random.choice(
            ["a", "b c", "1", "'q'", '"r"', "~", "", "*a", "&a x", "!t y", "?", "-", "a:b", ":", "é", "#"]
        )
    inner = [_flow(random, depth - 1) for _ in range(random.randint(0, 3))]
    colon = random.choice([": ", ": ", ":", " : ", ":\n ", " "])
    if kind < 0.7:
        inner = [f"{_flow(random, depth - 1)}{colon}{value}" for value in inner]
    signs = random.choice(["[]", "{}", "[}", "[ ", "{ "] if random.random() < 0.15 else ["[]", "{}"])
    return signs[0] + random.choice([", ", ",", ",\n ", " , ", ",,", " #c\n,"]).join(inner) + signs[1]


def _property(random: Random) -> str:
    return (
        random.choice(["&a ", "&b ", "!t ", "!!str ", "!<x> ", "! ", "&a !t ", "*a "])
        if random.random() < 0.06
        else ""
    )


def _margin(random: Random, indent: int) -> str:
    return " " * max(0, indent + (random.choice((-1, 1, 2)) if random.random() < 0.04 else 0))


def _note(random: Random, indent: int) -> str:
    return (
        random.choice(["# note\n", " " * indent + "# note\n", "\n", "#\n\n"])
        if random.random() < 0.15
        else ""
    )


def _encoded(random: Random, data: bytes) -> bytes:
    text = data.decode(errors="replace")
    if random.random() < 0.1:
        text = random.choice(["\ud83d", "\ude00", "\ud83d\ud83d\ude00", "\ud83dx"]) + text
    encoded = text.encode(
        random.choice(ENCODINGS[:6] if "\ud83d" <= text[:1] <= "\ude00" else ENCODINGS),
        errors="surrogatepass",
    )
    return encoded[: len(encoded) - (random.random() < 0.1)]


def _changed(random: Random, data: bytes, times: int) -> bytes:
    for _ in range(times):
        at = random.randint(0, len(data))
        until = at + random.choice((0, 0, 1, 1, 4))
        data = data[:at] + random.choice((b"", *CHANGES)) + data[until:]
    return data


def _excerpt(random: Random, data: bytes) -> bytes:
    """Some lines on end, or, one time in ten, all."""
    lines = data.splitlines(keepends=True)
    start = 0 if random.random() < 0.1 else random.randrange(len(lines))
    return b"".join(lines[start : start + random.randint(3, 15)] if start else lines)


@cache
def _real_files() -> list[bytes]:
    return [path.read_bytes() for path in sorted(REAL.rglob("*.yml"))]
