"""Role `notifier`: what is out of stock is mailed. Yours."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from python_app_template.adapters.secondary.kafka.following import followed
from python_app_template.adapters.secondary.mail import checks as mail
from python_app_template.adapters.secondary.mail.digest_letter import composer
from python_app_template.adapters.secondary.mail.logged import LoggedNotifications
from python_app_template.adapters.secondary.mail.smtp import SmtpNotifications
from python_app_template.adapters.secondary.postgres import term
from python_app_template.adapters.secondary.postgres.notifications.digests import PostgresDigests
from python_app_template.adapters.wire.shortages import shortage
from python_app_template.core.ports.checks import Check
from python_app_template.core.ports.notifications import Notifications
from python_app_template.core.use_cases.backoff import Backoff
from python_app_template.core.use_cases.collect_shortages import CollectShortages
from python_app_template.core.use_cases.deliver_digests import DeliverDigests
from python_app_template.core.use_cases.notify import Notify
from python_app_template.lifecycle import Part, repeating
from python_app_template.monitoring import metered
from python_app_template.monitoring.digest_failing import failing_digests, failing_notifications
from python_app_template.monitoring.digests import (
    DigestMetrics,
    MeteredDigests,
    MeteredNotifications,
    WatchedShortages,
    tell_astray,
)
from python_app_template.settings import Settings
from python_app_template.world import World

LOCK = 0x5_0A7_D16E
"""The advisory lock under which one notifier works at a time."""

NAME = "notifier"
PAGE = 5000
LOOK_EVERY = 1.0
"""Seconds between two looks at how much is not told yet."""


@asynccontextmanager
async def open_notifier(world: World) -> AsyncIterator[Sequence[Part]]:
    """Wire it: events are collected into digests, digests are delivered."""
    settings, watch, clock = world.settings, world.monitoring.watch, world.monitoring.clock
    mail, topic = settings.mail, settings.kafka.output_topic
    metrics = DigestMetrics(world.monitoring.metrics.registry)
    points = world.failpoints
    digests = MeteredDigests(failing_digests(PostgresDigests(world.engine, topic), points), watch, metrics)
    compose = composer(mail, topic, settings.service_name, settings.environment, clock.now)
    notifications = MeteredNotifications(failing_notifications(notifications_of(settings), points), watch)
    delay = Backoff(clock, first=min(settings.retry.first_seconds, mail.retry_seconds), longest=mail.retry_seconds)
    deliver = DeliverDigests(digests, notifications, compose, clock, delay.seconds, mail.digest_seconds)
    async with followed(settings, topic, shortage, PAGE, world.admin) as events:
        collect = CollectShortages(WatchedShortages(events, watch), digests, clock, tell_astray)
        lead = metered.metered_lead(term.lead(settings.database, lock=LOCK, name=NAME), watch)
        notify = Notify(lead, collect, deliver, world.pause)
        await notify.begin()
        yield [Part(NAME, notify, notify.drain), repeating("digests", digests.look, LOOK_EVERY)]


def notifier_checks(world: World) -> Sequence[Check]:
    """Look at the mail server."""
    return mail.checks(notifications_of(world.settings))


def notifications_of(settings: Settings) -> Notifications:
    """Return the way to people: mail, or without a mail server the log."""
    return SmtpNotifications(settings.mail) if settings.mail.url else LoggedNotifications()
