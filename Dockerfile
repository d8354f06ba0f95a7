# cohortstream in a container: a virtual environment from the hashed requirements, nothing else, and no root.
# The roles differ by their command only: docker run … cohortstream --config … poll

ARG PYTHON=python:3.13.11-slim-bookworm

FROM ${PYTHON} AS build
WORKDIR /src
COPY requirements.txt requirements-dev.txt ./
# The tool that builds the wheel is pinned among the development requirements; its lines are taken from there.
RUN python -m venv /opt/build && python -m venv /opt/cohortstream \
 && sed -n '/^setuptools==/,/[^\\]$/p' requirements-dev.txt > build.txt \
 && /opt/build/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r build.txt \
 && /opt/cohortstream/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --only-binary :all: -r requirements.txt
COPY pyproject.toml README.md ./
COPY schemas schemas
COPY connector connector
COPY consumers consumers
RUN /opt/build/bin/pip wheel --no-cache-dir --disable-pip-version-check --no-build-isolation --no-deps --wheel-dir /wheel . \
 && /opt/cohortstream/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps /wheel/*.whl \
 && /opt/cohortstream/bin/pip uninstall --yes --quiet pip

FROM ${PYTHON}
# A number, not a name: Kubernetes can then see that it is not root. Another one may be chosen to share files with
# a neighbour that runs under it.
ARG UID=10001
ENV PATH=/opt/cohortstream/bin:$PATH \
    HOME=/var/lib/cohortstream \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
COPY --from=build /opt/cohortstream /opt/cohortstream
RUN install -d -o ${UID} -g ${UID} -m 0750 /var/lib/cohortstream && install -d /etc/cohortstream
USER ${UID}:${UID}
WORKDIR /var/lib/cohortstream
VOLUME /var/lib/cohortstream
EXPOSE 9464
# Alive, not ready: a supervisor restarts what is stuck, never what waits for Oracle, Kafka or Moodle to come back.
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:9464/livez', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["cohortstream"]
CMD ["--config", "/etc/cohortstream/cohortstream.toml", "run"]
