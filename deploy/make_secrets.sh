#!/bin/sh
# Makes the passwords of the compose file, each in a file of its own; what exists stays.
#
# The folder is closed to everybody else; the files in it are readable, since the processes in the containers, which
# get single files of it, run under user ids of their own.
set -eu
folder="${1:-$(dirname "$0")/secrets}"
mkdir -p "$folder"
chmod 0700 "$folder"

# Letters and digits only: the passwords pass through SQL*Plus and a shell. A letter first: Oracle wants it so.
for name in \
    oracle_sys_password \
    oracle_reader_password \
    moodle_database_root_password \
    moodle_database_password \
    moodle_admin_password \
    telemetry_hash_key
do
    file="$folder/$name"
    if [ ! -s "$file" ]; then
        printf 'C%s\n' "$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')" > "$file"
        chmod 0444 "$file"
        echo "made $file"
    fi
done
