# syntax=docker/dockerfile:1
# The binary that the README builds, optimised, run by an ordinary user. compose.yaml runs it beside a mail catcher.

FROM rust:1.95-bookworm AS build
WORKDIR /src
# The dependencies alone, on empty sources: this layer is built again only when they change.
COPY Cargo.toml Cargo.lock ./
RUN mkdir -p src tests/it benches/stages \
 && echo 'fn main() {}' > src/main.rs \
 && cp src/main.rs tests/it/main.rs \
 && cp src/main.rs benches/stages/main.rs \
 && cp src/main.rs benches/items.rs \
 && touch src/lib.rs \
 && cargo build --release --locked --bin duban
COPY . .
# Newer than what was built from the empty ones, whatever time the files bring along.
RUN touch build.rs src/main.rs src/lib.rs \
 && cargo build --release --locked --bin duban

FROM debian:bookworm-slim
# The fonts are those of scripts/packages. Debian's archive keeps no old versions to pin to.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates fonts-arphic-gkai00mp fonts-noto-cjk tini \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --gid 10001 duban \
 && useradd --create-home --uid 10001 --gid duban duban \
 && install -d -o duban -g duban /home/duban/campaign
COPY --from=build /src/target/release/duban /usr/local/bin/duban
USER 10001
WORKDIR /home/duban/campaign
ENV DUBAN_HOME=/home/duban/campaign
VOLUME /home/duban/campaign
# `serve` handles its signals itself; with tini the other commands end on them too.
ENTRYPOINT ["tini", "--", "duban"]
CMD ["serve"]
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s --retries=3 CMD ["duban", "status", "--check"]
