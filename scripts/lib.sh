# What the scripts share: messages, and checks of the tools with what to install. Sourced, not run.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '%s\n' "$*"; }
fail() {
  printf '%s\n' "$*" >&2
  exit 2
}

# need TOOL MINIMUM "what it is" "what to install": TOOL's version, as $found, is at least MINIMUM.
need() {
  local tool=$1 minimum=$2 name=$3 install=$4
  if ! command -v "$tool" >/dev/null; then
    fail "$name $minimum or later is needed, and there is no '$tool' on the PATH. Install it: $install"
  fi
  # The first number in what the tool says of itself, past colours (Maven) and options that a JVM echoes.
  found=$(env -u JAVA_TOOL_OPTIONS -u _JAVA_OPTIONS "$tool" --version 2>&1 |
    sed $'s/\e\\[[0-9;]*m//g' | grep -oE '[0-9]+(\.[0-9]+)*' | head -n 1) || true
  if [ "$(printf '%s\n%s\n' "$minimum" "$found" | sort -V | head -n 1)" != "$minimum" ]; then
    fail "$name $minimum or later is needed; '$tool' is ${found:-of an unknown version}. Install it: $install"
  fi
}

need_java() {
  need java 17 "Java (a JDK)" "apt-get install openjdk-17-jdk (Debian, Ubuntu), brew install openjdk (macOS), or adoptium.net"
}

need_build_tools() {
  need_java
  need javac 17 "A JDK" "apt-get install openjdk-17-jdk (Debian, Ubuntu), brew install openjdk (macOS); a JRE is not enough"
  need mvn 3.8 "Maven" "apt-get install maven (Debian, Ubuntu), brew install maven (macOS)"
  need node 20.19 "Node.js" "nodejs.org, or brew install node (macOS)"
  need npm 9 "npm" "it comes with Node.js"
}

need_python() {
  need python3 3.9 "Python" "apt-get install python3 python3-venv (Debian, Ubuntu), brew install python (macOS)"
}

# venv FOLDER PACKAGE...: a virtual environment with these packages; nothing is done when it has them.
venv() {
  local folder=$1
  shift
  if [ "$(cat "$folder/packages" 2>/dev/null)" != "$*" ] || ! "$folder/bin/python" -c '' 2>/dev/null; then
    if ! python3 -m venv --clear "$folder"; then
      fail "python3 cannot make a virtual environment. Install it: apt-get install python3-venv"
    fi
    "$folder/bin/python" -m pip install -q --disable-pip-version-check "$@"
    printf '%s' "$*" >"$folder/packages"
  fi
}

# tiny_model FOLDER: the tests' Llama of random weights, with the tests' tokenizer that fits it.
tiny_model() {
  local resources=$root/inspector-core/src/test/resources
  mkdir -p "$1"
  cp "$resources"/golden/hf/llama/{config.json,generation_config.json,model.safetensors} \
    "$resources"/tokenizers/spm/{tokenizer.json,tokenizer_config.json} "$1"
}

# start_faster JAR COMMAND: sets $archive, the JVM's options for its archive of the classes that a start takes, and $collector, the
# one to use where this Java's own is not safe. The first start of a jar has the archive made in the background, beside the
# jar, by a process that starts the server for nothing; it is known by jar and Java, so another of either makes its own.
# LLM_INSPECTOR_ARCHIVE=off does without.
# shellcheck disable=SC2034 # read by scripts/inspector
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
      nice -n 19 java -Xmx256m $quiet -XX:ArchiveClassesAtExit="$file.making/made" -cp "$jar" org.llminspector.web.Warm &&
        mv "$file.making/made" "$file"
    ) </dev/null >/dev/null 2>&1 &
  fi
}
