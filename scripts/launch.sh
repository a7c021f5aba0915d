#!/usr/bin/env bash
# launch.sh JAR ARGUMENT...: runs the program with the options of its JVM, which stand here and nowhere else. scripts/inspector and
# the Python package's llm-inspector end in it. Java is the PATH's.
#   JAVA_OPTS   more options for the JVM, such as -Xmx8g
set -euo pipefail

jar=$1
shift

# start_faster JAR COMMAND: sets $archive, the JVM's options for its archive of the classes that a start takes, and $collector, the
# one to use where this Java's own is not safe. The first start of a jar has the archive made in the background, beside the
# jar, by a process that starts the server for nothing; it is known by jar and Java, so another of either makes its own.
# LLM_INSPECTOR_ARCHIVE=off does without.
start_faster() {
  local jar=$1 java home version key file
  archive='' collector=''
  java=$(readlink -f "$(command -v java)" 2>/dev/null) || return 0
  home=${java%/bin/java}
  version=$(sed -n 's/^JAVA_VERSION="\(.*\)"$/\1/p' "$home/release" 2>/dev/null) || true
  case $version in
    # JDK-8377811: G1 moves arrays that native code holds.
    25 | 25.0.[0-2] | 25.0.[0-2].*) case ${JAVA_OPTS:-} in *GC*) ;; *) collector=-XX:+UseParallelGC ;; esac ;;
  esac
  if [ -z "$version" ] || [ "${LLM_INSPECTOR_ARCHIVE:-}" = off ]; then return 0; fi
  # A Java without an archive of its own makes none on top of it.
  if [ ! -f "$home/lib/server/classes.jsa" ]; then return 0; fi
  # What only prints a few lines is over before an archive is mapped.
  case ${2:-} in '' | -*) return 0 ;; esac
  key=$(printf '%s' "$java $version $(ls -ln --time-style=full-iso "$jar" 2>/dev/null || ls -lnT "$jar")" | cksum)
  file=${jar%.jar}-${key%% *}.jsa
  # Of another jar the JVM takes no notice, and shall not speak of it.
  local quiet='-Xlog:cds=off -Xlog:cds+dynamic=off -Xlog:class+path=off'
  # One that was killed in the middle of it does not keep others from it.
  find "$file.making" -maxdepth 0 -mmin +10 -exec rm -rf {} + 2>/dev/null || true
  if [ -f "$file" ]; then
    archive="-XX:SharedArchiveFile=$file $quiet"
  elif mkdir "$file.making" 2>/dev/null; then
    # shellcheck disable=SC2086 # several options in one variable
    (
      trap 'rm -rf "$file.making"' EXIT
      find "$(dirname "$jar")" -maxdepth 1 -name "$(basename "${jar%.jar}")-*.jsa" -delete
      nice -n 19 java -Xmx256m $quiet -XX:ArchiveClassesAtExit="$file.making/made" -cp "$jar" org.llminspector.web.ArchiveTrainingRun &&
        mv "$file.making/made" "$file"
    ) </dev/null >/dev/null 2>&1 &
  fi
}

export OPT_OUT_TRACKING=true ORT_DISABLE_TELEMETRY=1
# Wider vectors than AVX2's round otherwise: with these two a recipe gives the same losses on every x86-64 with AVX2.
if [ "${1:-}" = train ]; then
  export ATEN_CPU_CAPABILITY=${ATEN_CPU_CAPABILITY:-avx2} MKL_ENABLE_INSTRUCTIONS=${MKL_ENABLE_INSTRUCTIONS:-AVX2}
fi
terminal=false
if [ -t 2 ]; then terminal=true; fi
# Weights lie outside the heap, and Java allows as much there as the heap may take: a quarter of the memory. Three, then.
outside=
if pages=$(getconf _PHYS_PAGES 2>/dev/null); then
  outside=-XX:MaxDirectMemorySize=$((pages * $(getconf PAGE_SIZE) * 3 / 4))
fi
start_faster "$jar" "${1:-}"
# What opening a model left in the heap goes back to the system when the program has been idle for a minute.
idle=-XX:G1PeriodicGCInterval=60000
# shellcheck disable=SC2086 # several options in one variable
exec java $outside $idle ${collector:-} ${JAVA_OPTS:-} ${archive:-} -Dinspector.terminal=$terminal -jar "$jar" "$@"
