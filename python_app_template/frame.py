"""What a service hands to the machinery, and all that the machinery is told of a domain."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from python_app_template.adapters.secondary.postgres.repository import OpenRepository
from python_app_template.core.delivery.messages import Fact, Frame, Message, Record
from python_app_template.core.use_cases.process_batch import Decide, Want

C = TypeVar("C")
E = TypeVar("E")
W = TypeVar("W")
S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Service(Generic[C, E, W, S]):
    """A domain as the machinery sees it: C commands, E events, W what a batch wants loaded, S the state it gets."""

    decode: Callable[[Record], Message[C]]
    """Bytes to a command, or why it is none. Never raises."""
    want: Want[C, W]
    decide: Decide[C, S, E]
    encode: Callable[[Fact[E], str, str], Frame]
    """A fact, the output topic and the service's name to a record."""
    repository: OpenRepository[W, S]
    """A connection to what loads and stores the state."""
