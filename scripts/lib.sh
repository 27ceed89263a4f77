# What the scripts share: packages, a private PostgreSQL, throw-away clusters, clean-up.
# shellcheck shell=bash
#
# Sourced, never run.  Everything made lies under build/ of the checkout (but
# for sockets, whose paths must be short), and whatever is started here is
# stopped when the script ends, however it ends.

set -eu
umask 022
AZ_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
AZ_BUILD=$AZ_ROOT/build
AZ_PG=$AZ_BUILD/pg/lib/postgresql/15
AZ_BIN=$AZ_PG/bin
PG_CONFIG=$AZ_BIN/pg_config
# Debian's Python is the one that has Debian's grpcio.
PYTHON=/usr/bin/python3
export AZ_ROOT AZ_BUILD AZ_BIN PG_CONFIG PYTHON
export LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 PSQLRC=/dev/null
unset PGHOST PGPORT PGUSER PGDATABASE PGPASSWORD PGOPTIONS PGSERVICE PGDATA CDPATH

say() { printf '%s\n' "$*"; }
die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# step NAME COMMAND...: runs it, its output in build/log/NAME; shows that only when it fails.
step() {
    local name=$1 log=$AZ_BUILD/log/$1
    shift
    mkdir -p "$AZ_BUILD/log"
    "$@" > "$log" 2>&1 && return 0
    tail -n 40 "$log" >&2
    die "the step \"$name\" failed; all it said is in build/log/$name"
}

## Packages

# What building, the demo and the tests need, by Debian's names.
# shellcheck disable=SC2034
AZ_PACKAGES_DEMO="gcc g++ libc6-dev make pkg-config git ca-certificates procps
    postgresql-15 postgresql-server-dev-15
    libnghttp2-dev libprotobuf-c-dev libprotobuf-dev protobuf-c-compiler protobuf-compiler libc-ares-dev uthash-dev
    python3 python3-grpcio protobuf-compiler-grpc python3-protobuf python3-psycopg2 golang-go"
# shellcheck disable=SC2034
AZ_PACKAGES_TEST="$AZ_PACKAGES_DEMO
    libcmocka-dev gcovr cppcheck clang clang-tidy valgrind pg-bsd-indent shellcheck codespell perltidy binutils
    postgresql-15-pgtap libtap-parser-sourcehandler-pgtap-perl postgresql-15-plpgsql-check libipc-run-perl
    iproute2 util-linux"

# Those of the given packages that are not there.  Go counts as there when any go is on the PATH.
missing_packages() {
    local package
    for package in "$@"; do
        if [ "$package" = golang-go ] && command -v go > /dev/null; then
            continue
        fi
        dpkg-query -W -f '${db:Status-Status}\n' "$package" 2> /dev/null | grep -qx installed ||
            printf '%s\n' "$package"
    done
}

# as_root COMMAND...: runs it as root, by sudo when we are somebody else.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo > /dev/null; then
        sudo env DEBIAN_FRONTEND=noninteractive "$@"
    else
        die "needs root for: $* (no sudo here; run it as root, then start again)"
    fi
}

# install_packages NAME...: installs what is missing, without a system cluster as a by-product.
install_packages() {
    local missing status=0
    local conf_dir=/etc/postgresql-common/createcluster.d
    local conf=$conf_dir/zz_angzarr_setup.conf
    missing=$(missing_packages "$@" | tr '\n' ' ')
    [ -n "$missing" ] || return 0
    command -v apt-get > /dev/null || die "this is not a Debian system; install by hand: $missing"
    say "installing: $missing"
    export DEBIAN_FRONTEND=noninteractive
    step apt-update as_root apt-get update
    as_root mkdir -p "$conf_dir"
    echo 'create_main_cluster = false' | as_root tee "$conf" > /dev/null
    # shellcheck disable=SC2086
    (step apt-install as_root apt-get install -y --no-install-recommends $missing) || status=$?
    as_root rm -f "$conf"
    return "$status"
}

## The user that servers run as

# PostgreSQL refuses root, so root's servers run as "postgres"; everybody else's as themselves.
# Where that user cannot enter the checkout it is given the one capability that lets it; access(2), by
# which PostgreSQL finds its programs, heeds that only under the secure bit.
server_user_prefix() {
    [ "$(id -u)" -eq 0 ] || return 0
    local plain="setpriv --reuid=postgres --regid=postgres --init-groups"
    local able="$plain --securebits=+no_setuid_fixup --inh-caps=+dac_override --ambient-caps=+dac_override"
    if $plain test -r "$AZ_ROOT/Makefile" -a -x "$AZ_BUILD" 2> /dev/null; then
        say "$plain"
    elif $able test -r "$AZ_ROOT/Makefile" -a -x "$AZ_BUILD" 2> /dev/null; then
        say "$able"
    else
        die "the user postgres cannot enter $AZ_ROOT, and setpriv cannot let it; clone to a place it may read, or work as an ordinary user"
    fi
}

# as_server COMMAND...: runs it as that user.
as_server() {
    mkdir -p "$AZ_BUILD"
    [ -n "${AZ_SERVER_PREFIX+set}" ] || AZ_SERVER_PREFIX=$(server_user_prefix)
    # HOME is another's there.
    # shellcheck disable=SC2086
    env HOME="$AZ_BUILD" $AZ_SERVER_PREFIX "$@"
}

# own_dir DIRECTORY: makes it, belonging to that user.
own_dir() {
    mkdir -p "$1"
    if [ "$(id -u)" -eq 0 ]; then chown postgres "$1"; fi
}

## The private PostgreSQL

# What the copy was made of, to see when it has grown old.
pg_stamp() {
    dpkg-query -W postgresql-15 postgresql-server-dev-15 postgresql-15-pgtap postgresql-15-plpgsql-check 2> /dev/null || true
}

# A copy of the installed PostgreSQL under build/pg, so that "make install" touches no system directory.
# It works from there because PostgreSQL finds its files relative to its programs.
make_private_pg() {
    local made=$AZ_BUILD/pg
    if [ -f "$made/stamp" ] && [ "$(pg_stamp)" = "$(cat "$made/stamp")" ]; then
        return 0
    fi
    [ -x /usr/lib/postgresql/15/bin/postgres ] || die "PostgreSQL 15 is not installed (scripts/setup does that)"
    rm -rf "$made"
    mkdir -p "$AZ_PG" "$made/share/postgresql" "$made/include"
    tar -C /usr/lib/postgresql/15 --exclude=./lib/bitcode -cf - . | tar -C "$AZ_PG" -xf -
    cp -a /usr/share/postgresql/15 "$made/share/postgresql/"
    ln -s /usr/include/postgresql "$made/include/postgresql"
    pg_stamp > "$made/stamp"
}

# build [MAKE ARGUMENTS]: the extension, built and installed into the private PostgreSQL.
build() {
    make_private_pg
    step build make -C "$AZ_ROOT" -j2 -s PG_CONFIG="$PG_CONFIG" "$@" all
    step install make -C "$AZ_ROOT" -s PG_CONFIG="$PG_CONFIG" "$@" install
}

## Clean-up: everything started is stopped, whatever ends the script

AZ_CLUSTERS=()
AZ_PIDS=()
AZ_SOCKETS=()
# Marks every process started from here in its environment; a script within a script adds its own mark.
AZ_MARK=$$.$RANDOM
export AZ_RUN=${AZ_RUN:-}:$AZ_MARK:

# Registers a background process to be ended.
end_later() { AZ_PIDS+=("$1"); }

# end_now PID [SIGNAL]: ends it and waits until it has gone.
end_now() {
    local i
    kill -s "${2:-TERM}" "$1" 2> /dev/null || true
    for ((i = 0; i < 100; i++)); do
        kill -0 "$1" 2> /dev/null || break
        sleep 0.05
    done
    kill -KILL "$1" 2> /dev/null || true
    wait "$1" 2> /dev/null || true
}

# Processes that this script, or a test it ran, started and that still run: a line each, id and command.
leftovers() {
    local process pid
    for process in /proc/[0-9]*; do
        pid=${process#/proc/}
        if [ "$pid" != "$$" ] && [ "$pid" != "$BASHPID" ] &&
            tr '\0' '\n' 2> /dev/null < "$process/environ" | grep -q "^AZ_RUN=.*:$AZ_MARK:"; then
            say "$pid $(tr '\0' ' ' < "$process/cmdline" 2> /dev/null | cut -c1-120)"
        fi
    done
}

# gone_within TENTHS: no such process is left within so many tenths of a second.
gone_within() {
    local i
    for ((i = 0; i < $1; i++)); do
        [ -n "$(leftovers)" ] || return 0
        sleep 0.1
    done
    [ -z "$(leftovers)" ]
}

# end_leftovers [TENTHS]: names and ends those that do not end by themselves in that time (none).
# They are asked first, so that they can clean up; a server is stopped at once.
end_leftovers() {
    local line
    gone_within "${1:-0}" && return 0
    leftovers | while read -r line; do
        say "$line"
        case $line in
            */postgres\ -D*) kill -s QUIT "${line%% *}" 2> /dev/null ;;
            *) kill -s TERM "${line%% *}" 2> /dev/null ;;
        esac
    done
    gone_within 50 && return 0
    leftovers | while read -r line; do kill -s KILL "${line%% *}" 2> /dev/null; done
}

clean_up() {
    local status=$? pid data
    trap - EXIT
    trap '' INT TERM HUP
    set +e
    for pid in ${AZ_PIDS[@]+"${AZ_PIDS[@]}"}; do end_now "$pid"; done
    for data in ${AZ_CLUSTERS[@]+"${AZ_CLUSTERS[@]}"}; do cluster_stop "$data" immediate; done
    [ ${#AZ_SOCKETS[@]} -eq 0 ] || rm -rf "${AZ_SOCKETS[@]}"
    if [ -z "${AZ_KEEP:-}" ]; then end_leftovers > /dev/null; fi
    if declare -F at_exit > /dev/null; then at_exit "$status"; fi
    exit "$status"
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

## Throw-away clusters

# free_port: a TCP port of localhost that nobody has.
free_port() {
    "$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# port_is_free PORT: on every address of this machine that localhost may stand for.
port_is_free() {
    "$PYTHON" - "$1" << 'END'
import errno, socket, sys
for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
    try:
        listener = socket.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, int(sys.argv[1])))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            sys.exit(1)
END
}

# cluster_start NAME [SETTING...]: a new cluster in build/clusters/NAME, trusted, on a Unix socket
# only; sets PGDATA, PGHOST, PGUSER, PGDATABASE and PGLOG for what follows.
cluster_start() {
    local name=$1 setting
    shift
    PGDATA=$AZ_BUILD/clusters/$name
    PGLOG=$AZ_BUILD/clusters/$name.log
    cluster_forget "$PGDATA"
    own_dir "$AZ_BUILD/clusters"
    # A socket's path may have no more than 107 bytes, so it cannot lie under build/.
    PGHOST=$(mktemp -d /tmp/angzarr.XXXXXX)
    AZ_SOCKETS+=("$PGHOST")
    own_dir "$PGHOST"
    chmod 755 "$PGHOST"
    PGUSER=postgres
    PGDATABASE=postgres
    export PGDATA PGHOST PGUSER PGDATABASE PGLOG
    step "initdb-$name" as_server "$AZ_BIN/initdb" -D "$PGDATA" -U postgres -A trust -N --locale=C.UTF-8 -E UTF8
    {
        echo "listen_addresses = ''"
        echo "unix_socket_directories = '$PGHOST'"
        echo "shared_preload_libraries = 'angzarr'"
        echo "log_line_prefix = '%m [%p] %b %d '"
        for setting in "$@"; do echo "$setting"; done
    } >> "$PGDATA/postgresql.conf"
    AZ_CLUSTERS+=("$PGDATA")
    cluster_up "$PGDATA"
}

# cluster_up [DATA]: starts the cluster and waits until it answers.
cluster_up() {
    local data=${1:-$PGDATA}
    as_server "$AZ_BIN/pg_ctl" -D "$data" -l "$data.log" -w -t 60 -s start && return 0
    tail -n 30 "$data.log" >&2
    die "the cluster $data did not start; its log is $data.log"
}

# cluster_stop [DATA [MODE]]: stops it if it runs.
cluster_stop() {
    local data=${1:-$PGDATA}
    [ -f "$data/postmaster.pid" ] || return 0
    as_server "$AZ_BIN/pg_ctl" -D "$data" status > /dev/null 2>&1 || return 0
    as_server "$AZ_BIN/pg_ctl" -D "$data" -w -t 60 -s -m "${2:-fast}" stop ||
        say "could not stop the cluster $data, process $(head -n 1 "$data/postmaster.pid" 2> /dev/null)" >&2
}

# cluster_forget DATA: stops what an earlier run may have left there, and removes it.
cluster_forget() {
    if [ -d "$1" ]; then
        cluster_stop "$1" immediate
        rm -rf "$1" "$1.log"
    fi
}

# sql STATEMENT [DATABASE]: its rows, columns separated by "|".
sql() { "$AZ_BIN/psql" -XAtq -v ON_ERROR_STOP=1 -d "${2:-$PGDATABASE}" -c "$1"; }

# wait_for WHAT SECONDS COMMAND...: until the command succeeds; fails naming what it waited for.
wait_for() {
    local what=$1 end=$((SECONDS + $2))
    shift 2
    until "$@" > /dev/null 2>&1; do
        if [ "$SECONDS" -ge "$end" ]; then
            say "waited in vain for: $what" >&2
            return 1
        fi
        sleep 0.1
    done
}

# log_tail [LOG [LINES]]: what a server's log says in the end, for a reader of a failure.
log_tail() {
    if [ -s "${1:-$PGLOG}" ]; then
        say "--- end of the server's log ${1:-$PGLOG}"
        tail -n "${2:-25}" "${1:-$PGLOG}"
    fi
}
