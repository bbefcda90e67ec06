# The service over whatever store HEADWATER_BACKEND names; by default one file in the volume /data.
#   docker build --tag headwater . && docker run --publish 127.0.0.1:8000:8000 --env HEADWATER_TOKEN=... headwater
FROM docker.io/library/node:24.11.1-bookworm-slim AS graphiql
WORKDIR /graphiql
COPY ui/graphiql ./
RUN npm ci --no-audit --no-fund --ignore-scripts && npm run build

FROM docker.io/library/python:3.11.14-slim-bookworm

WORKDIR /app
COPY requirements.txt requirements-otel.txt ./
RUN python -m venv /opt/headwater
RUN /opt/headwater/bin/python -m pip install --no-cache-dir --disable-pip-version-check --require-hashes --requirement requirements.txt --requirement requirements-otel.txt
RUN install --directory --owner=10001 --group=10001 /data

COPY LICENSE README.md ./
COPY api ./api
COPY backends ./backends
COPY cache ./cache
COPY demo ./demo
COPY ingest ./ingest
COPY schema ./schema
COPY --from=graphiql /graphiql/dist ./ui/graphiql/dist
RUN /opt/headwater/bin/python -m compileall -q api backends cache ingest schema

# A number and not a name, so that Kubernetes can tell that it is not root.
USER 10001:10001
VOLUME /data
ENV PATH=/opt/headwater/bin:$PATH PYTHONPATH=/app PYTHONDONTWRITEBYTECODE=1
# Beyond loopback the service asks for HEADWATER_TOKEN and does not start without.
ENV HEADWATER_HOST=0.0.0.0 HEADWATER_PORT=8000 HEADWATER_BACKEND=sqlite:////data/headwater.db
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ['HEADWATER_PORT']}/readyz\", timeout=3)"]
ENTRYPOINT ["python", "-m", "api"]
CMD ["serve"]
