# UniPose in a container. Targets: cpu, the default, needs no torch; gpu has torch with CUDA.
#   docker build --target cpu -t unipose .
# BASE is any image with Python 3.11 or later and its venv. The last stages only copy: what is built needs no shell.
ARG BASE=docker.io/library/python:3.11-slim

FROM ${BASE} AS cpu-dependencies
ARG PIP_INDEX_URL
RUN python3 -m venv /opt/pip && python3 -m venv --without-pip /opt/unipose
WORKDIR /build
COPY pyproject.toml requirements.lock ./
# core.txt and a file for each extra: what is needed is written once, and installed before there is code.
RUN python3 -c 'import pathlib, tomllib; \
    project = tomllib.loads(pathlib.Path("pyproject.toml").read_text())["project"]; \
    lists = {"core": project["dependencies"], **project["optional-dependencies"]}; \
    [pathlib.Path(f"{name}.txt").write_text("\n".join(needs)) for name, needs in lists.items()]'
RUN /opt/pip/bin/pip --python /opt/unipose/bin/python install --no-cache-dir \
    --constraint requirements.lock -r core.txt -r serve.txt -r video.txt

FROM cpu-dependencies AS gpu-dependencies
RUN /opt/pip/bin/pip --python /opt/unipose/bin/python install --no-cache-dir --constraint requirements.lock -r torch.txt

FROM ${BASE} AS code
COPY unipose /app/unipose
COPY serve /app/serve
RUN python3 -m compileall -q --invalidation-mode unchecked-hash /app && rm /app/unipose/weights/*.safetensors

FROM ${BASE} AS runtime
# Docker kills ten seconds after it asked to stop: requests under way are answered before that.
ENV PATH=/opt/unipose/bin:$PATH PYTHONPATH=/app PYTHONUNBUFFERED=1 \
    UNIPOSE_HOST=0.0.0.0 UNIPOSE_PORT=8000 UNIPOSE_STOP_SECONDS=8
# No name is needed for the user; 1000 is who first logs in on most Linux machines, and owns the folders mounted there.
USER 1000:1000
WORKDIR /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["python", "-c", \
    "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['UNIPOSE_PORT'] + '/healthz')"]
ENTRYPOINT ["python", "-m", "unipose.cli"]
CMD ["serve"]

FROM runtime AS gpu
COPY --from=gpu-dependencies /opt/unipose /opt/unipose
COPY --from=code /app /app
COPY unipose/weights/unipose-s.safetensors unipose/weights/finder-s.safetensors /app/unipose/weights/
ENV UNIPOSE_DEVICE=cuda UNIPOSE_MODEL=/app/unipose/weights/unipose-s.safetensors

FROM runtime AS cpu
COPY --from=cpu-dependencies /opt/unipose /opt/unipose
COPY --from=code /app /app
