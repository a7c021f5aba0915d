# One image for a CPU (PROFILE=cpu) and one for NVIDIA GPUs (PROFILE=cuda). See docker-compose.yml.
ARG PROFILE=cpu

FROM node:22-bookworm-slim AS node

FROM maven:3.9-eclipse-temurin-17 AS build
ARG PROFILE
COPY --from=node /usr/local/bin/node /usr/local/bin/
COPY --from=node /usr/local/lib/node_modules /usr/local/lib/node_modules
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm \
    && ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/root/.m2 --mount=type=cache,target=/root/.npm \
    if [ "$PROFILE" = cuda ]; then set -- -Pcuda; fi \
    && mvn -B -ntp -DskipTests "$@" -pl inspector-web -am package \
    && cp inspector-web/target/llm-inspector.jar /llm-inspector.jar

FROM eclipse-temurin:17-jre AS runtime-cpu

FROM python:3.12-slim-bookworm AS torch
RUN pip install --no-cache-dir --target /torch torch==2.7.1

FROM nvidia/cuda:12.8.1-cudnn-runtime-ubuntu24.04 AS runtime-cuda
# Libtorch for CUDA and the libraries beside it, but the older CUDA runtime: the image's serves both engines.
COPY --from=torch /torch/torch/lib /opt/torch/torch/lib
COPY --from=torch /torch/cusparselt /opt/torch/cusparselt
COPY --from=torch /torch/nvidia /opt/torch/nvidia
RUN rm -r /opt/torch/nvidia/cuda_runtime
ENV PYTORCH_LIBRARY_PATH=/opt/torch/torch/lib
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends openjdk-17-jre-headless \
    && rm -rf /var/lib/apt/lists/*

# hadolint ignore=DL3006
FROM runtime-${PROFILE}
RUN useradd --uid 10001 --create-home --home-dir /home/inspector inspector \
    && mkdir -p /model-cache /runs \
    && chown inspector:inspector /model-cache /runs
COPY --from=build /llm-inspector.jar /opt/llm-inspector.jar
USER 10001
ENV OPT_OUT_TRACKING=true ORT_DISABLE_TELEMETRY=1
EXPOSE 7070
VOLUME ["/model-cache", "/runs"]
# 401 is an answer too: the token is the reader's affair.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/7070 && printf 'GET /api/v1/health HTTP/1.0\\r\\n\\r\\n' >&3 && head -n 1 <&3 | grep -qE ' (200|401) '"]
ENTRYPOINT ["java", "-Dai.djl.offline=true", "-jar", "/opt/llm-inspector.jar"]
CMD ["serve", "--host", "0.0.0.0", "--port", "7070", "--models", "/model-cache", "--runs", "/runs"]
