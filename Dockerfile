FROM rust:1.95-slim-bookworm AS build
WORKDIR /build

# Builds the dependencies alone, so that this layer is cached until they change. Tests and benches are
# not copied, so their sections are removed from the manifest.
COPY Cargo.toml Cargo.lock ./
RUN sed -i '/^\[\[/,/^$/d' Cargo.toml \
    && mkdir src \
    && echo 'fn main() {}' > src/main.rs \
    && touch src/lib.rs \
    && cargo build --profile dist --locked --features tls

# `config` and `src` also hold files that are compiled in: configuration, pages, scripts. Copied
# sources may be older than the stubs built above, so they are touched.
COPY config config
COPY src src
RUN touch src/main.rs src/lib.rs && cargo build --profile dist --locked --features tls

FROM debian:bookworm-slim
RUN groupadd --gid 10001 adjacent \
    && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin adjacent \
    && install --directory --owner=adjacent --group=adjacent --mode=0750 /data
COPY --from=build /build/target/dist/adjacent /usr/local/bin/adjacent

# All commands look for `config/` and `data/` in this directory.
WORKDIR /
USER 10001:10001
VOLUME /data

# `ADJACENT__SERVER__PUBLIC_URL` has no default and must be set to the URL that readers use; the
# server does not start without it. Publish port 8080 only; 8081 is for operators.
ENV ADJACENT__SERVER__LISTEN=0.0.0.0:8080 \
    ADJACENT__SERVER__OPS_LISTEN=0.0.0.0:8081 \
    ADJACENT__STORE__DATA=/data \
    ADJACENT__LOGS__FORMAT=json
EXPOSE 8080 8081

STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 CMD ["adjacent", "health"]
ENTRYPOINT ["adjacent"]
