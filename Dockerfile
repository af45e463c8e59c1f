# One file, three small images: `docker build --target control|proxy|cli .`
#
# Each holds one or two binaries on a base without a shell, as a user without a name. `keyplane` is beside both planes for
# their health checks, since nothing else in the image could ask.

FROM rust:1.95.0-slim-bookworm AS build
RUN apt-get update -q && apt-get install -q -y --no-install-recommends build-essential && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
RUN cargo build --release --locked --workspace --bins \
    && mkdir -p /out/data /out/join \
    && cp target/release/keyplane-control target/release/keyplane-proxy target/release/keyplane /out/

FROM gcr.io/distroless/cc-debian12:nonroot AS control
COPY --from=build /out/keyplane-control /out/keyplane /usr/local/bin/
# The volumes take their owner from these folders.
COPY --from=build --chown=65532:65532 /out/data /data
COPY --from=build --chown=65532:65532 /out/join /join
USER 65532:65532
EXPOSE 7800 7801 7802
ENTRYPOINT ["/usr/local/bin/keyplane-control"]

FROM gcr.io/distroless/cc-debian12:nonroot AS proxy
COPY --from=build /out/keyplane-proxy /out/keyplane /usr/local/bin/
USER 65532:65532
EXPOSE 8800 8802
ENTRYPOINT ["/usr/local/bin/keyplane-proxy"]

FROM gcr.io/distroless/cc-debian12:nonroot AS cli
COPY --from=build /out/keyplane /usr/local/bin/
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/keyplane"]
