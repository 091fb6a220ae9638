"""What it takes to do something: deny by default; what is public is said to be."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, TypeAlias

from python_app_template.core.access.subject import Subject


class Action(NamedTuple):
    """What somebody wants to do (`read`), and to what (`order`)."""

    resource: str
    verb: str

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}"


class Anyone(Enum):
    """Who needs no scope."""

    EVERYBODY = "everybody, without a token"
    EVERY_SUBJECT = "everybody with a token"


Who: TypeAlias = frozenset[str] | Anyone
"""Whoever has one of these scopes; or needs none."""

NOBODY: Who = frozenset()


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may do a thing to whatever there is, and who only to what is their own."""

    all: Who = NOBODY
    own: Who = NOBODY

    @property
    def scopes(self) -> frozenset[str]:
        """Every scope that gives something."""
        return frozenset().union(*(who for who in (self.all, self.own) if isinstance(who, frozenset)))


@dataclass(frozen=True, slots=True)
class Allowed:
    """To whatever there is."""


@dataclass(frozen=True, slots=True)
class AllowedOwn:
    """Only to what belongs to this one."""

    owner: str


@dataclass(frozen=True, slots=True)
class Denied:
    """Not at all; `why` is a line for whoever asked."""

    why: str
    scopes: frozenset[str] = frozenset()
    """Any of these would have done."""
    needs_token: bool = False
    """Nobody has been named yet: a token may help (401); otherwise it is known who asks, and they may not (403)."""


Granted: TypeAlias = Allowed | AllowedOwn
Decision: TypeAlias = Granted | Denied


def anybody(_: str) -> bool:
    """Let every subject own things."""
    return True


class Policy:
    """The one place that says who may do what. What it does not name is denied to everybody."""

    def __init__(
        self, rules: Mapping[Action, Rule], may_own: Callable[[str], bool] = anybody, unfit: str = "can own nothing"
    ) -> None:
        """`may_own`: whether a subject's id is one that an owner can have; where not, `unfit` says so."""
        self.rules = dict(rules)
        self._may_own, self._unfit = may_own, unfit

    @property
    def scopes(self) -> frozenset[str]:
        """All that give something."""
        return frozenset().union(*(rule.scopes for rule in self.rules.values()))

    @property
    def whole_scopes(self) -> frozenset[str]:
        """Those that give something whosever it is."""
        return frozenset().union(*(rule.all for rule in self.rules.values() if isinstance(rule.all, frozenset)))

    def decide(self, subject: Subject | None, action: Action) -> Decision:
        """Judge; the subject is None when no token was shown."""
        rule = self.rules.get(action)
        if rule is None:
            return Denied(f"nobody may {action}")
        if rule.all is Anyone.EVERYBODY:
            return Allowed()
        if subject is None:
            return Denied("a token is needed", needs_token=True)
        if _is_among(subject, rule.all):
            return Allowed()
        if subject.id is not None and _is_among(subject, rule.own):
            return self._own(subject.id, rule)
        return Denied(f"to {action} takes the scope {' or '.join(sorted(rule.scopes))}", rule.scopes)

    def _own(self, owner: str, rule: Rule) -> Decision:
        # Who may own by a scope stands in data as its owner; whoever merely sent something is only compared.
        if rule.own is Anyone.EVERY_SUBJECT or self._may_own(owner):
            return AllowedOwn(owner)
        return Denied(self._unfit)

    def is_public(self, action: Action) -> bool:
        """Whether no token is looked at."""
        rule = self.rules.get(action)
        return rule is not None and rule.all is Anyone.EVERYBODY


def _is_among(subject: Subject, who: Who) -> bool:
    return not subject.scopes.isdisjoint(who) if isinstance(who, frozenset) else True
