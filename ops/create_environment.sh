#!/bin/sh
# Creates the virtual environment from requirements.txt, each file checked against its hash. `make` calls it:
#   PYTHON=python3.11 VENV=.venv sh ops/create_environment.sh
# uv is used when it is installed: it is faster, and provides Python 3.11 where the system has none.
set -eu

PYTHON="${PYTHON:-python3.11}"
VENV="${VENV:-.venv}"
LOCK="$VENV.lock"
LOG="${TMPDIR:-/tmp}/create-environment-$$.log"

explain() {
    cat >&2 <<EOF
$1
Function Compute runs Python 3.11, and so does everything here. Any of these provides it:
  uv on any system      curl -LsSf https://astral.sh/uv/install.sh | sh     (then run make again: uv fetches Python 3.11)
  Debian 12             sudo apt-get install python3.11 python3.11-venv
  Ubuntu 24.04          sudo add-apt-repository ppa:deadsnakes/ppa && sudo apt-get install python3.11 python3.11-venv
  macOS                 brew install uv                                     (or: brew install python@3.11)
  another place         make PYTHON=/path/to/python3.11
EOF
    exit 1
}

is_usable() {
    command -v "$PYTHON" >/dev/null 2>&1 && "$PYTHON" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null
}

# Run a command with its output in a log and the seconds on one line; in a file, only what is done and how it ended.
run() {
    title="$1"
    shift
    started=$(date +%s)
    "$@" >"$LOG" 2>&1 &
    job=$!
    trap 'kill $job 2>/dev/null; rm -rf "$VENV" "$LOG"; exit 130' INT TERM HUP
    while [ -t 1 ] && kill -0 $job 2>/dev/null; do
        printf '\r%s: %s s ' "$title" "$(($(date +%s) - started))"
        sleep 1
    done
    if wait $job; then
        [ ! -t 1 ] || printf '\r'
        echo "$title: done in $(($(date +%s) - started)) s"
        rm -f "$LOG"
    else
        [ ! -t 1 ] || echo
        tail -n 20 "$LOG" >&2
        rm -rf "$LOG" "$VENV"
        echo "$title: failed; the lines above say why." >&2
        exit 1
    fi
}

# Two runs of make at once would remove each other's environment: the second waits, and takes what the first has made.
# The lock holds the number of the process; that of a process that is gone counts for nothing.
take_lock() {
    waited=
    until (set -C && echo $$ >"$LOCK") 2>/dev/null; do
        holder=
        if [ -e "$LOCK" ]; then
            read -r holder <"$LOCK" || true
        elif [ ! -w . ]; then
            echo "$PWD cannot be written: make needs a folder of your own, for $VENV, .local, bucket and build." >&2
            exit 1
        fi
        if [ -n "$holder" ] && ! kill -0 "$holder" 2>/dev/null; then
            rm -f "$LOCK"
        else
            [ -n "$waited" ] || echo "Another make creates $VENV (process $holder): waiting for it."
            waited=yes
            sleep 1
        fi
    done
    trap 'rm -f "$LOCK"' EXIT
    if [ -n "$waited" ] && [ -x "$VENV/bin/ossearch" ]; then exit 0; fi
}

# In single quotes, for a shell: a folder may be named with $, a quote or a backslash.
quote() {
    printf '%s' "$1" | sed "s/'/'\\\\''/g; 1s/^/'/; \$s/\$/'/"
}

# The operator's command line under a name of its own, for a shell with $VENV/bin in its path.
add_command() {
    root=$(quote "$(cd "$(dirname "$0")/.." && pwd)")
    python=$(quote "$(cd "$VENV" && pwd)/bin/python")
    printf '#!/bin/sh\nunset PYTHONHOME\nPYTHONPATH=%s PYTHONUTF8=1 CALLED_AS=ossearch exec %s -P -m ops "$@"\n' "$root" "$python" >"$VENV/bin/ossearch"
    chmod +x "$VENV/bin/ossearch"
}

take_lock
rm -rf "$VENV"
if command -v uv >/dev/null 2>&1; then
    if is_usable; then chosen=$(command -v "$PYTHON"); else chosen=3.11; fi
    run "Creating $VENV with uv" uv venv --seed --python "$chosen" "$VENV"
    run "Installing the locked packages" uv pip install --python "$VENV/bin/python" --require-hashes -r requirements.txt
    add_command
    exit 0
fi
command -v "$PYTHON" >/dev/null 2>&1 || explain "$PYTHON is missing."
is_usable || explain "$PYTHON is not Python 3.11."
"$PYTHON" -c 'import ensurepip' 2>/dev/null || explain "The venv module of $PYTHON is incomplete (Debian and Ubuntu have it in python3.11-venv)."
run "Creating $VENV" "$PYTHON" -m venv "$VENV"
run "Installing the locked packages (once, up to two minutes)" "$VENV/bin/python" "$(dirname "$0")/install.py" requirements.txt
add_command
