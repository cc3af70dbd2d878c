# The command with the native library inside, for "pipeline sweep --on kubernetes" and
# whatever else runs images:
#
#   docker build -t onnxlab .
#
# ONNX Runtime is a shared library, so the command cannot be static. The image has the
# command, that library, libjpeg-turbo for photographs, what these need of the C library, and
# nothing else: no shell, no package manager.
FROM golang:1.26-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends maven && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN go build -trimpath -ldflags='-s -w' -o /build/pipeline ./pipeline
RUN docker/root.sh /build/pipeline /image

FROM scratch
COPY --from=build /image /
ENV PATH=/usr/bin HOME=/tmp ONNXLAB_ORT_LIBRARY=/usr/lib/onnxruntime ONNXLAB_JPEG_LIBRARY=/usr/lib/libjpeg-turbo.so
CMD ["pipeline", "--help"]
