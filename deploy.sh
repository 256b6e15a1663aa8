#!/usr/bin/env bash
# Runs, tests and deploys the service. `./deploy.sh help` lists the commands.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")"

VENV=.venv
PYTHON=$VENV/bin/python
TORCH=2.13.0
COMPOSE=docker-compose.ml-service.yml
READY_S_MAX=60
STOP_S_MAX=35 # The service itself takes 30 s at most.

main() {
  local command=${1:-help}
  [ $# -eq 0 ] || shift
  case $command in
    # The developer's own settings must not reach the tests: they could name a real database.
    help | -h | --help) show_help ;;
    test) run_tests "$@" ;;
    check) run_checks ;;
    lock) compile_locks "$@" ;;
    training) install_training ;;
    run | start | stop | restart | status | logs | clean | deploy | cli)
      load_env
      "command_$command" "$@"
      ;;
    *)
      show_help >&2
      die "unknown command: $command"
      ;;
  esac
}

show_help() {
  cat <<'TEXT'
Usage: ./deploy.sh COMMAND

  run        run here, in the foreground; Ctrl-C stops it
  start      run in the background, and wait until it is ready
  stop       stop what `start` started, without losing a request
  restart    stop, then start
  status     say whether it runs, and what it says of its health (exit code 0: running, 3: not running)
  logs       follow the log

  test       run the tests; further arguments go to pytest
  check      format, lint, types, import contracts
  training   install what training needs (1 GB), on top of what serving needs
  lock       compile requirements*.txt anew; `lock --upgrade` takes newer versions
  cli        any command of `python -m ml_service`, with the environment and .env of this service
  clean      remove caches and the Python environment, never the data directory

  deploy development|staging|production
             with a docker engine: build and start the containers; else on this host: check the
             settings, back up the SQLite database, migrate, restart

  help       show this text

Settings come from the environment, and from the file .env beside this script (see .env.example).
TEXT
}

command_cli() {
  install_serving
  keep_deployed_environment >&2
  exec "$PYTHON" -m ml_service "$@"
}

command_run() {
  install_serving
  exec "$PYTHON" -m ml_service run "$@"
}

command_start() {
  if containers_up; then
    say "already running in containers"
    return
  fi
  install_serving
  mkdir -p "$(data_dir)"
  one_at_a_time "$(data_dir)"
  local pid
  if pid=$(running_pid); then
    say "already running: pid $pid, $(address)"
    return
  fi
  if ask /livez >/dev/null 2>&1; then
    die "something else already answers at $(address)"
  fi
  keep_deployed_environment
  # A session of its own: neither Ctrl-C here nor the end of this terminal is meant for the service.
  "$PYTHON" -c '
import os, sys
os.setsid()
os.execv(sys.executable, [sys.executable, "-m", "ml_service", "run"])
' >>"$(log_file)" 2>&1 </dev/null 9<&- &
  pid=$!
  echo "$pid" >"$(pid_file)"
  wait_until_ready "$pid"
  say "running: pid $pid, $(address), log $(log_file)"
}

command_stop() {
  if containers_up; then
    compose stop
    return
  fi
  local pid deadline
  if ! pid=$(running_pid); then
    say "not running"
    return
  fi
  kill -TERM "$pid"
  deadline=$((SECONDS + STOP_S_MAX))
  while running_pid >/dev/null; do
    if [ "$SECONDS" -ge "$deadline" ]; then
      die "pid $pid still runs after $STOP_S_MAX s, see $(log_file); 'kill -9 $pid' would end it"
    fi
    sleep 0.1
  done
  rm -f "$(pid_file)"
  say "stopped"
}

command_restart() {
  if containers_up; then
    compose restart
    return
  fi
  # Before anything stops: settings that cannot be used would turn a restart into an outage.
  install_serving
  (keep_deployed_environment && "$PYTHON" -m ml_service check-config) >/dev/null
  command_stop
  command_start
}

command_status() {
  if containers_up; then
    compose ps
    return
  fi
  local pid
  if ! pid=$(running_pid); then
    say "not running"
    return 3
  fi
  say "running: pid $pid, $(address)"
  ask /health || true
}

command_logs() {
  if containers_up; then
    compose logs --follow ml-service
    return
  fi
  [ -f "$(log_file)" ] || die "no log yet: $(log_file); './deploy.sh start' writes one"
  exec tail -n 100 -F "$(log_file)"
}

command_clean() {
  if running_pid >/dev/null; then
    die "the service runs in this environment: './deploy.sh stop' first"
  fi
  rm -rf "$VENV" .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage htmlcov
  find . \( -path ./.git -o -path "./$(data_dir_here)" \) -prune -o -type d -name __pycache__ -prune -exec rm -rf {} +
  say "caches and $VENV are gone; $(data_dir) is untouched"
}

command_deploy() {
  case ${1:-} in
    development | staging | production) ;;
    *) die "expected: ./deploy.sh deploy development|staging|production" ;;
  esac
  if [ -n "${ENVIRONMENT:-}" ] && [ "$ENVIRONMENT" != "$1" ]; then
    say "note: ENVIRONMENT=$ENVIRONMENT is set; this deployment uses $1, a later start would use $ENVIRONMENT"
  fi
  export ENVIRONMENT=$1
  if docker_answers; then
    compose up -d --build --wait
    compose ps
  else
    deploy_here
  fi
}

deploy_here() {
  say "no docker engine here: deploying on this host as $ENVIRONMENT"
  install_serving
  "$PYTHON" -m ml_service check-config || die "the settings cannot be used; nothing was changed"
  mkdir -p "$(data_dir)"
  back_up
  # The running service goes on while the schema grows: every step suits the version before it.
  "$PYTHON" -m ml_service migrate || die "the migration failed; the running service was not touched"
  command_stop
  echo "$ENVIRONMENT" >"$(data_dir)/environment"
  command_start
  command_status
}

back_up() {
  "$PYTHON" - "$(data_dir)/backups" "${DATABASE_URL:-sqlite:///$(data_dir)/ml_service.db}" \
    "sqlite:///$(data_dir)/market.db" <<'PYTHON_CODE'
"""Copy SQLite databases while they are in use."""

import os
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path


def back_up(source: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / time.strftime(f"{source.stem}-%Y%m%dT%H%M%SZ.db", time.gmtime())
    unfinished = target.with_suffix(".part")
    with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(unfinished)) as copy:
        live.backup(copy)
        (verdict,) = copy.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        sys.exit(f"deploy: the backup {unfinished} is damaged: {verdict}")
    unfinished.rename(target)
    print(f"deploy: backup in {target}")


os.umask(0o077)
backups, store, market = sys.argv[1:]
if not store.startswith("sqlite"):
    print("deploy: the database is not SQLite; back it up with its own tools, as pg_dump")
else:
    found = [Path(url.partition("://")[2][1:]) for url in (store, market)]
    there = [source for source in found if source.exists()]
    for source in there:
        back_up(source, Path(backups))
    if not there:
        print("deploy: no database yet, nothing to back up")
PYTHON_CODE
}

run_tests() {
  install_development
  install_training
  if [ $# -gt 0 ]; then
    exec "$PYTHON" -m pytest "$@"
  fi
  run_all_tests
}

# First what needs a processor, in two halves at once; then what mostly waits, likewise; then what measures times, with the
# machine for itself. What failed is tried once more, alone: two cores do not tell a slow service from a busy machine.
run_all_tests() (
  caches="$(mktemp -d)"
  trap 'rm -rf -- "$caches"' EXIT
  timed=(tests/safety/test_p{1,3,8}_*.py tests/safety/test_workers_come_back.py)
  waiting=(tests/safety/test_p3b_*.py) switching=(tests/safety/test_p14_*.py)
  one=(tests/adapters tests/checks tests/deployment tests/worker tests/safety/test_p{1b,2,4,4c,7,9,11,12,15}_*.py)
  elsewhere=("${one[@]}" "${timed[@]}" "${waiting[@]}" "${switching[@]}")
  both "${one[*]}" "tests ${elsewhere[*]/#/--ignore=}"
  both "${waiting[*]}" "${switching[*]}"
  tested "${timed[*]}"
  try_once_more
)

# both TESTS TESTS: at the same time; what the first ones told comes after the second ones.
both() {
  tested "$1" >"$caches/told" 2>&1 &
  tested "$2"
  wait "$!"
  cat -- "$caches/told"
}

# A cache is left of those that failed, and of no others.
tested() {
  local cache
  cache="$(mktemp -d "$caches/cache.XXXXXX")"
  # Split into words: none of these names has a space.
  # shellcheck disable=SC2086
  if "$PYTHON" -m pytest -o cache_dir="$cache" $1; then
    rm -rf -- "$cache"
  fi
}

try_once_more() {
  local cache failed=0
  for cache in "$caches"/cache.*; do
    [ -d "$cache" ] || continue
    echo "deploy: some tests failed beside others; once more, alone:"
    "$PYTHON" -m pytest -v -o cache_dir="$cache" --last-failed --last-failed-no-failures none || failed=1
  done
  return "$failed"
}

run_checks() {
  install_development
  "$PYTHON" -m ruff format --check .
  "$PYTHON" -m ruff check .
  "$PYTHON" -m mypy
  "$VENV/bin/lint-imports"
}

compile_locks() {
  install_development
  local layer
  # In this order: each further layer is held to the versions of the first.
  for layer in requirements requirements-dev requirements-training; do
    # The platform is named, so that the result does not depend on the machine it is made on.
    "$PYTHON" -m uv pip compile --quiet --no-config --generate-hashes --no-emit-index-url \
      --python-version 3.11 --python-platform linux --custom-compile-command './deploy.sh lock' \
      "$@" "$layer.in" --output-file "$layer.txt"
  done
}

# In a subshell, which takes its lock along when it ends.
install_serving() (
  one_at_a_time deploy.sh
  make_venv
  install_layer serving requirements.txt
)

install_development() (
  install_serving
  one_at_a_time deploy.sh
  install_layer development requirements.txt requirements-dev.txt
)

# torch by itself: see requirements-training.in.
install_training() (
  install_serving
  one_at_a_time deploy.sh
  install_layer training requirements.txt requirements-training.txt
  if [ "$(cat "$VENV/.installed-torch" 2>/dev/null || true)" != "$TORCH" ]; then
    say "installing torch $TORCH"
    "$PYTHON" -m pip install --quiet --disable-pip-version-check --no-deps "torch==$TORCH"
    # A build for GPUs does not start without its libraries, several GB of them; one for processors needs none.
    "$PYTHON" -c "import torch" 2>/dev/null \
      || "$PYTHON" -m pip install --quiet --disable-pip-version-check "torch==$TORCH"
    echo "$TORCH" >"$VENV/.installed-torch"
  fi
)

make_venv() {
  if [ -x "$VENV/bin/pip" ]; then
    "$PYTHON" -c "$IS_PYTHON_3_11" || die "$VENV is not a Python 3.11 environment: './deploy.sh clean' removes it"
    return
  fi
  local python
  python=$(find_python) || die "Python 3.11 is needed, and neither python3.11 nor python3 is one"
  say "creating $VENV"
  rm -rf "$VENV"
  if ! "$python" -m venv "$VENV"; then
    rm -rf "$VENV"
    die "$python cannot create environments; on Debian and Ubuntu, 'apt install python3.11-venv' adds that"
  fi
}

IS_PYTHON_3_11='import sys; sys.exit(sys.version_info[:2] != (3, 11))'

find_python() {
  local candidate
  for candidate in python3.11 python3; do
    if "$candidate" -c "$IS_PYTHON_3_11" 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  return 1
}

# install_layer NAME FILE...: install locked files, unless exactly these are installed already.
install_layer() {
  local name=$1 stamp=$VENV/.installed-$1 wanted file
  shift
  wanted=$(cat "$@" | cksum)
  if [ "$(cat "$stamp" 2>/dev/null || true)" = "$wanted" ]; then
    return
  fi
  say "installing the $name packages; the first time takes about a minute"
  local arguments=()
  for file in "$@"; do
    arguments+=(-r "$file")
  done
  "$PYTHON" -m pip install --quiet --disable-pip-version-check --require-hashes "${arguments[@]}"
  # Done once here instead of at the first import. Packages may carry files for other Python versions.
  "$PYTHON" -m compileall -qq -j 0 "$VENV/lib" ml_service >/dev/null 2>&1 || true
  echo "$wanted" >"$stamp"
}

# Reads .env as data: NAME=value, one a line. Nothing in it is executed, and what the environment
# already says wins.
load_env() {
  [ -f .env ] || return 0
  local line name value number=0
  while IFS= read -r line || [ -n "$line" ]; do
    number=$((number + 1))
    line=${line%$'\r'}
    [[ $line =~ ^[[:space:]]*(#.*)?$ ]] && continue
    [[ $line =~ ^[[:space:]]*(export[[:space:]]+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$ ]] ||
      die ".env, line $number: expected NAME=value"
    name=${BASH_REMATCH[2]}
    value=$(bare_value "${BASH_REMATCH[3]}")
    [[ $(declare -p "$name" 2>/dev/null || true) == "declare -x"* ]] || export "$name=$value"
  done <.env
}

# The value without the quotes around it, or without the comment after it.
bare_value() {
  local double='^"(.*)"[[:space:]]*(#.*)?$' single="^'(.*)'[[:space:]]*(#.*)?\$"
  if [[ $1 =~ $double || $1 =~ $single ]]; then
    printf '%s' "${BASH_REMATCH[1]}"
  else
    printf '%s' "$1" | sed -E 's/(^|[[:space:]]+)#.*$//; s/^[[:space:]]+//; s/[[:space:]]+$//'
  fi
}

data_dir() { printf '%s' "${ML_SERVICE_DATA_DIR:-var}"; }
pid_file() { printf '%s' "$(data_dir)/ml-service.pid"; }
log_file() { printf '%s' "$(data_dir)/ml-service.log"; }

# The data directory as `find .` writes it; one elsewhere matches nothing.
data_dir_here() {
  local folder
  folder=$(data_dir)
  folder=${folder#"$PWD"/}
  folder=${folder#./}
  printf '%s' "${folder%/}"
}

# After `deploy production`, a plain restart must not turn the service into a development one.
keep_deployed_environment() {
  if [ -z "${ENVIRONMENT:-}" ] && [ -f "$(data_dir)/environment" ]; then
    ENVIRONMENT=$(cat "$(data_dir)/environment")
    export ENVIRONMENT
    say "as deployed: $ENVIRONMENT"
  fi
}

# one_at_a_time PATH: of two calls at the same moment the second waits, and then finds the work done.
one_at_a_time() {
  exec 9<"$1"
  if command -v flock >/dev/null; then
    flock 9
  fi
}

# The pid that `start` wrote down, if it still belongs to the service: numbers are used again.
running_pid() {
  local pid arguments
  pid=$(cat "$(pid_file)" 2>/dev/null) || return 1
  [[ $pid =~ ^[0-9]+$ ]] || return 1
  if [ -r "/proc/$pid/cmdline" ]; then
    arguments=$(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null) || return 1
  else
    arguments=$(ps -p "$pid" -o args= 2>/dev/null) || return 1
  fi
  [[ $arguments == *"-m ml_service run"* ]] || return 1
  echo "$pid"
}

wait_until_ready() {
  local pid=$1 deadline=$((SECONDS + READY_S_MAX))
  until ask /readyz >/dev/null; do
    if ! kill -0 "$pid" 2>/dev/null; then
      rm -f "$(pid_file)"
      tail -n 20 "$(log_file)" >&2
      die "it did not start; its last lines are above, all of them in $(log_file)"
    fi
    if [ "$SECONDS" -ge "$deadline" ]; then
      die "pid $pid runs, but is not ready after $READY_S_MAX s, see $(log_file)"
    fi
    sleep 0.1
  done
}

# Where the service can be reached from this host, whatever address it is bound to.
reachable_host() {
  case ${HOST:-} in
    "" | 0.0.0.0) echo 127.0.0.1 ;;
    :: | "[::]") echo ::1 ;;
    *) echo "$HOST" ;;
  esac
}

address() {
  local host
  host=$(reachable_host)
  case $host in
    *:*) echo "http://[$host]:${PORT:-5000}" ;;
    *) echo "http://$host:${PORT:-5000}" ;;
  esac
}

# ask PATH: print what the service answers; fails unless the status is 200.
ask() {
  "$PYTHON" - "$(reachable_host)" "${PORT:-5000}" "$1" <<'PYTHON_CODE'
import http.client
import sys

host, port, path = sys.argv[1:]
# By hand rather than with urllib, which would send this through a proxy where one is configured.
connection = http.client.HTTPConnection(host, int(port), timeout=3)
try:
    connection.request("GET", path)
    response = connection.getresponse()
    print(response.read().decode(errors="replace").strip())
except OSError as error:
    sys.exit(f"no answer from {path}: {error}" if path == "/health" else 1)
sys.exit(response.status != 200)
PYTHON_CODE
}

docker_answers() {
  command -v docker >/dev/null && docker info >/dev/null 2>&1 && docker compose version >/dev/null 2>&1
}

compose() { docker compose -f "$COMPOSE" "$@"; }

containers_up() {
  docker_answers && [ -n "$(compose ps --quiet ml-service 2>/dev/null)" ]
}

say() { echo "deploy: $*"; }

die() {
  echo "deploy: $*" >&2
  exit 1
}

main "$@"
