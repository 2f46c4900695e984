FROM rust:1.95-slim-bookworm AS build
WORKDIR /build

# The dependencies alone, so that this layer stays until they change. Tests and benches are not here:
# their sections go from the manifest.
COPY Cargo.toml Cargo.lock ./
RUN sed -i '/^\[\[/,/^$/d' Cargo.toml \
    && mkdir src \
    && echo 'fn main() {}' > src/main.rs \
    && touch src/lib.rs \
    && cargo build --release --locked --features tls

# The files that are compiled in come along: configuration, pages, scripts. A copied file may be older
# than the empty one that was built above, so it is touched.
COPY config config
COPY src src
RUN touch src/main.rs src/lib.rs && cargo build --release --locked --features tls

FROM debian:bookworm-slim
RUN groupadd --gid 10001 adjacent \
    && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin adjacent \
    && install --directory --owner=adjacent --group=adjacent --mode=0750 /data
COPY --from=build /build/target/release/adjacent /usr/local/bin/adjacent

# Every verb looks for `config/` and `data/` here.
WORKDIR /
USER 10001:10001
VOLUME /data

# `ADJACENT__SERVER__PUBLIC_URL` has no default: only whoever runs it knows the address that readers
# reach it by, and without one it does not start. Publish 8080; 8081 is for the operator alone.
ENV ADJACENT__SERVER__LISTEN=0.0.0.0:8080 \
    ADJACENT__SERVER__OPS_LISTEN=0.0.0.0:8081 \
    ADJACENT__STORE__DATA=/data \
    ADJACENT__LOGS__FORMAT=json
EXPOSE 8080 8081

STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 CMD ["adjacent", "health"]
ENTRYPOINT ["adjacent"]
