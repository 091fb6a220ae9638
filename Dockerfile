# The one place that names the base; both stages below stand on it.
FROM python:3.13.16-slim-trixie AS python


FROM python AS builder
# An index or a certificate authority of your own: docker build --secret id=pip,src=pip.conf .
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore
WORKDIR /build

# hadolint ignore=DL3008 - only the one file is taken over, and the distribution never changes its version
RUN apt-get update \
    && apt-get install --yes --no-install-recommends tini \
    && rm -rf /var/lib/apt/lists/*

# Two environments, both without pip: what runs, and what builds the wheel. Dependencies come before the code, so that
# a change of code does not fetch them again; wheels only, so that nothing is compiled and no dependency's code is run.
RUN python -m venv --without-pip /opt/venv \
    && python -m venv --without-pip /opt/backend
COPY requirements.lock ./
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    pip --python /opt/venv install --require-hashes --only-binary :all: --no-compile --requirement requirements.lock
COPY requirements-dev.lock ./
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    awk '/^[a-z]/ { wanted = /^(hatchling|packaging|pathspec|pluggy|tomlkit|trove-classifiers)==/ } wanted' \
        requirements-dev.lock > backend.lock \
    && pip --python /opt/backend install --require-hashes --only-binary :all: --requirement backend.lock

COPY pyproject.toml README.md LICENSE ./
COPY python_app_template python_app_template
RUN /opt/backend/bin/python -m hatchling build -t wheel -d dist \
    && pip --python /opt/venv install --no-index --no-deps --no-compile dist/*.whl \
    # Byte code that is never compared with its source: the same in every build, and nothing is written at run time.
    && python -m compileall -q --invalidation-mode unchecked-hash /opt/venv/lib


FROM python AS service
# The service installs nothing, so what installs has no place here.
RUN pip uninstall --yes --root-user-action ignore pip \
    && rm -rf "$(python -c 'import ensurepip; print(*ensurepip.__path__)')" \
    && groupadd --gid 10001 app \
    && useradd --uid 10001 --gid app --no-create-home --home-dir /app --shell /usr/sbin/nologin app

COPY --from=builder /usr/bin/tini /usr/bin/tini
COPY --from=builder /opt/venv /opt/venv
WORKDIR /app
COPY alembic.ini ./
COPY alembic alembic

# Listens on every address of the container; writes no files; a crash of native code leaves a Python traceback.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONFAULTHANDLER=1 \
    APP_HTTP__HOST=0.0.0.0

# All files belong to root, none is writable for this user. Numeric, so that Kubernetes can tell it is not root.
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM

# Is it alive? A dependency that is away makes it unready, which is for load balancers, not for whoever restarts.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-IS", "-c", "import os, sys; from http.client import HTTPConnection as C; c = C('127.0.0.1', int(os.environ.get('APP_HTTP__PORT') or 8000), timeout=4); c.request('GET', '/health/live'); sys.exit(c.getresponse().status != 200)"]

# As process 1 a program without a handler ignores SIGTERM: a command of the console script, or the service in its
# first second. tini passes signals on and hands the exit code back.
ENTRYPOINT ["/usr/bin/tini", "--"]
CMD ["python", "-m", "python_app_template"]

# Last, because they change with every build.
ARG VERSION=0.0.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="python-app-template" \
      org.opencontainers.image.description="Orders in, allocations out, exactly once" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="python:3.13.16-slim-trixie"
