# One image for every process; docker-compose.yml and the Procfile say what each of them runs.
FROM python:3.11-slim AS build

WORKDIR /build
# Without pip of its own, the environment brings no installer into the image that runs.
RUN python -m venv --without-pip /opt/webex-ingest
COPY requirements.lock ./
RUN pip --python /opt/webex-ingest/bin/python install --no-cache-dir --disable-pip-version-check \
    --only-binary :all: --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY app app
COPY workers workers
COPY simulator simulator
RUN pip --python /opt/webex-ingest/bin/python install --no-cache-dir --disable-pip-version-check \
    --no-deps --no-build-isolation .


FROM python:3.11-slim

# A volume that is mounted on an empty folder takes over the folder's owner.
RUN useradd --system --uid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin webex-ingest \
    && install -d -o webex-ingest -g webex-ingest /srv/archive /srv/webex-ingest
COPY --from=build /opt/webex-ingest /opt/webex-ingest
COPY flowerconfig.py /srv/webex-ingest/

ENV PATH=/opt/webex-ingest/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /srv/webex-ingest
USER webex-ingest
EXPOSE 8080
CMD ["gunicorn", "--preload", "--worker-class", "app.web.worker.DoorWorker", "--workers", "2", "--threads", "16", "--graceful-timeout", "8", "--no-control-socket", "--bind", "0.0.0.0:8080", "app.web.application:create_app_from_environment()"]
