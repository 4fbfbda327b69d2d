# The service on a CPU: no torch, no compiler and no pip in what is left.
#   docker build -t softres .
#   docker run --rm -p 127.0.0.1:8000:8000 -v ./model.onnx:/models/model.onnx:ro softres
ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS build
WORKDIR /source
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY kernels kernels
COPY serve serve
# The wheel names all four packages; these two are small, and nothing imports them here.
COPY export export
COPY trainer trainer
RUN python -m venv --without-pip /opt/softres \
 && pip --python /opt/softres/bin/python install --no-cache-dir '.[cpu]' -c constraints.txt

FROM python:${PYTHON}-slim
RUN useradd --system --uid 10001 --no-create-home softres
COPY --from=build /opt/softres /opt/softres
# Compiled kernels are kept where a container with a read-only disk may write.
ENV PATH=/opt/softres/bin:$PATH NUMBA_CACHE_DIR=/tmp/softres PYTHONUNBUFFERED=1
USER 10001
WORKDIR /models
EXPOSE 8000
STOPSIGNAL SIGTERM
# The first start compiles the kernels, which takes longer than any other.
HEALTHCHECK --interval=10s --timeout=5s --start-period=180s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["serve", "--host", "0.0.0.0", "--port", "8000"]
CMD ["--log", "json", "/models/model.onnx"]
