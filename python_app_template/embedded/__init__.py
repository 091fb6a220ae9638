"""A real Apache Kafka, PostgreSQL and Valkey out of pip, for demo, tests and work by hand."""

from python_app_template.embedded.backends import Backends, embedded_backends
from python_app_template.embedded.download import Progress
from python_app_template.embedded.errors import BackendError
from python_app_template.embedded.kafka import EmbeddedKafka
from python_app_template.embedded.postgres import EmbeddedPostgres
from python_app_template.embedded.redis import EmbeddedRedis

__all__ = [
    "BackendError",
    "Backends",
    "EmbeddedKafka",
    "EmbeddedPostgres",
    "EmbeddedRedis",
    "Progress",
    "embedded_backends",
]
