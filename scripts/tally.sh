# Counting what the suites of scripts/test say, and showing what failed.
# shellcheck shell=bash
#
# Sourced by scripts/test.  A suite's programs speak TAP (or pg_regress's own
# lines); each is counted from what it printed: "ok N", "not ok N", SKIP and
# TODO as TAP has them.  A program that ends badly without having said so, or
# that ran fewer tests than it planned, counts as one failure more.

PASSED=0
FAILED=0
SKIPPED=0
SKIPS=()
FAILURES=()

# suite NAME: everything counted from here on belongs to it.
suite() {
    SUITE=$1
    SUITE_START=$SECONDS
    mkdir -p "$AZ_BUILD/test/$SUITE"
    say ""
    say "== $SUITE"
}

# skip NAME REASON: one thing that is not run, and why.
skip() {
    SKIPPED=$((SKIPPED + 1))
    SKIPS+=("$SUITE/$1: $2")
    say "   skipped $1: $2"
}

# fail NAME REASON: one failure that no program printed.
fail() {
    FAILED=$((FAILED + 1))
    FAILURES+=("$SUITE/$1: $2")
    say "   FAILED  $1: $2"
}

# pass NAME
pass() {
    PASSED=$((PASSED + 1))
    say "   ok      $1"
}

# run_tap NAME COMMAND...: runs a program that prints TAP and counts it.
run_tap() {
    local name=$1 log=$AZ_BUILD/test/$SUITE/$1.log status=0 start=$SECONDS
    shift
    # In a process group of its own and waited for, so that this script can be stopped at once.
    set -m
    ("$@") > "$log" 2>&1 < /dev/null &
    set +m
    wait $! || status=$?
    count_tap "$name" "$log" "$status" $((SECONDS - start))
}

# count_tap NAME LOG STATUS SECONDS
count_tap() {
    local name=$1 log=$2 status=$3 seconds=$4 ok not_ok skipped todo planned skip_all
    read -r ok not_ok skipped todo planned skip_all < <(tap_figures "$log")
    PASSED=$((PASSED + ok))
    FAILED=$((FAILED + not_ok))
    SKIPPED=$((SKIPPED + skipped))
    while read -r line; do SKIPS+=("$SUITE/$name: $line"); done < <(tap_skips "$log")
    while read -r line; do FAILURES+=("$SUITE/$name: $line"); done < <(tap_failures "$log")
    if [ "$skip_all" = 1 ]; then
        say "   skipped $name: $(sed -nE 's/^1\.\.0 *# *[Ss][Kk][Ii][Pp][^ ]* *//p' "$log" | head -n 1)"
        SKIPPED=$((SKIPPED + 1))
        SKIPS+=("$SUITE/$name: $(sed -nE 's/^1\.\.0 *# *[Ss][Kk][Ii][Pp][^ ]* *//p' "$log" | head -n 1)")
    elif [ "$not_ok" -gt 0 ]; then
        say "   FAILED  $name ($not_ok of $((ok + not_ok)), $seconds s)"
    elif [ "$planned" -ge 0 ] && [ "$planned" -ne $((ok + skipped + todo)) ]; then
        fail "$name" "ran $((ok + skipped + todo)) of $planned planned tests (exit status $status)"
    elif [ "$status" -ne 0 ]; then
        fail "$name" "ended with status $status after $ok tests"
    elif [ $((ok + skipped + todo)) -eq 0 ]; then
        fail "$name" "ran no test"
    else
        say "   ok      $name ($ok tests, $seconds s)"
        return 0
    fi
    [ "$skip_all" = 1 ] || show_failure "$log"
}

# tap_figures LOG: passed, failed, skipped, to do, planned (-1: no plan), all skipped.
# Of several plans (a harness that runs several files) the sum counts.
tap_figures() {
    awk '
        BEGIN { planned = -1 }
        /^1\.\.0/ { none = 1; next }
        /^1\.\.[0-9]+/ { split($1, p, "."); planned = (planned < 0 ? 0 : planned) + p[3]; next }
        /^(not )?ok [0-9]+.*# *TODO/ { todo++; next }
        /^ok [0-9]+.*# *(skip|SKIP|Skip)/ { skipped++; next }
        /^ok [0-9]+/ { ok++; next }
        /^not ok [0-9]+/ { bad++ }
        END { print ok + 0, bad + 0, skipped + 0, todo + 0, planned, (none && !(ok + bad + skipped)) + 0 }' "$1"
}

tap_skips() { sed -nE 's/^ok [0-9]+( - )?(.*# *(skip|SKIP|Skip).*)/\2/p' "$1"; }

tap_failures() { grep -E '^not ok [0-9]+' "$1" | grep -vE '# *TODO' | sed -E 's/^not ok [0-9]+( - )?//' || true; }

# show_failure LOG: the failing lines with what follows them, and the end of the log.
show_failure() {
    grep -nE -A 12 '^not ok [0-9]+|Sanitizer|runtime error|panic:|Traceback' "$1" | head -n 60 | sed 's/^/      | /' || true
    say "      ... the end of ${1#"$AZ_ROOT"/}:"
    tail -n 15 "$1" | sed 's/^/      | /'
}

# count_regress NAME LOG DIFFS: pg_regress's "test x ... ok" and "... FAILED" lines.
count_regress() {
    local name=$1 log=$2 diffs=$3 status=$4 ok bad
    ok=$(grep -cE '^(test|    ) .* \.\.\. ok' "$log" || true)
    bad=$(grep -cE '^(test|    ) .* \.\.\. FAILED' "$log" || true)
    PASSED=$((PASSED + ok))
    FAILED=$((FAILED + bad))
    while read -r line; do FAILURES+=("$SUITE/$line"); done < <(sed -nE 's/^(test|    ) +([^ ]+) +\.\.\. FAILED.*/\2/p' "$log")
    if [ "$bad" -gt 0 ]; then
        say "   FAILED  $name ($bad of $((ok + bad)))"
        [ ! -s "$diffs" ] || head -n 120 "$diffs" | sed 's/^/      | /'
        log_tail
    elif [ "$status" -ne 0 ] || [ "$ok" -eq 0 ]; then
        fail "$name" "ended with status $status after $ok tests"
        tail -n 20 "$log"
        log_tail
    else
        say "   ok      $name ($ok tests)"
    fi
}

# suite_end: how long it took; a process that it left behind is a failure.
suite_end() {
    local left
    left=$(end_leftovers 30)
    if [ -n "$left" ]; then
        fail "$SUITE" "left processes behind"
        printf '%s\n' "$left" | sed 's/^/      | /'
    fi
    say "   $SUITE took $((SECONDS - SUITE_START)) s"
}

# summary: what was skipped, what failed, and the one line that counts; fails when anything did.
summary() {
    local line
    say ""
    for line in ${SKIPS[@]+"${SKIPS[@]}"}; do say "skipped: $line"; done
    for line in ${FAILURES[@]+"${FAILURES[@]}"}; do say "failed: $line"; done
    if [ $((PASSED + FAILED)) -eq 0 ]; then
        FAILED=1
        say "failed: no test ran"
    fi
    if [ "$SKIPPED" -gt 0 ]; then
        say "$PASSED passed, $FAILED failed, $SKIPPED skipped"
    else
        say "$PASSED passed, $FAILED failed"
    fi
    [ "$FAILED" -eq 0 ]
}
