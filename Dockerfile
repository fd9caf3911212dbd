# Builds the same binary as the README does, optimised, and runs it as an ordinary user.
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends fonts-noto-cjk tzdata ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home --uid 10001 duban \
 && install -d -o duban -g duban /home/duban/campaign
COPY --from=build /src/target/release/duban /usr/local/bin/duban
USER duban
WORKDIR /home/duban/campaign
ENV DUBAN_HOME=/home/duban/campaign
VOLUME /home/duban/campaign
ENTRYPOINT ["duban"]
CMD ["status"]
