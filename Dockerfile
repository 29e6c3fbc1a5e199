# The portal's image: web, worker, beat, authority and migrations run from it.
# The base image may be pinned by digest: docker build --build-arg BASE=python@sha256:…
ARG BASE=python:3.11-slim

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv
COPY requirements.txt /tmp/requirements.txt
RUN /opt/venv/bin/pip install --require-hashes --no-deps -r /tmp/requirements.txt
ENV PATH=/opt/venv/bin:$PATH
WORKDIR /app
COPY manage.py ./
COPY breakglass breakglass
COPY portal portal
COPY templates templates
COPY locale locale
COPY static static
# Only the names of files matter here: no value below is used by anything that serves.
RUN export DJANGO_SETTINGS_MODULE=portal.settings.prod \
    BREAKGLASS_SECRET_KEY=build-time-only \
    BREAKGLASS_LOCALE_DIR=/app/locale \
    BREAKGLASS_ALLOWED_HOSTS=build.invalid \
    BREAKGLASS_BASE_URL=https://build.invalid \
    DATABASE_URL=postgresql://build@build.invalid/build \
    REDIS_URL=redis://build.invalid \
    && python manage.py collectstatic --noinput \
    && python manage.py translations compile \
    && python -m compileall -q breakglass portal

FROM ${BASE}
RUN groupadd --gid 10001 breakglass \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin breakglass \
    && install -d -o breakglass -g breakglass -m 0700 /authority /signing /checkpoints /exports
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
COPY docker /app/docker
WORKDIR /app
ENV PATH=/opt/venv/bin:$PATH \
    BREAKGLASS_LOCALE_DIR=/app/locale \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=portal.settings.prod
USER breakglass
EXPOSE 8000
CMD ["granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", "--workers", "2", "--blocking-threads", "4", "--log-level", "warning", "portal.wsgi:application"]
