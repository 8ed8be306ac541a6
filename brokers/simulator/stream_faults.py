"""What goes wrong between an event and the socket: lost, doubled, late, out of order, or nothing at all."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from brokers.simulator.errors import SimulatorError

Message = dict[str, Any]
# Seconds to wait before sending, and what to send.
Delivery = tuple[float, Message]

KINDS = ("lose", "duplicate", "delay", "reorder")


@dataclass
class StreamFault:
    """Befalls the next `times` events; `seconds` is the delay of a delayed one."""

    kind: str
    times: int = 1
    seconds: float = 1.0
    # Under which its strikes are counted; empty: they are not.
    label: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise SimulatorError(f"There is no stream fault '{self.kind}': use one of {', '.join(KINDS)}.")


@dataclass
class Gate:
    """Every event passes here on its way to the sockets."""

    waiting: list[StreamFault] = field(default_factory=list)
    muted: bool = False
    # Connections to refuse with HTTP 429 before they are sockets.
    refused_connections: int = 0
    held: list[Message] = field(default_factory=list)
    # Who muted and who refuses, and what befell somebody, by label.
    muted_by: str = ""
    refused_by: str = ""
    struck: Counter[str] = field(default_factory=Counter)

    def add(self, fault: StreamFault) -> None:
        self.waiting.append(fault)

    def clear(self) -> None:
        """Back to normal. An event held for its successor stays lost, as on a real bad day."""
        self.waiting.clear()
        self.held.clear()
        self.muted = False
        self.refused_connections = 0

    def refuses_connection(self) -> bool:
        """Whether this connection is one of those to refuse."""
        if not self.refused_connections:
            return False
        self.refused_connections -= 1
        self._count(self.refused_by)
        return True

    def passes(self, message: Message, *, is_heard: bool = True) -> list[Delivery]:
        """What is sent for this event, in order. Where nobody listens a fault is used up and befalls nobody."""
        if self.muted:
            self._count(self.muted_by if is_heard else "")
            return []
        fault = self._take()
        self._count(fault.label if fault is not None and is_heard else "")
        if fault is not None and fault.kind == "reorder":
            self.held.append(message)
            return []
        sent = self._befallen(fault, message) + [(0.0, held) for held in self.held]
        self.held.clear()
        return sent

    def _befallen(self, fault: StreamFault | None, message: Message) -> list[Delivery]:
        if fault is None:
            return [(0.0, message)]
        outcomes: dict[str, list[Delivery]] = {
            "lose": [],
            "duplicate": [(0.0, message), (0.0, message)],
            "delay": [(fault.seconds, message)],
        }
        return outcomes[fault.kind]

    def _count(self, label: str) -> None:
        if label:
            self.struck[label] += 1

    def _take(self) -> StreamFault | None:
        if not self.waiting:
            return None
        fault = self.waiting[0]
        fault.times -= 1
        if fault.times <= 0:
            self.waiting.pop(0)
        return fault
