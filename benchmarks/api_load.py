"""Programs that ask the API at once: address, how many, requests of each; the token comes on standard input."""

import json
import sys
import threading
import time
from http.client import HTTPConnection
from urllib.parse import urlsplit

PATHS = ("/api/v1/trades/?page_size=50", "/api/v1/accounts/", "/api/v1/orders/")


def main() -> None:
    address, programs, requests = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    token = sys.stdin.read().strip()
    seconds: list[float] = []
    failures: list[int] = []

    def program() -> None:
        line = HTTPConnection(urlsplit(address).netloc, timeout=60)
        for number in range(requests):
            started = time.perf_counter()
            line.request("GET", PATHS[number % len(PATHS)], headers={"Authorization": f"Bearer {token}"})
            answer = line.getresponse()
            answer.read()
            seconds.append(time.perf_counter() - started)
            if answer.status != 200:  # noqa: PLR2004 - OK
                failures.append(answer.status)

    threads = [threading.Thread(target=program) for _ in range(programs)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(  # noqa: T201 - what the measuring process reads
        json.dumps({"seconds": seconds, "whole": time.perf_counter() - started, "failures": len(failures)})
    )


if __name__ == "__main__":
    main()
