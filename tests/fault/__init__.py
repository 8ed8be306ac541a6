"""The fault laboratory: the whole desk as real processes on loopback, traders at work, and faults while they are.

    make chaos SECONDS=120 SEED=7        a long seeded run; ends with 1, and the story of each order, when a promise broke
    python -m tests.fault --help         the same with all its options
    pytest tests/fault                   every named point once, and short seeded runs

    lab.py         starts PostgreSQL, Valkey, the exchange, web, two orders workers, a worker, beat and stream; the seams
    processes.py   keeps them running, as a supervisor does; server_programs.py are PostgreSQL and Valkey
    points.py      the named points at which a process can be made to kill or to stop itself
    killable.py    dresses a process of the Procfile so that it comes by those points; the product knows nothing of it
    people.py      makes the traders in the lab's database
    market.py      the quotes
    driver.py      traders who place, change and cancel through the API and the pages, by a seed
    brakes.py      their halts, resumptions and closings of everything
    record.py      what was drawn, what of it struck, and who died of it
    disk.py        the small disk of the database
    injections.py  the table of what can be done to the desk; wire.py and us.py enter theirs
    truth.py       what the exchange did, and what the database says
    oracle.py      what must hold
    story.py       everything that is known of one order, for whoever has to find out
    run.py         a seeded run from its first order to the oracle's word; report.py writes its figures into the docs

To add an injection, write a function of the lab and the run's random numbers, and enter it:

    @injection("queue.flushed", "weather", weight=0.5)
    def queue_flushed(lab: Lab, rng: Random) -> str | None:
        ...

It does its deed at once, waits for nothing, undoes it with `lab.later(seconds, undo)` (which happens at once when the
lab is calmed), may answer a word on what it chose, and raises Missed where there is nothing it could befall. What waits
for somebody to come by goes through lab.fault, lab.stream_fault or lab.arm, which hear whether it struck; what is known
later is told to lab.record.line(). Its module is imported in `everything.py`, so that `make chaos`
draws from it. What needs to be inside a process is called before the process begins its work: name it as module:function
in the variable FAULT_STARTERS of `Options.variables`; it is given the command's words.

To add a point, enter the call it stands before or after in POINTS; scopes narrow a call that many share. A test provokes
every point: see test_kill_points.py.
"""
