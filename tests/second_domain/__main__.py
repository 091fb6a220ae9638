"""`python -m tests.second_domain`: the sensors' service, run as the orders' is."""

import asyncio
import sys

from python_app_template.app import run_service
from python_app_template.monitoring import logging
from python_app_template.settings import load
from tests.second_domain.sensors import SENSORS

if __name__ == "__main__":
    settings = load()
    logging.configure(settings.log.level, settings.log.format)
    sys.exit(asyncio.run(run_service(SENSORS, settings)))
