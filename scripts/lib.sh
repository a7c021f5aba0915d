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
