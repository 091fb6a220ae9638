"""Play all stories, three at a time, on servers that they share: what `make seeded` runs. Arguments are pytest's."""

import os
import subprocess
import sys
from pathlib import Path

from tests.servers import kafka_server, postgres_server

if __name__ == "__main__":
    with kafka_server() as kafka, postgres_server() as postgres:
        servers = {"APP_TEST_KAFKA": kafka.bootstrap_servers, "APP_TEST_POSTGRES": postgres.url()}
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-n",
            "3",
            "--durations=0",
            str(Path(__file__).parent),
            *sys.argv[1:],
        ]
        sys.exit(subprocess.run(command, env=os.environ | servers, check=False).returncode)
