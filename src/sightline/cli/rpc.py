"""`sightline rpc`: call a pipe, or whoever serves by zerorpc's protocol."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from sightline.cli.terminal import visible, visible_json


def rpc(
    endpoint: Annotated[
        str,
        typer.Argument(
            metavar="ENDPOINT",
            help="tcp://127.0.0.1:4242, ipc:///run/pipe.sock, or hub://127.0.0.1:4820?name=pipe.",
            show_default=False,
        ),
    ],
    method: Annotated[
        str | None,
        typer.Argument(
            metavar="[METHOD]", help="What to call; left out: list what there is.", show_default=False
        ),
    ] = None,
    args: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ARG]...",
            help="What to call it with: JSON, and else the text itself.",
            show_default=False,
        ),
    ] = None,
    *,
    timeout: Annotated[float, typer.Option(min=0.1, help="Wait so many seconds for an answer.")] = 30.0,
    as_json: Annotated[bool, typer.Option("--json", help="A line of JSON for each answer.")] = False,
) -> None:
    """Call a pipe that others may call, or any server of zerorpc.

    A token is taken from the environment variable SIGHTLINE_RPC_TOKEN.

    Examples:

        sightline rpc tcp://127.0.0.1:4242

        sightline rpc tcp://127.0.0.1:4242 execute start

        sightline rpc tcp://127.0.0.1:4242 execute join '{"to_kill": true}'

        sightline rpc tcp://127.0.0.1:4242 watch 2 --json

        SIGHTLINE_RPC_TOKEN=... sightline rpc hub://10.0.0.5?name=street stats
    """
    from sightline.pipe.outside.remote import remote

    with remote(endpoint, timeout) as callee:
        if method is None:
            _list(callee.methods(), as_json=as_json)
            return
        for answer in _all(callee.call(method, [*map(_value, args or ())])):
            _show(answer, as_json=as_json)


def _list(methods: list[tuple[str, str]], *, as_json: bool) -> None:
    if as_json:
        _show(dict(methods), as_json=True)
        return
    for method, doc in methods:
        _show(f"{method}\n    {doc}" if doc else method, as_json=False)


def _all(answer: Any) -> Iterator[Any]:
    if isinstance(answer, Iterator):
        yield from answer
    else:
        yield answer


def _show(answer: Any, *, as_json: bool) -> None:
    from sightline.pipe.outside.plain import plain

    if as_json:
        typer.echo(visible_json(json.dumps(plain(answer), ensure_ascii=False)))
    elif isinstance(answer, str):
        typer.echo(visible(answer))
    elif answer is not None:
        typer.echo(visible(json.dumps(plain(answer), ensure_ascii=False, indent=2)))


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
