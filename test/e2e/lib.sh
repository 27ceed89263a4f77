# What the programs of test/e2e share: services, an engine, and its clients.
# shellcheck shell=bash
#
# Sourced, never run; each program prints TAP and leaves nothing behind.
# shellcheck disable=SC2034 # STARTED and SERVER are for the programs

# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
cd "$AZ_ROOT" || exit
export GOTOOLCHAIN=local GOFLAGS=-buildvcs=false HOME=${HOME:-$AZ_BUILD}
E2E=$AZ_BUILD/e2e
TESTS=0
FAILURES=0

# ok NAME COMMAND...: one test; what the command says is shown when it fails.
ok() {
    local name=$1 said
    shift
    TESTS=$((TESTS + 1))
    if said=$("$@" 2>&1); then
        say "ok $TESTS - $name"
    else
        FAILURES=$((FAILURES + 1))
        say "not ok $TESTS - $name"
        # shellcheck disable=SC2001
        sed 's/^/# /' <<< "$said"
    fi
}

# done_testing: the plan; fails when a test has.
done_testing() {
    say "1..$TESTS"
    [ "$FAILURES" -eq 0 ] || exit 1
}

# holds TEXT WORD...: the text holds every word.
holds() {
    local text=$1 word
    shift
    for word in "$@"; do
        if [[ "$text" != *"$word"* ]]; then
            printf 'no "%s" in:\n%s\n' "$word" "$text"
            return 1
        fi
    done
}

# need_go: sets GO, or skips everything.
need_go() {
    GO=$(command -v "${GO:-go}" || command -v /usr/lib/go-1.19/bin/go || true)
    if [ -z "$GO" ]; then
        say "1..0 # SKIP no Go toolchain was found"
        exit 0
    fi
    export GO
}

# build_drivers: the examples, and the programs of test/e2e/cmd.
build_drivers() {
    step e2e-examples examples/build
    mkdir -p "$E2E"
    step e2e-drivers go_build_in test/e2e "$E2E/" ./cmd/...
}

# go_build_in MODULE OUTPUT PACKAGE...
go_build_in() { (cd "$1" && "$GO" build -o "$2" "${@:3}"); }

# build_with_crash_points: sets AZ_PG and AZ_BIN to where it is installed.
build_with_crash_points() {
    local place=$E2E/crash_points
    make_private_pg
    mkdir -p "$place/src"
    if ! cmp -s "$AZ_BUILD/pg/stamp" "$place/pg/stamp"; then
        rm -rf "$place/pg"
        cp -al "$AZ_BUILD/pg" "$place/pg"
    fi
    tar --exclude='*.o' --exclude='*.d' --exclude=src/gen -cf - \
        Makefile angzarr.control proto sql/parts src test/unit/unit.mk tools | tar -C "$place/src" -xf -
    AZ_PG=$place/pg/lib/postgresql/15
    AZ_BIN=$AZ_PG/bin
    step crash-build make -C "$place/src" -j2 -s PG_CONFIG="$AZ_BIN/pg_config" COPT=-DAZ_CRASH_POINTS all install
}

# start NAME PROGRAM ARGUMENT...: starts a service, waits for its ready line; sets STARTED to its
# address and STARTED_PID.
start() {
    local name=$1 log=$E2E/$1.log
    shift
    mkdir -p "$E2E"
    # What an earlier run has said there must not be read before the program has begun.
    : > "$log"
    "$@" > "$log" 2>&1 &
    STARTED_PID=$!
    end_later "$STARTED_PID"
    wait_for "$name to be ready" 20 grep -q 'ready on' "$log" || { cat "$log" >&2; die "$name did not start"; }
    STARTED=$(sed -nE 's/.*ready on (.*)/\1/p' "$log")
}

# start_engine [SETTING...]: a cluster with the extension and an engine that listens; sets SERVER.
start_engine() {
    local port name
    name=e2e_$(basename "$0")
    port=$(free_port)
    SERVER=127.0.0.1:$port
    cluster_start "$name" "angzarr.listen_addresses = '127.0.0.1'" "angzarr.listen_port = $port" "$@"
    sql "CREATE EXTENSION angzarr"
    wait_for "the engine to listen" 30 engine_listens || { log_tail; die "the engine does not listen"; }
}

engine_listens() {
    [ "$(sql "SELECT count(*) FROM angzarr.workers WHERE state = 'running' AND listening <> ''")" = 1 ]
}
