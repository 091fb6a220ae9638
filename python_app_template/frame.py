"""What a service hands to the machinery, and all that the machinery is told of a domain."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeAlias, TypeVar

from prometheus_client import CollectorRegistry

from python_app_template.adapters.secondary.postgres.forgetting import Forget, nothing
from python_app_template.adapters.secondary.postgres.repository import OpenRepository
from python_app_template.core.access.policy import Policy
from python_app_template.core.delivery.messages import Fact, Frame, Message, Record
from python_app_template.core.delivery.outcomes import Outcome
from python_app_template.core.ports.checks import Check
from python_app_template.core.use_cases.process_batch import Decide, Want
from python_app_template.lifecycle import Part
from python_app_template.world import World

C = TypeVar("C")
E = TypeVar("E")
W = TypeVar("W")
S = TypeVar("S")


Saw: TypeAlias = Callable[[Outcome[E]], None]
"""Called with each batch once it is committed."""


def no_metrics(_: CollectorRegistry) -> Saw[E]:
    """Count nothing beyond what the machinery counts."""
    return lambda _: None


def no_checks(_: World) -> Sequence[Check]:
    """Look at nothing beyond what every process looks at."""
    return ()


NOTHING = Policy({})
"""Denies everything to everybody."""


class Role(NamedTuple):
    """What a process may be beside worker and relay."""

    open: Callable[[World], AbstractAsyncContextManager[Sequence[Part]]]
    """Opens its adapters and wires its parts, which are drained before the worker's, in their order."""
    checks: Callable[[World], Sequence[Check]] = no_checks
    """What it wants looked at before the start, after the checks that all share."""
    answers: bool = False
    """Whether it mounts something that answers over HTTP; until it does, whoever asks is told to come again."""


@dataclass(frozen=True, slots=True)
class Service(Generic[C, E, W, S]):
    """A domain as the machinery sees it: C commands, E events, W what a batch wants loaded, S the state it gets."""

    decode: Callable[[Record], Message[C]]
    """Bytes to a command, or why it is none. Never raises."""
    want: Want[C, W]
    decide: Decide[C, S, E]
    encode: Callable[[Iterable[Fact[E]], str, str], Iterable[Frame]]
    """Facts, the output topic and the service's name to records, one for each. Facts of one message stand together."""
    repository: OpenRepository[W, S]
    """A connection to what loads and stores the state."""
    revision: str = "0001"
    """The schema's revision that the repository needs; delivery alone needs the first."""
    message_types: tuple[str, ...] = ()
    """What messages may be, beside "other"; labels of metrics."""
    event_types: tuple[str, ...] = ()
    dead_letter_reasons: tuple[str, ...] = ()
    metrics: Callable[[CollectorRegistry], Saw[E]] = no_metrics
    """Makes the domain's own metrics."""
    forget: Forget = nothing
    """Forgets what the domain is done with; by default it keeps all."""
    roles: Mapping[str, Role] = field(default_factory=dict)
    """The domain's own roles, by name."""
    policy: Policy = NOTHING
    """Who may do what, when it is asked over HTTP; by default nobody anything."""
