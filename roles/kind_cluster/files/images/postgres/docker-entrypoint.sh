#!/usr/bin/env bash
# The part of the upstream image's contract that Pods use: POSTGRES_PASSWORD[_FILE], POSTGRES_USER, POSTGRES_DB,
# POSTGRES_HOST_AUTH_METHOD, PGDATA, *.sql and *.sh in /docker-entrypoint-initdb.d.
set -o errexit -o nounset -o pipefail

if [[ ${1:0:1} == - ]]; then
  set -- postgres "$@"
fi
if [[ $1 != postgres ]]; then
  exec "$@"
fi
if [[ $(id -u) == 0 ]]; then
  mkdir -p "$PGDATA"
  chown -R postgres:postgres "$PGDATA" /var/run/postgresql
  exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi

user=${POSTGRES_USER:-postgres}
database=${POSTGRES_DB:-$user}
if [[ ! -s $PGDATA/PG_VERSION ]]; then
  password=${POSTGRES_PASSWORD:-}
  if [[ -n ${POSTGRES_PASSWORD_FILE:-} ]]; then
    password=$(< "$POSTGRES_PASSWORD_FILE")
  fi
  method=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
  if [[ -z $password && $method != trust ]]; then
    echo "Error: Database is uninitialized and superuser password is not specified: set POSTGRES_PASSWORD." >&2
    exit 1
  fi
  mkdir -p "$PGDATA"
  chmod 0700 "$PGDATA" 2> /dev/null || true
  initdb --username="$user" --auth-local=trust --auth-host="$method" \
    --pwfile=<(printf '%s\n' "${password:-trust}") --pgdata="$PGDATA"
  printf '\nhost all all all %s\n' "$method" >> "$PGDATA/pg_hba.conf"
  pg_ctl --pgdata="$PGDATA" --options="-c listen_addresses=''" --wait start
  if [[ $database != postgres ]]; then
    createdb --username="$user" "$database"
  fi
  for file in /docker-entrypoint-initdb.d/*; do
    case $file in
      *.sh) bash "$file" ;;
      *.sql) psql --username="$user" --dbname="$database" --set ON_ERROR_STOP=1 --file "$file" ;;
    esac
  done
  pg_ctl --pgdata="$PGDATA" --mode=fast --wait stop
fi
exec "$@" -c listen_addresses='*'
