"""What a run has of its own: the servers, each behind a proxy, and what a round needs on them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from redis import Redis
from sqlalchemy import make_url

from python_app_template.embedded import EmbeddedKafka, EmbeddedPostgres, EmbeddedRedis
from python_app_template.settings import Settings
from tests.chaos.catalogue import POLL_SECONDS, SESSION_SECONDS, TRANSACTION_SECONDS
from tests.chaos.network import Network
from tests.chaos.schedule import Plan
from tests.forking.services import ForkServer
from tests.mail_server import MailServer, mail_server, nothing_else
from tests.proxy import HOST, Proxy
from tests.surroundings import Topics, migrate, name_of_its_own, new_database, new_topics, settings_for

RECIPIENTS = ("ann@shop.example", "bob@shop.example")


class Arena(NamedTuple):
    """Lives as long as the run."""

    kafka: EmbeddedKafka
    postgres: EmbeddedPostgres
    redis: EmbeddedRedis
    mail: MailServer
    network: Network
    kafka_link: Proxy
    postgres_link: Proxy
    redis_link: Proxy
    mail_link: Proxy
    forks: ForkServer
    template: str
    directory: Path


class Field(NamedTuple):
    """A round's own topics, database and place in Redis: as the suite reaches them, and as the service does."""

    direct: Settings
    proxied: Settings
    variables: dict[str, str]
    """What the service is told of Redis and of the mail server, which it reaches through proxies."""

    @property
    def database_url(self) -> str:
        """The suite's own way in, which no fault bars."""
        return self.direct.database.url.get_secret_value()


@contextmanager
def arena(directory: Path) -> Iterator[Arena]:
    """Start the servers; end them, and whatever runs on them."""
    with Network() as network, ForkServer() as forks:
        kafka_link, postgres_link, redis_link, mail_link = (network.proxy() for _ in range(4))
        broker = EmbeddedKafka(quick_timeouts=True, proxy_port=kafka_link.port)
        with broker as kafka, EmbeddedPostgres() as postgres, EmbeddedRedis() as redis, mail_server() as mail:
            kafka_link.leads_to(HOST, kafka.proxied_port)
            postgres_link.leads_to(HOST, make_url(postgres.url()).port or 0)
            redis_link.leads_to(HOST, redis.port)
            mail_link.leads_to(HOST, mail.port)
            template = name_of_its_own("migrated")
            migrate(postgres.create_database(template))
            links = kafka_link, postgres_link, redis_link, mail_link
            yield Arena(kafka, postgres, redis, mail, network, *links, forks, template, directory)


@contextmanager
def field(arena: Arena) -> Iterator[Field]:
    """Make a round's topics and database."""
    with new_database(arena.postgres, arena.template) as url, new_topics(arena.kafka) as topics:
        behind = make_url(url).set(port=arena.postgres_link.port).render_as_string(hide_password=False)
        proxied = {"kafka__bootstrap_servers": f"{HOST}:{arena.kafka_link.port}"}
        redis = {"redis__url": arena.redis.url, "redis__prefix": topics.input}
        direct = settings_for(arena.kafka, url, topics, **redis)
        arena.mail.answer = nothing_else
        arena.mail.mails.clear()
        with Redis.from_url(arena.redis.url) as client:
            client.flushall()
        yield Field(direct, settings_for(arena.kafka, behind, topics, **proxied), views_and_mail(arena, topics))


def views_and_mail(arena: Arena, topics: Topics) -> dict[str, str]:
    """Tell the service where both are, and to be quick about them."""
    return {
        "APP_AUTH__MODE": "none",
        "APP_VIEWS__BACKEND": "redis",
        "APP_REDIS__URL": arena.redis.url.replace(f":{arena.redis.port}/", f":{arena.redis_link.port}/"),
        "APP_REDIS__PREFIX": topics.input,
        "APP_MAIL__URL": f"smtp://{HOST}:{arena.mail_link.port}",
        "APP_MAIL__FROM": "stock@shop.example",
        "APP_MAIL__TO": ",".join(RECIPIENTS),
        "APP_MAIL__DIGEST_SECONDS": "1",
        "APP_MAIL__RETRY_SECONDS": "0.5",
        "APP_MAIL__TIMEOUT_SECONDS": "2",
    }


def variables(plan: Plan) -> dict[str, str]:
    """Settings under which a fault costs milliseconds."""
    classic = {"APP_KAFKA__SESSION_TIMEOUT_MS": str(int(SESSION_SECONDS * 1000))}
    return {
        "APP_KAFKA__GROUP_PROTOCOL": plan.group_protocol,
        **(classic if plan.group_protocol == "classic" else {"APP_KAFKA__SESSION_TIMEOUT_MS": ""}),
        "APP_KAFKA__MAX_POLL_INTERVAL_MS": str(int(POLL_SECONDS * 1000)),
        "APP_KAFKA__TRANSACTION_TIMEOUT_MS": str(int(TRANSACTION_SECONDS * 1000)),
        "APP_CONSUMER__BATCH_SIZE": str(plan.batch_size),
        "APP_RETRY__FIRST_SECONDS": "0.01",
        "APP_RETRY__LONGEST_SECONDS": "0.5",
        "APP_DATABASE__LOCK_TIMEOUT_SECONDS": "2",
        "APP_DATABASE__STATEMENT_TIMEOUT_SECONDS": "3",
        "APP_DATABASE__CONNECT_TIMEOUT_SECONDS": "2",
        "APP_DATABASE__IDLE_IN_TRANSACTION_TIMEOUT_SECONDS": "5",
        "APP_DATABASE__TRANSACTION_TIMEOUT_SECONDS": "10",
        "APP_PREFLIGHT__WAIT_SECONDS": "300",  # more than several minutes away that follow each other closely
    }
