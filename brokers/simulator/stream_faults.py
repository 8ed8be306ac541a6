"""What goes wrong between an event and the socket: lost, doubled, late, out of order, or nothing at all."""

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
        return True

    def passes(self, message: Message) -> list[Delivery]:
        """What is sent for this event, in order."""
        if self.muted:
            return []
        fault = self._take()
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

    def _take(self) -> StreamFault | None:
        if not self.waiting:
            return None
        fault = self.waiting[0]
        fault.times -= 1
        if fault.times <= 0:
            self.waiting.pop(0)
        return fault
