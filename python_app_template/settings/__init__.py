"""What can be set, where it is read from, and what is said of a wrong value."""

from python_app_template.settings.faults import SettingsError
from python_app_template.settings.sections.database import Database
from python_app_template.settings.sections.kafka import Kafka
from python_app_template.settings.sections.views import RedisSettings
from python_app_template.settings.settings import Settings, explained, load
from python_app_template.settings.sources import Explained

__all__ = ["Database", "Explained", "Kafka", "RedisSettings", "Settings", "SettingsError", "explained", "load"]
