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

# A mixture of experts that reads texts, in the folder $1: the golden Mixtral with a tokenizer cut to its vocabulary.
tiny_mixture() {
  local resources=$root/inspector-core/src/test/resources
  mkdir -p "$1"
  cp "$resources"/golden/families/mixtral/{config.json,model.safetensors} "$1"
  cp "$resources/tokenizers/spm/tokenizer_config.json" "$1"
  python3 - "$resources/tokenizers/spm/tokenizer.json" "$1" <<'END'
import json, sys

source, folder = sys.argv[1:]
size = json.load(open(folder + "/config.json"))["vocab_size"]
tokenizer = json.load(open(source))
model = tokenizer["model"]
model["vocab"] = {piece: i for piece, i in model["vocab"].items() if i < size}
pair = lambda m: m if isinstance(m, list) else m.split(" ")
model["merges"] = [m for m in model["merges"] if {*pair(m), "".join(pair(m))} <= set(model["vocab"])]
json.dump(tokenizer, open(folder + "/tokenizer.json", "w"))
END
}

# spark_home: sets SPARK_HOME, unless it is set, to a folder with Spark's jars as Maven has them, of the version that inspector-spark is
# built with; and SPARK_CONF_DIR, so that Spark says only what went wrong.
spark_home() {
  local version jackson made
  local paths=()
  version=$(sed -n 's:.*<spark.version>\(.*\)</spark.version>.*:\1:p' "$root/pom.xml")
  jackson=$(sed -n 's:.*<jackson.version>\(.*\)</jackson.version>.*:\1:p' "$root/pom.xml")
  made=$root/target/spark-$version
  export SPARK_CONF_DIR=${SPARK_CONF_DIR:-$made/conf}
  if [ -n "${SPARK_HOME:-}" ]; then made=$root/target/spark-conf SPARK_CONF_DIR=$root/target/spark-conf/conf; fi
  mkdir -p "$made/conf"
  printf '%s\n' 'rootLogger.level = error' 'rootLogger.appenderRef.e.ref = e' 'appender.e.type = Console' 'appender.e.name = e' \
    'appender.e.target = SYSTEM_ERR' 'appender.e.layout.type = PatternLayout' 'appender.e.layout.pattern = %p %c{1}: %m%n%ex' \
    'logger.submit.name = org.apache.spark' 'logger.submit.level = fatal' >"$made/conf/log4j2.properties"
  if [ -n "${SPARK_HOME:-}" ]; then return; fi
  export SPARK_HOME=$made SPARK_SCALA_VERSION=2.13
  if [ -f "$made/whole" ]; then return; fi
  say "Fetching Spark $version" >&2
  # A POM of its own: Spark's jars in Spark's versions, not those that this program's would make of them.
  cat >"$made/pom.xml" <<END
<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>org.llminspector</groupId><artifactId>spark-jars</artifactId><version>1</version>
<dependencies>
<dependency><groupId>com.fasterxml.jackson.core</groupId><artifactId>jackson-core</artifactId><version>$jackson</version></dependency>
<dependency><groupId>org.apache.spark</groupId><artifactId>spark-core_2.13</artifactId><version>$version</version></dependency>
</dependencies></project>
END
  mvn -B -q -ntp -f "$made/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:build-classpath \
    -Dmdep.outputFile="$made/classpath" -DincludeScope=runtime >&2
  rm -rf "$made/jars"
  mkdir "$made/jars"
  IFS=: read -ra paths <"$made/classpath" || true # it has no newline
  ln -s "${paths[@]}" "$made/jars"
  touch "$made/whole"
}

# spark_class CLASS ARGUMENT...: becomes that program of Spark, with the options that Spark's own launcher gives it (Java 17 wants some
# thirty --add-opens), as bin/spark-class does. Needs spark_home.
spark_class() {
  local command=() word
  # The launcher writes a 0, a line's end, and then each word before a 0.
  while IFS= read -r -d '' word; do command+=("${word#$'\n'}"); done < <(
    java -Xmx128m -cp "$SPARK_HOME/jars/*" org.apache.spark.launcher.Main "$@"
  )
  if [ ${#command[@]} -lt 2 ]; then fail "Spark's launcher failed"; fi
  exec "${command[@]:1}"
}
