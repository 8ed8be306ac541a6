"""Values nobody would type and every field gets one day, and answers that are almost right.

`make fuzz SECONDS=600` draws new examples until the time is over; otherwise the same few are tried in every run.
"""

import copy
import os
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))


def examples(count: int) -> settings:
    """So many examples in a usual run, and as many as `make fuzz` says in a long one."""
    return settings(
        max_examples=EXAMPLES or count,
        derandomize=not EXAMPLES,
        deadline=None,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
    )


NUMBERS = (
    *(
        "0",
        "-0",
        "1",
        "-1",
        "1e999",
        "-1e999",
        "1e-999",
        "1E+400000",
        "NaN",
        "sNaN",
        "Infinity",
        "-inf",
        "0x10",
        "1_000",
    ),
    *("1,5", "1.000,50", "٣", "１２", "²", "½", "--1", "1..2", "." * 50, "9" * 60, "0." + "0" * 60 + "1", "1" * 5000),
    *("99999999999.99", "0.000000001", "100000000000000000000"),
)
DATES = (
    *("0001-01-01", "9999-12-31", "10000-01-01", "2026-02-30", "2026-13-01", "0000-00-00", "-2026-01-01", "2026-1-1"),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-14:00", "2026-03-08T02:30", "2026-11-01T01:30"),
    *("2026-03-16T18:38:01.942282718Z", "2026-03-16T24:00:00Z", "2026-03-16T18:38:60Z", "now", "00:00"),
)
WORDS = (
    *(
        "",
        " ",
        "\x00",
        "a\x00b",
        "\r\n",
        "\t",
        "\u202eabc",
        "\u2066x\u2069",
        "\ufeff",
        "\u200b",
        "e\u0301" * 40,
        "🧨" * 40,
    ),
    *(
        "\ud800",
        "a\udfffb",
        "x" * 300,
        "y" * 70_000,
        "<script>alert(1)</script>",
        "' OR 1=1 --",
        "%s%n{0}{x}",
        "../../etc",
    ),
    *("=1+1", "None", "null", "true", "on", "[]", "{}", "-", "/", "\\", "javascript:alert(1)", "http://[::1", "//evil"),
    *("00000000-0000-0000-0000-000000000000", "not-a-uuid", "1" * 20, "-1", "2147483648", "9223372036854775808"),
)
texts = st.one_of(
    st.sampled_from(NUMBERS),
    st.sampled_from(DATES),
    st.sampled_from(WORDS),
    st.text(max_size=40),
    # Halves of characters, which JSON can carry and no file can.
    st.text(alphabet=st.characters(min_codepoint=0xD7F0, max_codepoint=0xE010), max_size=6),
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
    st.datetimes().map(lambda moment: moment.isoformat()),
)


def _deep(depth: int) -> Any:
    found: Any = "bottom"
    for _ in range(depth):
        found = [found]
    return found


scalars = st.one_of(
    texts,
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.integers(10**400, 10**400 + 9),
    st.floats(),
    st.just(_deep(60)),
)
values = st.recursive(
    scalars,
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=8), inside, max_size=3),
    max_leaves=6,
)


@st.composite
def almost(draw: st.DrawFn, good: Any, most: int = 4) -> Any:
    """A good answer with up to `most` of its parts removed, replaced, repeated or wrapped."""
    found = copy.deepcopy(good)
    for _ in range(draw(st.integers(0, most))):
        found = _changed(draw, found)
    return found


def _changed(draw: st.DrawFn, given: Any) -> Any:
    places = list(_places(given, ()))
    place = draw(st.sampled_from(places)) if places else ()
    if not place:
        return copy.deepcopy(draw(values))
    holder = given
    for step in place[:-1]:
        holder = holder[step]
    kind = draw(st.sampled_from(("replace", "replace", "remove", "wrap", "repeat")))
    if kind == "remove":
        del holder[place[-1]]
    elif kind == "wrap":
        holder[place[-1]] = [holder[place[-1]]]
    elif kind == "repeat" and isinstance(holder, list):
        holder.append(copy.deepcopy(holder[place[-1]]))
    else:
        # A copy: what was drawn is drawn again, and must be as it was.
        holder[place[-1]] = copy.deepcopy(draw(values))
    return given


def _places(given: Any, path: tuple[Any, ...]) -> Any:
    """Every path to a part of it, the whole included."""
    yield path
    steps = given.items() if isinstance(given, dict) else enumerate(given) if isinstance(given, list) else ()
    for step, inside in list(steps)[:60]:
        if len(path) < 6:
            yield from _places(inside, (*path, step))
