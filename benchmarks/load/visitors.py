"""People who browse and programs that send orders, in a process of its own without Django.

Reads a job as JSON from standard input and writes what every request came to as JSON to standard output. People think
between two pages, and do what their browser does: open pages of orders ask for changes, a busy desk's page loads itself
again. Programs keep to a timetable, however slow the answers are, and try again with the same Idempotency-Key.
"""

import json
import random
import re
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from typing import Any

OK, CREATED, NO_CONTENT, BUSY, TOO_MANY = 200, 201, 204, 503, 429
PATIENCE = 20.0
TRIES = 4
UNITS = {"ms": 1000, "s": 1}
PACE = re.compile(r'hx-get="(/orders/changes/)"[^>]*hx-trigger="every (\d+)(ms|s)')
PLACE = re.compile(r'name="since" value="([^"]+)"')
# Programs that were told to come back wait for their time, and keep nobody else from asking.
SENDERS = 1500


def changes_address(page: str) -> str:
    """Where an open page asks whether anything changed since it was made. Raises ValueError for one that does not."""
    asks, since = PACE.search(page), PLACE.search(page)
    if asks is None or since is None:
        raise ValueError("This page asks for no changes.")
    return f"{asks[1]}?since={since[1]}"


class Visitors:
    def __init__(self, job: dict[str, Any]) -> None:
        self.job = job
        self.rows: list[tuple[float, str, int, float, bool]] = []
        self.orders: list[tuple[str, int]] = []
        self.ends = time.time() + job["seconds"]

    def ask(self, method: str, path: str, headers: dict[str, str], body: str | None = None) -> tuple[int, Any, str]:
        """Status (0: no answer), headers, text."""
        link = HTTPConnection("127.0.0.1", self.job["port"], timeout=PATIENCE)
        try:
            link.request(method, path, body, {"Host": "localhost", **headers})
            answer = link.getresponse()
            return answer.status, answer.headers, answer.read().decode("utf-8", "replace")
        except (OSError, HTTPException):
            return 0, {}, ""
        finally:
            link.close()

    def note(self, began: float, kind: str, status: int, *, is_right: bool) -> None:
        self.rows.append((began, kind, status, time.time() - began, is_right))

    # --- people ------------------------------------------------------------------------------------------------------

    def person(self, number: int) -> None:
        drawn = random.Random(f"{self.job['seed']}/{number}")  # noqa: S311 - visitors, not secrets
        one = self.job["people"][number % len(self.job["people"])]
        headers = {"Cookie": one["cookie"], "Accept": "text/html"}
        kinds, weights = zip(*self.job["mix"].items(), strict=True)
        time.sleep(drawn.uniform(0, self.job["think"][1]))
        while time.time() < self.ends:
            kind = drawn.choices(kinds, weights)[0]
            text = self.page(kind, drawn.choice(one["pages"][kind]), headers)
            self.think(drawn.uniform(*self.job["think"]), text, headers)

    def page(self, kind: str, path: str, headers: dict[str, str]) -> str:
        """What the page says in the end: a desk that is busy is asked again when its page says so."""
        while True:
            began = time.time()
            status, told, text = self.ask("GET", path, headers)
            wait = str(told.get("Retry-After", ""))
            is_right = status == OK or (status == BUSY and wait.isdecimal() and f'content="{wait}"' in text)
            self.note(began, kind, status, is_right=is_right)
            if status != BUSY or not wait.isdecimal() or time.time() + int(wait) > self.ends:
                return text
            time.sleep(int(wait))

    def think(self, seconds: float, text: str, headers: dict[str, str]) -> None:
        until = min(time.time() + seconds, self.ends)
        asks, found = PACE.search(text), PLACE.search(text)
        pace = int(asks[2]) / UNITS[asks[3]] if asks else seconds
        while asks and found and time.time() + pace < until:
            time.sleep(pace)
            began = time.time()
            status, told, answer = self.ask("GET", f"{asks[1]}?since={found[1]}", {**headers, "HX-Request": "true"})
            is_right = status in {OK, NO_CONTENT} or (status == BUSY and bool(told.get("Retry-After")))
            self.note(began, "changes of orders", status, is_right=is_right)
            found = PLACE.search(answer) or found
        time.sleep(max(until - time.time(), 0))

    # --- programs ----------------------------------------------------------------------------------------------------

    def programs(self) -> None:
        """Orders by a timetable: a pause of the same length between any two."""
        step = 1 / self.job["orders_a_second"]
        began, number = time.time(), 0
        with ThreadPoolExecutor(SENDERS) as pool:
            while (due := began + number * step) < self.ends:
                time.sleep(max(due - time.time(), 0))
                pool.submit(self.order, number)
                number += 1

    def order(self, number: int) -> None:
        key, one = str(uuid.uuid4()), self.job["programs"][number % len(self.job["programs"])]
        values = self.job["orders"][number % len(self.job["orders"])] | {"account": one["account"]}
        headers = {"Authorization": f"Bearer {one['token']}", "Content-Type": "application/json"}
        for _ in range(TRIES):
            began = time.time()
            status, told, text = self.ask(
                "POST", "/api/v1/orders/", {**headers, "Idempotency-Key": key}, json.dumps(values)
            )
            wait = str(told.get("Retry-After", ""))
            is_right = status == CREATED or (status in {BUSY, TOO_MANY} and wait.isdecimal() and _is_shaped(text))
            self.note(began, "POST /api/v1/orders/", status, is_right=is_right)
            if status == CREATED:
                self.orders.append((json.loads(text)["id"], number))
                return
            if status not in {0, BUSY, TOO_MANY}:
                print(status, text[:400], file=sys.stderr)  # noqa: T201 - for whoever measures
                return
            time.sleep(int(wait) if wait.isdecimal() else 1)

    def run(self) -> dict[str, Any]:
        threads = [threading.Thread(target=self.person, args=(number,)) for number in range(self.job["crowd"])]
        threads.append(threading.Thread(target=self.programs))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return {"rows": self.rows, "orders": self.orders}


def _is_shaped(text: str) -> bool:
    """Whether it is an error as the API tells all of them."""
    try:
        found = json.loads(text)
        return set(found) == {"type", "errors"} and set(found["errors"][0]) == {"code", "detail", "attr"}
    except (ValueError, KeyError, IndexError, TypeError):
        return False


if __name__ == "__main__":
    json.dump(Visitors(json.load(sys.stdin)).run(), sys.stdout)
