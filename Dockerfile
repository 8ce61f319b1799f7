# One image for every process: workers, beat, Flower, `orders-sync` itself and the sandbox.
# Both stages stand on the same image, because a virtual environment points at its Python.
ARG BASE=python:3.13-slim-bookworm

FROM ${BASE} AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY orders_sync orders_sync
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels . \
    && python -m venv --without-pip /opt/orders-sync \
    && pip --python /opt/orders-sync/bin/python install --no-cache-dir \
        "orders-sync[mysql,notify,otel,postgres,sentry] @ file://$(ls /wheels/*.whl)"

FROM ${BASE}
LABEL org.opencontainers.image.title="orders-sync" \
      org.opencontainers.image.description="Keeps orders in step between VTEX and a store's ERP." \
      org.opencontainers.image.licenses="MIT"
# The ids are fixed, so that volumes keep their owner from one image to the next.
RUN groupadd --gid 10001 orders-sync \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/orders-sync \
        --shell /usr/sbin/nologin orders-sync \
    && install --directory --owner=orders-sync --group=orders-sync --mode=0700 /var/lib/orders-sync
COPY --from=build /opt/orders-sync /opt/orders-sync
ENV PATH=/opt/orders-sync/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    ORDERS_SYNC_HOME=/var/lib/orders-sync \
    ORDERS_SYNC_LOG_FORMAT=json
USER 10001:10001
WORKDIR /var/lib/orders-sync
VOLUME /var/lib/orders-sync
STOPSIGNAL SIGTERM
# For a container that runs everything: `up` itself replaces a worker that is deaf, so here it is
# enough that one consumes. docker-compose.yml checks each process by itself.
HEALTHCHECK --interval=30s --timeout=30s --start-period=60s --retries=3 \
    CMD test -n "$(find "$ORDERS_SYNC_HOME/run" -name 'worker*.pulse' -mmin -2)"
# No shell stands between the container's signals and the process.
ENTRYPOINT ["orders-sync"]
CMD ["up"]
