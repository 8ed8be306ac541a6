"""`python -m tests.fault.killable COMMAND…`: a process of the desk whose points can be armed.

COMMAND is celery, gunicorn or manage.py with its words, as in the Procfile. What FAULT_STARTERS names as module:function,
with commas between, is called too before the command is handed over to.
"""

import functools
import importlib
import os
import sys
import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from tests.fault.points import FOLDER, POINTS, SCOPES, Point, strike

STARTERS = "FAULT_STARTERS"
# Constants of the product that a short run cannot wait for, as module:NAME=seconds; of a table all of them, with / between.
HASTE = "FAULT_HASTE"


class _Open(threading.local):
    """The scopes that are open in this thread, and the methods of the requests to brokers."""

    def __init__(self) -> None:
        self.scopes: list[str] = []
        self.methods: list[str] = []


_open = _Open()


def install(folder: str, kind: str) -> None:
    """Wrap every call at which this kind of process has a point, and the scopes around it."""
    mine = {name: point for name, point in POINTS.items() if point.process == kind}
    wanted = {scope for point in mine.values() for scope in point.within}
    by_target: dict[str, list[tuple[str, Point]]] = defaultdict(list)
    for name, point in mine.items():
        by_target[point.target].append((name, point))
    for target, points in by_target.items():
        _wrap(target, functools.partial(_with_points, points=points, folder=folder))
    for scope in sorted(wanted):
        for target in SCOPES[scope]:
            _wrap(target, functools.partial(_with_scope, scope=scope))


def _wrap(target: str, dress: Callable[..., Callable[..., Any]]) -> None:
    """Put a dressed function in the place of the one that is looked up there; raises AttributeError for none."""
    module, _, path = target.partition(":")
    owner: Any = importlib.import_module(module)
    *outer, name = path.split(".")
    for step in outer:
        owner = getattr(owner, step)
    setattr(owner, name, dress(getattr(owner, name)))


def _with_points(function: Callable[..., Any], *, points: list[tuple[str, Point]], folder: str) -> Callable[..., Any]:
    before = [(name, point) for name, point in points if point.moment == "before"]
    after = [(name, point) for name, point in points if point.moment == "after"]

    @functools.wraps(function)
    def passed(*args: Any, **kwargs: Any) -> Any:
        row = str(getattr(args[0], "pk", "")) if args else ""
        _come_by(before, folder, row)
        answer = function(*args, **kwargs)
        _come_by(after, folder, row)
        return answer

    return passed


def _come_by(points: list[tuple[str, Point]], folder: str, row: str) -> None:
    for name, point in points:
        is_within = all(scope in _open.scopes for scope in point.within)
        if is_within and (not point.method or point.method in _open.methods[-1:]):
            strike(name, folder, row)


def _with_scope(function: Callable[..., Any], *, scope: str) -> Callable[..., Any]:
    @functools.wraps(function)
    def entered(*args: Any, **kwargs: Any) -> Any:
        _open.scopes.append(scope)
        if scope == "request":
            _open.methods.append(args[1].method)
        try:
            return function(*args, **kwargs)
        finally:
            _open.scopes.pop()
            if scope == "request":
                _open.methods.pop()

    return entered


def kind_of(command: list[str]) -> str:
    """Which of the desk's processes a command of the Procfile is."""
    if "beat" in command:
        return "beat"
    if "worker" in command:
        return "orders" if "orders" in command else "worker"
    return "stream" if "stream_orders" in command else "web"


def _hasten() -> None:
    from datetime import timedelta

    for word in filter(None, os.environ.get(HASTE, "").split(",")):
        target, _, seconds = word.partition("=")
        module, _, name = target.partition(":")
        several = tuple(map(float, seconds.split("/")))
        value = several if several[1:] else timedelta(seconds=several[0])
        setattr(importlib.import_module(module), name, value)


def main() -> None:
    command = sys.argv[1:]
    import django

    django.setup()
    install(os.environ[FOLDER], kind_of(command))
    _hasten()
    for word in filter(None, os.environ.get(STARTERS, "").split(",")):
        module, _, name = word.partition(":")
        getattr(importlib.import_module(module), name)(command)
    program, sys.argv = command[0], command
    if program == "celery":
        from celery.__main__ import main as celery

        celery()
    elif program == "gunicorn":
        from gunicorn.app.wsgiapp import run

        run()
    else:
        from django.core.management import execute_from_command_line

        execute_from_command_line(["manage.py", *command[command.index("manage.py") + 1 :]])


if __name__ == "__main__":
    main()
